//! What all groups start from: whether a supd answers, what it says of itself, and what sort of place this is.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;

use crate::cli::context::Context;
use crate::cli::server::Server;
use crate::cli::socket;
use crate::cli::target::Asker;
use crate::control::objects::{InfoStatus, InitOf, PlaceStatus};
use crate::place::container;
use crate::place::init::Namespace;
use crate::settings::Settings;

/// What is known before anything is tried.
pub(super) struct Survey {
    /// What the running supd says; else why it says nothing.
    pub(super) info: Result<InfoStatus, String>,
    /// The running supd is in another place than we are: what is tried here says nothing of it.
    pub(super) elsewhere: bool,
    /// What sort of place this is.
    pub(super) site: Site,
    /// The container manager that made the place, if it is a container.
    pub(super) manager: Option<String>,
    /// What a supd of this account would be told.
    pub(super) settings: Option<Settings>,
}

/// A sort of place: who can give it what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// A container: its manager.
    Container,
    /// A machine that supd is the init of: its administrator, by the kernel and its command line.
    Machine,
    /// A machine with another init, which starts supd as a service.
    Host,
}

impl Survey {
    /// Asks and looks.
    pub(super) fn make(context: &Context) -> Self {
        let answer = Server::connect(context, Asker::Question).and_then(|server| {
            let elsewhere = is_elsewhere(server.socket());
            Ok((server.info()?.status, elsewhere))
        });
        let (info, elsewhere) = match answer {
            Ok((info, elsewhere)) => (Ok(info), elsewhere),
            Err(failure) => (Err(failure.message), false),
        };
        let here = || info.as_ref().ok().filter(|_| !elsewhere).and_then(|info| info.place.as_ref());
        let (init, told) = match here() {
            Some(place) => (Some(place.init_of), place.container_manager.clone()),
            None => (None, None),
        };
        // Who asks may have lost the variables by which a manager is known.
        let manager = told.or_else(container::manager).filter(|_| init != Some(InitOf::Machine));
        let site = match init {
            Some(InitOf::Machine) => Site::Machine,
            Some(InitOf::Container) => Site::Container,
            _ if manager.is_some() || Namespace::look() == Namespace::Other => Site::Container,
            _ => Site::Host,
        };
        Self { info, elsewhere, site, manager, settings: socket::settings().ok() }
    }

    /// What the running supd says of the place that we share with it.
    pub(super) fn supd(&self) -> Option<&PlaceStatus> {
        self.info.as_ref().ok().filter(|_| !self.elsewhere)?.place.as_ref()
    }

    /// Whose rights the rows about rights are about.
    pub(super) fn whose_rights(&self) -> String {
        match self.supd() {
            Some(place) => format!("of supd, user {}", place.user),
            None => format!("of supctl, user {}", geteuid()),
        }
    }

    /// Rows that are about files and limits as we find them.
    pub(super) fn whose_looks(&self) -> String {
        format!("as supctl finds it, user {}", geteuid())
    }
}

impl Site {
    /// How to give supd a capability here.
    pub(super) fn capability(self, name: &str) -> String {
        match self {
            Self::Container => format!("`--cap-add {name}`, in Kubernetes `capabilities.add`"),
            Self::Machine => "the kernel gives it to every init; something took it away".to_owned(),
            // Root has them all, but those that somebody has taken away.
            Self::Host if geteuid().is_root() => {
                format!("`CapabilityBoundingSet=CAP_{name}` in supd's unit, or whoever else took it away")
            }
            Self::Host => format!("supd as root, or `AmbientCapabilities=CAP_{name}` in its unit"),
        }
    }

    /// How to have a system call that is refused.
    pub(super) fn call(self, since: &str) -> String {
        match self {
            Self::Container => format!("Linux {since} and a seccomp profile that allows it"),
            Self::Machine | Self::Host => format!("Linux {since}"),
        }
    }
}

/// Whether whoever listens on a socket is in another place: its process cannot be seen from here, or has another
/// root, or other processes around it. What cannot be found out is taken for here.
fn is_elsewhere(socket: &Path) -> bool {
    let Ok(stream) = UnixStream::connect(socket) else { return false };
    let Ok(peer) = getsockopt(&stream.as_fd(), PeerCredentials) else { return false };
    if peer.pid() == 0 {
        return true;
    }
    let of = |pid: &str, name: &str| std::fs::read_link(format!("/proc/{pid}/ns/{name}")).ok();
    ["pid", "mnt"].iter().any(|name| match (of(&peer.pid().to_string(), name), of("self", name)) {
        (Some(theirs), Some(ours)) => theirs != ours,
        _ => false,
    })
}
