//! Goal: a pod is everything that it has started, wherever that has gone, and ends with all of it.
//! Method: daemons that leave their process group and session, frozen cgroups, a disk that does not answer, and
//! the cgroups of version 2 that this machine lets us make: with or without controllers. Where it lets us make
//! none, SKIPPED.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::skipped::skipped;
use super::space::{Space, Supd};

/// What every pod leaves behind that nothing but its cgroup knows of.
const DAEMON: &str = "setsid sh -c 'setsid sleep 1000 & echo $! >@/daemon; exec sleep 1001' &";

/// Where the cgroups of a supd are, if it has any.
fn top(supd: &Supd) -> Option<PathBuf> {
    let own = fs::read_to_string(format!("/proc/{}/cgroup", supd.role("manager"))).unwrap();
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?.strip_suffix("/supd")?.to_owned();
    let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
    let root = roots.into_iter().find(|root| root.join("cgroup.procs").exists())?;
    Some(root.join(path.trim_start_matches('/'))).filter(|top| top.join("units").exists())
}

/// The same, or the reason for which there is nothing to test.
macro_rules! top_or_skip {
    ($supd:expr) => {
        match top(&$supd) {
            Some(top) => top,
            None => {
                return skipped(
                    "what a pod leaves behind",
                    format!("no cgroups can be made: {}", $supd.own_output()),
                )
            }
        }
    };
}

/// Waits until another process runs in a pod than this one.
#[track_caller]
fn until_another(supd: &Supd, pod: &str, pid: i32) {
    supd.until_pod(pod, |main| {
        main["state"]["running"]["pid"].as_i64().is_some_and(|now| now != i64::from(pid))
    });
}

fn lives(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut names: Vec<String> = directories.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn f19_a_daemon_ends_with_its_pod_and_the_tree_with_supd() {
    let web = format!("shell = \"{DAEMON} exec sleep 1002\"\n");
    let supd = Space::new().unit("web", &web).supd();
    let top = top_or_skip!(supd);
    let daemon = supd.wait_file("daemon", "\n");
    assert!(lives(&daemon));
    let procs = fs::read_to_string(top.join("units/web/web-0/cgroup.procs")).unwrap();
    assert!(procs.lines().any(|pid| pid == daemon.trim()), "{procs}");
    assert_eq!(procs.lines().count(), 3, "{procs}");
    supd.ctl("stop web").ok();
    assert!(!lives(&daemon));
    assert!(!top.join("units/web").exists());

    supd.ctl("start web").ok();
    assert!(top.join("units/web/web-0").exists());
    assert_eq!(supd.stop(), 0);
    assert!(!top.exists() || !top.join("units").exists(), "nothing is left of it");
}

#[test]
fn f19_a_run_is_over_when_its_tree_is_empty() {
    let job = format!("shell = \"{DAEMON} read x <@/hold\"\n[job]\n");
    let supd = Space::new().fifo("hold").unit("job", &job).supd();
    let _top = top_or_skip!(supd);
    let daemon = supd.wait_file("daemon", "\n");
    assert!(lives(&daemon));
    supd.release("hold");
    supd.wait("job", "complete");
    assert!(!lives(&daemon), "its job is complete");
}

#[test]
fn a_process_of_several_ends_alone() {
    let main = "exec = ['sleep', '1000']\n[[sidecar]]\nname = 'beside'\n";
    let beside = format!("shell = \"{DAEMON} read x <@/hold; exit 3\"\n");
    let supd = Space::new().fifo("hold").unit("shop", &format!("{main}{beside}")).supd();
    let top = top_or_skip!(supd);
    supd.wait("shop", "ready");
    assert_eq!(names(&top.join("units/shop/shop-0")), ["beside", "main"]);
    let (main, daemon) = (supd.pid("shop-0"), supd.wait_file("daemon", "\n"));
    supd.release("hold");
    supd.until("pods", |pod| pod["status"]["initContainerStatuses"][0]["restartCount"] == 1);
    assert!(!lives(&daemon));
    assert_eq!(supd.pid("shop-0"), main);
}

#[test]
fn pods_of_a_job_follow_one_another_in_slots() {
    let job = "exec = ['true']\n[job]\ncompletions = 30\nparallelism = 2\n";
    let supd = Space::new().unit("many", job).supd();
    let top = top_or_skip!(supd);
    supd.wait("many", "complete");
    let slots = names(&top.join("units/many"));
    assert!(!slots.is_empty() && slots.len() <= 3, "{slots:?}");
    assert!(slots.iter().all(|slot| slot.starts_with("slot-")), "{slots:?}");
}

#[test]
fn f25_a_frozen_pod_ends() {
    let web = "exec = ['sleep', '1000']\n[stop]\ngrace = '1s'\n";
    let supd = Space::new().unit("web", web).supd();
    let top = top_or_skip!(supd);
    supd.wait("web", "ready");
    let group = top.join("units/web/web-0");
    if fs::write(group.join("cgroup.freeze"), "1").is_err() {
        return skipped("a frozen pod", "this kernel freezes no cgroup of version 2");
    }
    // It is ended by somebody else: what comes after it must not be born frozen.
    let pid = supd.pid("web-0");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    until_another(&supd, "web-0", pid);
    fs::write(group.join("cgroup.freeze"), "1").unwrap();
    supd.ctl("stop web").ok();
    assert!(!group.exists());
}

#[test]
fn what_was_killed_as_a_whole_comes_again() {
    let supd = Space::new()
        .unit("web", "exec = ['sleep', '1000']\n[backoff]\ninitial = '10ms'\nmax = '10ms'\n")
        .supd();
    let top = top_or_skip!(supd);
    supd.wait("web", "ready");
    let mut pid = supd.pid("web-0");
    supd.ctl("kill -s KILL web").ok();
    until_another(&supd, "web-0", pid);
    supd.wait("web", "ready");
    pid = supd.pid("web-0");
    // By somebody else, too.
    if fs::write(top.join("units/web/web-0/cgroup.kill"), "1").is_ok() {
        until_another(&supd, "web-0", pid);
        supd.until_pod("web-0", |main| main["ready"] == true && main["restartCount"].as_u64() <= Some(4));
        supd.wait("web", "ready");
    }
}

#[test]
fn f08_the_tree_is_found_again() {
    let web = format!("shell = \"{DAEMON} exec sleep 1002\"\n");
    let mut supd = Space::new().unit("web", &web).supd();
    let top = top_or_skip!(supd);
    let daemon = supd.wait_file("daemon", "\n");
    fs::create_dir_all(top.join("units/old/old-0")).unwrap();
    supd.kill_role("manager");
    supd.wait("web", "ready");
    assert!(lives(&daemon));
    supd.kill_keeper();
    supd.start_again();
    assert_eq!(top_or_skip!(supd), top);
    assert!(lives(&daemon) && top.join("units/web/web-0").exists());
    assert!(!top.join("units/old").exists(), "nobody is in it");
    supd.ctl("stop web").ok();
    assert!(!lives(&daemon) && !top.join("units/web").exists());
    assert_eq!(supd.stop(), 0);
    assert!(!top.exists() || !top.join("units").exists());
}

#[test]
fn a_limit_that_cannot_be_enforced_is_told_by_name() {
    let web = "exec = ['sleep', '1000']\n[resources]\nmemory_max = '64Mi'\npids_max = 9\n";
    let supd = Space::new().unit("web", web).supd();
    supd.wait("web", "ready");
    let enforced = top(&supd).is_some_and(|top| top.join("units/web/web-0/memory.max").exists());
    let told = supd.own_output().contains("web: memory_max, pids_max: not enforced here: ");
    assert_eq!(told, !enforced, "{}", supd.own_output());
}

/// A file system that can be stopped in the middle of whatever it does.
struct Disk {
    directory: PathBuf,
    frozen: bool,
}

impl Disk {
    fn new(place: &Path) -> Result<Self, String> {
        let (image, directory) = (place.join("disk.img"), place.join("disk"));
        fs::create_dir(&directory).map_err(|error| error.to_string())?;
        fs::File::create(&image)
            .and_then(|file| file.set_len(16 << 20))
            .map_err(|error| error.to_string())?;
        let (image, at) = (image.to_str().unwrap(), directory.to_str().unwrap());
        run("mke2fs", &["-q", "-t", "ext4", image])?;
        run("mount", &["-o", "loop", image, at])?;
        Ok(Self { directory, frozen: false })
    }

    fn freeze(&mut self, frozen: bool) {
        let act = if frozen { "-f" } else { "-u" };
        run("fsfreeze", &[act, self.directory.to_str().unwrap()]).unwrap();
        self.frozen = frozen;
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.frozen {
            self.freeze(false);
        }
        let _ = run("umount", &["-l", self.directory.to_str().unwrap()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = Command::new(program).args(arguments).env("PATH", path).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let words = || format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    if output.status.success() { Ok(()) } else { Err(words()) }
}

#[test]
fn f24_what_waits_for_a_device_is_told_of_and_holds_up_nobody() {
    let space = Space::new().fifo("hold");
    let disk = match Disk::new(space.path()) {
        Ok(disk) => disk,
        Err(why) => return skipped("what waits for a device", format!("no disk can be made: {why}")),
    };
    let stuck = "shell = 'read x <@/hold; exec touch @/disk/file'\n[stop]\ngrace = '1s'\n";
    let supd = space.unit("stuck", stuck).unit("web", "exec = ['sleep', '1000']\n").supd();
    // Dropped before supd, which waits for what waits for it.
    let mut disk = disk;
    supd.wait("web", "ready");
    disk.freeze(true);
    let pid = supd.pid("stuck-0");
    supd.release("hold");
    let stat = format!("/proc/{pid}/stat");
    while !fs::read_to_string(&stat).expect("it is there").contains(") D ") {
        std::thread::yield_now();
    }
    let stopped = supd.ctl("stop stuck").code(1);
    let words = format!(
        "cannot be stopped: stuck-0: 1 process does not end by KILL (pid {pid} waits for a device, state D)"
    );
    stopped.stderr_has(&words);
    supd.ctl("get pods").ok().stdout_has("Unkillable");
    supd.ctl("events").ok().stdout_has("FailedKillPod");
    // A new manager knows of it, and nothing comes in its place.
    supd.kill_role("manager");
    supd.until("pods", |pod| pod["status"]["lingering"]["message"].is_string());
    supd.ctl("start stuck --no-block").ok();
    supd.ctl("restart web").ok();
    assert_eq!(supd.pid("stuck-0"), pid, "there is no second copy");
    disk.freeze(false);
    until_another(&supd, "stuck-0", pid);
    supd.ctl("stop stuck").ok();
}

#[test]
fn a_probe_that_is_born_while_its_pod_ends_does_not_keep_it() {
    let web = "exec = ['sleep', 'infinity']\nservice = { replicas = 4 }\n\
               [readiness]\nexec = ['true']\nperiod = '10ms'\n";
    let supd = Space::new().unit("web", web).supd();
    let _ = top_or_skip!(supd);
    supd.wait("web", "ready");
    for _ in 0..5 {
        supd.ctl("restart web").ok();
    }
    let events = supd.ctl("events --for unit/web").stdout + &supd.own_output();
    assert!(!events.contains("does not end by KILL"), "{events}");
}
