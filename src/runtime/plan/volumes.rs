//! The volumes that a process mounts, as the spawner is told of them.

use super::{Start, expand};
use crate::unit::model::{FileContent, HostPath, Process, VolumeSource};
use crate::unit::text::Text;
use crate::wire::volume::{Expected, File, Mount, Source, Volume};

/// Those of its pod's volumes that a process mounts, and where.
pub(super) fn volumes(start: &Start<'_>, process: &Process) -> (Vec<Volume>, Vec<Mount>) {
    let (mut volumes, mut mounts) = (Vec::<Volume>::new(), Vec::new());
    let all = start.unit.pod().map_or(&[][..], |pod| &pod.volumes);
    let text = |text: &Text| expand(text, start).into_bytes();
    for mount in &process.mounts {
        let Some(volume) = all.iter().find(|volume| volume.name == mount.volume) else { continue };
        let name = volume.name.as_bytes();
        let place = volumes.iter().position(|one| one.name == name).unwrap_or_else(|| {
            let source = match &volume.source {
                VolumeSource::Host { path, expected } => Source::Host(text(path), host_path(*expected)),
                VolumeSource::Files(files) => Source::Files(
                    files
                        .iter()
                        .map(|file| File {
                            path: file.path.clone().into_bytes(),
                            mode: file.mode,
                            bytes: match &file.content {
                                FileContent::Bytes(bytes) => bytes.to_vec(),
                                FileContent::Template(template) => text(template),
                            },
                        })
                        .collect(),
                ),
            };
            volumes.push(Volume { name: name.to_vec(), group: volume.group, source });
            volumes.len() - 1
        });
        mounts.push(Mount {
            volume: u16::try_from(place).unwrap_or(u16::MAX),
            path: text(&mount.path),
            sub_path: mount.sub_path.as_ref().map(text).unwrap_or_default(),
            read_only: mount.read_only,
        });
    }
    (volumes, mounts)
}

fn host_path(expected: HostPath) -> Expected {
    match expected {
        HostPath::Any => Expected::Any,
        HostPath::Directory => Expected::Directory,
        HostPath::DirectoryOrCreate => Expected::DirectoryOrCreate,
        HostPath::File => Expected::File,
        HostPath::FileOrCreate => Expected::FileOrCreate,
        HostPath::Socket => Expected::Socket,
        HostPath::Device => Expected::Device,
    }
}
