//! Which socket supd listens on, found in the same way in which supd finds it.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::context::Context;
use super::exit::{Exit, Failure};
use crate::limits::SOCKET_PATH_BYTES_MAX;
use crate::settings::{Invocation, Place, RUNTIME_DIR, Settings, substitute_runtime_dir};

/// The socket: the one that was named, else that of a supd that this account would start.
pub fn path(context: &Context) -> Result<PathBuf, Failure> {
    let path = match &context.socket {
        Some(path) => path.clone(),
        None => found().map_err(|failure| failure.hint("name the socket with --socket or SUPD_SOCKET"))?,
    };
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        let message =
            format!("the socket's path is longer than {SOCKET_PATH_BYTES_MAX} bytes: {}", path.display());
        return Err(Failure::usage(message).hint("name a shorter one with --socket or SUPD_SOCKET"));
    }
    Ok(path)
}

/// Where a supd of this account would be; where it is in a container, if there is one.
fn found() -> Result<PathBuf, Failure> {
    let usual = settings().map(|settings| settings.control_socket());
    if usual.as_ref().is_ok_and(|path| path.exists()) {
        return usual;
    }
    let uid = nix::unistd::geteuid().as_raw();
    let others = [PathBuf::from(RUNTIME_DIR), substitute_runtime_dir(uid)];
    // Everybody may write to /dev/shm: what is not our own supd's is somebody's who would like to be it.
    let ours = |dir: &PathBuf| {
        std::fs::symlink_metadata(dir)
            .is_ok_and(|meta| meta.is_dir() && meta.uid() == uid && meta.mode() & 0o022 == 0)
    };
    let sockets = others.iter().filter(|dir| ours(dir)).map(|dir| dir.join("control.sock"));
    match sockets.into_iter().find(|path| path.exists()) {
        Some(path) => Ok(path),
        None => usual,
    }
}

/// What a supd of this account is told at its start where it is told nothing.
pub fn settings() -> Result<Settings, Failure> {
    let place = Place {
        variable: &|name| std::env::var_os(name),
        root: nix::unistd::geteuid().is_root(),
        container: false,
        process_one: is_init(),
        foreground: false,
    };
    match Invocation::parse(std::iter::empty(), &place) {
        Ok(Invocation::Start(settings)) => Ok(settings),
        Ok(_) => Err(Failure::new(Exit::UNREACHABLE, "supd has no directories here")),
        Err(error) => Err(Failure::new(Exit::UNREACHABLE, error.message)),
    }
}

/// Whether supd is this machine's init. Only root may see that, and only root's supd is one.
fn is_init() -> bool {
    std::fs::read_link("/proc/1/exe").is_ok_and(|path| path.file_name().is_some_and(|name| name == "supd"))
}
