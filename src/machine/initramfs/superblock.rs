//! What a disk says of the file system on it: its kind, its UUID and its label. Pure: bytes in, words out.
//!
//! Of the three that roots are made with. Everything else is found by its path, by its partition, or by the links
//! that udev makes.

/// A file system that was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileSystem {
    /// As mount(2) calls it.
    pub(super) kind: &'static str,
    /// In lower case, with its four hyphens.
    pub(super) uuid: String,
    /// Empty: it has none.
    pub(super) label: String,
}

/// How many bytes of a disk's beginning are looked at: btrfs comes last, at 64 KiB.
pub(super) const LOOKED_AT_BYTES: usize = 65_536 + 1_024;

/// Where the superblock of ext2, ext3 and ext4 is, which one driver reads.
const EXT: usize = 1_024;
const BTRFS: usize = 65_536;

/// Looks at the first bytes of a disk; fewer of them if it is small.
pub(super) fn recognise(disk: &[u8]) -> Option<FileSystem> {
    let at = |offset: usize, length: usize| disk.get(offset..offset + length);
    if at(EXT + 0x38, 2) == Some(&[0x53, 0xef]) {
        return file_system("ext4", at(EXT + 0x68, 16)?, at(EXT + 0x78, 16)?);
    }
    if at(0, 4) == Some(b"XFSB") {
        return file_system("xfs", at(32, 16)?, at(108, 12)?);
    }
    if at(BTRFS + 0x40, 8) == Some(b"_BHRfS_M") {
        return file_system("btrfs", at(BTRFS + 0x20, 16)?, at(BTRFS + 0x12b, 256)?);
    }
    None
}

fn file_system(kind: &'static str, uuid: &[u8], label: &[u8]) -> Option<FileSystem> {
    let label = label.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(FileSystem { kind, uuid: uuid_text(uuid)?, label: String::from_utf8_lossy(label).into_owned() })
}

/// Sixteen bytes in the order in which they are written.
pub(super) fn uuid_text(bytes: &[u8]) -> Option<String> {
    let number = u128::from_be_bytes(bytes.try_into().ok()?);
    let hex = format!("{number:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default());
    Some(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: [u8; 16] =
        [0x4f, 0x0a, 0x9c, 0x01, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd];
    const TEXT: &str = "4f0a9c01-2233-4455-6677-8899aabbccdd";

    fn disk(pieces: &[(usize, &[u8])]) -> Vec<u8> {
        let mut disk = vec![0; LOOKED_AT_BYTES];
        for (at, piece) in pieces {
            disk[*at..at + piece.len()].copy_from_slice(piece);
        }
        disk
    }

    #[test]
    fn each_of_the_three_is_recognised() {
        let found = |disk: &[u8]| recognise(disk).map(|found| (found.kind, found.uuid, found.label));
        let of = |kind, label: &str| Some((kind, TEXT.to_owned(), label.to_owned()));
        let ext = disk(&[(1080, b"\x53\xef"), (1024 + 0x68, &UUID), (1024 + 0x78, b"root\0rest")]);
        assert_eq!(found(&ext), of("ext4", "root"));
        let xfs = disk(&[(0, b"XFSB"), (32, &UUID), (108, b"twelve bytes")]);
        assert_eq!(found(&xfs), of("xfs", "twelve bytes"));
        let btrfs =
            disk(&[(65_536 + 0x40, b"_BHRfS_M"), (65_536 + 0x20, &UUID), (65_536 + 0x12b, b"a long label")]);
        assert_eq!(found(&btrfs), of("btrfs", "a long label"));
        assert_eq!(found(&disk(&[])), None);
    }

    #[test]
    fn a_small_disk_is_no_fault() {
        for length in [0, 3, 1_081, 1_140, 65_600] {
            let whole = disk(&[(1080, b"\x53\xef"), (65_536 + 0x40, b"_BHRfS_M")]);
            let found = recognise(&whole[..length]);
            assert!(found.is_none() || length > 1_140, "{length}");
        }
    }
}
