//! What a database lies on: a file, a memfd, or a file that is only looked at.
//!
//! Nothing here is locked: that one supd owns its directories is settled before any of them is opened.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::limits::STATE_FILE_BYTES_MAX;

/// What can be asked of a file. Tests put one between that fails or hangs.
pub trait Medium: Debug + Send + Sync + 'static {
    /// How many bytes there are.
    fn length(&self) -> io::Result<u64>;
    /// Fills `out` from there, or fails.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes all of it.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;
    /// Cuts it, or lengthens it with zeros.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Returns when what was written would survive a power cut.
    fn sync(&self) -> io::Result<()>;
}

impl Medium for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_all_at(data, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A medium as the database takes it: no longer than a state may be, and closed for good after a failure.
#[derive(Debug)]
pub(super) struct Written<M> {
    medium: M,
    valve: Valve,
}

impl<M> Written<M> {
    /// All writing goes through this valve.
    pub(super) fn new(medium: M, valve: Valve) -> Self {
        Self { medium, valve }
    }
}

/// Stops all writing to a medium. What a failed database does while it is put away could still reach a file
/// that nobody may trust any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Valve(Arc<AtomicBool>);

impl Valve {
    /// From now on nothing is written.
    pub(super) fn shut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) {
            Err(io::Error::other("given up after a failure"))
        } else {
            Ok(())
        }
    }
}

impl<M: Medium> StorageBackend for Written<M> {
    fn len(&self) -> io::Result<u64> {
        self.medium.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.medium.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.valve.check()?;
        check_length(length)?;
        self.medium.set_length(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.valve.check()?;
        self.medium.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.valve.check()?;
        self.medium.write(offset, data)
    }
}

/// A medium that is looked at and never changed: what the database repairs while it opens is repaired in
/// memory only. So a file that turns out to be damaged is still as it was found, and one on a read-only disk
/// can be read.
#[derive(Debug)]
pub(super) struct Looked<M> {
    medium: M,
    /// The length of the medium itself, asked once.
    below: u64,
    above: Mutex<Above>,
}

#[derive(Debug)]
struct Above {
    length: u64,
    /// Bytes at and behind this place come from `blocks` or are zero, whatever lies below.
    cut: u64,
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl<M: Medium> Looked<M> {
    /// Looks at this.
    pub(super) fn new(medium: M) -> io::Result<Self> {
        let below = medium.length()?;
        check_length(below)?;
        let above = Mutex::new(Above { length: below, cut: below, blocks: BTreeMap::new() });
        Ok(Self { medium, below, above })
    }

    fn above(&self) -> MutexGuard<'_, Above> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills `out` from what lies below; what was cut off is zero.
    fn read_below(&self, cut: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = self.below.min(cut).saturating_sub(offset);
        let length = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
        let (from_below, zero) = out.split_at_mut(length);
        zero.fill(0);
        if from_below.is_empty() { Ok(()) } else { self.medium.read(offset, from_below) }
    }
}

impl<M: Medium> StorageBackend for Looked<M> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.above().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let above = self.above();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > above.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_below(above.cut, offset, out)?;
        for piece in pieces(offset, out.len()) {
            if let Some(block) = above.blocks.get(&piece.block) {
                let from = &block[piece.within..piece.within + piece.length];
                out[piece.at..piece.at + piece.length].copy_from_slice(from);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        check_length(length)?;
        let mut above = self.above();
        if length < above.length {
            above.cut = above.cut.min(length);
            above.blocks.split_off(&length.div_ceil(BLOCK));
            let within = (length % BLOCK) as usize;
            if let Some(block) = above.blocks.get_mut(&(length / BLOCK)) {
                block[within..].fill(0);
            }
        }
        above.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut above = self.above();
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > above.length) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "written behind the end"));
        }
        let cut = above.cut;
        for piece in pieces(offset, data.len()) {
            let block = match above.blocks.entry(piece.block) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(free) => {
                    let mut block = vec![0; BLOCK as usize].into_boxed_slice();
                    self.read_below(cut, piece.block * BLOCK, &mut block)?;
                    free.insert(block)
                }
            };
            let from = &data[piece.at..piece.at + piece.length];
            block[piece.within..piece.within + piece.length].copy_from_slice(from);
        }
        Ok(())
    }
}

/// A part of a range of bytes that lies in one block.
struct Piece {
    block: u64,
    /// Where in the block it begins.
    within: usize,
    /// Where in the range it begins.
    at: usize,
    length: usize,
}

fn pieces(offset: u64, length: usize) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let here = offset + at as u64;
        let within = (here % BLOCK) as usize;
        let piece =
            Piece { block: here / BLOCK, within, at, length: (BLOCK as usize - within).min(length - at) };
        at += piece.length;
        (piece.length > 0).then_some(piece)
    })
}

fn check_length(length: u64) -> io::Result<()> {
    if length <= STATE_FILE_BYTES_MAX {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("larger than {} MiB", STATE_FILE_BYTES_MAX >> 20),
    ))
}

const BLOCK: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_changes_nothing_and_shows_what_was_written_above() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[7; 10_000], 0).unwrap();
        let looked = Looked::new(file.try_clone().unwrap()).unwrap();
        looked.write(4_000, &[1; 200]).unwrap();
        looked.set_len(8_000).unwrap();
        looked.set_len(9_000).unwrap();
        let mut seen = vec![9; 9_000];
        looked.read(0, &mut seen).unwrap();
        assert!(seen[..4_000].iter().all(|byte| *byte == 7));
        assert!(seen[4_000..4_200].iter().all(|byte| *byte == 1));
        assert!(seen[4_200..8_000].iter().all(|byte| *byte == 7));
        assert!(seen[8_000..].iter().all(|byte| *byte == 0), "what was cut off does not come back");
        looked.write(8_500, &[2]).unwrap();
        looked.read(8_400, &mut seen[..200]).unwrap();
        assert_eq!(seen[..200].iter().map(|byte| u32::from(*byte)).sum::<u32>(), 2);
        assert!(looked.read(8_999, &mut [0; 2]).is_err());
        assert!(looked.write(8_999, &[0; 2]).is_err());
        let mut below = vec![0; 10_000];
        file.read_exact_at(&mut below, 0).unwrap();
        assert!(below.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_shut_valve_lets_nothing_through() {
        let file = tempfile::tempfile().unwrap();
        let valve = Valve::default();
        let written = Written::new(file.try_clone().unwrap(), valve.clone());
        written.set_len(10).unwrap();
        valve.shut();
        assert!(written.write(0, b"late").is_err());
        assert!(written.set_len(0).is_err());
        assert!(written.sync_data().is_err());
        assert_eq!(file.metadata().unwrap().len(), 10);
    }

    #[test]
    fn no_state_grows_beyond_what_the_next_start_would_read() {
        let written = Written::new(tempfile::tempfile().unwrap(), Valve::default());
        assert!(written.set_len(STATE_FILE_BYTES_MAX + 1).is_err());
    }
}
