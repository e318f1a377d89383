//! `volumes` and `volumeMounts`: directories of files from ConfigMaps, Secrets and the pod's own fields,
//! empty directories, and directories of this machine.

use super::super::diagnostic::Code;
use super::super::reader::short;
use super::super::source::Span;
use super::super::tree::{Entry, Table};
use super::config::{Config, Datum, encode_base64};
use super::defaults::is_plain;
use super::environment::{escape, optional};
use super::fields::{Spec, present};
use super::object::Kind;
use super::pod::Translation;

const CLAIM: &str = "use a hostPath volume: a directory of this machine";
/// How the server names the volume with the token of a pod's account.
const TOKENS: &str = "kube-api-access-";
const OF_A_CLUSTER: &str =
    "this release has configMap, secret, downwardAPI, projected, emptyDir and hostPath";

static VOLUME: Spec = Spec {
    name: "a volume",
    taken: &["name", "configMap", "secret", "downwardAPI", "projected", "emptyDir", "hostPath"],
    idle: &[],
    refused: &[
        ("persistentVolumeClaim", CLAIM),
        ("ephemeral", CLAIM),
        ("csi", OF_A_CLUSTER),
        ("cinder", OF_A_CLUSTER),
        ("flocker", OF_A_CLUSTER),
        ("glusterfs", OF_A_CLUSTER),
        ("photonPersistentDisk", OF_A_CLUSTER),
        ("quobyte", OF_A_CLUSTER),
        ("scaleIO", OF_A_CLUSTER),
        ("storageos", OF_A_CLUSTER),
        ("nfs", OF_A_CLUSTER),
        ("iscsi", OF_A_CLUSTER),
        ("fc", OF_A_CLUSTER),
        ("rbd", OF_A_CLUSTER),
        ("cephfs", OF_A_CLUSTER),
        ("image", OF_A_CLUSTER),
        ("gitRepo", OF_A_CLUSTER),
        ("awsElasticBlockStore", OF_A_CLUSTER),
        ("azureDisk", OF_A_CLUSTER),
        ("azureFile", OF_A_CLUSTER),
        ("gcePersistentDisk", OF_A_CLUSTER),
        ("flexVolume", OF_A_CLUSTER),
        ("portworxVolume", OF_A_CLUSTER),
        ("vsphereVolume", OF_A_CLUSTER),
    ],
};
static CONFIG_VOLUME: Spec = Spec {
    name: "a configMap volume",
    taken: &["name", "items", "defaultMode", "optional"],
    idle: &[],
    refused: &[],
};
static SECRET_VOLUME: Spec = Spec {
    name: "a secret volume",
    taken: &["secretName", "items", "defaultMode", "optional"],
    idle: &[],
    refused: &[],
};
static ITEM: Spec =
    Spec { name: "an item of a volume", taken: &["key", "path", "mode"], idle: &[], refused: &[] };
static DOWNWARD: Spec =
    Spec { name: "a downwardAPI volume", taken: &["items", "defaultMode"], idle: &[], refused: &[] };
static DOWNWARD_ITEM: Spec = Spec {
    name: "an item of a downwardAPI volume",
    taken: &["path", "fieldRef", "resourceFieldRef", "mode"],
    idle: &[],
    refused: &[],
};
static FIELD_REF: Spec =
    Spec { name: "fieldRef", taken: &["fieldPath"], idle: &[("apiVersion", "")], refused: &[] };
static PROJECTED: Spec =
    Spec { name: "a projected volume", taken: &["sources", "defaultMode"], idle: &[], refused: &[] };
static SOURCE: Spec = Spec {
    name: "a source of a projected volume",
    taken: &["configMap", "secret", "downwardAPI"],
    idle: &[],
    refused: &[
        ("serviceAccountToken", "there is no cluster that would know the token"),
        ("clusterTrustBundle", "there is no cluster to trust"),
        ("podCertificate", "there is no cluster to certify it"),
    ],
};
static EMPTY: Spec =
    Spec { name: "an emptyDir volume", taken: &["medium", "sizeLimit"], idle: &[], refused: &[] };
static HOST: Spec = Spec { name: "a hostPath volume", taken: &["path", "type"], idle: &[], refused: &[] };
static MOUNT: Spec = Spec {
    name: "a volume mount",
    taken: &["name", "mountPath", "subPath", "subPathExpr", "readOnly", "mountPropagation"],
    idle: &[("recursiveReadOnly", "")],
    refused: &[],
};

/// Types of a hostPath volume, with ours; an empty one looks at nothing.
const HOST_TYPES: [(&str, &str); 8] = [
    ("", ""),
    ("DirectoryOrCreate", "directory-or-create"),
    ("Directory", "directory"),
    ("FileOrCreate", "file-or-create"),
    ("File", "file"),
    ("Socket", "socket"),
    ("CharDevice", "device"),
    ("BlockDevice", "device"),
];

impl Translation<'_> {
    /// Writes `[[volume]]` into the unit.
    pub(super) fn volumes(&mut self, spec: &Table, unit: &mut Table) {
        for (volume, node) in self.fields.objects(spec, "volumes") {
            self.fields.check(volume, &VOLUME);
            self.fields.needed(volume, "name", node.span, "a volume");
            let Some((name, span)) = self.fields.string(volume, "name") else { continue };
            let mut table = Table::default();
            if !super::super::beside::is_label(name) {
                let message = format!("`{}` is no name of a volume", short(name));
                self.fields.fault(span, Code::BadName, message).label("lower-case letters, digits and `-`");
                continue;
            }
            // The server mounts its own token into each pod; here is none, and whoever reads the pod back from
            // there never asked for it.
            if name.starts_with(TOKENS) && present(volume, "projected").is_some() {
                self.token_volume = Some(name.to_owned());
                continue;
            }
            if self.volume_names.insert(name.to_owned(), false).is_some() {
                self.fields.fault(span, Code::KeyTwice, format!("two volumes are named `{name}`"));
                continue;
            }
            table.put("name", span, name);
            if let Some((group, span)) = self.security.volume_group {
                table.put("group", span, group);
            }
            self.volume(volume, name, node.span, &mut table);
            unit.push("volume", node.span, table);
        }
    }

    fn volume(&mut self, volume: &Table, name: &str, at: Span, table: &mut Table) {
        let sources = &VOLUME.taken[1..];
        let written: Vec<&Entry> = sources.iter().filter_map(|source| present(volume, source)).collect();
        let [source] = written[..] else {
            let refused = VOLUME.refused.iter().any(|(field, _)| present(volume, field).is_some());
            if !written.is_empty() || !refused {
                self.fields
                    .fault(at, Code::BadVolume, format!("volume `{name}` is not of exactly one type"))
                    .label(OF_A_CLUSTER);
            }
            return;
        };
        let key = source.key.as_str();
        let Some((inner, _)) = self.fields.object(volume, key) else { return };
        let span = source.key_span;
        match key {
            "emptyDir" => {
                self.fields.check(inner, &EMPTY);
                for (field, why) in [
                    ("medium", "it is a directory of supd's runtime directory, mostly memory itself"),
                    ("sizeLimit", "this release sets no limit"),
                ] {
                    if let Some(entry) = present(inner, field).filter(|entry| !is_plain(entry)) {
                        self.fields.no_meaning(entry, why);
                    }
                }
                table.put("empty", span, true);
            }
            "hostPath" => self.host_path(inner, span, table),
            "projected" => {
                self.fields.check(inner, &PROJECTED);
                let mode = self.mode(inner, "defaultMode", 0o644);
                for (source, node) in self.fields.objects(inner, "sources") {
                    self.fields.check(source, &SOURCE);
                    for key in SOURCE.taken {
                        let Some((inner, entry)) = self.fields.object(source, key) else { continue };
                        self.files(key, inner, entry.key_span, Some(mode), table);
                    }
                    if source.entries.is_empty() {
                        self.fields.fault(node.span, Code::BadVolume, "a source of nothing");
                    }
                }
            }
            _ => self.files(key, inner, span, None, table),
        }
        if key != "emptyDir" && key != "hostPath" {
            self.volume_names.insert(name.to_owned(), true);
            // One without files is a directory with nothing in it.
            if table.get("file").is_none() {
                table.put("empty", span, true);
            }
        }
    }

    fn host_path(&mut self, host: &Table, span: Span, table: &mut Table) {
        self.fields.check(host, &HOST);
        self.fields.needed(host, "path", span, "a hostPath volume");
        if let Some((path, span)) = self.fields.string(host, "path") {
            if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
                self.fields.fault(span, Code::BadVolume, "`path` is an absolute path without `..`");
            }
            table.put("host", span, escape(path));
        }
        if let Some((kind, span)) = self.fields.word(host, "type", &HOST_TYPES.map(|(word, _)| word))
            && let Some((_, ours)) = HOST_TYPES.iter().find(|(word, ours)| *word == kind && !ours.is_empty())
        {
            table.put("type", span, *ours);
        }
    }

    /// The files of one source; in a projected volume the modes are that one's.
    fn files(&mut self, key: &str, source: &Table, at: Span, mode: Option<i64>, table: &mut Table) {
        let (kind, spec) = match key {
            "configMap" => (Kind::ConfigMap, &CONFIG_VOLUME),
            // In a projected volume it is `name`.
            "secret" if mode.is_some() => (Kind::Secret, &CONFIG_VOLUME),
            "secret" => (Kind::Secret, &SECRET_VOLUME),
            _ => return self.downward(source, mode, table),
        };
        self.fields.check(source, spec);
        let mode = mode.unwrap_or_else(|| self.mode(source, "defaultMode", 0o644));
        let Some(config) = self.config(source, kind, at) else { return };
        if present(source, "items").is_none() {
            for (key, datum) in &config.data {
                self.file(key, datum.span, datum, mode, table);
            }
            return;
        }
        for (item, node) in self.fields.objects(source, "items") {
            self.item(item, node.span, config, mode, optional(source), table);
        }
    }

    fn item(
        &mut self,
        item: &Table,
        at: Span,
        config: &Config,
        mode: i64,
        optional: bool,
        table: &mut Table,
    ) {
        self.fields.check(item, &ITEM);
        let key = self.fields.needed(item, "key", at, "an item").is_some();
        let path = self.fields.needed(item, "path", at, "an item").is_some();
        if !key || !path {
            return;
        }
        let (key, path) = (self.fields.string(item, "key"), self.fields.string(item, "path"));
        let mode = self.mode(item, "mode", mode);
        if let (Some((key, key_span)), Some((path, span))) = (key, path)
            && self.is_path_within(path, span)
            && let Some(datum) = self.datum(config, key, key_span, optional)
        {
            self.file(path, span, &datum, mode, table);
        }
    }

    fn downward(&mut self, source: &Table, mode: Option<i64>, table: &mut Table) {
        self.fields.check(source, &DOWNWARD);
        let mode = mode.unwrap_or_else(|| self.mode(source, "defaultMode", 0o644));
        for (item, node) in self.fields.objects(source, "items") {
            self.fields.check(item, &DOWNWARD_ITEM);
            self.fields.needed(item, "path", node.span, "an item");
            let Some((path, span)) = self.fields.string(item, "path") else { continue };
            let mode = self.mode(item, "mode", mode);
            let Some((text, of_span)) = self.downward_text(item, node.span) else { continue };
            if let Some(text) = text.filter(|_| self.is_path_within(path, span)) {
                let mut file = Table::default();
                file.put("path", span, path);
                file.put("template", of_span, text);
                file.put("mode", span, format!("{mode:04o}"));
                table.push("file", span, file);
            }
        }
    }

    /// What the file of an item has, and the place that says so.
    fn downward_text(&mut self, item: &Table, at: Span) -> Option<(Option<String>, Span)> {
        if let Some((field, entry)) = self.fields.object(item, "resourceFieldRef") {
            return Some((self.resource_field(field, entry.key_span, None), entry.key_span));
        }
        self.fields.needed(item, "fieldRef", at, "an item")?;
        let (field, entry) = self.fields.object(item, "fieldRef")?;
        self.fields.check(field, &FIELD_REF);
        self.fields.needed(field, "fieldPath", entry.key_span, "fieldRef");
        let (of, of_span) = self.fields.string(field, "fieldPath")?;
        let text = match of {
            "metadata.labels" => Some(lines(&self.labels)),
            "metadata.annotations" => Some(lines(&self.annotations)),
            _ => self.field(of, of_span),
        };
        Some((text, of_span))
    }

    fn file(&mut self, path: &str, at: Span, datum: &Datum, mode: i64, table: &mut Table) {
        let mut file = Table::default();
        file.put("path", at, path);
        match std::str::from_utf8(&datum.bytes) {
            Ok(text) => file.put("text", datum.span, text),
            Err(_) => file.put("base64", datum.span, encode_base64(&datum.bytes)),
        }
        file.put("mode", at, format!("{mode:04o}"));
        table.push("file", at, file);
    }

    fn mode(&mut self, of: &Table, key: &str, default: i64) -> i64 {
        self.fields.integer(of, key, 0..=0o777).map_or(default, |(mode, _)| mode)
    }

    fn is_path_within(&mut self, path: &str, span: Span) -> bool {
        let good = !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        if !good {
            let message = format!("`{}` is no path within the volume", short(path));
            self.fields.fault(span, Code::BadVolume, message).label("it is relative, and has no `..`");
        }
        good
    }

    /// Writes `[[mount]]` into a process.
    pub(super) fn mounts(&mut self, container: &Table, process: &mut Table) {
        for (mount, node) in self.fields.objects(container, "volumeMounts") {
            self.fields.check(mount, &MOUNT);
            let named = self.fields.needed(mount, "name", node.span, "a volume mount").is_some();
            let placed = self.fields.needed(mount, "mountPath", node.span, "a volume mount").is_some();
            if !named || !placed {
                continue;
            }
            let (name, path) = (self.fields.string(mount, "name"), self.fields.string(mount, "mountPath"));
            let (Some((name, name_span)), Some((path, span))) = (name, path) else { continue };
            if self.token_volume.as_deref() == Some(name) {
                continue;
            }
            let Some(read_only) = self.volume_names.get(name).copied() else {
                let near = super::super::keys::nearest(name, self.volume_names.keys().map(String::as_str));
                let near = near.map(str::to_owned);
                let message = format!("there is no volume `{}`", short(name));
                let fault = self.fields.fault(name_span, Code::BadVolume, message);
                if let Some(near) = near {
                    fault.help(format!("did you mean `{near}`?"));
                }
                continue;
            };
            let mut table = Table::default();
            table.put("volume", name_span, name);
            table.put("path", span, escape(path));
            if let Some((sub_path, span)) = self.fields.string(mount, "subPath")
                && !sub_path.is_empty()
                && self.is_path_within(sub_path, span)
            {
                table.put("sub_path", span, escape(sub_path));
            }
            if let Some(entry) = present(mount, "subPathExpr") {
                self.fields.refuse(entry.key_span, "subPathExpr", "write `subPath`");
            }
            let written = self.fields.boolean(mount, "readOnly");
            if read_only || written.is_some_and(|(value, _)| value) {
                table.put("read_only", written.map_or(name_span, |(_, span)| span), true);
            }
            if let Some(("Bidirectional", span)) =
                self.fields.word(mount, "mountPropagation", &["None", "HostToContainer", "Bidirectional"])
            {
                self.fields.refuse(span, "Bidirectional", "mounts of a pod stay with its processes");
            }
            process.push("mount", node.span, table);
        }
    }
}

/// Labels as the downward API writes them.
fn lines(words: &std::collections::BTreeMap<String, String>) -> String {
    let lines: Vec<String> = words.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    escape(&lines.join("\n"))
}
