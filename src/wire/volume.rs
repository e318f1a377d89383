//! Volumes of a plan: what is made for a pod, and where a process finds it.

use super::codec::{Malformed, Reader, Writer};

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// A DNS label: the name of its directory.
    pub name: Vec<u8>,
    /// The group of what is made.
    pub group: Option<u32>,
    /// What it is.
    pub source: Source,
}

/// What a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory made once for each pod, with these files.
    Files(Vec<File>),
    /// A path of this machine, which must be, or is made to be, as this says.
    Host(Vec<u8>, Expected),
}

/// A file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative, without `..`.
    pub path: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// What a path of this machine must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Expected {
    /// Anything.
    Any = 0,
    /// A directory.
    Directory = 1,
    /// A directory; made where there is none.
    DirectoryOrCreate = 2,
    /// A file.
    File = 3,
    /// A file; made where there is none.
    FileOrCreate = 4,
    /// A unix socket.
    Socket = 5,
    /// A device.
    Device = 6,
}

/// Where a process finds a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Which of the plan's volumes.
    pub volume: u16,
    /// Absolute.
    pub path: Vec<u8>,
    /// Only this part of it; empty: the whole.
    pub sub_path: Vec<u8>,
    /// It cannot be written to.
    pub read_only: bool,
}

impl Expected {
    const ALL: [Self; 7] = [
        Self::Any,
        Self::Directory,
        Self::DirectoryOrCreate,
        Self::File,
        Self::FileOrCreate,
        Self::Socket,
        Self::Device,
    ];
}

impl Volume {
    pub(super) fn put(&self, to: &mut Writer<'_>) {
        to.bytes(&self.name).bool(self.group.is_some()).u32(self.group.unwrap_or(0));
        match &self.source {
            Source::Files(files) => {
                to.u8(0).count(files.len());
                for file in files {
                    to.bytes(&file.path).u32(file.mode).bytes(&file.bytes);
                }
            }
            Source::Host(path, expected) => {
                to.u8(1).bytes(path).u8(*expected as u8);
            }
        }
    }

    pub(super) fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let name = from.bytes()?.to_vec();
        let (grouped, group) = (from.bool()?, from.u32()?);
        let source = match from.u8()? {
            0 => {
                let count = from.count(12)?;
                let file = |from: &mut Reader<'_>| {
                    Ok(File {
                        path: from.bytes()?.to_vec(),
                        mode: from.u32()?,
                        bytes: from.bytes()?.to_vec(),
                    })
                };
                Source::Files((0..count).map(|_| file(from)).collect::<Result<_, Malformed>>()?)
            }
            1 => {
                let path = from.bytes()?.to_vec();
                let number = from.u8()?;
                let expected = Expected::ALL.into_iter().find(|one| *one as u8 == number).ok_or(Malformed)?;
                Source::Host(path, expected)
            }
            _ => return Err(Malformed),
        };
        Ok(Self { name, group: grouped.then_some(group), source })
    }
}

impl Mount {
    pub(super) fn put(&self, to: &mut Writer<'_>) {
        to.u16(self.volume).bytes(&self.path).bytes(&self.sub_path).bool(self.read_only);
    }

    pub(super) fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (volume, path) = (from.u16()?, from.bytes()?.to_vec());
        Ok(Self { volume, path, sub_path: from.bytes()?.to_vec(), read_only: from.bool()? })
    }
}
