//! Whose init supd is, and what surrounds it.

use super::check::{Check, Group};
use super::survey::{Site, Survey};
use crate::control::objects::InitOf;
use crate::place;
use crate::place::container::UNKNOWN;
use crate::place::init::Namespace;
use crate::sys::probe;

pub(super) fn group(survey: &Survey) -> Group {
    let checks = vec![init(survey), pid_namespace(), user_namespace(), kernel(), host_name()];
    Group::new("Place", checks)
}

fn init(survey: &Survey) -> Check {
    let by = match survey.manager.as_deref() {
        Some(UNKNOWN) | None => String::new(),
        Some(manager) => format!(" ({manager})"),
    };
    let user = survey.supd().map_or(0, |supd| supd.user);
    let words = match (survey.supd().map(|supd| supd.init_of), survey.site) {
        (Some(InitOf::Machine), _) => {
            "PID 1 of the machine: all its processes are supd's in the end".to_owned()
        }
        (Some(InitOf::Container), _) => format!("PID 1 of a container{by}: its end is the container's"),
        (Some(InitOf::Nobody), Site::Container) => {
            format!("a subreaper in a container{by}: somebody else is PID 1")
        }
        (Some(InitOf::Nobody), _) if user != 0 => format!("a subreaper: the manager of user {user}'s units"),
        (Some(InitOf::Nobody), _) => "a subreaper: somebody else is PID 1".to_owned(),
        (None, Site::Container) => format!("this is a container{by}"),
        (None, _) => "this is a machine".to_owned(),
    };
    Check::yes("init", words)
}

fn pid_namespace() -> Check {
    let words = match Namespace::look() {
        Namespace::First => "the machine's own",
        Namespace::Other => "one of its own: other processes of the machine are out of reach",
    };
    Check::yes("PID namespace", words)
}

fn user_namespace() -> Check {
    match place::read("/proc/self/uid_map") {
        Ok(map) => user_ids(&map),
        Err(_) => Check::none("user ids", "not known without /proc"),
    }
}

/// Lines of (first id here, first id outside, how many).
fn user_ids(map: &str) -> Check {
    const ALL: u64 = u32::MAX as u64;
    let lines =
        map.lines().map(|line| line.split_whitespace().filter_map(|word| word.parse().ok()).collect());
    let ranges: Vec<Vec<u64>> = lines.collect();
    let count: u64 = ranges.iter().filter_map(|range| range.get(2)).sum();
    match (ranges.as_slice(), count) {
        ([only], ALL) if only.first() == Some(&0) && only.get(1) == Some(&0) => {
            Check::yes("user ids", "all: those of the machine")
        }
        (_, 0) => Check::degraded("user ids", "a user namespace without any: nobody can be another user"),
        (_, 1) => Check::degraded("user ids", "one only: units cannot have a `user` of their own")
            .remedy("more ids in the user namespace, by /etc/subuid"),
        (_, count) => Check::yes("user ids", format!("{count}, in a user namespace")),
    }
}

fn kernel() -> Check {
    let (name, release, machine) = probe::kernel();
    Check::yes("kernel", format!("{name} {release} on {machine}"))
}

fn host_name() -> Check {
    let name = nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned();
    match name.as_str() {
        "" | "(none)" => Check::degraded("host name", "none was given: programs take it for unknown")
            .remedy("a line in /etc/hostname"),
        _ => Check::yes("host name", name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn maps_of_user_ids() {
        for (map, status, words) in [
            ("         0          0 4294967295\n", Status::Yes, "all"),
            ("0 1000 1\n", Status::Degraded, "one only"),
            ("0 1000 1\n1 100000 65536\n", Status::Yes, "65537, in"),
            ("0 100000 4294967295\n", Status::Yes, "4294967295, in"),
            ("", Status::Degraded, "without any"),
        ] {
            let check = user_ids(map);
            assert_eq!(check.status, status, "{map}");
            assert!(check.means.contains(words), "{check:?}");
        }
    }
}
