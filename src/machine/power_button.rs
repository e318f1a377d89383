//! The machine's power button: a key of the kernel's input devices. A unit of its own, since PID 1 reads nothing
//! that a device says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::uevent::Uevents;
use crate::limits::{INPUT_DEVICES_MAX, KERNEL_FILE_BYTES_MAX};
use crate::sys::process::kill;
use crate::wire::after::POWER_OFF_SIGNAL;

/// From the kernel's input-event-codes.h.
const EV_KEY: u16 = 1;
const KEY_POWER: u16 = 116;
/// Bytes of a `struct input_event`: two words of the machine's size for its time, then type, code and value.
const EVENT_BYTES: usize = 2 * size_of::<usize>() + 8;

/// An input device that has the key.
struct Button {
    name: String,
    device: File,
}

/// Asks PID 1 to switch the machine off whenever the button is pressed: with the signal that supd, and other
/// inits, know for that. Comes back only with an error.
pub(super) fn watch() -> Result<(), String> {
    let failed = |what: &str, error: io::Error| format!("cannot {what}: {error}");
    let events = Uevents::listen().map_err(|error| failed("hear of new devices", error))?;
    let mut buttons: Vec<Button> = Vec::new();
    look(&mut buttons);
    loop {
        let mut fds: Vec<PollFd<'_>> = std::iter::once(events.as_fd())
            .chain(buttons.iter().map(|button| button.device.as_fd()))
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(failed("wait", errno.into())),
        }
        let mut pressed = false;
        // One that was unplugged says so, once, and for ever.
        buttons.retain_mut(|button| button.read(&mut pressed).is_ok());
        if pressed {
            println!("the power button was pressed: the machine is to be switched off");
            kill(1, POWER_OFF_SIGNAL).map_err(|error| failed("ask PID 1", error))?;
        }
        if events.has_come("SUBSYSTEM=input").map_err(|error| failed("hear of new devices", error))? {
            look(&mut buttons);
        }
    }
}

/// Opens those that are new.
fn look(buttons: &mut Vec<Button>) {
    for entry in fs::read_dir("/sys/class/input").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_known = buttons.iter().any(|button| button.name == name);
        if is_known || !name.starts_with("event") || buttons.len() >= INPUT_DEVICES_MAX {
            continue;
        }
        let keys = super::read(&entry.path().join("device/capabilities/key"), KERNEL_FILE_BYTES_MAX);
        if !keys.is_ok_and(|keys| has_key(&keys, KEY_POWER)) {
            continue;
        }
        let path: PathBuf = Path::new("/dev/input").join(&name);
        match File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&path) {
            Ok(device) => {
                println!("watching {}", path.display());
                buttons.push(Button { name, device });
            }
            Err(error) => eprintln!("cannot open {}: {error}", path.display()),
        }
    }
}

impl Button {
    /// Takes in all there is.
    fn read(&mut self, pressed: &mut bool) -> io::Result<()> {
        let mut events = [0; EVENT_BYTES * 64];
        loop {
            match self.device.read(&mut events) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    let events = events.get(..length).unwrap_or_default();
                    *pressed |= events.chunks_exact(EVENT_BYTES).any(is_press);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Pressed; neither let go nor held.
fn is_press(event: &[u8]) -> bool {
    let Some(&[a, b, c, d, v0, v1, v2, v3]) = event.last_chunk::<8>() else { return false };
    let (kind, code) = (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
    (kind, code, i32::from_ne_bytes([v0, v1, v2, v3])) == (EV_KEY, KEY_POWER, 1)
}

/// The kernel's list of a device's keys: a bit for each, in words of the machine's size, the highest first.
fn has_key(list: &str, key: u16) -> bool {
    let bits = usize::BITS as usize;
    let (word, bit) = (usize::from(key) / bits, usize::from(key) % bits);
    let word = list.split_ascii_whitespace().rev().nth(word);
    word.and_then(|word| usize::from_str_radix(word, 16).ok()).is_some_and(|word| word >> bit & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_keys_is_read_from_its_end() {
        if usize::BITS == 64 {
            // A power button's, a keyboard's without and with the key, and a mouse's.
            assert!(has_key("10000000000000 0\n", KEY_POWER));
            assert!(!has_key("402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n", 116 + 64));
            assert!(has_key("402000000 3813078f800d001 feffffdfffefffff fffffffffffffffe\n", KEY_POWER));
            assert!(!has_key("70000 0 0 0 0\n", KEY_POWER));
        }
        assert!(!has_key("", KEY_POWER) && !has_key("nonsense 0", KEY_POWER));
    }

    #[test]
    fn only_a_press_of_that_key_counts() {
        let event = |kind: u16, code: u16, value: i32| {
            let mut bytes = vec![7; 2 * size_of::<usize>()];
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(code.to_ne_bytes());
            bytes.extend(value.to_ne_bytes());
            assert_eq!(bytes.len(), EVENT_BYTES);
            bytes
        };
        assert!(is_press(&event(EV_KEY, KEY_POWER, 1)));
        for other in [(EV_KEY, KEY_POWER, 0), (EV_KEY, KEY_POWER, 2), (EV_KEY, 30, 1), (0, KEY_POWER, 1)] {
            assert!(!is_press(&event(other.0, other.1, other.2)), "{other:?}");
        }
        assert!(!is_press(&[]));
    }
}
