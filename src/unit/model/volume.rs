//! Volumes: what is made for a pod in the file system, and where its processes find it.

use super::super::text::Text;

/// A directory, or a file, that processes of a pod find at a path of theirs.
#[derive(Clone, Debug)]
pub struct Volume {
    /// What mounts call it.
    pub name: String,
    /// What it is.
    pub source: VolumeSource,
    /// The group of what is made for it (Kubernetes' `fsGroup`), which may then read and write it.
    pub group: Option<u32>,
}

/// What a volume is.
#[derive(Clone, Debug)]
pub enum VolumeSource {
    /// A new directory for each pod, with these files.
    Files(Box<[VolumeFile]>),
    /// Something of this machine.
    Host {
        /// Its path.
        path: Text,
        /// What must be there, or is made.
        expected: HostPath,
    },
}

/// What a path of this machine must be when a pod mounts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPath {
    /// Anything that is there.
    Any,
    /// A directory.
    Directory,
    /// A directory; made with mode 0755 where there is none.
    DirectoryOrCreate,
    /// A file.
    File,
    /// A file; made empty with mode 0644 where there is none.
    FileOrCreate,
    /// A unix socket.
    Socket,
    /// A device.
    Device,
}

/// A file of a volume.
#[derive(Clone, Debug)]
pub struct VolumeFile {
    /// Its path within the volume; relative, without `..`.
    pub path: String,
    /// What is in it.
    pub content: FileContent,
    /// Its permissions.
    pub mode: u32,
}

/// What is in a file of a volume.
#[derive(Clone, Debug)]
pub enum FileContent {
    /// These bytes.
    Bytes(Box<[u8]>),
    /// A text with variables.
    Template(Text),
}

/// Where a process finds a volume.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Which volume of its pod.
    pub volume: String,
    /// Where; made where there is nothing.
    pub path: Text,
    /// Only this part of the volume.
    pub sub_path: Option<Text>,
    /// It cannot be written to.
    pub read_only: bool,
}
