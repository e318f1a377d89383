//! Goal: PID 1 becomes another init, or itself once more, whole: with what the kernel shows and what is in /run, and
//! with nothing that supd has set for itself; and where that cannot be, nothing is lost.
//! Method: one boot that goes from one root and init to the next, in places where it is refused, too; and one that
//! cannot find its root, with a shell that ends at once.

use super::guest;

const GUIDE: &str = "exec = ['/bin/guide']\n";

/// Which life of PID 1 this is stands in /run, which outlives all of them.
const LIVES: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
life=$(($(cat /run/life 2>/dev/null || echo 0) + 1))
echo $life >/run/life
watched() { until [ "$(cat /sys/class/watchdog/watchdog0/state)" = active ]; do usleep 100000; done; }
root() {
    mkdir -p $1
    mount -t tmpfs root $1
    for directory in bin sbin lib lib64 usr etc; do
        if test -d /$directory; then cp -a /$directory $1/; fi
    done
    mkdir -p $1/var $1/tmp
    cp /bin/other $1/sbin/init
    echo $2 >$1/name
}
echo "@@ life $life in $(cat /name 2>/dev/null || echo initramfs) with nofile $(ulimit -Sn)"
echo "@@ mounts $(grep -cE ' /(dev|proc|sys|run) ' /proc/mounts), keepsake $(cat /run/keepsake 2>/dev/null)"
case $life in
1)
    echo kept >/run/keepsake
    insmod /modules/watchdog.ko && insmod /modules/softdog.ko
    # As supctl asks for the root at /sysroot, where there is none.
    kill -42 1 ;;
2)
    mount --make-rshared /
    root /nr shared
    mkdir /nr/dev /nr/proc /nr/sys /nr/run
    watched
    supctl switch-root /nr ;;
3)
    root /run/nextroot bare
    mount -o remount,ro /run/nextroot
    supctl soft-reboot ;;
4)
    umount /run/nextroot
    root /run/nextroot foreign
    rm /run/nextroot/sbin/supd
    watched
    supctl soft-reboot ;;
esac
sleep 1000
"#;

/// An init of somebody else.
const OTHER: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
echo "@@ another init in $(cat /name): score $(cat /proc/1/oom_score_adj), nofile $(ulimit -Sn), cgroup $(cat /proc/1/cgroup)"
echo "@@ watchdog $(cat /sys/class/watchdog/watchdog0/state), $(grep SigBlk /proc/1/status)"
test -x /sbin/supd && exec /sbin/supd
poweroff -f
"#;

#[test]
fn pid_one_becomes_another_init_and_leaves_it_nothing_of_its_own() {
    let Some(parts) = guest::parts("next-init") else { return };
    let mut root =
        parts.root(&[("/etc/supd/units/guide.toml", GUIDE), ("/bin/guide", LIVES), ("/bin/other", OTHER)]);
    for applet in ["cp", "insmod", "mkdir", "poweroff", "rm", "test", "umount", "usleep"] {
        root.link(&format!("/bin/{applet}"), "/bin/busybox");
    }
    parts.add_modules(&mut root, &["watchdog", "softdog"]);
    let archive = parts.archive("lives", &root);
    let line = "console=ttyS0 panic=-1 loglevel=1 rdinit=/sbin/supd supd.watchdog=10m";
    let mut machine = parts.start(Some(&archive), None, line);
    machine.expect("@@ life 1 in initramfs with nofile 1024");

    // Refused: all is there, and without /proc a program that was executed by its descriptor finds itself, too.
    machine.expect("cannot switch to the root at /sysroot: cannot open /sysroot");
    machine.expect("here is a shell");
    machine.type_in(
        "cat /run/keepsake; cat /proc/$$/oom_score_adj /proc/$$/cgroup; ls /dev/ttyS0; umount -l /proc\n",
    );
    machine.expect("kept\r\n0\r\n0::/\r\n/dev/ttyS0\r\n");
    machine.type_in("nosuchcommand\n");
    machine.expect("not found");
    machine.type_in("exit\n");
    machine.expect("@@ life 2 in initramfs with nofile 1024");

    // What is shared with others can be moved all the same.
    let other = "score 0, nofile 1024, cgroup 0::/\r\n@@ watchdog inactive, SigBlk:\t0000000000000000\r\n";
    machine.expect(&format!("@@ another init in shared: {other}"));
    machine.expect("@@ life 3 in shared with nofile 1024");
    machine.expect("@@ mounts 4, keepsake kept");

    // A next root that has no place for what goes along, and can have none.
    machine.expect("cannot go on in /run/nextroot: /dev does not go along");
    machine.expect("staying here");
    machine.expect("@@ life 4 in shared with nofile 1024");
    machine.expect("@@ mounts 4, keepsake kept");
    machine.expect(&format!("@@ another init in foreign: {other}"));
    let printed = machine.wait_off();
    assert!(!printed.contains("panic") && !printed.contains("stands still"), "{printed}");
}

#[test]
fn what_fails_again_and_again_is_not_tried_without_a_pause() {
    let Some(parts) = guest::parts("next-try") else { return };
    let mut root = parts.bare_root();
    // A shell that never waits for anybody.
    root.link("/init", "/sbin/supd").link("/bin/sh", "/bin/supctl");
    let archive = parts.archive("next-try", &root);
    // Each word of these is a kernel panic where it is taken for what it means elsewhere.
    let line = "console=ttyS0 panic=-1 loglevel=4 look keeper root=LABEL=none rootwait=1";
    let mut machine = parts.start(Some(&archive), None, line);
    for _ in 0..2 {
        machine.expect("the root cannot be used: root=LABEL=none has not appeared within 1 s");
        machine.expect("here is a shell");
        machine.expect("it has ended at once; the next try is in 5 s");
    }
    machine.monitor("sendkey ctrl-alt-delete");
    let printed = machine.wait_off();
    assert!(!printed.contains("panic"), "{printed}");
}
