//! CRC-32C (Castagnoli): does a record still say what was written?
//!
//! The pages of the file have checksums of their own; this one is for what those cannot see, such as a page
//! that was read back from the wrong place.

/// The checksum of these pieces, as if they were one.
pub(super) fn of(pieces: &[&[u8]]) -> u32 {
    let bytes = pieces.iter().flat_map(|piece| piece.iter());
    !bytes.fold(!0, |sum, byte| (sum >> 8) ^ TABLE[usize::from((sum as u8) ^ byte)])
}

const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_known_value_comes_out() {
        assert_eq!(super::of(&[b"123456789"]), 0xe306_9283);
        assert_eq!(super::of(&[b"1234", b"", b"56789"]), 0xe306_9283);
        assert_eq!(super::of(&[]), 0);
    }
}
