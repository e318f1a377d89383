//! The machine's hardware watchdog: once it is armed, the machine is reset unless somebody feeds it in time.
//!
//! There is one, and the process that is PID 1 has it, whichever part of supd that process is just then: so it is
//! kept here, and not handed around. Closed in any other way than by [`disarm`] it goes on ticking, which is what
//! a supd that has come to grief owes the machine.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

/// Where it is found; the second is the name of the only one there was on old kernels.
const PATHS: [&str; 2] = ["/dev/watchdog0", "/dev/watchdog"];

/// Our descriptor of it; -1: it is not armed.
static DEVICE: AtomicI32 = AtomicI32::new(-1);
/// What it waits, in milliseconds.
static TIMEOUT_MS: AtomicU64 = AtomicU64::new(0);

mod ioctl {
    #![allow(missing_docs)]
    nix::ioctl_readwrite!(set_timeout, b'W', 6, libc::c_int);
    nix::ioctl_read!(get_timeout, b'W', 7, libc::c_int);
}

/// Opens it, which starts it, and says how long it is to wait. Gives the time that it took, which is the next that
/// its hardware can.
pub fn arm(timeout: Duration) -> io::Result<Duration> {
    let mut refusal = io::Error::from(io::ErrorKind::NotFound);
    for path in PATHS {
        match std::fs::OpenOptions::new().write(true).open(path) {
            Ok(device) => {
                adopt(device.into());
                return Ok(set_timeout(timeout));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                refusal = error;
                break;
            }
        }
    }
    Err(refusal)
}

/// Goes on with one that was armed by the program before us, in the same process.
pub fn adopt(device: OwnedFd) {
    DEVICE.store(device.into_raw_fd(), Ordering::Release);
    read_timeout();
    feed();
}

/// Lets it wait so long from now on; gives what it took. One whose time cannot be set goes on as it is.
pub fn set_timeout(timeout: Duration) -> Duration {
    if let Some(device) = fd() {
        let mut seconds = libc::c_int::try_from(timeout.as_secs()).unwrap_or(libc::c_int::MAX);
        // SAFETY: the descriptor is open, and the number lives through the call.
        let _ = unsafe { ioctl::set_timeout(device.as_raw_fd(), &raw mut seconds) };
        read_timeout();
        feed();
    }
    Duration::from_millis(TIMEOUT_MS.load(Ordering::Acquire))
}

fn read_timeout() {
    /// What is taken for the time of one that does not say: short enough for every one that we know.
    const UNKNOWN_SECONDS: libc::c_int = 10;
    let mut seconds = UNKNOWN_SECONDS;
    if let Some(device) = fd() {
        // SAFETY: the descriptor is open, and the number lives through the call.
        let _ = unsafe { ioctl::get_timeout(device.as_raw_fd(), &raw mut seconds) };
    }
    let seconds = u64::try_from(seconds).unwrap_or(0).max(1);
    TIMEOUT_MS.store(seconds * 1_000, Ordering::Release);
}

/// From now on it waits anew. Nothing happens if it is not armed.
pub fn feed() {
    if let Some(device) = fd() {
        // Any byte but the one that disarms; there is nobody to tell of a failure but the watchdog itself.
        let _ = super::write_once(device.as_raw_fd(), b"\0");
    }
}

/// How long may pass until the next [`feed`]: it has three chances. `None`: it is not armed.
pub fn interval() -> Option<Duration> {
    fd().map(|_| Duration::from_millis(TIMEOUT_MS.load(Ordering::Acquire) / 3))
}

/// How long to wait for something at most, where a wait is all that is done until then.
pub fn patience(wanted: Duration) -> Duration {
    interval().map_or(wanted, |interval| interval.min(wanted))
}

/// Stops it, where its driver allows that. Nothing happens if it is not armed.
pub fn disarm() {
    let device = DEVICE.swap(-1, Ordering::AcqRel);
    if device >= 0 {
        let _ = super::write_once(device, b"V");
        // SAFETY: the descriptor was ours, and nobody finds it any more.
        unsafe { libc::close(device) };
    }
}

/// The descriptor, while it is armed.
pub fn fd() -> Option<BorrowedFd<'static>> {
    let device = DEVICE.load(Ordering::Acquire);
    // SAFETY: it is open until `disarm`, after which PID 1 has no more use for one.
    (device >= 0).then(|| unsafe { BorrowedFd::borrow_raw(device) })
}
