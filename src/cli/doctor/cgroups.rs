//! Cgroups: which there are, whether supd may make its own, and what they can do.

use std::fs;
use std::path::Path;

use super::check::{Check, Group};
use super::survey::{Site, Survey};
use crate::place::cgroups::{Cgroup, Delegation, Layout, Mode};

pub(super) fn group(survey: &Survey) -> Group {
    let checks = match Layout::look() {
        Ok(layout) => of_layout(&layout, survey.site),
        Err(_) => {
            let words = "not known without /proc: a stopped run is ended by its process group";
            vec![Check::degraded("version", words).remedy("`mount -t proc proc /proc`")]
        }
    };
    Group::of("Cgroups", survey.whose_looks(), checks)
}

fn of_layout(layout: &Layout, site: Site) -> Vec<Check> {
    let mut checks = vec![version(layout, site)];
    if let Some(unified) = &layout.unified {
        checks.push(delegation("v2 delegated", unified, site));
        checks.push(controllers(unified));
        checks.push(ability("cgroup.kill", unified, "a whole tree is killed at once", "5.14"));
        checks.push(ability("cgroup.freeze", unified, "a whole tree can be held still", "5.2"));
    }
    let with_controllers = || layout.legacy.iter().filter(|tree| !tree.is_only_a_name());
    if let Some(first) = with_controllers().next() {
        let names: Vec<String> = with_controllers().flat_map(|tree| tree.controllers.clone()).collect();
        checks.push(Check::yes("v1 controllers", names.join(", ")));
        let shown = layout.legacy("freezer").or(layout.legacy("pids")).unwrap_or(&first.cgroup);
        checks.push(delegation("v1 delegated", shown, site));
    }
    checks
}

fn version(layout: &Layout, site: Site) -> Check {
    match layout.mode() {
        Mode::V2 => Check::yes("version", "v2"),
        Mode::V1 => Check::yes("version", "v1: one tree for each controller"),
        Mode::Hybrid => {
            Check::yes("version", "hybrid: controllers in trees of v1, processes in one of v2, too")
        }
        Mode::None => {
            let words = "none are mounted: a stopped run is ended by its process group, \
                         and what has left that outlives it";
            let check = Check::degraded("version", words);
            match site {
                Site::Container => {
                    check.remedy("`--cgroupns private` and a container manager that mounts them")
                }
                Site::Machine | Site::Host => check.remedy("`mount -t cgroup2 cgroup2 /sys/fs/cgroup`"),
            }
        }
    }
}

fn delegation(name: &'static str, cgroup: &Cgroup, site: Site) -> Check {
    let why = match cgroup.delegation() {
        Delegation::Ours => {
            let own = cgroup.own.as_deref().unwrap_or(&cgroup.mount_point);
            return Check::yes(name, format!("cgroups can be made below {}", own.display()));
        }
        Delegation::ReadOnly => "it is mounted read-only",
        Delegation::Foreign => "it belongs to somebody else",
        Delegation::Unseen => "what is mounted does not show our own",
    };
    let check = Check::degraded(name, format!("no cgroup can be made for a pod: {why}"));
    match site {
        Site::Container => check.remedy(
            "`--cgroupns private` with the cgroup mounted writable (`--privileged`, \
                                         or podman's `--security-opt unmask=/sys/fs/cgroup`)",
        ),
        Site::Host => check.remedy("`Delegate=yes` in supd's unit"),
        Site::Machine => check.remedy("`mount -o remount,rw /sys/fs/cgroup`"),
    }
}

fn controllers(cgroup: &Cgroup) -> Check {
    let own = cgroup.own.as_deref().unwrap_or(&cgroup.mount_point);
    let found = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
    let names: Vec<&str> = found.split_whitespace().collect();
    match names.is_empty() {
        true => Check::degraded("v2 controllers", "none: this tree groups processes, and limits nothing"),
        false => Check::yes("v2 controllers", names.join(", ")),
    }
}

/// The root of all has no such files: one below it tells.
fn ability(name: &'static str, cgroup: &Cgroup, with: &'static str, since: &str) -> Check {
    let own = cgroup.own.as_deref().unwrap_or(&cgroup.mount_point);
    let below = || fs::read_dir(own).into_iter().flatten().flatten().map(|entry| entry.path());
    let has = |directory: &Path| directory.join(name).exists();
    if has(own) || below().any(|directory| has(&directory)) {
        return Check::yes(name, with);
    }
    if !below().any(|path| path.is_dir()) && !own.join("cgroup.events").exists() {
        return Check::none(name, "not known: the tree has no cgroup but its root");
    }
    Check::degraded(name, "processes are signalled one by one").remedy(format!("Linux {since}"))
}
