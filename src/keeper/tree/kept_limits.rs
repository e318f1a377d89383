//! Limits of pods that outlive their keeper, under a systemd that starts the next one where controllers were handed
//! down: there the kernel takes no process, and every start would fail. So the unit of systemd has them taken back
//! after each end (`supd take-back-controllers`, in a cgroup beside those of supd), and the next keeper hands them down
//! anew. With its controllers a cgroup loses its limits: they are kept in a file meanwhile.
//!
//! From systemd 254 on `DelegateSubgroup=` starts supd below, and nothing of this is needed; there the file is never
//! made, and without it nothing is taken back.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::limits::KEPT_LIMITS_BYTES_MAX;
use crate::place::cgroups::Layout;
use crate::wire::cgroup::Tree;
use crate::wire::cgroup::setting::Setting;

const TAKE_BACK: &str = "take-back-controllers";
/// Names the file, for keepers and for what is run after them.
const VARIABLE: &str = "SUPD_KEPT_LIMITS";
/// What systemd calls the cgroup of what it runs for a service beside it.
const BESIDE: &str = ".control";
/// What may have been set of a group, and what stands there if nothing was.
const FILES: [(&str, &str); 6] = [
    // Before the bound that it is for.
    ("memory.oom.group", "0"),
    ("memory.high", "max"),
    ("memory.max", "max"),
    ("cpu.max", "max 100000"),
    ("cpu.weight", "100"),
    ("pids.max", "max"),
];

/// Where they are kept.
pub(super) struct KeptLimits(PathBuf);

impl KeptLimits {
    /// If whoever has started us takes controllers back after our end.
    pub(super) fn of_environment() -> Option<Self> {
        std::env::var_os(VARIABLE).map(PathBuf::from).filter(|path| path.is_absolute()).map(Self)
    }

    /// From here on they are taken back.
    pub(super) fn begin(&self) -> io::Result<()> {
        fs::File::options().append(true).create(true).open(&self.0).map(drop)
    }

    /// Gives pods that live on what they had. From here on the file is empty.
    pub(super) fn restore(&self, top: &Path) {
        let (Ok(text), Ok(tree)) = (self.read(), Tree::open(top)) else { return };
        for (group, settings) in parse(&text) {
            tree.restore(group, &settings);
        }
        let _ = self.write("");
    }

    /// There is nothing to take back.
    pub(super) fn end(&self) {
        let _ = fs::remove_file(&self.0);
    }

    fn read(&self) -> io::Result<String> {
        let mut text = String::new();
        fs::File::open(&self.0)?.take(KEPT_LIMITS_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Whole, or as it was.
    fn write(&self, text: &str) -> io::Result<()> {
        let new = self.0.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(&new, &self.0)
    }
}

/// Whether the arguments are those that systemd's unit calls us by after an end.
pub fn is_meant(arguments: &[OsString]) -> bool {
    matches!(arguments, [word] if word == TAKE_BACK)
}

/// Takes controllers back, and says what is in the way; the exit code.
pub fn run() -> u8 {
    match take_back() {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("supd {TAKE_BACK}: {why}");
            1
        }
    }
}

/// Where a keeper has handed them down and is gone, keeps the limits, and makes its cgroup one that the next keeper can
/// be started in; that even where nothing can be kept.
fn take_back() -> Result<(), String> {
    let kept = KeptLimits::of_environment().ok_or_else(|| format!("{VARIABLE} names no file"))?;
    if !kept.0.exists() {
        return Ok(());
    }
    let layout = Layout::look().map_err(|error| format!("cannot see the cgroups: {error}"))?;
    let own = layout.unified.and_then(|cgroup| cgroup.own).ok_or("there are no cgroups of version 2")?;
    let beside = own.file_name().is_some_and(|name| name == BESIDE);
    let top = own.parent().filter(|_| beside).ok_or("only what starts supd can take anything back")?;
    let tree = Tree::open(top).map_err(|error| format!("{}: {error}", top.display()))?;
    // What a start that came to nothing has left is what pods had; now they have nothing.
    let noted = match kept.read().map_or(true, |text| text.is_empty()) {
        true => kept.write(&note(&tree)),
        false => Ok(()),
    };
    tree.take_back().map_err(|error| format!("{}: {error}", top.display()))?;
    noted.map_err(|error| format!("pods have lost their limits: {}: {error}", kept.0.display()))
}

/// A line for every group that is there, and one for each of its limits.
fn note(tree: &Tree) -> String {
    let mut text = String::new();
    for group in tree.groups() {
        let found = FILES.map(|(file, usual)| (file, usual, tree.read(&group, file).ok()));
        // Where no controller was, none is wanted.
        if found.iter().all(|(.., value)| value.is_none()) {
            continue;
        }
        text.push_str(&format!("{group}\n"));
        for (file, usual, value) in found {
            let value = value.as_deref().map_or(usual, str::trim);
            if value != usual && !value.is_empty() {
                text.push_str(&format!("{group} {file} {value}\n"));
            }
        }
    }
    text
}

/// The same, read back. What is no limit of a group is nothing.
fn parse(text: &str) -> Vec<(&str, Vec<Setting>)> {
    let mut found: Vec<(&str, Vec<Setting>)> = Vec::new();
    for line in text.lines() {
        let Some((group, setting)) = line.split_once(' ') else {
            found.push((line, Vec::new()));
            continue;
        };
        let Some((file, value)) = setting.split_once(' ') else { continue };
        let known = FILES.iter().any(|(name, _)| *name == file);
        if let Some((_, settings)) = found.last_mut().filter(|(last, _)| known && *last == group) {
            settings.push(Setting::new(file, value));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cgroup::UNITS;

    /// Files stand in for those of the kernel.
    fn tree(top: &Path) -> Tree {
        for (group, file, value) in [
            ("web/web-0", "memory.max", "67108864"),
            ("web/web-0", "memory.high", "max"),
            ("web/web-0", "cpu.max", "50000 100000"),
            ("shop/shop-0", "cgroup.procs", ""),
            ("shop/shop-0/main", "pids.max", "9"),
        ] {
            let group = top.join(UNITS).join(group);
            fs::create_dir_all(&group).unwrap();
            fs::write(group.join(file), format!("{value}\n")).unwrap();
        }
        Tree::open(top).unwrap()
    }

    #[test]
    fn what_is_noted_reads_back() {
        let top = tempfile::tempdir().unwrap();
        let text = note(&tree(top.path()));
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        let expected = [
            "shop/shop-0/main",
            "shop/shop-0/main pids.max 9",
            "web/web-0",
            "web/web-0 cpu.max 50000 100000",
            "web/web-0 memory.max 67108864",
        ];
        assert_eq!(lines, expected);
        let web = parse(&text).into_iter().find(|(group, _)| *group == "web/web-0").unwrap();
        let expected = [Setting::new("memory.max", "67108864"), Setting::new("cpu.max", "50000 100000")];
        assert_eq!(web.1, expected);
    }

    #[test]
    fn what_is_no_limit_is_left_out() {
        let text = "web/web-0\nweb/web-0 cgroup.kill 1\nother/other-0 memory.max 1\nweb/web-0 memory.max\n";
        assert_eq!(parse(text), [("web/web-0", Vec::new())]);
    }

    #[test]
    fn limits_come_back_to_groups_that_are_there() {
        let top = tempfile::tempdir().unwrap();
        let _tree = tree(top.path());
        let kept = KeptLimits(top.path().join("kept"));
        kept.begin().unwrap();
        kept.begin().unwrap();
        kept.write("web/web-0\nweb/web-0 memory.max 11111111\ngone/gone-0\ngone/gone-0 memory.max 5\n")
            .unwrap();
        kept.restore(top.path());
        assert_eq!(fs::read_to_string(top.path().join("units/web/web-0/memory.max")).unwrap(), "11111111\n");
        assert!(!top.path().join("units/gone").exists());
        assert_eq!(kept.read().unwrap(), "");
        kept.end();
        assert!(kept.read().is_err());
    }
}
