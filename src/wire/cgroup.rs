//! The tree of cgroups (version 2) that runs are in, as keeper, spawners and manager find it.
//!
//! ```text
//!   <top>/supd                    keeper, manager, logger, spawners: a leaf
//!   <top>/units/web/web-0         the pod of one process
//!   <top>/units/shop/shop-0/main  one process of a pod of several
//! ```
//!
//! The keeper makes `<top>` once. A group is made by the spawner that starts the first run in it, is kept over
//! restarts, and is removed by a spawner when the manager says so: that may take its time. The keeper ends what is
//! in a group, and sees when it is empty. Every name comes through the gate of unit names, and is checked again.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::limits::{
    GROUP_BYTES_MAX, GROUP_FILE_BYTES_MAX, GROUP_KILL_ROUNDS_MAX, GROUP_PROCESSES_MAX, GROUPS_SWEPT_MAX,
};
use crate::sys::process::kill;

pub mod setting;

use setting::Setting;

/// Below `<top>`: supd's own processes.
pub const ROLES: &str = "supd";
/// Below `<top>`: everything that it runs.
pub const UNITS: &str = "units";

/// What counts in every group, since it costs next to nothing; other controllers are only where a limit needs them.
const ACCOUNTED: [&str; 2] = ["memory", "pids"];

/// The tree, open.
pub struct Tree {
    units: OwnedFd,
    path: PathBuf,
}

/// What the kernel says of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Something lives in it, or below it.
    pub populated: bool,
    /// Nothing in it goes on.
    pub frozen: bool,
}

/// A group that a run is about to be born in.
pub struct Entered {
    /// Its directory.
    pub directory: OwnedFd,
    /// It was there before: what it has counted is of others, too.
    pub used: bool,
}

/// Why a group is not as it should be.
#[derive(Debug)]
pub struct Unmade {
    /// The file, or the group's path.
    pub what: String,
    /// What the kernel said.
    pub error: io::Error,
}

impl Tree {
    /// Opens what the keeper has made.
    pub fn open(top: &Path) -> io::Result<Self> {
        let path = top.join(UNITS);
        let units = openat(nix::fcntl::AT_FDCWD, &path, DIRECTORY, Mode::empty())?;
        Ok(Self { units, path })
    }

    /// Where a group is.
    pub fn path(&self, group: &str) -> PathBuf {
        self.path.join(group)
    }

    /// What the kernel says of it.
    pub fn state(&self, group: &str) -> io::Result<State> {
        // One read: at the end of every run.
        let mut bytes = [0; 128];
        let length = self.events(group)?.read(&mut bytes)?;
        Ok(State::parse(str::from_utf8(bytes.get(..length).unwrap_or_default()).unwrap_or_default()))
    }

    /// The file that says when a group is empty: readable with priority when it has changed since it was read.
    pub fn events(&self, group: &str) -> io::Result<File> {
        self.file(group, "cgroup.events", OFlag::O_RDONLY)
    }

    /// Ends everything in a group, whatever it is doing; frozen processes, too, and those that fork meanwhile.
    pub fn kill(&self, group: &str) -> io::Result<()> {
        let killed = match self.write(group, "cgroup.kill", "1") {
            // Before Linux 5.14, or something in it that is threaded.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EOPNOTSUPP)) => {
                self.state(group).and_then(|_| self.kill_each(group))
            }
            other => other,
        };
        // A group that is kept must not hold what is started in it next.
        let _ = self.write(group, "cgroup.freeze", "0");
        killed
    }

    /// Lets a group go on.
    pub fn thaw(&self, group: &str) {
        let _ = self.write(group, "cgroup.freeze", "0");
    }

    /// One after the other, in the groups below it, too; while nothing there can fork, and in rounds where it can.
    fn kill_each(&self, group: &str) -> io::Result<()> {
        let _ = self.write(group, "cgroup.freeze", "1");
        for _ in 0..GROUP_KILL_ROUNDS_MAX {
            let mut there = Vec::new();
            for directory in self.directories(group) {
                let below = directory.strip_prefix(&self.path).ok().and_then(Path::to_str).unwrap_or(group);
                // One that has gone meanwhile has nobody in it.
                there.extend(self.processes(below).unwrap_or_default());
            }
            if there.is_empty() {
                break;
            }
            for pid in there.into_iter().filter(|pid| *pid > 0) {
                // In the group a moment ago, and frozen since: its number is its own.
                let _ = kill(pid, libc::SIGKILL);
            }
            self.thaw(group);
        }
        Ok(())
    }

    /// The processes of a group itself, as far as they have numbers here. Of very many the first ones.
    pub fn processes(&self, group: &str) -> io::Result<Vec<i32>> {
        let mut text = String::new();
        let room = GROUP_PROCESSES_MAX as u64 * 8;
        self.file(group, "cgroup.procs", OFlag::O_RDONLY)?.take(room).read_to_string(&mut text)?;
        Ok(numbers(&text).collect())
    }

    /// How many processes of a group the kernel has ended for want of memory, ever. `None`: nobody counts that.
    pub fn oom_kills(&self, group: &str) -> Option<u64> {
        field(&self.read(group, "memory.events").ok()?, "oom_kill")
    }

    /// A text of a group.
    pub fn read(&self, group: &str, file: &str) -> io::Result<String> {
        let mut text = String::new();
        let file = self.file(group, file, OFlag::O_RDONLY)?;
        file.take(GROUP_FILE_BYTES_MAX as u64).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Groups of pods that are there, used or not, by their units and names.
    pub fn pods(&self) -> Vec<String> {
        let pods = directories_in(&self.path).into_iter().flat_map(|unit| directories_in(&unit));
        self.names(pods).collect()
    }

    /// Those of pods, and of processes of pods of several.
    pub fn groups(&self) -> Vec<String> {
        self.names(below(self.path.clone()).into_iter()).collect()
    }

    fn names(&self, directories: impl Iterator<Item = PathBuf>) -> impl Iterator<Item = String> {
        let names =
            directories.filter_map(|path| path.strip_prefix(&self.path).ok()?.to_str().map(str::to_owned));
        names.filter(|path| is_group(path)).take(GROUPS_SWEPT_MAX)
    }

    /// Controllers that groups of pods can have.
    pub fn controllers(&self) -> Vec<String> {
        let text = self.read(".", "cgroup.controllers").unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Makes a group, unless it is there, and sets what is to be set. A spawner only.
    pub fn enter(&self, group: &str, settings: &[Setting]) -> Result<Entered, Unmade> {
        let unmade = |what: &str, error: io::Error| Unmade { what: what.to_owned(), error };
        if !is_group(group) {
            return Err(unmade(group, io::ErrorKind::InvalidInput.into()));
        }
        let found = self.directory(group);
        let used = found.is_ok();
        let directory = match found {
            Ok(directory) => directory,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make(group, settings).map_err(|error| unmade(group, error))?
            }
            Err(error) => return Err(unmade(group, error)),
        };
        for setting in settings {
            let mut written = write_at(directory.as_fd(), &setting.file, &setting.value);
            if used && matches!(&written, Err(error) if error.kind() == ErrorKind::NotFound) {
                // Made for runs that had no use for this controller.
                self.enable(group, settings);
                written = write_at(directory.as_fd(), &setting.file, &setting.value);
            }
            written.map_err(|error| unmade(&setting.file, error))?;
        }
        Ok(Entered { directory, used })
    }

    fn make(&self, group: &str, settings: &[Setting]) -> io::Result<OwnedFd> {
        for level in levels(group).chain([group]) {
            match mkdirat(&self.units, level, Mode::from_bits_truncate(0o755)) {
                Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        self.enable(group, settings);
        self.directory(group)
    }

    /// Has the levels above a group give it what counts, and what its settings need. What they cannot give shows
    /// when it is needed.
    fn enable(&self, group: &str, settings: &[Setting]) {
        let needed = settings.iter().map(|setting| setting.controller());
        let wanted: Vec<&str> = ACCOUNTED.into_iter().chain(needed).collect();
        for level in levels(group) {
            for controller in &wanted {
                let _ = self.write(level, "cgroup.subtree_control", &format!("+{controller}"));
            }
        }
    }

    /// Gives a group that is there what counts and what limits it, after all of that was taken back. As far as it can.
    pub fn restore(&self, group: &str, settings: &[Setting]) {
        if is_group(group) && self.directory(group).is_ok() {
            self.enable(group, settings);
            for setting in settings {
                let _ = self.write(group, &setting.file, &setting.value);
            }
        }
    }

    /// Takes all controllers back, from the lowest groups up to that which holds the tree, so that processes can be
    /// there. With them go all limits.
    pub fn take_back(&self) -> io::Result<()> {
        let top = self.path.parent().map(Path::to_path_buf);
        let groups = below(self.path.clone()).into_iter().rev();
        groups.chain(top).try_for_each(|group| {
            match take_back_from(&group) {
                // Somebody has just removed it.
                Err(_) if !group.exists() => Ok(()),
                done => done,
            }
        })
    }

    /// Removes a group with what is empty below and above it. A spawner only.
    pub fn remove(&self, group: &str) -> io::Result<()> {
        if !is_group(group) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.remove_below(group)?;
        match unlinkat(&self.units, group, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(nix::errno::Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        // The unit's own level, with its last pod.
        if let Some(unit) = levels(group).next() {
            let _ = unlinkat(&self.units, unit, UnlinkatFlags::RemoveDir);
        }
        Ok(())
    }

    /// Removes a group that no process can be born in any more, with what processes that were in it have made below
    /// it. The next one that needs it makes it anew. False: somebody is in it still.
    pub fn renew(&self, group: &str) -> bool {
        is_group(group)
            && self.remove_below(group).is_ok()
            && unlinkat(&self.units, group, UnlinkatFlags::RemoveDir).is_ok()
    }

    fn remove_below(&self, group: &str) -> io::Result<()> {
        // The deepest last found, first removed.
        self.directories(group).iter().skip(1).rev().try_for_each(std::fs::remove_dir)
    }

    /// Those of a group and of all groups below it, the deepest last.
    fn directories(&self, group: &str) -> Vec<PathBuf> {
        below(self.path(group))
    }

    fn directory(&self, group: &str) -> io::Result<OwnedFd> {
        Ok(openat(&self.units, group, DIRECTORY, Mode::empty())?)
    }

    fn file(&self, group: &str, name: &str, how: OFlag) -> io::Result<File> {
        let path = format!("{group}/{name}");
        Ok(openat(&self.units, path.as_str(), how | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::empty())?
            .into())
    }

    fn write(&self, group: &str, name: &str, text: &str) -> io::Result<()> {
        self.file(group, name, OFlag::O_WRONLY)?.write_all(text.as_bytes())
    }
}

const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC).union(OFlag::O_NOFOLLOW);

/// The file by which a process enters a group; for kernels where none is born in one.
pub fn door(directory: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    Ok(openat(directory, "cgroup.procs", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?)
}

fn write_at(directory: BorrowedFd<'_>, name: &str, text: &str) -> io::Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    File::from(openat(directory, name, flags, Mode::empty())?).write_all(text.as_bytes())
}

impl State {
    fn parse(events: &str) -> Self {
        let is_set = |name| field(events, name).is_some_and(|value| value != 0);
        Self { populated: is_set("populated"), frozen: is_set("frozen") }
    }
}

/// The number behind a name, of a file with a line for each.
pub fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse().ok())
}

fn directories_in(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let found = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    found.map(|entry| entry.path()).collect()
}

fn take_back_from(group: &Path) -> io::Result<()> {
    let file = group.join("cgroup.subtree_control");
    let text = std::fs::read_to_string(&file)?;
    let fewer: Vec<String> = text.split_whitespace().map(|name| format!("-{name}")).collect();
    if fewer.is_empty() {
        return Ok(());
    }
    File::options().write(true).open(&file)?.write_all(fewer.join(" ").as_bytes())
}

/// A directory and all below it, the deepest last.
fn below(top: PathBuf) -> Vec<PathBuf> {
    let mut found = vec![top];
    let mut looked = 0;
    while let Some(directory) = found.get(looked).filter(|_| found.len() < GROUPS_SWEPT_MAX) {
        let below = directories_in(directory);
        found.extend(below);
        looked += 1;
    }
    found
}

/// Whole lines alone: where the text was cut, its last number may be another process's.
fn numbers(text: &str) -> impl Iterator<Item = i32> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().filter_map(|line| line.parse().ok())
}

/// The groups that a group is in.
fn levels(group: &str) -> impl Iterator<Item = &str> {
    group.match_indices('/').map(|(at, _)| &group[..at])
}

/// Unit, pod, and perhaps process: no name that leads elsewhere, and none that the kernel has taken.
pub fn is_group(path: &str) -> bool {
    let is_name = |name: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'@' | b'.');
        !name.is_empty() && name.bytes().all(legal) && !name.starts_with('.') && !is_taken(name)
    };
    path.len() <= GROUP_BYTES_MAX
        && (2..=3).contains(&path.split('/').count())
        && path.split('/').all(is_name)
}

/// Names of the kernel's own files, now and later: `cgroup.procs`, `memory.max`.
fn is_taken(name: &str) -> bool {
    let Some((first, _)) = name.split_once('.') else { return matches!(name, "tasks" | "notify_on_release") };
    ["cgroup", "cpu", "cpuset", "io", "memory", "pids", "hugetlb", "rdma", "misc", "dmem", "debug", "irq"]
        .contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_of_a_group() {
        let state = |populated, frozen| State { populated, frozen };
        assert_eq!(State::parse("populated 1\nfrozen 0\n"), state(true, false));
        assert_eq!(State::parse("populated 0\nfrozen 1\n"), state(false, true));
        assert_eq!(State::parse("populated 0\n"), state(false, false), "before Linux 5.2");
        assert_eq!(State::parse(""), State::default());
        assert_eq!(field("low 0\noom 3\noom_kill 2\n", "oom_kill"), Some(2));
        assert_eq!(field("oom_kill x\n", "oom_kill"), None);
    }

    #[test]
    fn a_group_is_named_by_names_alone() {
        for good in ["web/web-0", "worker@eu/worker-eu-0.0000002a", "shop/shop-0/main"] {
            assert!(is_group(good), "{good}");
        }
        let long = format!("a/{}", "b".repeat(GROUP_BYTES_MAX));
        for bad in [
            "",
            "web",
            "a/b/c/d",
            "a//b",
            "/a/b",
            "a/..",
            "../a",
            "a/.",
            "a/memory.max",
            "cgroup.procs/a",
            "a/tasks",
            "a/b\n",
            &long,
        ] {
            assert!(!is_group(bad), "{bad}");
        }
    }

    #[test]
    fn a_number_that_was_cut_is_none() {
        assert_eq!(numbers("12\n345\n67").collect::<Vec<_>>(), [12, 345]);
        assert_eq!(numbers("12\n0\n").collect::<Vec<_>>(), [12, 0]);
        assert_eq!(numbers("12").count(), 0);
    }

    #[test]
    fn the_levels_above_a_group() {
        assert_eq!(levels("shop/shop-0/main").collect::<Vec<_>>(), ["shop", "shop/shop-0"]);
    }
}
