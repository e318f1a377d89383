//! The trial of a program that is to take over, in a process of its own.
//!
//! Two programs after each other: first ours, which opens the path that an operator named, hands the keeper
//! the file and becomes it; then that one, which reads a copy of the keeper's state and says whether it could
//! go on from there. Whatever hangs, crashes or is no supd does so here.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::state::{LAYOUTS, State};
use crate::settings::{Role, Settings};
use crate::sys::process::{Image, adopt, hand_over, reset_signals};
use crate::wire::channel::Channel;
use crate::wire::fd;

/// What a program says that can take over; its version follows. Nothing else would say this by chance.
pub(super) const FIT: &[u8] = b"supd can take over as ";

/// What is said with the file.
pub(super) const OPENED: &[u8] = b"opened";

/// Longest path that is opened (PATH_MAX).
const PATH_BYTES: usize = 4096;
const FAILED: u8 = 1;

/// Runs the role. `opens`: the first of the two programs. `check` looks at whatever else this version must be
/// able to read.
pub fn run(settings: &Settings, opens: bool, check: impl FnOnce(&Settings) -> Result<(), String>) -> u8 {
    reset_signals();
    let [Some(channel), Some(state)] = [fd::CHANNEL, fd::LEGACY].map(adopt) else {
        say("this is a part of supd, started by it; run `supd` instead");
        return crate::settings::exit::USAGE;
    };
    let done = match opens {
        true => become_the_other(settings, channel.into(), state),
        false => try_state(channel.into(), state, || check(settings)),
    };
    match done {
        Ok(()) => 0,
        Err(reason) => {
            say(&reason);
            FAILED
        }
    }
}

/// Standard error is a pipe to the keeper.
fn say(reason: &str) {
    let _ = writeln!(io::stderr(), "{reason}");
}

fn become_the_other(settings: &Settings, channel: Channel, state: OwnedFd) -> Result<(), String> {
    let mut path = vec![0; PATH_BYTES];
    let length =
        channel.receive(&mut path).map_err(|error| format!("cannot hear the keeper: {error}"))?.length;
    path.truncate(length);
    let shown = String::from_utf8_lossy(&path).into_owned();
    let cannot = |act: &str, error: io::Error| format!("cannot {act} {shown}: {error}");
    let file = File::open(OsStr::from_bytes(&path)).map_err(|error| cannot("open", error))?;
    if !file.metadata().map_err(|error| cannot("look at", error))?.is_file() {
        return Err(format!("{shown} is no file"));
    }
    channel.send(OPENED, &[file.as_fd()]).map_err(|error| cannot("pass on", error))?;
    let words = std::iter::once(OsString::from("supd")).chain(settings.to_args(Role::Trial { opens: false }));
    let words = words.map(|word| CString::new(word.into_vec()).unwrap_or_default()).collect();
    let path = CString::new(path).map_err(|_| format!("{shown} is no path"))?;
    let image = Image::new(file.into(), path, words);
    let kept = hand_over(channel.into(), fd::CHANNEL).and_then(|()| hand_over(state, fd::LEGACY));
    kept.map_err(|error| cannot("prepare", error))?;
    Err(cannot("execute", image.execute()))
}

fn try_state(
    channel: Channel,
    state: OwnedFd,
    check: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let state = State::read(state).map_err(|error| format!("what runs cannot be read: {error}"))?;
    if state.layouts != LAYOUTS {
        return Err(format!(
            "its shared memory has another layout than that of supd {}; stop supd and start it instead",
            state.version
        ));
    }
    check()?;
    let message = [FIT, env!("CARGO_PKG_VERSION").as_bytes()].concat();
    channel.send(&message, &[]).map_err(|error| format!("cannot reach the keeper: {error}"))
}
