//! Volumes: what a pod finds in its file system.
//!
//! Files become a Secret, whatever they were: what is in them may be secret, and nobody can tell here.

use serde_json::{Map, Value, json};

use super::Writer;
use super::container::Place;
use super::text::{Names, Reader};
use crate::unit::model::{FileContent, HostPath, PodTemplate, Process, Volume, VolumeFile, VolumeSource};

impl Writer<'_> {
    /// `volumes` of a pod.
    pub(super) fn volumes(&mut self, pod: &PodTemplate) -> Vec<Value> {
        pod.volumes.iter().filter_map(|volume| self.volume(volume)).collect()
    }

    fn volume(&mut self, volume: &Volume) -> Option<Value> {
        let key = format!("volume.{}", volume.name);
        let mut written = json!({ "name": volume.name });
        match &volume.source {
            VolumeSource::Files(files) if files.is_empty() => written["emptyDir"] = json!({}),
            VolumeSource::Files(files) => written["secret"] = self.files(&key, volume, files),
            VolumeSource::Host { path, expected } => {
                let path = self.text(&key, path, Reader::Nobody, &mut Names::default())?;
                self.lose(key, format!("`{path}` is the node's there, not this machine's"));
                written["hostPath"] = json!({ "path": path, "type": host_type(*expected) });
            }
        }
        Some(written)
    }

    /// A Secret with these files, written beside the unit, and the reference to it.
    fn files(&mut self, key: &str, volume: &Volume, files: &[VolumeFile]) -> Value {
        let name = format!("{}-{}", self.unit.name.pod_stem(), volume.name);
        let (mut data, mut items) = (Map::new(), Vec::new());
        for (number, file) in files.iter().enumerate() {
            let text = match &file.content {
                FileContent::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
                FileContent::Template(_) => None,
            };
            let Some(text) = text else {
                let why = "no plain text, or one with variables: left out; make a Secret of it by hand";
                self.lose(format!("{key}.{}", file.path), why);
                continue;
            };
            let entry = format!("file-{number}");
            items.push(json!({ "key": entry, "path": file.path, "mode": file.mode }));
            data.insert(entry, text.into());
        }
        let metadata = self.metadata(&name, None);
        let secret =
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data });
        if !self.beside.contains(&secret) {
            self.beside.push(secret);
        }
        json!({ "secretName": name, "items": items })
    }

    /// The one group that all volumes of a pod have there.
    pub(super) fn volume_group(&mut self, pod: &PodTemplate) -> Option<u32> {
        let group = pod.volumes.iter().find_map(|volume| volume.group)?;
        if pod.volumes.iter().any(|volume| volume.group != Some(group)) {
            self.lose("volume.group", format!("all volumes of a pod have the same there: {group}"));
        }
        Some(group)
    }

    /// `volumeMounts` of a container.
    pub(super) fn mounts(&mut self, place: &Place<'_>, process: &Process) -> Vec<Value> {
        let mut written = Vec::new();
        for mount in &process.mounts {
            let key = place.key("mount");
            let mut names = Names::default();
            let Some(path) = self.text(&key, &mount.path, Reader::Nobody, &mut names) else { continue };
            let mut one = json!({ "name": mount.volume, "mountPath": path });
            if let Some(part) = &mount.sub_path {
                let Some(part) = self.text(&key, part, Reader::Nobody, &mut names) else { continue };
                one["subPath"] = part.into();
            }
            if mount.read_only {
                one["readOnly"] = true.into();
            }
            written.push(one);
        }
        written
    }
}

/// What must be there, as Kubernetes spells it.
fn host_type(expected: HostPath) -> &'static str {
    match expected {
        HostPath::Any => "",
        HostPath::Directory => "Directory",
        HostPath::DirectoryOrCreate => "DirectoryOrCreate",
        HostPath::File => "File",
        HostPath::FileOrCreate => "FileOrCreate",
        HostPath::Socket => "Socket",
        HostPath::Device => "CharDevice",
    }
}
