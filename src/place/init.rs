//! Whether we are the init of a machine, of a container, or nobody's: decided once, at the start.
//!
//! The one question that matters is whether our PID namespace is the machine's first. Marks that container
//! managers leave do not answer it: an image that was made for containers has them still where it is the disk of
//! a machine, and the kernel's command line can put `container=` into the environment of any init. Nor can PID 1
//! be a container's where the namespace is the machine's: that one has its PID 1 already, however much else the
//! container shares with the machine. So marks only say which manager made a container: see [`super::container`].

use std::os::fd::AsFd;

use nix::unistd::Pid;

use crate::settings::Settings;
use crate::sys::pidfd;
use crate::sys::process::{pidfd_open, session_of};

/// Whose init we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// PID 1 of a machine.
    OfMachine,
    /// PID 1 of a container; a bare PID namespace counts as one.
    OfContainer,
    /// Not PID 1: children whose parents have died come to us because we ask for them.
    OfNobody,
}

/// A PID namespace, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// The one in which the machine was started.
    First,
    /// Another one.
    Other,
}

/// What the kernel says of our PID namespace, best witness first. Each may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Witnesses {
    /// Its number in `/proc/self/ns/pid`. A kernel that was built without namespaces has no such file; gVisor,
    /// which is a kernel of its own, has one with a number of its own.
    pub link: Option<u64>,
    /// The same by a descriptor of ourselves, which needs no /proc (Linux 6.11).
    pub descriptor: Option<u64>,
    /// The session of PID 2, if there is such a process.
    pub second: Option<i32>,
}

/// The first PID namespace has this number on every kernel: PROC_PID_INIT_INO.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

impl Init {
    /// What this process is.
    pub fn look() -> Self {
        match Pid::this().as_raw() == 1 {
            true => Self::judge(true, Namespace::look()),
            false => Self::OfNobody,
        }
    }

    /// What supd was judged to be at its start.
    pub fn of(settings: &Settings) -> Self {
        match (settings.process_one, settings.container) {
            (false, _) => Self::OfNobody,
            (true, false) => Self::OfMachine,
            (true, true) => Self::OfContainer,
        }
    }

    /// The decision.
    pub fn judge(process_one: bool, namespace: Namespace) -> Self {
        match (process_one, namespace) {
            (false, _) => Self::OfNobody,
            (true, Namespace::First) => Self::OfMachine,
            (true, Namespace::Other) => Self::OfContainer,
        }
    }
}

impl Namespace {
    /// That of this process.
    pub fn look() -> Self {
        let descriptor = pidfd_open(Pid::this().as_raw()).and_then(|own| pidfd::pid_namespace(own.as_fd()));
        Self::judge(Witnesses {
            link: std::fs::read_link("/proc/self/ns/pid").ok().and_then(|link| number(link.to_str()?)),
            descriptor: descriptor.ok(),
            second: session_of(2).ok(),
        })
    }

    /// The decision. Where nothing tells the number, PID 2 does: the kernel makes it right after the first
    /// PID 1, a thread of its own that has no session, which is session 0. A namespace that has just begun has
    /// no second process.
    pub fn judge(witnesses: Witnesses) -> Self {
        let is_first = match (witnesses.link.or(witnesses.descriptor), witnesses.second) {
            (Some(number), _) => number == FIRST_PID_NAMESPACE,
            (None, second) => second == Some(0),
        };
        if is_first { Self::First } else { Self::Other }
    }
}

/// `pid:[4026531836]`
fn number(link: &str) -> Option<u64> {
    link.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Option<u64> = Some(4_026_531_836);
    const OTHER: Option<u64> = Some(4_026_532_198);

    #[test]
    fn whose_pid_one_we_are() {
        let of = |link, descriptor, second| {
            Init::judge(true, Namespace::judge(Witnesses { link, descriptor, second }))
        };
        for (what, init, expected) in [
            ("a machine with /proc", of(FIRST, FIRST, Some(0)), Init::OfMachine),
            ("a machine before /proc is mounted", of(None, FIRST, Some(0)), Init::OfMachine),
            ("the same with an older kernel", of(None, None, Some(0)), Init::OfMachine),
            ("a kernel without PID namespaces", of(None, None, Some(0)), Init::OfMachine),
            ("a machine whose PID 2 may not be asked for", of(FIRST, None, None), Init::OfMachine),
            ("a container", of(OTHER, OTHER, None), Init::OfContainer),
            ("a container without /proc", of(None, OTHER, None), Init::OfContainer),
            ("the same with an older kernel", of(None, None, None), Init::OfContainer),
            ("the same, where a second process runs", of(None, None, Some(2)), Init::OfContainer),
            ("somebody has entered from outside", of(OTHER, None, Some(0)), Init::OfContainer),
            ("gVisor numbers its namespaces from 1", of(Some(1), None, None), Init::OfContainer),
        ] {
            assert_eq!(init, expected, "{what}");
        }
        for namespace in [Namespace::First, Namespace::Other] {
            assert_eq!(Init::judge(false, namespace), Init::OfNobody);
        }
    }

    #[test]
    fn links_are_read() {
        assert_eq!(number("pid:[4026531836]"), Some(FIRST_PID_NAMESPACE));
        for link in ["pid:[]", "mnt:[1]", "pid:[x]", ""] {
            assert_eq!(number(link), None, "{link}");
        }
    }

    #[test]
    fn the_witnesses_of_this_place_agree() {
        let link = std::fs::read_link("/proc/self/ns/pid").ok().and_then(|link| number(link.to_str()?));
        let own = pidfd_open(Pid::this().as_raw()).unwrap();
        if let Ok(descriptor) = pidfd::pid_namespace(own.as_fd()) {
            assert_eq!(Some(descriptor), link);
        }
        assert_eq!(Namespace::look() == Namespace::First, link == FIRST);
    }
}
