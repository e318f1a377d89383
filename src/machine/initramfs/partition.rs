//! What the table on a disk calls its partitions: GPT and the old one of the PC. Pure: bytes in, words out.
//!
//! Newer kernels say it themselves, in the partition's `uevent`; before that only the table knows.

use super::superblock::uuid_text;

/// How many bytes of a disk's beginning are looked at: a GPT's header, and the entries of 128 partitions behind
/// it, in blocks of up to 4 KiB.
pub(super) const LOOKED_AT_BYTES: usize = 8_192 + 128 * 128;

/// The PARTUUID of a disk's n-th partition, counted from 1, as the kernel writes it. `block`: bytes of one of the
/// disk's own blocks.
pub(super) fn uuid(disk: &[u8], block: usize, number: usize) -> Option<String> {
    let at = |offset: usize, length: usize| disk.get(offset..offset.checked_add(length)?);
    let word = |offset: usize| Some(u32::from_le_bytes(at(offset, 4)?.try_into().ok()?));
    if at(block, 8) == Some(b"EFI PART") {
        let first = u64::from_le_bytes(at(block + 72, 8)?.try_into().ok()?);
        let (count, size) = (word(block + 80)?, word(block + 84)?);
        let index = number.checked_sub(1).filter(|index| *index < count as usize)?;
        let table = usize::try_from(first).ok()?.checked_mul(block)?;
        let entry = table.checked_add(index.checked_mul(size as usize)?)?;
        return gpt_text(at(entry.checked_add(16)?, 16)?);
    }
    let has_table = at(510, 2) == Some(&[0x55, 0xaa]);
    let disk_id = word(440).filter(|id| *id != 0 && has_table)?;
    Some(format!("{disk_id:08x}-{number:02x}"))
}

/// A GPT's numbers are little-endian up to the middle.
fn gpt_text(bytes: &[u8]) -> Option<String> {
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let turned: Option<Vec<u8>> = order.iter().map(|at: &usize| bytes.get(*at).copied()).collect();
    uuid_text(&turned?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpt_names_its_partitions() {
        let mut disk = vec![0; LOOKED_AT_BYTES];
        disk[512..520].copy_from_slice(b"EFI PART");
        disk[512 + 72] = 2;
        disk[512 + 80] = 128;
        disk[512 + 84] = 128;
        let second: [u8; 16] = std::array::from_fn(|at| at as u8);
        disk[1024 + 128 + 16..1024 + 128 + 32].copy_from_slice(&second);
        assert_eq!(uuid(&disk, 512, 2).as_deref(), Some("03020100-0504-0706-0809-0a0b0c0d0e0f"));
        assert_eq!(uuid(&disk, 512, 0), None);
        assert_eq!(uuid(&disk, 512, 129), None);
        // A table that is not where we look, and one that is nonsense.
        disk[512 + 72..512 + 80].fill(0xff);
        assert_eq!(uuid(&disk, 512, 2), None);
    }

    #[test]
    fn an_old_table_has_a_number_for_the_disk() {
        let mut disk = vec![0; 512];
        disk[440..444].copy_from_slice(&0x0001_cafe_u32.to_le_bytes());
        assert_eq!(uuid(&disk, 512, 1), None, "no table");
        disk[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(uuid(&disk, 512, 10).as_deref(), Some("0001cafe-0a"));
        assert_eq!(uuid(&[], 512, 1), None);
    }
}
