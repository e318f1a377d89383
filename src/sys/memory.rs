//! Memory that several processes share, seen only as atomic numbers: whatever the others do with it, it is
//! never a torn reference or a broken value here.

use std::ffi::CStr;
use std::io;
use std::os::fd::RawFd;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU64};

/// A mapped memfd or file: first 64-bit words, then 32-bit ones.
pub struct SharedMemory {
    base: NonNull<u8>,
    words: usize,
    halves: usize,
}

// SAFETY: all access goes through atomics, and the mapping lives as long as the value.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Makes a memfd of this size, zeroed and sealed against any other, and maps it.
    pub fn create(name: &CStr, words: usize, halves: usize) -> io::Result<(OwnedFd, Self)> {
        let fd = memfd(name)?;
        let size = libc::off_t::try_from(bytes(words, halves)).map_err(io::Error::other)?;
        // SAFETY: plain calls on a descriptor that we own.
        let done = unsafe {
            libc::ftruncate(fd.as_raw_fd(), size) == 0
                && libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK | libc::F_SEAL_GROW)
                    == 0
        };
        if !done {
            return Err(io::Error::last_os_error());
        }
        let memory = Self::map(std::os::fd::AsFd::as_fd(&fd), words, halves)?;
        Ok((fd, memory))
    }

    /// Gives an empty file this size, zeroed; no room is taken for it yet, see [`allocate`].
    pub fn shape(fd: BorrowedFd<'_>, words: usize, halves: usize) -> io::Result<()> {
        let size = libc::off_t::try_from(bytes(words, halves)).map_err(io::Error::other)?;
        // SAFETY: a plain call.
        if unsafe { libc::ftruncate(fd.as_raw_fd(), size) } == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Maps a memfd or a file that was made with the same sizes.
    pub fn map(fd: BorrowedFd<'_>, words: usize, halves: usize) -> io::Result<Self> {
        let wanted = bytes(words, halves);
        // SAFETY: an all-zero stat is a valid one, and fstat fills it.
        let size = unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            if libc::fstat(fd.as_raw_fd(), &mut stat) != 0 {
                return Err(io::Error::last_os_error());
            }
            stat.st_size
        };
        // A shorter file would mean SIGBUS at the first touch behind its end.
        if usize::try_from(size) != Ok(wanted) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "shared memory of another size"));
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of a file that has that size; the kernel chooses the place.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), wanted, protection, libc::MAP_SHARED, fd.as_raw_fd(), 0)
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Self { base, words, halves })
    }

    /// The 64-bit words.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page aligned, this long, and unmapped only by drop; atomics may alias.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().cast(), self.words) }
    }

    /// The 32-bit ones behind them.
    pub fn halves(&self) -> &[AtomicI32] {
        // SAFETY: as above; they begin behind the last word, so no two sizes overlap.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(self.words * 8).cast(), self.halves) }
    }

    /// The room of the 32-bit ones as bytes. Only for memory in which they belong to one process at a time by
    /// the rules of those who share it: a change from elsewhere would be seen in the middle of a read.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the same room, of which any content is valid; nobody else writes there, as said above.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(self.words * 8), self.halves * 4) }
    }

    /// The same, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed whole.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(self.words * 8), self.halves * 4) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: our own mapping, to which no reference is left.
        unsafe { libc::munmap(self.base.as_ptr().cast(), bytes(self.words, self.halves)) };
    }
}

/// Takes room for a part of a file, so that no write to its mapping can find the file system full: that would
/// be SIGBUS. What is there stays.
pub fn allocate(fd: BorrowedFd<'_>, from: usize, length: usize) -> io::Result<()> {
    let offset = |bytes: usize| libc::off_t::try_from(bytes).map_err(io::Error::other);
    let (from, length) = (offset(from)?, offset(length)?);
    // SAFETY: a plain call.
    if unsafe { libc::fallocate(fd.as_raw_fd(), 0, from, length) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A new, empty memfd that may be sealed.
pub fn memfd(name: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: `name` ends with a NUL; the descriptor is new and ours.
    unsafe {
        let fd = libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// Whether a descriptor that we were started with is a memfd, or a file of a file system that is made like them.
pub fn is_shared_memory(number: RawFd) -> bool {
    // SAFETY: a plain call; a number that is not open is refused, and so is any other kind of file.
    unsafe { libc::fcntl(number, libc::F_GET_SEALS) >= 0 }
}

/// A memfd with this content, which nobody can change any more.
pub fn sealed(name: &CStr, content: &[u8]) -> io::Result<OwnedFd> {
    use std::io::Write;
    let mut file = std::fs::File::from(memfd(name)?);
    file.write_all(content)?;
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE | libc::F_SEAL_SEAL;
    // SAFETY: a plain call on a descriptor that we own.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file.into())
}

fn bytes(words: usize, halves: usize) -> usize {
    words * 8 + halves * 4
}
