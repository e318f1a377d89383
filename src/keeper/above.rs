//! What supd tells whoever has started it, where that one listens (`NOTIFY_SOCKET`, sd_notify(3)): that it can be asked,
//! and that it is ending; once in the life of a program, but for safe mode. Nobody is waited for.

use std::ffi::OsString;
use std::mem::replace;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Who has started us, as far as that one wants to hear.
pub(super) struct Above {
    socket: Option<OsString>,
    ready: bool,
    safe_mode: bool,
    stopping: bool,
}

impl Above {
    pub(super) fn of_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty());
        Self { socket, ready: false, safe_mode: false, stopping: false }
    }

    /// The control socket answers.
    pub(super) fn is_ready(&mut self) {
        if !replace(&mut self.ready, true) || replace(&mut self.safe_mode, false) {
            // After safe mode, also that of a program before this one.
            self.tell("READY=1\nSTATUS=");
        }
    }

    /// It answers that it can do nothing: who would wait for more, and end us for want of it, would end all that runs.
    pub(super) fn is_in_safe_mode(&mut self) {
        if !replace(&mut self.safe_mode, true) {
            self.ready = true;
            self.tell("READY=1\nSTATUS=safe mode: nothing is started or stopped; `supctl status` says why");
        }
    }

    /// Nothing new starts any more.
    pub(super) fn is_stopping(&mut self) {
        if !replace(&mut self.stopping, true) {
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
