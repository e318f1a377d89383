//! Which cgroups this place has, and where in them we are.
//!
//! Pure: `/proc/self/mountinfo` and `/proc/self/cgroup` in, the layout out. Neither text says whether we may make
//! cgroups of our own below: that is tried, by [`Cgroup::delegation`].

use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::mounts::{self, Mount};

/// Everything that is mounted of cgroups, and our place there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Version 2: one tree for everything.
    pub unified: Option<Cgroup>,
    /// Version 1: a tree for each controller, or for a few together. A tree that only has a name has none.
    pub legacy: Vec<Legacy>,
}

/// A tree of version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legacy {
    /// `cpu`, `cpuacct`, …, or `name=systemd`.
    pub controllers: Vec<String>,
    /// Where it is.
    pub cgroup: Cgroup,
}

/// A tree, and which of its cgroups is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Where the tree is mounted; it need not be mounted from its root on.
    pub mount_point: PathBuf,
    /// The directory of our own cgroup. `None`: what is mounted does not show it.
    pub own: Option<PathBuf>,
    /// It is mounted so that nobody can write there.
    pub read_only: bool,
}

/// The whole in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// None are mounted.
    None,
    /// Only version 1.
    V1,
    /// Version 2 alone, or with trees of version 1 that only have a name.
    V2,
    /// Controllers in trees of version 1, and a tree of version 2 beside them.
    Hybrid,
}

/// Whether cgroups can be made below our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delegation {
    /// We may make them, and move our processes into them.
    Ours,
    /// What is mounted can only be read.
    ReadOnly,
    /// They belong to somebody else.
    Foreign,
    /// What is mounted does not show our own.
    Unseen,
}

impl Layout {
    /// What this process sees. Without /proc nobody can say.
    pub fn look() -> io::Result<Self> {
        let table = mounts::table()?;
        match super::read("/proc/self/cgroup") {
            Ok(own) => Ok(Self::parse(&table, &own)),
            // A kernel without cgroups has no such file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// From the two texts.
    pub fn parse(mountinfo: impl AsRef<[u8]>, own: &str) -> Self {
        let mut layout = Self::default();
        let mounts = mounts::visible(mountinfo);
        for (controllers, path) in own.lines().filter_map(membership) {
            let found = match controllers.as_slice() {
                [] => best(mounts.iter().filter(|mount| mount.kind == "cgroup2"), path),
                [first, ..] => {
                    let has_it = |mount: &&Mount| mount.kind == "cgroup" && mount.options.contains(first);
                    best(mounts.iter().filter(has_it), path)
                }
            };
            match found {
                Some(cgroup) if controllers.is_empty() => layout.unified = Some(cgroup),
                Some(cgroup) => layout.legacy.push(Legacy { controllers, cgroup }),
                None => {}
            }
        }
        layout
    }

    /// In one word.
    pub fn mode(&self) -> Mode {
        let has_controllers = self.legacy.iter().any(|tree| !tree.is_only_a_name());
        match (&self.unified, has_controllers) {
            (Some(_), true) => Mode::Hybrid,
            (Some(_), false) => Mode::V2,
            (None, _) if self.legacy.is_empty() => Mode::None,
            (None, _) => Mode::V1,
        }
    }

    /// The tree of version 1 that has this controller.
    pub fn legacy(&self, controller: &str) -> Option<&Cgroup> {
        let tree = self.legacy.iter().find(|tree| tree.controllers.iter().any(|name| name == controller));
        tree.map(|tree| &tree.cgroup)
    }
}

impl Legacy {
    /// It counts and limits nothing, and only groups: `name=systemd`.
    pub fn is_only_a_name(&self) -> bool {
        self.controllers.iter().all(|name| name.starts_with("name="))
    }
}

impl Cgroup {
    /// What is mounted, as the way to the cgroup at `path`.
    fn of(mount: &Mount, path: &Path) -> Self {
        // A path that leads out of our cgroup namespace (`/../other`) cannot be followed: names are missing.
        let shown = path.strip_prefix(&mount.root).ok().filter(|rest| !rest.starts_with(".."));
        Self {
            mount_point: mount.at.clone(),
            // Joined with nothing, a path would get a slash at its end.
            own: shown.map(|rest| mount.at.join(rest).components().collect()),
            read_only: mount.read_only,
        }
    }

    /// Whether cgroups can be made below our own: what the kernel says, which does nothing by it.
    pub fn delegation(&self) -> Delegation {
        let Some(own) = &self.own else { return Delegation::Unseen };
        if self.read_only {
            return Delegation::ReadOnly;
        }
        let may = |path: &Path, how| access(path, how).is_ok();
        let make = may(own, AccessFlags::W_OK | AccessFlags::X_OK);
        match make && may(&own.join("cgroup.procs"), AccessFlags::W_OK) {
            true => Delegation::Ours,
            false => Delegation::Foreign,
        }
    }
}

impl Mode {
    /// As users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Hybrid => "hybrid",
        }
    }
}

/// `4:cpu,cpuacct:/docker/0a1b`, or `0::/` for version 2. A path may hold colons.
fn membership(line: &str) -> Option<(Vec<String>, &Path)> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    // The kernel says so of a cgroup that was removed while we are in it.
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let names = controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned);
    Some((names.collect(), Path::new(path)))
}

/// Of several mounts of one tree the first that shows our cgroup and can be written to; then one that shows it.
fn best<'a>(mounts: impl Iterator<Item = &'a Mount>, path: &Path) -> Option<Cgroup> {
    mounts.map(|mount| Cgroup::of(mount, path)).min_by_key(|cgroup| (cgroup.own.is_none(), cgroup.read_only))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(mount_point: &str, own: Option<&str>, read_only: bool) -> Cgroup {
        Cgroup { mount_point: mount_point.into(), own: own.map(PathBuf::from), read_only }
    }

    const ROOT: &str = "27 1 253:0 / / rw - ext4 /dev/vda1 rw\n";

    #[test]
    fn none() {
        let layout = Layout::parse(ROOT, "0::/\n");
        assert_eq!((layout.mode(), layout), (Mode::None, Layout::default()));
        assert_eq!(Layout::parse("", "").mode(), Mode::None);
        // The kernel has controllers, and nobody has mounted them.
        assert_eq!(Layout::parse(ROOT, "3:memory:/\n2:pids:/\n").mode(), Mode::None);
    }

    #[test]
    fn v2_of_a_machine() {
        let table = format!("{ROOT}33 27 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
        let layout = Layout::parse(&table, "0::/\n");
        assert_eq!(layout.mode(), Mode::V2);
        assert_eq!(layout.unified, Some(cgroup("/sys/fs/cgroup", Some("/sys/fs/cgroup"), false)));
    }

    #[test]
    fn v2_of_a_delegated_service() {
        let table = format!("{ROOT}33 27 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
        let own = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/supd.service\n";
        let expected = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/supd.service";
        let layout = Layout::parse(&table, own);
        assert_eq!(layout.unified.unwrap().own.unwrap(), Path::new(expected));
    }

    #[test]
    fn v2_of_a_container_is_read_only_unless_it_was_asked_for() {
        for (options, read_only) in [("ro,nosuid", true), ("rw,nosuid", false)] {
            let table = format!("{ROOT}812 27 0:28 / /sys/fs/cgroup {options} - cgroup2 cgroup rw\n");
            let layout = Layout::parse(&table, "0::/\n");
            assert_eq!(layout.unified, Some(cgroup("/sys/fs/cgroup", Some("/sys/fs/cgroup"), read_only)));
            let expected = if read_only { Delegation::ReadOnly } else { Delegation::Foreign };
            let elsewhere = cgroup("/no/such/place", Some("/no/such/place"), read_only);
            assert_eq!(elsewhere.delegation(), expected);
        }
    }

    #[test]
    fn v1_of_a_container_shows_its_part_of_each_tree() {
        let table = format!(
            "{ROOT}\
            40 27 0:50 / /sys/fs/cgroup ro - tmpfs tmpfs rw\n\
            41 40 0:31 /docker/0a1b /sys/fs/cgroup/systemd ro master:9 - cgroup cgroup rw,xattr,name=systemd\n\
            42 40 0:32 /docker/0a1b /sys/fs/cgroup/cpu,cpuacct ro master:10 - cgroup cgroup rw,cpu,cpuacct\n\
            43 40 0:33 /docker/0a1b /sys/fs/cgroup/memory rw master:11 - cgroup cgroup rw,memory\n"
        );
        let own = "4:memory:/docker/0a1b/inner\n3:cpu,cpuacct:/docker/0a1b\n2:pids:/docker/0a1b\n\
            1:name=systemd:/docker/0a1b\n";
        let layout = Layout::parse(&table, own);
        assert_eq!((layout.mode(), layout.legacy.len()), (Mode::V1, 3));
        let memory = cgroup("/sys/fs/cgroup/memory", Some("/sys/fs/cgroup/memory/inner"), false);
        assert_eq!(layout.legacy("memory"), Some(&memory));
        let cpu = cgroup("/sys/fs/cgroup/cpu,cpuacct", Some("/sys/fs/cgroup/cpu,cpuacct"), true);
        assert_eq!((layout.legacy("cpuacct"), layout.legacy("cpu")), (Some(&cpu), Some(&cpu)));
        assert_eq!(layout.legacy("pids"), None, "it is not mounted");
    }

    #[test]
    fn hybrid() {
        let trees = "\
            40 27 0:50 / /sys/fs/cgroup ro - tmpfs tmpfs rw\n\
            41 40 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
            42 40 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";
        let memory = "43 40 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let own = "2:memory:/a\n1:name=systemd:/a:b\n0::/a\n";
        let layout = Layout::parse(format!("{ROOT}{trees}{memory}"), own);
        assert_eq!(layout.mode(), Mode::Hybrid);
        let unified = layout.unified.clone().unwrap();
        assert_eq!(unified, cgroup("/sys/fs/cgroup/unified", Some("/sys/fs/cgroup/unified/a"), false));
        assert_eq!(layout.legacy[1].cgroup.own.as_deref(), Some(Path::new("/sys/fs/cgroup/systemd/a:b")));
        // A name alone is no controller.
        assert_eq!(Layout::parse(format!("{ROOT}{trees}"), own).mode(), Mode::V2);
    }

    #[test]
    fn what_is_mounted_need_not_show_us() {
        // Mounted by the host, for a container in a cgroup namespace of its own.
        let above = format!("{ROOT}33 27 0:28 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        // A part of the tree that we are not in.
        let beside = format!("{ROOT}33 27 0:28 /pods/a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        for (table, own) in [(above, "0::/\n"), (beside.clone(), "0::/pods/ab\n"), (beside, "0::/../b\n")] {
            let unified = Layout::parse(&table, own).unified.unwrap();
            assert_eq!((unified.own.as_deref(), unified.delegation()), (None, Delegation::Unseen), "{table}");
        }
    }

    #[test]
    fn of_several_mounts_the_useful_one_is_taken() {
        let table = format!(
            "{ROOT}\
            33 27 0:28 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n\
            34 27 0:28 /elsewhere /mnt rw - cgroup2 cgroup2 rw\n\
            35 27 0:28 / /cgroup rw - cgroup2 cgroup2 rw\n"
        );
        let unified = Layout::parse(&table, "0::/here (deleted)\n").unified.unwrap();
        assert_eq!(unified, cgroup("/cgroup", Some("/cgroup/here"), false));
    }

    #[test]
    fn this_place_can_be_looked_at() {
        let layout = Layout::look().unwrap();
        for cgroup in layout.unified.iter().chain(layout.legacy.iter().map(|tree| &tree.cgroup)) {
            assert!(cgroup.mount_point.is_dir(), "{cgroup:?}");
        }
    }
}
