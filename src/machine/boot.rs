//! The first steps of a machine's PID 1, before it becomes the keeper.
//!
//! Nothing here is fatal: what cannot be done is told on the console, and boot goes on as far as it comes.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use nix::sys::reboot::set_cad_enabled;
use nix::unistd::sethostname;

use super::console;
use super::initramfs;
use super::initramfs::root_words::{self, RootWords};
use super::mounts;
use super::rescue;
use super::words::{self, Shell, Words};
use crate::limits::{HOST_NAME_BYTES_MAX, KERNEL_LINE_BYTES_MAX};
use crate::sys::fault::{self, Arms, Resort};
use crate::sys::terminal;

/// Makes the machine fit to run units; gives the options that it was started with. `arguments`: ours, the
/// program's own name left out.
pub fn prepare(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut failures = mounts::first();
    if let Err(error) = console::take() {
        failures.push(format!("cannot open the console: {error}"));
    }
    terminal::leave();
    let (mut words, root) = kernel_words(&mut failures);
    let initramfs = initramfs::is_here(&root);
    if initramfs {
        // They are meant for the init that comes, which reads them, too.
        words.shell = Shell::None;
        if let Err(error) = initramfs::mark() {
            failures.push(format!("cannot mark the initramfs as one: {error}"));
        }
    }
    if words.shell == Shell::Emergency {
        rescue::shell("`emergency` on the kernel's command line");
    }
    failures.extend(mounts::rest());
    for word in &words.unknown {
        failures.push(format!("`{word}` on the kernel's command line is not understood"));
    }
    if initramfs && words.breaks {
        tell(&mut failures);
        rescue::shell("`supd.break` on the kernel's command line");
    }
    if initramfs && !initramfs::has_units(&words.units) {
        tell(&mut failures);
        initramfs::leave(&root);
    }
    // From here on ctrl-alt-del is SIGINT to us, and no reboot on the spot.
    if let Err(errno) = set_cad_enabled(false) {
        failures.push(format!("cannot catch ctrl-alt-del: {}", errno.desc()));
    }
    // A machine without a keyboard has none.
    let _ = terminal::accept_keyboard_request();
    if let Err(error) = name_host() {
        failures.push(format!("cannot set the host's name: {error}"));
    }
    tell(&mut failures);
    if words.shell == Shell::Rescue {
        rescue::shell("`single` or `rescue` on the kernel's command line");
    }
    let kept = initramfs.then(initramfs::options).into_iter().flatten();
    // Later ones hold: what was given to init itself is the more deliberate.
    kept.chain(words.to_args()).chain(words::options_of(arguments)).collect()
}

fn tell(failures: &mut Vec<String>) {
    for failure in failures.drain(..) {
        console::say(format_args!("{failure}"));
    }
}

/// From here on a fault of our own stops PID 1 where it is, and does not end it. The keeper knows better.
pub fn guard() {
    std::panic::set_hook(Box::new(|panic| super::halt::freeze(&format!("a fault of supd: {panic}"))));
    let arms = Arms { heed: |_| None, heirlooms: |_| {}, came: &[], resort: Resort::MACHINE_STANDS };
    if let Err(error) = fault::arm(arms) {
        console::say(format_args!("a fault of supd would end the machine: {error}"));
    }
}

/// Says what of init's arguments is left out.
pub fn left_out(why: &str) {
    console::say(format_args!("{why}; left out"));
}

/// Boot cannot go on. Offers a shell; comes back when that has ended, to try again.
pub fn failed(why: &str) {
    rescue::shell_before_next_try(&format!("boot cannot go on: {why}"));
}

/// Those for us, and those for the root of the machine.
fn kernel_words(failures: &mut Vec<String>) -> (Words, RootWords) {
    let line = match super::read(Path::new("/proc/cmdline"), KERNEL_LINE_BYTES_MAX) {
        Ok(line) => line,
        Err(error) => {
            failures.push(format!("cannot read the kernel's command line: {error}"));
            String::new()
        }
    };
    (words::parse(&line), root_words::parse(&line))
}

/// `/etc/hostname`: its first line that says something. Without one the kernel's name stays, if it has any.
fn name_host() -> io::Result<()> {
    let text = match super::read(Path::new("/etc/hostname"), HOST_NAME_BYTES_MAX * 16) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    match host_name(&text) {
        Some(name) => Ok(sethostname(name)?),
        None if nix::unistd::gethostname().is_ok_and(|name| name == "(none)") => {
            Ok(sethostname("localhost")?)
        }
        None => Ok(()),
    }
}

fn host_name(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim);
    let name = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (name.len() as u64 <= HOST_NAME_BYTES_MAX && name.bytes().all(is_allowed)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_name_is_the_first_line_that_says_something() {
        assert_eq!(host_name("# ours\n\n  web-1.example \nother\n"), Some("web-1.example"));
        assert_eq!(host_name(""), None);
        assert_eq!(host_name("two words\n"), None);
        assert_eq!(host_name(&"x".repeat(65)), None);
    }
}
