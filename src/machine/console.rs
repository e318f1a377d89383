//! The console: where PID 1 speaks before there is a log, and after there was one.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use nix::libc;

use crate::sys::process::hand_over;

const CONSOLE: &str = "/dev/console";

/// Makes descriptors 0 to 2 the console. Not our controlling terminal: its keys must not end PID 1.
pub(super) fn take() -> io::Result<()> {
    for number in 0..=2 {
        hand_over(open()?.into(), number)?;
    }
    Ok(())
}

/// Opens it.
pub(super) fn open() -> io::Result<std::fs::File> {
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(CONSOLE)
}

/// Says something there. Who takes it away must not stop us: it is not waited for.
pub(super) fn say(message: fmt::Arguments<'_>) {
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    let line = format!("supd: {message}\r\n");
    let console = OpenOptions::new().write(true).custom_flags(flags).open(CONSOLE);
    // There is nobody else to tell.
    let _ = match console {
        Ok(mut console) => console.write_all(line.as_bytes()),
        Err(_) => io::stderr().write_all(line.as_bytes()),
    };
}
