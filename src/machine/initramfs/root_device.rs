//! The device that `root=` means: found by its path, its file system or its partition, and waited for.
//!
//! udev's links are used where there are any. Without udev the disks themselves are read, which the kernel has
//! given their nodes in /dev.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::partition;
use super::reader::Reader;
use super::superblock::{self, FileSystem};
use crate::limits::{BLOCK_DEVICES_MAX, KERNEL_FILE_BYTES_MAX};
use crate::machine::console;
use crate::machine::uevent::Uevents;

/// How a root is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `/dev/…`
    Path(PathBuf),
    /// `254:1`
    Number(String),
    /// `UUID=`: of the file system.
    Uuid(String),
    /// `LABEL=`: of the file system.
    Label(String),
    /// `PARTUUID=`
    PartUuid(String),
    /// `PARTLABEL=`
    PartLabel(String),
}

/// A device, and what is on it if we know that kind of file system.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) on_it: Option<FileSystem>,
}

impl Wanted {
    /// What stands behind `root=`. `None`: no device of this machine.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with("/dev/") && text != "/dev/nfs" {
            return Some(Self::Path(text.into()));
        }
        if let Some((major, minor)) = text.split_once(':') {
            let is_number = |text: &str| text.parse::<u32>().is_ok();
            return (is_number(major) && is_number(minor)).then(|| Self::Number(text.to_owned()));
        }
        let (kind, value) = text.split_once('=')?;
        let value = value.trim_matches('"').to_owned();
        Some(match kind {
            "UUID" => Self::Uuid(value.to_ascii_lowercase()),
            "LABEL" => Self::Label(value),
            "PARTUUID" => Self::PartUuid(value.to_ascii_lowercase()),
            "PARTLABEL" => Self::PartLabel(value),
            _ => return None,
        })
    }

    /// Waits until it is there.
    pub(super) fn wait(&self, named: &str, patience: Option<Duration>) -> Result<Found, String> {
        // First the ears, then the eyes: what comes between the two is heard.
        let events = Uevents::listen();
        let mut reader = Reader::default();
        if let Some(found) = self.look(&mut reader) {
            return Ok(found);
        }
        let events = events.map_err(|error| format!("root={named} is not there; cannot wait: {error}"))?;
        console::say(format_args!("waiting for root={named}"));
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            match events.wait("block", deadline) {
                Ok(true) => {}
                Ok(false) => {
                    let seconds = patience.unwrap_or_default().as_secs();
                    let there = all().iter().map(|disk| disk.words(&mut reader)).collect::<Vec<_>>();
                    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
                    return Err(format!(
                        "root={named} has not appeared within {seconds} s (`rootwait=SECONDS` says how long); \
                         disks there are: {there}"
                    ));
                }
                Err(error) => return Err(format!("root={named} is not there; cannot wait: {error}")),
            }
            if let Some(found) = self.look(&mut reader) {
                return Ok(found);
            }
        }
    }

    fn look(&self, reader: &mut Reader) -> Option<Found> {
        let link = match self {
            Self::Path(path) => path.clone(),
            Self::Number(number) => Path::new("/dev/block").join(number),
            Self::Uuid(uuid) => Path::new("/dev/disk/by-uuid").join(uuid),
            Self::Label(label) => Path::new("/dev/disk/by-label").join(label),
            Self::PartUuid(uuid) => Path::new("/dev/disk/by-partuuid").join(uuid),
            Self::PartLabel(label) => Path::new("/dev/disk/by-partlabel").join(label),
        };
        if fs::metadata(&link).is_ok_and(|meta| meta.file_type().is_block_device()) {
            let path = fs::canonicalize(&link).unwrap_or(link);
            return Some(Found { on_it: read_superblock(reader, &path), path });
        }
        let disk = all().into_iter().find(|disk| self.is(disk, reader))?;
        Some(Found { on_it: disk.file_system(reader), path: disk.node() })
    }

    fn is(&self, disk: &Disk, reader: &mut Reader) -> bool {
        match self {
            Self::Path(path) => path.strip_prefix("/dev/mapper").is_ok_and(|name| {
                disk.attribute("dm/name").is_some_and(|known| Path::new(known.trim()) == name)
            }),
            Self::Number(number) => disk.attribute("dev").is_some_and(|known| known.trim() == number),
            Self::Uuid(uuid) => disk.file_system(reader).is_some_and(|found| found.uuid == *uuid),
            Self::Label(label) => disk.file_system(reader).is_some_and(|found| found.label == *label),
            Self::PartUuid(uuid) => disk.partition_uuid(reader).is_some_and(|found| found == *uuid),
            Self::PartLabel(label) => disk.says("PARTNAME").is_some_and(|found| found == *label),
        }
    }
}

/// A disk or a partition, as the kernel shows it.
struct Disk {
    /// Its directory below /sys.
    sys: PathBuf,
}

/// All that have any room: a drive without a medium, or a loop device without a file, has none.
fn all() -> Vec<Disk> {
    let entries = fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    let mut disks: Vec<_> = entries.take(BLOCK_DEVICES_MAX).map(|entry| Disk { sys: entry.path() }).collect();
    // Floppy drives take seconds to say that there is no disk.
    disks.retain(|disk| !disk.name().starts_with("fd"));
    disks.retain(|disk| disk.attribute("size").is_some_and(|blocks| blocks.trim() != "0"));
    disks.sort_by(|one, other| one.sys.cmp(&other.sys));
    disks
}

impl Disk {
    fn name(&self) -> String {
        self.sys.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Its node. The kernel writes `!` for the `/` in a name.
    fn node(&self) -> PathBuf {
        Path::new("/dev").join(self.name().replace('!', "/"))
    }

    fn attribute(&self, name: &str) -> Option<String> {
        crate::machine::read(&self.sys.join(name), KERNEL_FILE_BYTES_MAX).ok()
    }

    /// What its `uevent` says of it.
    fn says(&self, key: &str) -> Option<String> {
        let text = self.attribute("uevent")?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.map(str::to_owned)
    }

    fn file_system(&self, reader: &mut Reader) -> Option<FileSystem> {
        read_superblock(reader, &self.node())
    }

    fn partition_uuid(&self, reader: &mut Reader) -> Option<String> {
        if let Some(uuid) = self.says("PARTUUID") {
            return Some(uuid.to_ascii_lowercase());
        }
        let number: usize = self.attribute("partition")?.trim().parse().ok()?;
        // A partition's directory is in that of its disk.
        let whole = Self { sys: fs::canonicalize(&self.sys).ok()?.parent()?.to_owned() };
        let block = whole.attribute("queue/logical_block_size")?.trim().parse().ok()?;
        partition::uuid(&reader.beginning(&whole.node(), partition::LOOKED_AT_BYTES)?, block, number)
    }

    fn words(&self, reader: &mut Reader) -> String {
        match self.file_system(reader) {
            None => self.node().display().to_string(),
            Some(FileSystem { kind, uuid, label }) => {
                let label = if label.is_empty() { String::new() } else { format!(" LABEL={label}") };
                format!("{} ({kind} UUID={uuid}{label})", self.node().display())
            }
        }
    }
}

fn read_superblock(reader: &mut Reader, node: &Path) -> Option<FileSystem> {
    superblock::recognise(&reader.beginning(node, superblock::LOOKED_AT_BYTES)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_has_many_names() {
        let parse = |text: &str| Wanted::parse(text);
        assert_eq!(parse("/dev/vda1"), Some(Wanted::Path("/dev/vda1".into())));
        assert_eq!(parse("UUID=4F0A-01"), Some(Wanted::Uuid("4f0a-01".into())));
        assert_eq!(parse("UUID=\"ab\""), Some(Wanted::Uuid("ab".into())));
        assert_eq!(parse("LABEL=Root"), Some(Wanted::Label("Root".into())));
        assert_eq!(parse("PARTUUID=0001CAFE-0a"), Some(Wanted::PartUuid("0001cafe-0a".into())));
        assert_eq!(parse("PARTLABEL=root"), Some(Wanted::PartLabel("root".into())));
        assert_eq!(parse("254:1"), Some(Wanted::Number("254:1".into())));
        for other in ["/dev/nfs", "nfs", "nbd:x:y", "ZFS=pool/root", "tank", ""] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
