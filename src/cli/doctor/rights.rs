//! With which rights supd works: its user, its capabilities, and what limits them.

use nix::unistd::geteuid;

use super::check::{Check, Group};
use super::survey::{Site, Survey};
use crate::place::rights;
use crate::sys::probe;

/// A capability, what it is for, and where nobody needs it.
struct Right {
    name: &'static str,
    with: &'static str,
    without: &'static str,
    machine_only: bool,
}

const RIGHTS: [Right; 9] = [
    Right {
        name: "SETUID",
        with: "units may have a `user`",
        without: "units with another `user` are refused",
        machine_only: false,
    },
    Right {
        name: "SETGID",
        with: "units may have a `group` and further ones",
        without: "units with another `group` are refused",
        machine_only: false,
    },
    Right {
        name: "KILL",
        with: "processes of every user can be stopped",
        without: "processes that have become another user's cannot be stopped",
        machine_only: false,
    },
    Right {
        name: "CHOWN",
        with: "volumes can be given to a group",
        without: "volumes with an `fsGroup` are refused",
        machine_only: false,
    },
    Right {
        name: "DAC_OVERRIDE",
        with: "files of every user can be read and written",
        without: "files that only others may read (`env_file`, units) are refused",
        machine_only: false,
    },
    Right {
        name: "SYS_ADMIN",
        with: "units may have volumes",
        without: "units with volumes that must be mounted are refused",
        machine_only: false,
    },
    Right {
        name: "SYS_RESOURCE",
        with: "limits of units may be above supd's own",
        without: "limits above supd's own are lowered to them, with a warning",
        machine_only: false,
    },
    Right {
        name: "NET_ADMIN",
        with: "units can set up the network",
        without: "units that set up the network fail",
        machine_only: true,
    },
    Right {
        name: "SYS_BOOT",
        with: "the machine can be switched off and restarted",
        without: "the machine cannot be switched off or restarted",
        machine_only: true,
    },
];

pub(super) fn group(survey: &Survey) -> Group {
    let (user, capabilities, no_new_privileges) = match survey.supd() {
        Some(place) => (place.user, place.capabilities.clone(), place.no_new_privileges),
        None => {
            let own = rights::names(probe::capabilities().unwrap_or(0));
            (geteuid().as_raw(), own, probe::no_new_privs())
        }
    };
    let mut checks = vec![who(user, survey.site)];
    checks.extend(RIGHTS.iter().map(|right| right.check(&capabilities, survey.site)));
    checks.push(may_gain(no_new_privileges, survey.site));
    checks.push(filter());
    Group::of("Privileges", survey.whose_rights(), checks)
}

impl Right {
    fn check(&self, held: &[String], site: Site) -> Check {
        if held.iter().any(|name| name == self.name) {
            return Check::yes(self.name, self.with);
        }
        if self.machine_only && site != Site::Machine {
            return Check::none(self.name, "only the init of a machine needs it");
        }
        Check::degraded(self.name, self.without).remedy(site.capability(self.name))
    }
}

fn who(user: u32, site: Site) -> Check {
    if user == 0 {
        return Check::yes("root", "units may run as every user, as far as the capabilities below go");
    }
    let check = Check::degraded("root", format!("user {user}: all units run as this user"));
    match site {
        Site::Container => check.remedy("`--user 0`"),
        Site::Machine | Site::Host => check.remedy("supd as root"),
    }
}

fn may_gain(no_new_privileges: bool, site: Site) -> Check {
    const NAME: &str = "new privileges";
    if !no_new_privileges {
        return Check::yes(NAME, "programs like sudo, su and ping get the rights that their files give them");
    }
    let check = Check::degraded(NAME, "no_new_privs is set: sudo, su and the like gain nothing");
    match site {
        Site::Container => {
            check.remedy("no `--security-opt no-new-privileges`, or `allowPrivilegeEscalation`")
        }
        Site::Machine | Site::Host => check.remedy("`NoNewPrivileges=no` in supd's unit"),
    }
}

fn filter() -> Check {
    match probe::seccomp() {
        Some(false) => Check::yes("system calls", "no filter (seccomp) is in force"),
        Some(true) => {
            Check::yes("system calls", "a filter (seccomp) is in force: what it refuses stands below")
        }
        None => Check::none("system calls", "this kernel does not tell of filters"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn what_is_missing_matters_by_place() {
        let boot = RIGHTS.iter().find(|right| right.name == "SYS_BOOT").unwrap();
        let none: [String; 0] = [];
        assert_eq!(boot.check(&none, Site::Container).status, Status::None);
        assert_eq!(boot.check(&none, Site::Machine).status, Status::Degraded);
        assert_eq!(boot.check(&["SYS_BOOT".to_owned()], Site::Machine).status, Status::Yes);
        let kill = RIGHTS.iter().find(|right| right.name == "KILL").unwrap();
        assert!(kill.check(&none, Site::Container).remedy.unwrap().contains("--cap-add KILL"));
        assert!(kill.check(&none, Site::Host).remedy.unwrap().contains("=CAP_KILL` in"));
    }
}
