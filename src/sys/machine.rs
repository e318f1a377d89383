//! What only the init of a machine does.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Makes a terminal the controlling one of our session, which we lead; taken away from whoever had it. It is
/// no harm where that is refused.
pub fn take_controlling_terminal(terminal: &File) {
    // SAFETY: the descriptor is open, and the request takes a number.
    unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 1) };
}

/// Stops swapping there. It reads back all that was swapped out, which takes its time.
pub fn swap_off(path: &CStr) -> io::Result<()> {
    // SAFETY: a string with its NUL.
    if unsafe { libc::swapoff(path.as_ptr()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Restarts the machine with a word for its firmware or boot loader. Comes back only with an error.
pub fn restart_with(argument: &CStr) -> io::Error {
    // SAFETY: the numbers are those of reboot(2), and the string has its NUL.
    unsafe {
        libc::syscall(
            libc::SYS_reboot,
            libc::LINUX_REBOOT_MAGIC1,
            libc::LINUX_REBOOT_MAGIC2,
            libc::LINUX_REBOOT_CMD_RESTART2,
            argument.as_ptr(),
        );
    }
    io::Error::last_os_error()
}

/// Loads a kernel that reboot(2) with LINUX_REBOOT_CMD_KEXEC executes: see kexec_file_load(2).
pub fn load_kernel(kernel: &File, initrd: Option<&File>, command_line: &CStr) -> io::Result<()> {
    /// KEXEC_FILE_NO_INITRAMFS
    const NO_INITRAMFS: libc::c_ulong = 4;
    let flags = if initrd.is_none() { NO_INITRAMFS } else { 0 };
    let line = command_line.to_bytes_with_nul();
    // SAFETY: the descriptors are open, and the line has the length that is told, its NUL included.
    let done = unsafe {
        libc::syscall(
            libc::SYS_kexec_file_load,
            kernel.as_raw_fd(),
            initrd.map_or(-1, AsRawFd::as_raw_fd),
            line.len(),
            line.as_ptr(),
            flags,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes its file away from a loop device: at once, or when nobody uses it any more.
pub fn detach_loop(device: &File) -> io::Result<()> {
    const LOOP_CLR_FD: libc::Ioctl = 0x4C01;
    // SAFETY: the descriptor is open, and the request takes no argument.
    if unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CLR_FD, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The head of every request to the device mapper: see linux/dm-ioctl.h.
#[repr(C)]
struct MapperRequest {
    version: [u32; 3],
    data_size: u32,
    data_start: u32,
    target_count: u32,
    open_count: i32,
    flags: u32,
    event: u32,
    padding: u32,
    device: u64,
    name: [u8; 128],
    uuid: [u8; 129],
    data: [u8; 7],
}

/// Removes a mapping of the device mapper, if nobody uses it.
pub fn remove_mapping(control: &File, name: &CStr) -> io::Result<()> {
    const DM_DEV_REMOVE: libc::Ioctl = 0xC138_FD04;
    let name = name.to_bytes();
    let mut request = MapperRequest {
        version: [4, 0, 0],
        data_size: size_of::<MapperRequest>() as u32,
        data_start: 0,
        target_count: 0,
        open_count: 0,
        flags: 0,
        event: 0,
        padding: 0,
        device: 0,
        name: [0; 128],
        uuid: [0; 129],
        data: [0; 7],
    };
    // The last byte stays 0.
    if name.len() >= request.name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    request.name.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
    // SAFETY: the request is of the size that it says, and outlives the call.
    if unsafe { libc::ioctl(control.as_raw_fd(), DM_DEV_REMOVE, &mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
