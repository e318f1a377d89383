//! The logger reads what strangers print, so it keeps no right that it does not need: no capability, and of
//! the file system only the log directory. What a kernel cannot do is done without.
//!
//! The rule is for the directory that is there when the logger starts, not for its path nor its parent: that
//! often has supd's own state in it. When the directory is taken away, this logger can write nothing more,
//! and ends; the keeper starts the next one, which makes the directory anew.

use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::AtFlags;
use nix::unistd::{AccessFlags, faccessat};

use crate::logs::beneath::LogDir;
use crate::sys::confine::{CAP_DAC_OVERRIDE, confine_to, keep_capabilities, suspend_capabilities};
use crate::wire::voice::Voice;

/// Gives up what is not needed to write beneath `path`. Gives the directory, where we are held to it.
pub(super) fn confine(path: &Path, voice: &Voice) -> Option<LogDir> {
    let mut dir = LogDir::new(path.to_owned());
    // Made here, since it could not be made later.
    let root = match dir.root() {
        Ok(root) => root,
        Err(errno) => {
            voice.debug(format_args!("not confined: `{}`: {}", path.display(), errno.desc()));
            return None;
        }
    };
    if let Err(error) = nix::sys::prctl::set_no_new_privs() {
        voice.debug(format_args!("may gain rights by a program: {}", error.desc()));
    }
    let suspended = suspend_capabilities();
    let rights = AccessFlags::W_OK | AccessFlags::X_OK;
    let is_ours = faccessat(root.as_fd(), ".", rights, AtFlags::AT_EACCESS).is_ok();
    if !is_ours {
        voice.warn(format_args!("`{}` is not ours: the logger keeps the right to write it", path.display()));
    }
    if let Err(error) = suspended.and_then(|()| keep_capabilities(if is_ours { 0 } else { CAP_DAC_OVERRIDE }))
    {
        voice.debug(format_args!("capabilities are kept: {error}"));
    }
    match confine_to(root) {
        Ok(()) => {
            dir.hold();
            Some(dir)
        }
        Err(error) => {
            voice.debug(format_args!("not confined by Landlock: {error}"));
            None
        }
    }
}
