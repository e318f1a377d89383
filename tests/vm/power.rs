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
    "rm", "poweroff", "stat", "test", "true", "env", "printf", "su", "umount", "yes",
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
    assert!(!printed.contains("no cgroups"), "what is mounted goes along:\n{printed}");
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

/// Programs in no unit's tree that are hard to see, or say that they are to be spared, in a file system whose mount
/// point is no text, and that keeps the root's from being left in order.
const UNSEEN: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
disk=/disk$(printf '\377')
mkdir -p "$disk" /run/initramfs/bin
cp /bin/busybox /run/initramfs/bin/
cp /bin/last-names /run/initramfs/shutdown
insmod /lib/loop.ko
dd if=/dev/zero of=/image bs=1M count=4 2>/dev/null
losetup /dev/loop0 /image
mke2fs /dev/loop0 >/dev/null
mount -t ext4 /dev/loop0 "$disk"
echo kept >/file
half=/bin/half-a-letter$(printf '\303')
cp /bin/deaf "$half"
cp /bin/gnu-sleep /bin/ours
cp /bin/gnu-sleep /bin/theirs
cd "$disk"
outside() { echo 0 >/sys/fs/cgroup/cgroup.procs; }
alone="env -i PATH=$PATH setsid"
(outside; exec $alone "$half") &
(outside; trap '' TERM; cd /; exec $alone sh -c 'exec -a @ours /bin/ours 1000') &
(outside; trap '' TERM; exec $alone su -s /bin/sh nobody -c 'exec -a @theirs /bin/theirs 1000') &
cd /
for name in "${half#/bin/}" ours theirs; do
    until grep -qsxF "$name" /proc/[0-9]*/comm; do usleep 100000; done
done
case $(cat /proc/cmdline) in
*way=no-proc*) umount -l /proc ;;
*way=frozen*)
    # Where supd writes down who had to be killed.
    dd if=/dev/zero of=/run/image bs=1M count=4 2>/dev/null
    losetup /dev/loop1 /run/image
    mke2fs /dev/loop1 >/dev/null
    mkdir -p /var/lib/supd
    mount -t ext4 /dev/loop1 /var/lib/supd
    fsfreeze --freeze /var/lib/supd
    kill -48 1
    ;;
esac
kill -38 1
sleep 1000
"#;

const USERS: &str = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";

/// Does not end when it is asked to.
const DEAF_PROGRAM: &str = "#!/bin/sh\ntrap '' TERM HUP\nwhile :; do sleep 1000; done\n";

/// Who is there when it is over: who says so is the machine's last word.
const LAST_NAMES: &str = r#"#!/bin/busybox sh
/bin/busybox echo "@@ left: $(/bin/busybox cat /proc/[0-9]*/comm | /bin/busybox tr '\n' ' ')"
/bin/busybox poweroff -f
"#;

/// Whatever a process calls itself, whoever has taken /proc away, and whatever comes of the record of it.
#[test]
fn a_machine_ends_processes_that_hide() {
    let Some(parts) = guest::parts("power-unseen") else { return };
    let files = [("/bin/deaf", DEAF_PROGRAM), ("/bin/last-names", LAST_NAMES), ("/etc/passwd", USERS)];
    let mut root = root(&parts, UNSEEN, &files);
    guest::with_libraries(&mut root, &guest::find("sleep").unwrap(), "/bin/gnu-sleep");
    for way in ["way=plain", "way=no-proc", "way=frozen"] {
        let disk = parts.root_disk("unseen", &root);
        let printed = parts.boot(None, &disk, way).wait_off();
        for name in ["half-a-letter", "theirs (pid "] {
            assert!(printed.contains(&format!("had to be killed: {name}")), "{name}:\n{printed}");
        }
        assert_eq!(
            printed.contains("recording who had to be killed was not done"),
            way == "way=frozen",
            "{printed}"
        );
        assert!(way == "way=frozen" || !printed.contains("cannot"), "{printed}");
        let (_, left) = printed.split_once("@@ left: ").unwrap();
        assert!(left.contains(" ours ") && !left.contains("theirs"), "{printed}");
        super::assert_clean(&disk);
    }
}

/// An array of disks in a file of the root's, whose file system nobody unmounts.
const ARRAY: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
set -e
trap 'echo "@@ failed"; poweroff -f' EXIT
echo kept >/file
for module in loop md-mod raid1; do insmod /modules/$module.ko; done
dd if=/dev/zero of=/image bs=1M count=4 2>/dev/null
losetup /dev/loop0 /image
echo md9 >/sys/module/md_mod/parameters/new_array
cd /sys/block/md9/md
echo raid1 >level
echo 1 >raid_disks
echo 7:0 >new_dev
echo 4000 >dev-loop0/size
echo 4000 >component_size
echo 0 >dev-loop0/slot
echo active >array_state
cd /
until test -b /dev/md9; do usleep 100000; done
mke2fs /dev/md9 >/dev/null
mkdir /array
mount -t ext4 /dev/md9 /array
echo kept >/array/file
echo "@@ the array is $(cat /sys/block/md9/md/array_state)"
supctl poweroff
sleep 1000
"#;

#[test]
fn a_machine_stops_arrays_on_its_way_down() {
    let Some(parts) = guest::parts("power-array") else { return };
    let mut root = root(&parts, ARRAY, &[]);
    parts.add_modules(&mut root, &["loop", "md-mod", "raid1"]);
    let disk = parts.root_disk("array", &root);
    let mut machine = parts.boot(None, &disk, "");
    machine.expect("@@ the array is ");
    machine.expect("all units have ended");
    let printed = machine.wait_off();
    assert!(!printed.contains("cannot"), "{printed}");
    super::assert_clean(&disk);
}

/// Takes every number that a process can have, and each that becomes free. A shell that talks to somebody goes on
/// when it cannot fork, and those that it has started do not listen. What waits for it must not fork.
const NUMBERS: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
echo kept >/file
mkdir /full
mount -t tmpfs -o size=64k full /full
echo 0 >/sys/fs/cgroup/cgroup.procs
trap '' TERM HUP
echo 400 >/proc/sys/kernel/pid_max
mkdir -p /run/initramfs/bin
cp /bin/busybox /run/initramfs/bin/
cp /bin/last-names /run/initramfs/shutdown
cp /bin/gnu-sleep /bin/ours
setsid sh -c 'exec -a @ours /bin/ours 1000' &
until grep -qsxF ours /proc/[0-9]*/comm; do usleep 100000; done
case $(cat /proc/cmdline) in *way=root*) user=root ;; *) user=nobody ;; esac
(yes 'sleep 1000 &' | setsid su -s /bin/sh $user -c 'exec sh -i' >/dev/null 2>/full/log) &
until
    full=
    while read -r line; do case $line in *fork*) full=yes ;; esac; done </full/log
    test $full
do :; done
kill -38 1
while :; do :; done
"#;

#[test]
fn a_machine_goes_down_in_order_where_no_process_can_be_made() {
    let Some(parts) = guest::parts("power-numbers") else { return };
    let mut root = root(&parts, NUMBERS, &[("/bin/last-names", LAST_NAMES), ("/etc/passwd", USERS)]);
    guest::with_libraries(&mut root, &guest::find("sleep").unwrap(), "/bin/gnu-sleep");
    for way in ["way=root", "way=nobody"] {
        let disk = parts.root_disk("numbers", &root);
        let printed = parts.boot(None, &disk, way).wait_off();
        assert!(printed.contains("ending other processes: no process can be made"), "{printed}");
        assert!(printed.contains("had to be killed: sleep (pid "), "{printed}");
        let (_, left) = printed.split_once("@@ left: ").unwrap();
        assert!(left.contains(" ours ") && !left.contains("sleep"), "{printed}");
        super::assert_clean(&disk);
    }
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
