//! Which socket supd listens on, found in the same way in which supd finds it.

use std::path::PathBuf;

use super::context::Context;
use super::exit::{Exit, Failure};
use crate::limits::SOCKET_PATH_BYTES_MAX;
use crate::settings::{Invocation, Place, Settings};

/// The socket: the one that was named, else that of a supd that this account would start.
pub fn path(context: &Context) -> Result<PathBuf, Failure> {
    let path = match &context.socket {
        Some(path) => path.clone(),
        None => settings()
            .map_err(|failure| failure.hint("name the socket with --socket or SUPD_SOCKET"))?
            .control_socket(),
    };
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        let message =
            format!("the socket's path is longer than {SOCKET_PATH_BYTES_MAX} bytes: {}", path.display());
        return Err(Failure::usage(message).hint("name a shorter one with --socket or SUPD_SOCKET"));
    }
    Ok(path)
}

/// What a supd of this account is told at its start where it is told nothing.
pub fn settings() -> Result<Settings, Failure> {
    let place = Place {
        variable: &|name| std::env::var_os(name),
        root: nix::unistd::geteuid().is_root(),
        container: false,
        process_one: false,
        foreground: false,
    };
    match Invocation::parse(std::iter::empty(), &place) {
        Ok(Invocation::Start(settings)) => Ok(settings),
        Ok(_) => Err(Failure::new(Exit::UNREACHABLE, "supd has no directories here")),
        Err(error) => Err(Failure::new(Exit::UNREACHABLE, error.message)),
    }
}
