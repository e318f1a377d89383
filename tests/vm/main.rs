//! supd as the init of a machine: a real kernel boots to running services, and goes down in order.
//!
//! In qemu without acceleration, which any host can do. Where it cannot be had, the test says SKIPPED and why.
// The rules are for the daemon: a test has children of its own.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::disallowed_types)]

mod cgroup;
mod debian;
mod devices;
mod fault;
mod guest;
mod initramfs;
mod next_init;
mod power;
mod root;
mod service;
#[path = "../e2e/skipped.rs"]
mod skipped;

use std::path::Path;

use skipped::skipped;

const WEB: &str = "exec = ['/bin/sleep', 'infinity']\n";
const HELLO: &str = "shell = 'echo hello from a job'\n[job]\n";
/// Orphans whose parents do not wait for them become PID 1's.
const ORPHANS: &str = "shell = 'for i in 1 2 3 4 5; do setsid sh -c \"exit 3\" & done; sleep 1'\n[job]\n";
const DISK: &str = "shell = 'mount -t ext4 /dev/nvme0n1 /mnt && echo kept > /mnt/file'\n[job]\n";
const GUIDE: &str = "exec = ['/bin/guide']\n[job]\nbackoff_limit = 0\n";

/// Says on the console what it finds, and takes the machine down in the way that the kernel's line names.
const SCRIPT: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
supctl wait web --for=ready --timeout=100s
supctl wait job/hello job/orphans job/disk job/loopback job/modules --for=complete --timeout=100s
echo "@@ up after $(cut -d' ' -f1 /proc/uptime) s"
echo "@@ host $(hostname)"
grep -E ' /(proc|sys|dev|dev/pts|dev/shm|run|sys/fs/cgroup) ' /proc/mounts | cut -d' ' -f2,3
ls -l /dev/fd
ip link show lo
echo "@@ arguments $(cat /proc/1/cmdline)"
supctl status --color never
supctl logs hello
echo "@@ zombies $(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)"
echo "@@ PID 1 $(grep VmRSS /proc/1/status)"
supctl doctor --color never
echo "@@ doctor $?"
case $(cat /proc/cmdline) in
*guide=keys*) kill -INT 1 ;;
*) supctl poweroff ;;
esac
"#;

const FILES: &[(&str, &str)] = &[
    // Left by whoever made this disk from a container's image: it is a machine all the same.
    ("/.dockerenv", ""),
    ("/etc/hostname", "# ours\nbooted\n"),
    ("/etc/supd/units/web.toml", WEB),
    ("/etc/supd/units/hello.toml", HELLO),
    ("/etc/supd/units/orphans.toml", ORPHANS),
    ("/etc/supd/units/disk.toml", DISK),
    ("/etc/supd/units/guide.toml", GUIDE),
    ("/etc/supd/units/loopback.toml", include_str!("../../packaging/debian-host/loopback.toml")),
    ("/etc/supd/units/modules.toml", include_str!("../../packaging/debian-host/modules.toml")),
    ("/bin/guide", SCRIPT),
];

/// Past the test harness, which keeps what a test prints that passes.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "vm: {line}");
}

/// Needs the disk to be as it was left: nothing to be replayed, nothing to be mended.
fn assert_file_system_clean(disk: &Path) {
    let disk = disk.to_str().unwrap();
    let found = guest::run("dumpe2fs", &["-h", disk], Path::new("/")).unwrap();
    let state = found.lines().find_map(|line| line.strip_prefix("Filesystem state:"));
    assert_eq!(state.map(str::trim), Some("clean"), "{found}");
    assert!(!found.contains("needs_recovery"), "{found}");
    guest::run("e2fsck", &["-fn", disk], Path::new("/")).unwrap();
}

/// And what was written there is there.
fn assert_clean(disk: &Path) {
    assert_file_system_clean(disk);
    let disk = disk.to_str().unwrap();
    let kept = guest::run("debugfs", &["-R", "cat /file", disk], Path::new("/")).unwrap();
    assert_eq!(kept, "kept\n");
}

#[test]
fn a_machine_boots_to_running_services_and_goes_down_in_order() {
    let Some(parts) = guest::parts("boot") else { return };
    let root = parts.root(FILES);
    let initramfs = parts.initramfs(&root);

    let disk = parts.disk("off");
    let mut machine = parts.boot(Some(&initramfs), &disk, "");
    machine.expect("@@ up after ");
    let up = machine.expect(" s").trim().to_owned();
    say(&format!("all services up {up} after the kernel's start"));
    machine.expect("@@ host booted");
    let found = machine.expect("@@ zombies 0");
    for mounted in [
        "/proc proc",
        "/sys sysfs",
        "/dev devtmpfs",
        "/dev/pts devpts",
        "/dev/shm tmpfs",
        "/run tmpfs",
        "/sys/fs/cgroup cgroup2",
    ] {
        assert!(found.lines().any(|line| line.trim_end() == mounted), "{mounted}:\n{found}");
    }
    assert!(found.contains("/dev/fd -> /proc/self/fd"), "{found}");
    assert!(found.contains("LOOPBACK,UP"), "{found}");
    assert!(found.contains("hello from a job"), "{found}");
    assert!(found.contains("web") && !found.contains("degraded"), "{found}");
    machine.expect("@@ PID 1 VmRSS:");
    say(&format!("memory of PID 1: {}", machine.expect("kB").trim()));
    let told = machine.expect("@@ doctor 0");
    assert!(told.contains("PID 1 of the machine: ") && told.contains("the machine's own"), "{told}");
    assert!(told.contains("supd can work here, "), "{told}");
    machine.expect("the machine is being switched off");
    let printed = machine.wait_off();
    assert!(!printed.contains("had to be killed") && !printed.contains("cannot"), "{printed}");
    assert_clean(&disk);

    // From a disk, as machines mostly do. Shells where they are asked for, words and options that mean nothing among
    // one that does, somebody who does not end, ctrl-alt-del.
    let disk = parts.root_disk("keys", &root);
    let words = "guide=keys tell rescue supd.nonsense -- --log-level loud --on-fault reboot --nonsense";
    let mut machine = parts.boot(None, &disk, words);
    machine.expect("`supd.nonsense` on the kernel's command line is not understood");
    machine.expect("here is a shell");
    machine.type_in("(trap '' TERM HUP; while :; do sleep 1000; done) & echo shell $((6 * 7))\n");
    machine.expect("shell 42");
    // The shell ends with the code of this.
    machine.type_in("nosuchcommand\n");
    machine.expect("not found");
    machine.type_in("exit\n");
    machine.expect("`tell` is a part of supd, started by it; left out");
    machine.expect("`--log-level loud`: it is error, warn, info or debug; left out");
    machine.expect("unknown option `--nonsense`");
    // Between two arguments is a NUL, which a shell leaves out.
    machine.expect("--on-faultreboot");
    machine.expect("@@ zombies 0");
    machine.expect("had to be killed: sh (pid ");
    let last = machine.expect("the machine is being restarted");
    assert!(!last.contains("cannot"), "{last}");
    machine.wait_off();
    assert_clean(&disk);

    // A shell before everything else.
    let mut machine = parts.boot(Some(&initramfs), &disk, "manager emergency");
    machine.expect("here is a shell");
    machine.type_in("echo mounts $(wc -l </proc/mounts); exit\n");
    // The initramfs itself, /proc, /sys and /dev.
    machine.expect("mounts 4");
    machine.expect("`manager` is a part of supd, started by it; left out");
    machine.expect("@@ zombies 0");
    drop(machine);

    // What keeps supd itself from beginning is mended there, and boot goes on.
    let mut machine = parts.boot(Some(&initramfs), &disk, "-- --runtime-dir /etc/hostname");
    for _ in 0..2 {
        machine.expect("boot cannot go on: cannot use /etc/hostname");
        machine.expect("here is a shell");
        machine.type_in("exit\n");
    }
    machine.expect("here is a shell");
    machine.type_in("rm /etc/hostname; exit\n");
    machine.expect(" units from /etc/supd/units");
    drop(machine);

    // Who asks PID 1 to end the machine need not leave the shell for that.
    let mut machine = parts.boot(Some(&initramfs), &disk, "rescue");
    machine.expect("here is a shell");
    machine.type_in("mount -t ext4 /dev/nvme0n1 /mnt; kill -INT 1\n");
    machine.expect("the machine is being restarted");
    let printed = machine.wait_off();
    assert!(!printed.contains("@@") && !printed.contains("cannot"), "{printed}");
    assert_clean(&disk);
}
