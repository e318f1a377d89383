//! Goal: a process that the kernel ends for want of memory is told from one that somebody has killed.
//! Method: a process that takes more than a cgroup of memory allows, made for the test, and the kernel's log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::skipped::skipped;
use super::space::Space;

/// A cgroup with little memory, of either kind; gone at the end.
struct Group(PathBuf);

impl Group {
    fn new(bytes: u64) -> io::Result<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let (parent, limit) = match root.join("memory/memory.limit_in_bytes").exists() {
            true => (root.join("memory"), "memory.limit_in_bytes"),
            false => (root.to_owned(), "memory.max"),
        };
        let group = Self(parent.join(format!("supd-test-{}", std::process::id())));
        fs::create_dir(&group.0)?;
        fs::write(group.0.join(limit), bytes.to_string())?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn cst_002_pfp_who_was_out_of_memory_is_told_so() {
    // Only here the pids of the kernel's log are ours.
    let first = fs::read_link("/proc/self/ns/pid").is_ok_and(|it| it.as_os_str() == "pid:[4026531836]");
    let log = fs::File::open("/dev/kmsg");
    let group = match (first, log, Group::new(32 << 20)) {
        (true, Ok(_), Ok(group)) => group,
        (first, log, group) => {
            let (log, group) = (log.err(), group.err());
            let why = format!("first namespace {first}, kernel's log {log:?}, cgroup {group:?}");
            return skipped("want of memory", why);
        }
    };
    let procs = group.0.join("cgroup.procs");
    let text = format!(
        "shell = 'echo $$ > {} && exec python3 -c \"bytearray(256 << 20)\"'\n[job]\nbackoff_limit = 5\n\
         [[job.failure_policy]]\noom = true\naction = 'FailJob'\n",
        procs.display()
    );
    let killed = "shell = 'kill -KILL $$'\n[job]\nbackoff_limit = 0\n";
    let supd = Space::new().unit("hungry", &text).unit("killed", killed).supd();
    supd.wait("hungry", "failed");
    supd.wait("killed", "failed");
    let job = supd.json("get job hungry");
    let last = job["status"]["conditions"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["type"], &last["reason"]), (&json!("Failed"), &json!("PodFailurePolicy")));
    let pods = supd.ctl("get pods").ok().stdout;
    let status = |pod: &str| pods.lines().find(|line| line.starts_with(pod)).unwrap().to_owned();
    assert!(status("hungry-0").contains("OOMKilled"), "{pods}");
    assert!(status("killed-0").contains("Error"), "{pods}");
    let history = supd.ctl("history hungry").ok().stdout;
    assert!(history.contains("OOMKilled"), "{history}");
    // It has the code that KILL has.
    let pod = supd.json("get pod hungry-0");
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(137), &json!("OOMKilled")));
}
