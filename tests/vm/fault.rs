//! F05 on a machine: the init goes on after a fault, whatever the kernel would do about its end; after the second one
//! in a row comes what the kernel's line says, and the disk is clean.

use super::guest;
use super::{WEB, assert_clean};

const DISK: &str = "shell = 'mount -t ext4 /dev/nvme0n1 /mnt && echo kept > /mnt/file'\n[job]\n";
const GUIDE: &str = "exec = ['/bin/guide']\n[job]\nbackoff_limit = 0\n";

/// Any two faults are in a row, or none: an emulated machine has its own time. The kernel hands such words to its init
/// as variables.
const ALWAYS: &str = "SUPD_FAULT_AGAIN_MS=600000";
const NEVER: &str = "SUPD_FAULT_AGAIN_MS=0";

/// Faults of PID 1 by signals from outside. Until the next program has taken over, who asks may be cut off.
const SCRIPT: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
ready() { until supctl wait web --for=ready --timeout=100s; do sleep 1; done; }
sleeper() { grep -l '^Name:.sleep' /proc/[0-9]*/status; }
supctl wait job/disk --for=complete --timeout=100s
ready
before=$(sleeper)
kill -SEGV 1
ready
[ "$(sleeper)" = "$before" ] && echo "@@ the same process"
supctl status --color never
case $(cat /proc/cmdline) in
*guide=later*) kill -ABRT 1; ready; echo "@@ went on again"; supctl poweroff ;;
*) kill -BUS 1 ;;
esac
echo "@@ still here"
case $(cat /proc/cmdline) in
*supd.on-fault*) ;;
# As the kernel does for ctrl-alt-del.
*) kill -INT 1 ;;
esac
sleep 1000
"#;

const FILES: &[(&str, &str)] = &[
    ("/etc/hostname", "booted\n"),
    ("/etc/supd/units/web.toml", WEB),
    ("/etc/supd/units/disk.toml", DISK),
    ("/etc/supd/units/guide.toml", GUIDE),
    ("/bin/guide", SCRIPT),
];

#[test]
fn f05_a_machine_goes_on_after_a_fault_of_its_init() {
    let Some(parts) = guest::parts("fault") else { return };
    let root = parts.root(FILES);
    let initramfs = parts.initramfs(&root);

    // It stands still by default, and can still be taken down.
    let disk = parts.disk("fault");
    let mut machine = parts.boot(Some(&initramfs), &disk, ALWAYS);
    machine.expect("@@ the same process");
    machine.expect("went on after a fault, SIGSEGV");
    machine.expect("a second fault of supd within 10 s: SIGBUS; PID 1 stands still");
    machine.expect("units have not been stopped in their order; the machine is being restarted");
    let last = machine.expect("the machine is being restarted");
    assert!(!last.contains("cannot"), "{last}");
    let printed = machine.wait_off();
    assert!(printed.contains("@@ still here") && !printed.contains("panic"), "{printed}");
    assert_clean(&disk);

    let disk = parts.disk("fault");
    let mut machine = parts.boot(Some(&initramfs), &disk, &format!("{ALWAYS} supd.on-fault=reboot"));
    machine.expect("a second fault of supd within 10 s: SIGBUS; the machine restarts in 10 s");
    machine.expect("the machine is being restarted");
    machine.wait_off();
    assert_clean(&disk);

    let disk = parts.disk("fault");
    let mut machine =
        parts.boot(Some(&initramfs), &disk, &format!("{NEVER} guide=later supd.on-fault=poweroff"));
    machine.expect("@@ went on again");
    machine.expect("the machine is being switched off");
    machine.wait_off();
    assert_clean(&disk);
}
