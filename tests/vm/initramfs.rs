//! supd in an initramfs, with and without units, and what a machine has beside its disks: a watchdog, a power
//! button, ctrl-alt-del. Faults F95, F100 and F103.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::guest::{self, Parts, run};

const UUID: &str = "4f0a9c01-2233-4455-6677-8899aabbccdd";

/// A disk on the bus that the kernel has a driver for, and one on another, whose driver is a module.
const NVME: &str = "nvme,drive=disk,serial=1";
const VIRTIO: &str = "virtio-blk-pci,drive=disk";

/// Of virtio, in the order in which they need one another.
const VIRTIO_MODULES: [&str; 6] =
    ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"];

const GUIDE: &str = "exec = ['/bin/guide']\n[job]\nbackoff_limit = 0\n";

/// Says what a machine has after it has changed its root, loads a driver of a watchdog, starts supd once more,
/// has it go on as another program, and at last freezes PID 1.
const WATCHED: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
echo "@@ root $(grep ' / ' /proc/mounts | cut -d' ' -f1-3)"
for place in /proc /sys /dev /dev/pts /dev/shm /run /sys/fs/cgroup; do
    echo "@@ $place $(grep -c " $place " /proc/mounts)"
done
echo "@@ PID 1 is $(tr '\0' ' ' </proc/1/cmdline)"
supd; echo "@@ second supd: $?"
dog=/sys/class/watchdog/watchdog0
echo "@@ before the driver: $(ls /sys/class/watchdog)"
insmod /modules/watchdog.ko && insmod /modules/softdog.ko
until [ "$(cat $dog/state)" = active ]; do sleep 0.1; done
echo "@@ armed for $(cat $dog/timeout) s"
supctl reexec
echo "@@ after another program: $(cat $dog/state)"
mkdir /sys/fs/cgroup/ice
echo 1 >/sys/fs/cgroup/ice/cgroup.procs
echo "@@ freezing"
echo 1 >/sys/fs/cgroup/ice/cgroup.freeze
"#;

/// The root cannot be found, so there is a shell that says which disks there are; with the root mounted by hand PID 1
/// goes on there. Later it hangs, and the watchdog resets the machine.
#[test]
fn pid_one_changes_to_a_root_that_was_mounted_by_hand_and_a_watchdog_ends_its_hanging() {
    let Some(parts) =
        guest::parts("pid_one_changes_to_a_root_that_was_mounted_by_hand_and_a_watchdog_ends_its_hanging")
    else {
        return;
    };
    let mut initramfs = parts.root(&[]);
    initramfs.link("/init", "/sbin/supd");
    let initramfs = parts.archive("by-hand", &initramfs);
    let mut root = parts.root(&[("/etc/supd/units/guide.toml", GUIDE), ("/bin/guide", WATCHED)]);
    for applet in ["insmod", "mkdir", "tr"] {
        root.link(&format!("/bin/{applet}"), "/bin/busybox");
    }
    // As in many a root: an absolute link, and another.
    root.link("/sbin/init", "/etc/alternatives/init");
    root.directory("/etc/alternatives").link("/etc/alternatives/init", "/sbin/supd");
    root.mount_points();
    parts.add_modules(&mut root, &["watchdog", "softdog"]);
    let disk = parts.root_disk("by-hand", &root);
    run("tune2fs", &["-U", UUID, "-L", "ours", disk.to_str().unwrap()], Path::new("/")).unwrap();

    let line = "console=ttyS0 panic=-1 root=LABEL=theirs rootwait=1 rw quiet supd.watchdog=6s";
    let mut machine = parts.start(Some(&initramfs), Some((&disk, NVME)), line);
    machine.expect("waiting for root=LABEL=theirs");
    let found = machine.expect("here is a shell");
    let ours = format!("/dev/nvme0n1 (ext4 UUID={UUID} LABEL=ours)");
    assert!(found.contains("has not appeared within 1 s") && found.contains(&ours), "{found}");
    machine.type_in("mount -t ext4 /dev/nvme0n1 /sysroot; exit\n");
    machine.expect("@@ root /dev/nvme0n1 / ext4");
    let found = machine.expect("@@ PID 1 is ");
    for place in ["/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run", "/sys/fs/cgroup"] {
        assert!(found.contains(&format!("@@ {place} 1")), "{place}:\n{found}");
    }
    let arguments = machine.expect("@@ second supd: 69");
    assert!(arguments.contains("--quiet"), "{arguments}");
    assert!(arguments.contains("another supd runs in /run/supd"), "{arguments}");
    machine.expect("@@ before the driver: \r\n");
    machine.expect("@@ armed for 6 s");
    let between = machine.expect("@@ after another program: active");
    assert!(!between.contains("did not stop"), "{between}");
    machine.expect("@@ freezing");
    let printed = machine.wait_off();
    assert!(printed.contains("softdog: Initiating system reboot"), "{printed}");
    // `quiet`.
    assert!(!printed.contains("runs as PID 1"), "{printed}");
}

/// Loads the disk's driver once somebody waits for it.
const LATE: &str = r#"shell = '''
until grep -q ' 15 .* 00000003 ' /proc/net/netlink; do sleep 0.1; done
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
    insmod /modules/$module.ko || exit
done
echo the drivers are there'''
[job]
backoff_limit = 0
"#;

/// Leaves a process behind that is to survive: by the name that it is called by, and in no pod's session or cgroup.
const KEEP: &str = r#"shell = '''
setsid sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs; @keep power-button </dev/null >/dev/null 2>&1 &'
# Not the last command, which the shell would become: as the leader of its group setsid could not be waited for.
echo it is on its own'''
before = ['switch-root']
[job]
"#;

/// An init of somebody else, which in the end gives way to supd.
const OTHER: &str = r#"#!/bin/sh
echo "@@ another init: pid $$, given $*, root $(grep ' / ' /proc/mounts | cut -d' ' -f1,3,4)"
cat /run/initramfs/supd/log/*/*/*
for process in /proc/[0-9]*; do
    if grep -q '^@keep' $process/cmdline 2>/dev/null; then
        echo "@@ kept $(tr '\0' ' ' <$process/cmdline), and of the old root $(ls -A $process/root/ | wc -l) entries"
    fi
done
mount -o remount,rw /
# It leaves supd a terminal whose keys are signals, and which stops who is in the background.
exec </dev/ttyS0
stty tostop
echo "@@ terminal of PID 1: $(cut -d' ' -f7 /proc/1/stat)"
exec /usr/sbin/supd
"#;

const BUTTON: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
echo "@@ PID 1 is $(tr '\0' ' ' </proc/1/cmdline)"
echo "@@ its session and terminal: $(cut -d' ' -f6,7 /proc/1/stat)"
insmod /modules/watchdog.ko && insmod /modules/softdog.ko
until [ "$(cat /sys/class/watchdog/watchdog0/state)" = active ]; do sleep 0.1; done
insmod /modules/evdev.ko && insmod /modules/button.ko
until supctl logs power-button | grep -q watching; do sleep 0.1; done
echo "@@ the button is watched"
"#;

/// A disk with one partition, made by hand, in a table of the old kind.
fn partitioned(parts: &Parts, name: &str, file_system: &Path) -> PathBuf {
    const START: u32 = 2048;
    let content = fs::read(file_system).unwrap();
    let mut first = vec![0; START as usize * 512];
    first[440..444].copy_from_slice(&0x0001_cafe_u32.to_le_bytes());
    first[446 + 4] = 0x83;
    first[446 + 8..446 + 12].copy_from_slice(&START.to_le_bytes());
    first[446 + 12..446 + 16].copy_from_slice(&((content.len() / 512) as u32).to_le_bytes());
    first[510..512].copy_from_slice(&[0x55, 0xaa]);
    let path = parts.directory().join(format!("{name}.disk"));
    let mut disk = fs::File::create(&path).unwrap();
    disk.write_all(&first).and_then(|()| disk.write_all(&content)).unwrap();
    path
}

/// Units of the initramfs load the driver of the root's disk, which is waited for and found by its partition. The
/// root's init is another program, and supd comes after that; its power button works.
#[test]
fn units_of_an_initramfs_lead_to_the_root_and_the_power_button_switches_it_off() {
    let Some(parts) =
        guest::parts("units_of_an_initramfs_lead_to_the_root_and_the_power_button_switches_it_off")
    else {
        return;
    };
    let mut initramfs = parts.root(&[
        ("/etc/initrd-release", "ID=test\n"),
        ("/etc/supd/units/late.toml", LATE),
        ("/etc/supd/units/keep.toml", KEEP),
        ("/etc/supd/units/mount-root.toml", include_str!("../../packaging/initramfs/mount-root.toml")),
        ("/etc/supd/units/switch-root.toml", include_str!("../../packaging/initramfs/switch-root.toml")),
    ]);
    initramfs.link("/init", "/sbin/supd").link("/bin/@keep", "/sbin/supd");
    initramfs.link("/bin/insmod", "/bin/busybox");
    parts.add_modules(&mut initramfs, &VIRTIO_MODULES);
    let initramfs = parts.archive("units", &initramfs);
    let power_button = include_str!("../../packaging/debian-host/power-button.toml");
    let mut root = parts.root(&[
        ("/etc/supd/units/guide.toml", GUIDE),
        ("/etc/supd/units/power-button.toml", power_button),
        ("/bin/guide", BUTTON),
        ("/bin/other", OTHER),
    ]);
    root.directory("/usr").directory("/usr/sbin").link("/usr/sbin/supd", "/sbin/supd");
    for applet in ["insmod", "stty", "tr"] {
        root.link(&format!("/bin/{applet}"), "/bin/busybox");
    }
    root.mount_points();
    parts.add_modules(&mut root, &["watchdog", "softdog", "evdev", "button"]);
    let disk = partitioned(&parts, "units", &parts.root_disk("units", &root));

    let line = "console=ttyS0 panic=-1 loglevel=4 root=PARTUUID=0001cafe-01 init=/bin/other debug loglevel=4 \
        supd.watchdog=1m supd.log-level=debug -- first --log-level debug";
    let mut machine = parts.start(Some(&initramfs), Some((&disk, VIRTIO)), line);
    machine.expect("waiting for root=PARTUUID=0001cafe-01");
    machine.expect("all units have ended; /sysroot becomes the root");
    // Read-only, as nobody has said otherwise.
    machine.expect("@@ another init: pid 1, given first --log-level debug, root /dev/vda1 ext4 ro");
    let found = machine.expect("@@ kept @keep power-button , and of the old root 0 entries");
    assert!(found.contains("the drivers are there"), "what units print goes along in /run:\n{found}");
    // 4:64 is ttyS0.
    machine.expect("@@ terminal of PID 1: 1088");
    let found = machine.expect("@@ PID 1 is ");
    assert!(!found.contains("cannot mount") && !found.contains("had to be killed"), "{found}");
    let arguments = machine.expect("@@ its session and terminal: 1 0");
    machine.expect("@@ the button is watched");
    assert!(
        arguments.contains("--log-level debug") && arguments.contains("--watchdog 60000ms"),
        "{arguments}"
    );
    machine.monitor("system_powerdown");
    machine.expect("all units have ended; the machine is being switched off");
    let printed = machine.wait_off();
    // Whoever ends in order leaves no watchdog behind that ticks.
    assert!(!printed.contains("did not stop") && !printed.contains("Initiating system reboot"), "{printed}");
    assert!(!printed.contains("Kernel panic"), "{printed}");
}

/// F95, F100: nothing but the program, no console, so no descriptor is open; and the kernel's keys.
#[test]
fn a_machine_with_nothing_but_supd_comes_up_and_restarts_by_its_keys() {
    let Some(parts) = guest::parts("a_machine_with_nothing_but_supd_comes_up_and_restarts_by_its_keys")
    else {
        return;
    };
    let mut root = parts.bare_root();
    // The kernel has a node of that name by itself: this is in its place.
    root.directory("/dev").directory("/dev/console");
    let archive = parts.archive("bare", &root);
    let line = "console=ttyS0 panic=-1 loglevel=4 rdinit=/sbin/supd fallen supd.nonsense other.nonsense \
        nonsense=1 -- --will 2";
    let mut machine = parts.start(Some(&archive), None, line);
    machine.expect("unable to open an initial console");
    let found = machine.expect("runs as PID 1 of the machine");
    assert!(found.contains("`supd.nonsense` on the kernel's command line is not understood"), "{found}");
    assert!(found.contains("`fallen` is a part of supd, started by it; left out"), "{found}");
    assert!(!found.contains("other.nonsense") && !found.contains("nonsense=1"), "{found}");
    machine.monitor("sendkey ctrl-alt-delete");
    machine.expect("all units have ended; the machine is being restarted");
    let printed = machine.wait_off();
    assert!(!printed.contains("Kernel panic"), "{printed}");
}
