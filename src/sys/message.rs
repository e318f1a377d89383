//! Datagrams with descriptors over a unix socket, without allocation.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Descriptors that may travel with one message.
pub const FDS_MAX: usize = 4;

/// What `receive` found beside the bytes.
#[derive(Debug, Default)]
pub struct Received {
    /// How many bytes of the buffer are the message; 0: the other side has closed.
    pub length: usize,
    /// The descriptors, in order.
    pub fds: [Option<OwnedFd>; FDS_MAX],
    /// Descriptors were lost on the way: our table is full.
    pub fds_lost: bool,
}

/// Room for the control message: a header and FDS_MAX descriptors, aligned for a cmsghdr.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// A pair of connected SEQPACKET sockets, close-on-exec, blocking.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: room for two descriptors, which are ours on success.
    unsafe {
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        if libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// Takes the next connection of a listener, close-on-exec, blocking. A listener that does not block says
/// `WouldBlock`.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    loop {
        let none: *mut libc::c_void = std::ptr::null_mut();
        // SAFETY: no address is asked for; the descriptor is new and ours.
        unsafe {
            let fd = libc::accept4(listener.as_raw_fd(), none.cast(), none.cast(), libc::SOCK_CLOEXEC);
            if fd >= 0 {
                return Ok(OwnedFd::from_raw_fd(fd));
            }
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Sends one message whole. With `wait` false a full socket is `WouldBlock`.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>], wait: bool) -> io::Result<()> {
    let count = fds.len();
    if count > FDS_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one message"));
    }
    let mut raw: [RawFd; FDS_MAX] = [-1; FDS_MAX];
    for (place, fd) in raw.iter_mut().zip(fds) {
        *place = fd.as_raw_fd();
    }
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = Control([0; 64]);
    // SAFETY: an all-zero msghdr is valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &mut part;
    header.msg_iovlen = 1;
    if count > 0 {
        let size = u32::try_from(count * size_of::<RawFd>()).unwrap_or(0);
        header.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: arithmetic only; the first header lies in `control`, which has room for FDS_MAX.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(size) as _;
            let message = libc::CMSG_FIRSTHDR(&header);
            (*message).cmsg_level = libc::SOL_SOCKET;
            (*message).cmsg_type = libc::SCM_RIGHTS;
            (*message).cmsg_len = libc::CMSG_LEN(size) as _;
            std::ptr::copy_nonoverlapping(raw.as_ptr(), libc::CMSG_DATA(message).cast(), count);
        }
    }
    let flags = libc::MSG_NOSIGNAL | if wait { 0 } else { libc::MSG_DONTWAIT };
    loop {
        // SAFETY: header, bytes and control live through the call.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &header, flags) };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Receives one message. With `wait` false an empty socket is `WouldBlock`; a message longer than the
/// buffer is `InvalidData`.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], wait: bool) -> io::Result<Received> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = Control([0; 64]);
    let flags = libc::MSG_CMSG_CLOEXEC | if wait { 0 } else { libc::MSG_DONTWAIT };
    let (length, header) = loop {
        // SAFETY: an all-zero msghdr is valid.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control.0.len() as _;
        // SAFETY: header, buffer and control live through the call.
        let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut header, flags) };
        if let Ok(length) = usize::try_from(length) {
            break (length, header);
        }
        let error = io::Error::last_os_error();
        // Reset: the other side has closed and left something of ours unread. It is told once, ahead of what
        // the other side had sent, which is still there: last words are not to be lost.
        if error.kind() != io::ErrorKind::Interrupted && error.kind() != io::ErrorKind::ConnectionReset {
            return Err(error);
        }
    };
    let mut received = Received { length, ..Received::default() };
    received.fds_lost = header.msg_flags & libc::MSG_CTRUNC != 0;
    let mut next = 0;
    // SAFETY: the kernel filled `control`; the macros walk only what msg_controllen says. Each descriptor
    // is new and ours; those beyond FDS_MAX are closed by the drop of the OwnedFd.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(&header);
        while !message.is_null() {
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_RIGHTS {
                let size = (*message).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(message).cast::<RawFd>();
                for index in 0..size / size_of::<RawFd>() {
                    let fd = OwnedFd::from_raw_fd(data.add(index).read_unaligned());
                    if let Some(place) = received.fds.get_mut(next) {
                        *place = Some(fd);
                        next += 1;
                    }
                }
            }
            message = libc::CMSG_NXTHDR(&header, message);
        }
    }
    if header.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "message longer than any of ours"));
    }
    Ok(received)
}
