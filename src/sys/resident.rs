//! What of us must be in memory while we wait: pages of our program's file that nobody has changed need not, and
//! come back from the page cache when they are touched.

use std::io;

use super::raw;

/// What of our memory is as it is in the file of our program.
pub struct FromFile {
    /// (first byte, bytes), of whole pages; unused ones are empty.
    ranges: [(usize, usize); RANGES_MAX],
    page: usize,
}

/// Segments of a program that cannot be written: one to read and one to execute, seldom more.
const RANGES_MAX: usize = 4;

/// How much of the stack a start has used at most.
const STACK_BYTES: usize = 64 * 1024;

impl FromFile {
    /// Finds it; nothing where the headers of the program look otherwise.
    #[cfg(target_pointer_width = "64")]
    pub fn find() -> Self {
        // SAFETY: both calls only tell numbers. The headers are a part of our program, mapped for as long as we run;
        // AT_PHNUM of them are there.
        let (page, headers) = unsafe {
            let page = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096);
            let headers = libc::getauxval(libc::AT_PHDR) as *const libc::Elf64_Phdr;
            let count = usize::try_from(libc::getauxval(libc::AT_PHNUM)).unwrap_or(0);
            let headers = if headers.is_null() { &[] } else { std::slice::from_raw_parts(headers, count) };
            (page, headers)
        };
        let mut found = Self { ranges: [(0, 0); RANGES_MAX], page };
        let Some(own) = headers.iter().find(|header| header.p_type == libc::PT_PHDR) else { return found };
        let base = (headers.as_ptr() as usize).wrapping_sub(own.p_vaddr as usize);
        let unchanged = headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0);
        for (range, header) in found.ranges.iter_mut().zip(unchanged) {
            let begin = base.wrapping_add(header.p_vaddr as usize);
            let end = begin.wrapping_add(header.p_memsz as usize) / page * page;
            let begin = begin / page * page;
            *range = (begin, end.saturating_sub(begin));
        }
        found
    }

    /// Nothing.
    #[cfg(not(target_pointer_width = "64"))]
    pub fn find() -> Self {
        Self { ranges: [(0, 0); RANGES_MAX], page: 4096 }
    }

    /// Lets go of it, and of the part of the stack that is not in use; then waits for the next signal, and gives its
    /// number. All signals are held.
    // Everything in one function, so that it is all that must be in memory meanwhile.
    #[inline(never)]
    pub fn wait_without(&self) -> io::Result<i32> {
        let all: u64 = !0;
        // Below our own frame, which is no larger than a page.
        let end = (std::ptr::from_ref(&all) as usize / self.page).saturating_sub(1) * self.page;
        let unused = (end.saturating_sub(STACK_BYTES), STACK_BYTES.min(end));
        let advice = libc::MADV_DONTNEED as usize;
        loop {
            // SAFETY: what is let go is the file's, or used by nobody; that it is refused changes nothing. The set
            // lives through the call, and neither details nor a time limit are asked for.
            let signal = unsafe {
                raw::call(libc::SYS_madvise, [unused.0, unused.1, advice, 0]);
                for (begin, length) in self.ranges {
                    raw::call(libc::SYS_madvise, [begin, length, advice, 0]);
                }
                raw::call(libc::SYS_rt_sigtimedwait, [&raw const all as usize, 0, 0, size_of::<u64>()])
            };
            match i32::try_from(signal) {
                Ok(signal) if signal > 0 => return Ok(signal),
                Ok(error) if error == -libc::EINTR => {}
                _ => {
                    return Err(io::Error::from_raw_os_error(i32::try_from(-signal).unwrap_or(libc::EINVAL)));
                }
            }
        }
    }
}
