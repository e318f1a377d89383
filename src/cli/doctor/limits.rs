//! Limits: how many runs, processes and bytes this place has room for.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};

use super::check::{Check, Group};
use super::survey::{Site, Survey};
use crate::cli::rows::size;
use crate::place::cgroups::{Cgroup, Layout};

/// Descriptors of a logged run: itself, and its two pipes.
const DESCRIPTORS_EACH: u64 = 3;
/// Descriptors that supd has for itself.
const DESCRIPTORS_OWN: u64 = 64;
/// Fewer runs than this are few.
const RUNS_FEW: u64 = 400;

pub(super) fn group(survey: &Survey) -> Group {
    let layout = Layout::look().unwrap_or_default();
    let checks = vec![
        open_files(survey),
        processes(),
        bound("pids.max", &layout, &["pids.max"], "pids", &|text| text.to_owned()),
        bound("memory.max", &layout, &["memory.max", "memory.limit_in_bytes"], "memory", &|text| {
            text.parse().map_or_else(|_| text.to_owned(), size)
        }),
    ];
    Group::of("Limits", survey.whose_looks(), checks)
}

fn open_files(survey: &Survey) -> Check {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    let hard = survey.supd().map_or(hard, |place| place.open_files_max);
    let runs = hard.saturating_sub(DESCRIPTORS_OWN) / DESCRIPTORS_EACH;
    let words = format!("{soft} soft, {hard} hard: enough for {runs} logged runs at a time");
    if runs >= RUNS_FEW {
        return Check::yes("open files", words);
    }
    let check = Check::degraded("open files", words);
    match survey.site {
        Site::Container => check.remedy("`--ulimit nofile=1024:524288`"),
        Site::Machine | Site::Host => check.remedy("`LimitNOFILE=` in supd's unit, or `ulimit -Hn`"),
    }
}

fn processes() -> Check {
    match getrlimit(Resource::RLIMIT_NPROC) {
        Ok((soft, _)) if soft < u64::from(u32::MAX) => {
            Check::yes("processes", format!("{soft} of this user on the whole machine"))
        }
        _ => Check::yes("processes", "as many as the machine takes"),
    }
}

/// The smallest of the bounds of our cgroup and of those above it that can be seen.
fn bound(
    name: &'static str,
    layout: &Layout,
    files: &[&str],
    controller: &str,
    shown: &dyn Fn(&str) -> String,
) -> Check {
    let trees = [layout.unified.as_ref(), layout.legacy(controller)];
    let smallest = trees.into_iter().flatten().filter_map(|tree| smallest(tree, files)).min();
    match smallest {
        // What version 1 calls no bound is nearly all that fits into a number.
        Some(bound) if bound < 1 << 60 => Check::yes(name, shown(&bound.to_string())),
        _ => Check::yes(name, "no bound by a cgroup"),
    }
}

fn smallest(tree: &Cgroup, files: &[&str]) -> Option<u64> {
    let own = tree.own.as_deref()?;
    let ours = own.ancestors().take_while(|path| path.starts_with(&tree.mount_point));
    let texts = ours.flat_map(|path| files.iter().map(|file| fs::read_to_string(path.join(file))));
    texts.flatten().filter_map(|text| text.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_may_be_that_of_a_cgroup_above() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("a/b");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("pids.max"), "max\n").unwrap();
        fs::write(dir.path().join("a/pids.max"), "100\n").unwrap();
        let tree = Cgroup { mount_point: dir.path().to_owned(), own: Some(own), read_only: false };
        assert_eq!(smallest(&tree, &["pids.max"]), Some(100));
        let layout = Layout { unified: Some(tree), legacy: Vec::new() };
        let show = |text: &str| text.to_owned();
        assert_eq!(bound("pids.max", &layout, &["pids.max"], "pids", &show).means, "100");
        assert_eq!(
            bound("memory.max", &layout, &["memory.max"], "memory", &show).means,
            "no bound by a cgroup"
        );
    }
}
