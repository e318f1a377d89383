//! Goal: a machine goes down whatever is in its way, in order and in time; and comes up again without its kernel.
//! Method: one boot with all that can hang a shutdown (F98), one that goes through soft-reboots, a rescue and the
//! last word of an initramfs, and two short ones for what is to happen at once.

use super::guest::{self, Guest, Parts};
use super::say;

const WEB: &str = "exec = ['/bin/sleep', 'infinity']\n";
/// Does not end when it is asked to.
const DEAF: &str = "shell = 'trap \"\" TERM; while :; do sleep 1000; done'\n[stop]\ngrace = '1h'\n";
/// A service: it has its turn after each start, and does not end by itself.
const GUIDE: &str = "exec = ['/bin/guide']\n";

const APPLETS: &[&str] = &[
    "cp", "dd", "fsfreeze", "insmod", "losetup", "mkdir", "mke2fs", "touch", "cttyhack", "usleep", "seq",
    "rm", "poweroff", "stat", "test", "true", "env",
];

/// Programs that live in no unit's tree, and a disk with each sort of trouble.
const HARD: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
set -e
trap 'echo "@@ failed"; sleep 1000' EXIT
outside() { mkdir -p /sys/fs/cgroup/$1; echo 0 >/sys/fs/cgroup/$1/cgroup.procs; }
insmod /lib/loop.ko
mount -t ext4 /dev/nvme0n1 /mnt
echo kept >/mnt/file
# In order: a file system in a file of another one.
dd if=/dev/zero of=/mnt/image bs=1M count=4 2>/dev/null
losetup /dev/loop0 /mnt/image
mke2fs /dev/loop0 >/dev/null
mkdir -p /in /frozen /deep
mount -t ext4 /dev/loop0 /in
# Out of order: one that is frozen, with a process that waits for it in the kernel, and below it one whose
# writes never come to an end.
dd if=/dev/zero of=/frozen.image bs=1M count=16 2>/dev/null
losetup /dev/loop1 /frozen.image
mke2fs /dev/loop1 >/dev/null
mount -t ext4 /dev/loop1 /frozen
dd if=/dev/zero of=/frozen/image bs=1M count=4 2>/dev/null
losetup /dev/loop2 /frozen/image
mke2fs /dev/loop2 >/dev/null
mount -t ext4 /dev/loop2 /deep
fsfreeze --freeze /frozen
dd if=/dev/zero of=/deep/unwritten bs=64k count=8 2>/dev/null
alone="env -i PATH=$PATH setsid"
(outside stuck; exec $alone touch /frozen/never) &
(outside busy; cd /mnt; exec $alone sh -c "trap '' TERM HUP; while :; do sleep 1000; done") &
echo '+pids' >/sys/fs/cgroup/cgroup.subtree_control || true
mkdir -p /sys/fs/cgroup/bomb
echo 30 >/sys/fs/cgroup/bomb/pids.max || true
(outside bomb; exec $alone /bin/bomb) 2>/dev/null &
setsid cttyhack sh -c 'while :; do sleep 1000; done' </dev/console &
supctl wait deaf --for=ready --timeout=100s

echo "@@ plans"
supctl poweroff --when=+10 --message='back at 7'
test ! -e /run/nologin
supctl reboot --when=+5
cat /run/nologin
for manager in /proc/[0-9]*; do
    case $(cat $manager/comm 2>/dev/null) in supd-manager) kill -9 ${manager#/proc/} ;; esac
done
supctl status 2>&1 | grep note
shutdown -k +3 only a test
shutdown -c not today
test ! -e /run/nologin
supctl reboot --when=show
supctl events | grep -c Shutdown
supctl kexec || echo "@@ refused $?"
supctl poweroff --when=+2s --timeout 5s --message='for good'
sleep 1000
"#;

/// Ends when nothing lets it start another one.
const BOMB: &str = "#!/bin/sh\ntrap '' TERM HUP\nwhile :; do /bin/bomb & usleep 200000; done\n";

/// What a machine with everything that hangs does on its way down: its time is bounded, and the disk is in order.
#[test]
fn a_machine_goes_down_whatever_is_in_its_way() {
    let Some(parts) = guest::parts("power-hard") else { return };
    let root = root(&parts, HARD, &[("/bin/bomb", BOMB), ("/etc/supd/units/deaf.toml", DEAF)]);
    let disk = parts.disk("hard");
    let mut machine = parts.boot(Some(&parts.archive("hard", &root)), &disk, "");
    machine.expect("@@ plans");
    machine.expect("the machine is switched off at ");
    machine.expect("(in 10 minutes)");
    machine.expect("back at 7");
    machine.expect("instead of what was planned before");
    machine.expect("the machine is restarted at ");
    machine.expect("note: the machine is restarted at ");
    machine.expect("only a test");
    machine.expect("has been cancelled");
    machine.expect("no shutdown is planned");
    machine.expect("no kernel is loaded that could take over");
    machine.expect("@@ refused 1");
    machine.expect("the machine is switched off now");
    let begun = std::time::Instant::now();
    machine.expect("all units have ended; the machine is being switched off");
    machine.expect("writing to the disks: they do not get on; going on without");
    machine.expect("had to be killed: ");
    machine.expect("still there: touch (pid ");
    machine.expect("waiting in the kernel");
    let left = machine.expect("the machine is being switched off");
    say(&format!("a machine with all that hangs was down after {} s", begun.elapsed().as_secs()));
    assert!(left.contains("cannot unmount /frozen"), "{left}");
    assert!(!left.contains("cannot unmount /mnt") && !left.contains("cannot unmount /in"), "{left}");
    let printed = machine.wait_off();
    assert!(printed.contains("sh (pid"), "{printed}");
    super::assert_clean(&disk);
}

/// Which life of PID 1 this is stands in /run, which outlives all of them.
const LIVES: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
life=$(($(cat /run/life 2>/dev/null || echo 0) + 1))
echo $life >/run/life
supctl wait web --for=ready --timeout=100s
root() {
    mkdir -p /run/nextroot
    mount -t tmpfs root /run/nextroot
    for directory in bin sbin lib lib64 usr etc; do
        if test -d /$directory; then cp -a /$directory /run/nextroot/; fi
    done
    mkdir -p /run/nextroot/var /run/nextroot/tmp
    echo $1 >/run/nextroot/name
}
echo "@@ life $life in $(cat /name 2>/dev/null || echo initramfs) pid1 $(cat /proc/1/comm) marker $(cat /marker 2>/dev/null)"
ls /run/nologin 2>/dev/null
case $life in
1) echo kept >/marker; supctl soft-reboot ;;
2) root first; supctl soft-reboot ;;
3) root second; telinit 6 --nonsense; supctl soft-reboot ;;
4) /bin/init 1 ;;
5)
    mkdir -p /run/initramfs/bin
    cp /bin/busybox /run/initramfs/bin/
    cp /bin/last-word /run/initramfs/shutdown
    supctl reboot ;;
esac
sleep 1000
"#;

const LAST_WORD: &str = r#"#!/bin/busybox sh
/bin/busybox echo "@@ last word: $1, pid $$, old root $(/bin/busybox cat /oldroot/name)"
/bin/busybox grep -E 'Sig(Blk|Ign)' /proc/1/status
/bin/busybox poweroff -f
"#;

/// The kernel stays: from the same root, from another one, from one that replaces that, and after a shell.
#[test]
fn a_machine_begins_anew_without_its_kernel() {
    let Some(parts) = guest::parts("power-lives") else { return };
    let mut root = root(&parts, LIVES, &[("/bin/last-word", LAST_WORD)]);
    // supd under the name of init, while another one is PID 1.
    root.link("/bin/init", "/sbin/supd");
    let disk = parts.disk("lives");
    let mut machine = parts.boot(Some(&parts.archive("lives", &root)), &disk, "");
    machine.expect("@@ life 1 in initramfs pid1 supd-keeper marker ");
    machine.expect("everything but the kernel is being restarted");
    machine.expect("@@ life 2 in initramfs pid1 supd-keeper marker kept");
    machine.expect("going on in the file system at /run/nextroot");
    machine.expect("@@ life 3 in first pid1 supd-keeper marker ");
    machine.expect("`telinit` knows 0");
    machine.expect("going on in the file system at /run/nextroot");
    machine.expect("@@ life 4 in second pid1 supd-keeper marker ");
    machine.expect("here is a shell");
    machine.type_in("echo shell $((6 * 7)); exit\n");
    machine.expect("shell 42");
    machine.expect("@@ life 5 in second pid1 supd-keeper marker ");
    machine.expect("/run/initramfs/shutdown has the last word");
    machine.expect("@@ last word: reboot, pid 1, old root second");
    // A shell itself ignores nothing but QUIT.
    machine.expect("SigBlk:\t0000000000000000\r\nSigIgn:\t000000000000000");
    let printed = machine.wait_off();
    assert!(!printed.contains("/run/nologin") && !printed.contains("panic"), "{printed}");
}

/// Units that do not end are killed, and nobody waits for them.
const AT_ONCE: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
trap '' TERM
supctl wait deaf --for=ready --timeout=100s
case $(cat /proc/cmdline) in
*way=keys*) for press in $(seq 30); do kill -INT 1; usleep 100000; done ;;
*way=signal*) kill -48 1 ;;
*way=force*) supctl poweroff --force ;;
*) supctl reboot -ff ;;
esac
while :; do sleep 1000; done
"#;

#[test]
fn a_machine_goes_down_at_once_where_that_is_wanted() {
    let Some(parts) = guest::parts("power-at-once") else { return };
    let root = root(&parts, AT_ONCE, &[("/etc/supd/units/deaf.toml", DEAF)]);
    let initramfs = parts.archive("at-once", &root);
    let disk = parts.disk("at-once");
    let down = |way: &str, words: &[&str]| -> String {
        let mut machine: Guest = parts.boot(Some(&initramfs), &disk, way);
        words.iter().for_each(|words| _ = machine.expect(words));
        machine.wait_off()
    };
    down("way=keys", &["asked to end at once; the machine is being restarted", "all units have ended"]);
    down("way=force", &["the machine is switched off now", "all units have ended"]);
    let printed = down("way=hard", &[]);
    assert!(!printed.contains("all units have ended"), "{printed}");
}

fn root(parts: &Parts, guide: &str, more: &[(&str, &str)]) -> super::root::Root {
    let mut files = vec![
        ("/etc/hostname", "powered\n"),
        ("/etc/supd/units/web.toml", WEB),
        ("/etc/supd/units/guide.toml", GUIDE),
        ("/bin/guide", guide),
    ];
    files.extend(more);
    let mut root = parts.root(&files);
    for applet in APPLETS {
        root.link(&format!("/bin/{applet}"), "/bin/busybox");
    }
    for name in ["shutdown", "telinit"] {
        root.link(&format!("/sbin/{name}"), "/bin/supctl");
    }
    root.directory("/lib");
    root.copy(&parts.module("loop"), "/lib/loop.ko");
    root
}
