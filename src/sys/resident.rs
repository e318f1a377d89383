//! What of us must be in memory while we wait: pages of our program's file that nobody has changed need not, and
//! come back from the page cache when they are touched.

/// Lets go of what the file of our program has, too, and of the part of the stack that is not in use.
#[cfg(target_pointer_width = "64")]
pub fn let_go() {
    // SAFETY: sysconf and getauxval only tell numbers. The headers are a part of our program, mapped for as long as
    // we run; AT_PHNUM of them are there. Only segments that cannot be written are let go: their pages are those of
    // the file. Below our own frame, with room for those of the calls here, nothing on the stack is in use.
    unsafe {
        let page = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096);
        let headers = libc::getauxval(libc::AT_PHDR) as *const libc::Elf64_Phdr;
        if headers.is_null() {
            return;
        }
        let count = usize::try_from(libc::getauxval(libc::AT_PHNUM)).unwrap_or(0);
        let at = headers as usize;
        let headers = std::slice::from_raw_parts(headers, count);
        let Some(own) = headers.iter().find(|header| header.p_type == libc::PT_PHDR) else { return };
        let base = at.wrapping_sub(own.p_vaddr as usize);
        for header in headers {
            if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0 {
                let begin = base.wrapping_add(header.p_vaddr as usize);
                let end = begin.wrapping_add(header.p_memsz as usize);
                drop_pages(begin / page * page, end / page * page, page);
            }
        }
        let here = std::ptr::from_ref(&page) as usize;
        let end = (here / page).saturating_sub(1) * page;
        drop_pages(end.saturating_sub(STACK_BYTES), end, page);
    }
}

/// Nothing is let go where the headers look otherwise.
#[cfg(not(target_pointer_width = "64"))]
pub fn let_go() {}

/// How much of the stack a start has used at most.
#[cfg(target_pointer_width = "64")]
const STACK_BYTES: usize = 64 * 1024;

/// That it is refused, or that a part of it is no memory, changes nothing.
///
/// # Safety
/// Whatever is there is the file's, or is not used.
#[cfg(target_pointer_width = "64")]
unsafe fn drop_pages(begin: usize, end: usize, page: usize) {
    if let Some(length) = end.checked_sub(begin).filter(|length| *length >= page) {
        // SAFETY: the caller's promise.
        unsafe { libc::madvise(begin as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
}
