//! Which calls of the kernel supd has here: tried one by one, each in a child that may be killed for it.

use std::io;

use super::check::{Check, Group};
use super::survey::{Site, Survey};
use crate::sys::probe::{self, Answer};

/// A call, and what it is for.
struct Call {
    name: &'static str,
    attempt: fn() -> io::Result<()>,
    with: &'static str,
    without: &'static str,
    /// The first kernel that has it.
    since: &'static str,
    need: Need,
}

/// Who needs it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// supd, or it does not start.
    Always,
    /// The same where it is not PID 1.
    Subreaper,
    /// Nobody: there is another way, or less is done.
    Nobody,
}

const CALLS: [Call; 13] = [
    Call {
        name: "memfd_create",
        attempt: probe::memfd,
        with: "the roles of supd share memory",
        without: "the roles of supd have no memory to share",
        since: "3.17",
        need: Need::Always,
    },
    Call {
        name: "child subreaper",
        attempt: probe::subreaper,
        with: "what a run leaves behind is supd's, where it is not PID 1",
        without: "what a run leaves behind is somebody else's",
        since: "3.4",
        need: Need::Subreaper,
    },
    Call {
        name: "execveat",
        attempt: probe::execute_descriptor,
        with: "roles are started from the very file that supd was",
        without: "roles are started by path: after an upgrade they are of the new version at once",
        since: "3.19",
        need: Need::Nobody,
    },
    Call {
        name: "clone3",
        attempt: probe::clone3,
        with: "runs are started by it",
        without: "runs are started by clone instead",
        since: "5.3",
        need: Need::Nobody,
    },
    Call {
        name: "CLONE_PARENT",
        attempt: probe::clone_for_parent,
        with: "runs are born as the keeper's children",
        without: "each start takes a spawner of its own, and so a few milliseconds more",
        since: "2.6",
        need: Need::Nobody,
    },
    Call {
        name: "pidfd_open",
        attempt: probe::pidfd_open,
        with: "the end of a run is known at once",
        without: "the ends of runs are looked for after each SIGCHLD",
        since: "5.3",
        need: Need::Nobody,
    },
    Call {
        name: "pidfd_send_signal",
        attempt: probe::pidfd_send_signal,
        with: "a signal can reach nobody but whom it is meant for",
        without: "signals go by number, which is safe for children only: after a crash of supd, what runs is left alone",
        since: "5.1",
        need: Need::Nobody,
    },
    Call {
        name: "waitid(P_PIDFD)",
        attempt: probe::wait_for_pidfd,
        with: "runs are waited for by descriptor",
        without: "runs are waited for by number",
        since: "5.4",
        need: Need::Nobody,
    },
    Call {
        name: "PIDFD_GET_INFO",
        attempt: probe::ending_of_reaped,
        with: "after a crash of supd it is still known how runs ended",
        without: "after a crash of supd it is not known how runs ended that ended meanwhile",
        since: "6.15",
        need: Need::Nobody,
    },
    Call {
        name: "close_range",
        attempt: probe::close_range,
        with: "runs get no descriptor that is not theirs",
        without: "descriptors that supd was started with are closed one by one",
        since: "5.11",
        need: Need::Nobody,
    },
    Call {
        name: "mount namespaces",
        attempt: probe::mount_privately,
        with: "units may have volumes",
        without: "units with volumes that must be mounted are refused",
        since: "5.2",
        need: Need::Nobody,
    },
    Call {
        name: "landlock",
        attempt: probe::landlock,
        with: "the logger can reach no file but logs",
        without: "the logger is not confined to its directory",
        since: "5.13",
        need: Need::Nobody,
    },
    Call {
        name: "pseudoterminals",
        attempt: probe::pseudoterminal,
        with: "programs can make terminals",
        without: "no program can make a terminal",
        since: "2.6",
        need: Need::Nobody,
    },
];

pub(super) fn group(survey: &Survey) -> Group {
    let checks = CALLS.iter().map(|call| call.check(probe::attempt(call.attempt), survey.site)).collect();
    Group::of("Kernel calls", survey.whose_looks(), checks)
}

impl Call {
    fn check(&self, answer: Answer, site: Site) -> Check {
        let why = match answer {
            Answer::Yes => return Check::yes(self.name, self.with),
            Answer::Refused(errno) => probe::describe(errno).to_lowercase(),
            // There is no way back from that: whoever tries it is dead.
            Answer::Killed(signal) => {
                let words = format!("whoever calls it is killed by {}", probe::signal_name(signal));
                return Check::no(self.name, words).remedy("a seccomp profile that refuses it with an error");
            }
        };
        let words = format!("{} ({why})", self.without);
        let needed = self.need == Need::Always || self.need == Need::Subreaper && site == Site::Host;
        let check = if needed { Check::no(self.name, words) } else { Check::degraded(self.name, words) };
        check.remedy(self.remedy(answer, site))
    }

    fn remedy(&self, answer: Answer, site: Site) -> String {
        let denied = matches!(answer, Answer::Refused(libc::EPERM | libc::EACCES));
        match self.name {
            "mount namespaces" if denied => site.capability("SYS_ADMIN"),
            "pseudoterminals" => "a /dev/pts".to_owned(),
            _ => site.call(self.since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    fn call(name: &str) -> &'static Call {
        static KNOWN: [Call; 13] = CALLS;
        KNOWN.iter().find(|call| call.name == name).unwrap()
    }

    #[test]
    fn a_refusal_is_degraded_unless_it_is_needed() {
        let refused = Answer::Refused(libc::ENOSYS);
        assert_eq!(call("clone3").check(refused, Site::Container).status, Status::Degraded);
        assert_eq!(call("clone3").check(Answer::Yes, Site::Container).status, Status::Yes);
        assert_eq!(call("memfd_create").check(refused, Site::Container).status, Status::No);
        assert_eq!(call("child subreaper").check(refused, Site::Container).status, Status::Degraded);
        assert_eq!(call("child subreaper").check(refused, Site::Host).status, Status::No);
    }

    #[test]
    fn who_would_be_killed_cannot_work() {
        let check = call("close_range").check(Answer::Killed(31), Site::Container);
        assert_eq!(
            (check.status, check.means.as_str()),
            (Status::No, "whoever calls it is killed by SIGSYS")
        );
    }

    #[test]
    fn what_is_denied_has_another_remedy_than_what_is_unknown() {
        let mounts = call("mount namespaces");
        let remedy = |errno| mounts.check(Answer::Refused(errno), Site::Container).remedy.unwrap();
        assert!(remedy(libc::EPERM).contains("--cap-add SYS_ADMIN"));
        assert!(remedy(libc::ENOSYS).contains("Linux 5.2 and a seccomp profile"));
    }
}
