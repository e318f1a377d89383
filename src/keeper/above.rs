//! What supd tells whoever has started it, where that one listens (`NOTIFY_SOCKET`, sd_notify(3)): that it can be asked,
//! and that it is ending; once in the life of a program. Nobody is waited for.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Who has started us, as far as that one wants to hear.
pub(super) struct Above {
    socket: Option<OsString>,
    ready: bool,
    stopping: bool,
}

impl Above {
    pub(super) fn of_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty());
        Self { socket, ready: false, stopping: false }
    }

    /// The control socket answers.
    pub(super) fn is_ready(&mut self) {
        if !std::mem::replace(&mut self.ready, true) {
            self.tell("READY=1");
        }
    }

    /// Nothing new starts any more.
    pub(super) fn is_stopping(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.tell("STOPPING=1");
        }
    }

    fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        let address = match socket.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(socket),
        };
        // Who does not listen any more does not miss it.
        let _ = address.and_then(|address| {
            let datagrams = UnixDatagram::unbound()?;
            datagrams.set_nonblocking(true)?;
            datagrams.send_to_addr(state.as_bytes(), &address)
        });
    }
}
