//! Goal: on a machine whose cgroups are ours, with all their controllers, a pod is bounded, is told of when it
//! goes beyond, and ends with all that it has started.
//! Method: one boot; a script in the guest does what pods do, and prints what the kernel and supd say of it.

use super::guest;

const WEB: &str = "exec = ['/bin/sleep', 'infinity']\n[resources]\nmemory_max = '64Mi'\nmemory_high = '48Mi'\n\
    cpu_max = '1500m'\ncpu_weight = 50\npids_max = 20\n";
const SHOP: &str = "exec = ['/bin/sleep', 'infinity']\n[[sidecar]]\nname = 'proxy'\nexec = ['/bin/sleep', 'infinity']\n\
    resources = { pids_max = 7 }\n";
/// Two generations that leave the process group and the session.
const DAEMON: &str = "shell = 'setsid sh -c \"setsid sleep 1000 & exec sleep 1001\" & exec sleep 1002'\n";
/// F18: forks for as long as it is let. It would also take the machine, without a bound.
const BOMB: &str = "shell = 'bomb() { while :; do bomb & done; }; bomb & exec sleep 1000'\n[resources]\npids_max = 40\n[stop]\ngrace = '1s'\n";
/// F40: more than it may have, all of it touched.
const HUNGRY: &str = "exec = ['/bin/busybox', 'dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1']\n\
    [resources]\nmemory_max = '16Mi'\n[job]\nbackoff_limit = 0\n";
/// Its child is who takes too much, and all of it ends.
const PARENT: &str = "shell = 'busybox dd if=/dev/zero of=/dev/null bs=64M count=1 & wait; sleep 1000'\n\
    restart_policy = 'Never'\n[resources]\nmemory_max = '16Mi'\n[job]\nbackoff_limit = 0\n";
const KILLED: &str = "shell = 'kill -KILL $$'\n[resources]\nmemory_max = '16Mi'\n[job]\nbackoff_limit = 0\n";
const GUIDE: &str = "exec = ['/bin/guide']\n[job]\nbackoff_limit = 0\n";

const SCRIPT: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
units=/sys/fs/cgroup/units
show() { for file; do echo "$file: $(cat $units/$file | busybox tr '\n' ' ')"; done; }
supctl wait web shop daemon bomb --for=ready --timeout=100s
echo "@@ tree"
busybox find /sys/fs/cgroup/supd $units -type d
echo "roles, of them PID 1: $(grep -c '^1$' /sys/fs/cgroup/supd/cgroup.procs)"
echo "oom_score_adj: $(cat /proc/1/oom_score_adj) $(cat /proc/$(cat $units/web/web-0/cgroup.procs)/oom_score_adj)"
show cgroup.subtree_control web/web-0/memory.max web/web-0/memory.high web/web-0/memory.oom.group web/web-0/cpu.max \
    web/web-0/cpu.weight web/web-0/pids.max shop/shop-0/proxy/pids.max shop/shop-0/main/pids.max bomb/bomb-0/pids.max
echo "daemons: $(wc -l <$units/daemon/daemon-0/cgroup.procs)"
echo "@@ stopped"
supctl stop daemon
echo "sleeps: $(busybox pgrep -f 'sleep 100[012]' | wc -l)"
supctl status bomb --color never
before=$(busybox cut -d. -f1 /proc/uptime)
supctl stop bomb
after=$(busybox cut -d. -f1 /proc/uptime)
echo "@bomb $((after - before)) s, shells: $(busybox pgrep -f 'do [b]omb' | wc -l)"
echo 1 >$units/web/web-0/cgroup.freeze
supctl kill web --signal KILL
supctl wait web --for=ready --timeout=60s
echo 1 >$units/shop/shop-0/cgroup.freeze
supctl stop shop
busybox find $units -type d
echo "@@ memory"
for job in hungry parent killed; do supctl start $job --no-block; supctl wait job/$job --for=failed --timeout=60s; done
supctl get pods --color never
supctl history hungry --color never
supctl status --color never
echo "@@ end"
supctl poweroff
"#;

#[test]
fn pods_are_bounded_and_end_with_all_that_they_have_started() {
    let Some(parts) = guest::parts("cgroup") else { return };
    let unit = |name: &str| format!("/etc/supd/units/{name}.toml");
    let units = [("web", WEB), ("shop", SHOP), ("daemon", DAEMON), ("bomb", BOMB), ("guide", GUIDE)];
    let wants = "wants = ['web', 'shop', 'daemon', 'bomb', 'guide']\n";
    let later = [("hungry", HUNGRY), ("parent", PARENT), ("killed", KILLED), ("default", wants)];
    let all = units.iter().chain(&later);
    let mut files: Vec<(String, &str)> = all.map(|(name, text)| (unit(name), *text)).collect();
    files.push(("/bin/guide".to_owned(), SCRIPT));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let initramfs = parts.initramfs(&parts.root(&files));
    let disk = parts.disk("cgroup");
    let mut machine = parts.boot(Some(&initramfs), &disk, "");

    machine.expect("@@ tree");
    let tree = machine.expect("@@ stopped");
    let has = |text: &str, line: &str| {
        assert!(text.lines().any(|found| found.trim_end() == line), "no {line:?} in\n{text}");
    };
    for line in [
        "/sys/fs/cgroup/supd",
        "/sys/fs/cgroup/units/web/web-0",
        "/sys/fs/cgroup/units/shop/shop-0/main",
        "/sys/fs/cgroup/units/shop/shop-0/proxy",
        "/sys/fs/cgroup/units/guide/slot-0",
        "cgroup.subtree_control: cpu io memory pids ",
        "web/web-0/memory.max: 67108864 ",
        "web/web-0/memory.high: 50331648 ",
        "web/web-0/memory.oom.group: 1 ",
        "web/web-0/cpu.max: 150000 100000 ",
        "web/web-0/cpu.weight: 50 ",
        "web/web-0/pids.max: 20 ",
        "shop/shop-0/proxy/pids.max: 7 ",
        "shop/shop-0/main/pids.max: max ",
        "bomb/bomb-0/pids.max: 40 ",
        "roles, of them PID 1: 1",
        "oom_score_adj: -1000 0",
        "daemons: 3",
    ] {
        has(&tree, line.trim_end());
    }

    let stopped = machine.expect("@@ memory");
    has(&stopped, "sleeps: 0");
    let bomb = stopped.lines().find_map(|line| line.strip_prefix("@bomb "));
    let bomb = bomb.unwrap_or_else(|| panic!("{stopped}"));
    let (seconds, shells) = bomb.trim_end().split_once(" s, shells: ").unwrap();
    // Its grace is a second, and KILL comes two after the signal.
    assert!(seconds.parse::<u32>().unwrap() <= 10 && shells == "0", "{bomb}");
    assert!(!stopped.contains("units/shop") && !stopped.contains("units/bomb/"), "{stopped}");
    has(&stopped, "/sys/fs/cgroup/units/web/web-0");

    let memory = machine.expect("@@ end");
    let status = |pod: &str| {
        let line = memory.lines().find(|line| line.starts_with(pod));
        line.unwrap_or_else(|| panic!("no {pod} in\n{memory}")).to_owned()
    };
    assert!(status("hungry-0").contains("OOMKilled"), "{memory}");
    assert!(status("parent-0").contains("OOMKilled"), "{memory}");
    assert!(status("killed-0").contains("Error"), "{memory}");
    machine.expect("the machine is being switched off");
    let printed = machine.wait_off();
    assert!(!printed.contains("had to be killed"), "{printed}");
}
