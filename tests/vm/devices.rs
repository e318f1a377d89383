//! What lies on a machine's disks, on the way down and on the way up: swap, loop devices and mappings are given up in
//! order, another kernel takes over, and what had to be killed is told in its life. And a root of btrfs on a disk with
//! a table of the new kind (GPT).

use std::path::{Path, PathBuf};

use crate::guest::{self, Parts, run, with_libraries};
use crate::root::Root;

const GUIDE: &str = "exec = ['/bin/guide']\n";

/// The first kernel's life: everything that a disk can have on it. The second one's: what it knows of the first, and
/// what each signal to PID 1 is good for.
const LAYERS: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
set -e
trap 'echo "@@ failed"; sleep 1000' EXIT
case $(cat /proc/cmdline) in
*life=2*)
    echo "@@ second kernel, of root $(grep ' / ' /proc/mounts | cut -d' ' -f1,3)"
    supctl events --types=Warning | grep KilledAtShutdown
    ended() { supctl "$@" >/dev/null 2>&1; }
    kill -USR2 1
    rm /run/supd/control.sock
    kill -USR1 1
    until ended version; do usleep 100000; done
    echo "@@ the socket is there again"
    echo "exec = ['/bin/sleep', '1d']" >/etc/supd/units/late.toml
    kill -HUP 1
    until ended start late; do usleep 100000; done
    supctl wait late --for=ready --timeout=100s
    echo "@@ late is there"
    kill -WINCH 1
    kill -46 1
    sync
    kill -PWR 1 ;;
*)
    insmod /modules/loop.ko
    insmod /modules/dm-mod.ko
    dd if=/dev/zero of=/swap bs=1M count=8 2>/dev/null
    mkswap /swap >/dev/null
    losetup /dev/loop1 /swap
    swapon /dev/loop1
    dd if=/dev/zero of=/image bs=1M count=8 2>/dev/null
    losetup /dev/loop0 /image
    dmsetup --noudevsync create ours --table "0 16384 linear /dev/loop0 0"
    dmsetup --noudevsync mknodes
    mke2fs /dev/mapper/ours >/dev/null
    mount -t ext4 /dev/mapper/ours /mnt
    echo kept >/mnt/file
    echo kept >/file
    echo "@@ layers: $(cat /proc/swaps | wc -l) $(cat /sys/block/dm-0/dm/name) $(grep -c /mnt /proc/mounts)"
    setsid sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs; trap "" TERM HUP; cd /mnt; while :; do sleep 1000; done' \
        </dev/null >/dev/null 2>&1 &
    supctl kexec /vmlinuz --append "$(cat /proc/cmdline) life=2" ;;
esac
sleep 1000
"#;

#[test]
fn what_lies_on_a_disk_is_given_up_in_order_and_another_kernel_goes_on() {
    let Some(parts) = guest::parts("devices") else { return };
    let mut root = parts.root(&[("/etc/supd/units/guide.toml", GUIDE), ("/bin/guide", LAYERS)]);
    for applet in ["dd", "insmod", "losetup", "mke2fs", "mkswap", "rm", "swapon", "sync", "usleep"] {
        root.link(&format!("/bin/{applet}"), "/bin/busybox");
    }
    with_libraries(&mut root, &guest::find("dmsetup").unwrap(), "/sbin/dmsetup");
    root.copy(&parts.kernel(), "/vmlinuz");
    parts.add_modules(root.mount_points(), &["loop", "dm-mod"]);
    let disk = parts.root_disk("layers", &root);

    let mut machine = parts.boot(None, &disk, "");
    machine.expect("@@ layers: 2 ours 1");
    machine.expect("all units have ended; the machine is being restarted with the kernel that is loaded");
    machine.expect("had to be killed: sh (pid ");
    let down = machine.expect("the machine is being restarted with the kernel that is loaded");
    assert!(!down.contains("cannot"), "{down}");
    machine.expect("@@ second kernel, of root /dev/root ext4");
    let killed = machine.expect("@@ the socket is there again");
    assert!(killed.contains("KilledAtShutdown") && killed.contains("sh (pid "), "{killed}");
    assert!(killed.contains("guide"), "USR2 says how things are:\n{killed}");
    machine.expect("@@ late is there");
    let last = machine.expect("all units have ended; the machine is being switched off");
    assert!(last.contains("late"), "WINCH says how things are:\n{last}");
    let printed = machine.wait_off();
    assert!(!printed.contains("@@ failed") && !printed.contains("Kernel panic"), "{printed}");

    super::assert_clean(&disk);
    let image = parts.directory().join("image");
    let dump = format!("dump /image {}", image.display());
    run("debugfs", &["-R", &dump, disk.to_str().unwrap()], Path::new("/")).unwrap();
    super::assert_clean(&image);
}

/// Loads what the kernel needs to read the root, which nothing else does: there is no udev.
const DRIVERS: &str = r#"shell = '''
for module in libcrc32c raid6_pq xor zstd_compress btrfs; do
    insmod /modules/$module.ko || exit
done'''
before = ['mount-root']
[job]
backoff_limit = 0
"#;

const ARRIVED: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
echo "@@ root $(grep ' / ' /proc/mounts | cut -d' ' -f1,3)"
exec supctl poweroff
"#;

#[test]
fn a_root_of_btrfs_is_found_by_the_label_of_its_partition() {
    let Some(parts) = guest::parts("btrfs") else { return };
    let mut initramfs = parts.root(&[
        ("/etc/initrd-release", "ID=test\n"),
        ("/etc/supd/units/drivers.toml", DRIVERS),
        ("/etc/supd/units/mount-root.toml", include_str!("../../packaging/initramfs/mount-root.toml")),
        ("/etc/supd/units/switch-root.toml", include_str!("../../packaging/initramfs/switch-root.toml")),
    ]);
    initramfs.link("/init", "/sbin/supd").link("/bin/insmod", "/bin/busybox");
    parts.add_modules(&mut initramfs, &["libcrc32c", "raid6_pq", "xor", "zstd_compress", "btrfs"]);
    let initramfs = parts.archive("btrfs", &initramfs);
    let mut root = parts.root(&[("/etc/supd/units/guide.toml", GUIDE), ("/bin/guide", ARRIVED)]);
    root.link("/sbin/init", "/sbin/supd");
    root.mount_points();
    let disk = btrfs_disk(&parts, &root);

    let line = "console=ttyS0 panic=-1 loglevel=4 root=PARTLABEL=ours rw";
    let mut machine = parts.start(Some(&initramfs), Some((&disk, "nvme,drive=disk,serial=1")), line);
    machine.expect("all units have ended; /sysroot becomes the root");
    machine.expect("@@ root /dev/nvme0n1p2 btrfs");
    machine.expect("the machine is being switched off");
    let printed = machine.wait_off();
    assert!(!printed.contains("cannot") && !printed.contains("Kernel panic"), "{printed}");
    let partition = disk.with_extension("btrfs");
    run("btrfs", &["check", "--readonly", partition_of(&disk, &partition)], Path::new("/")).unwrap();
}

/// Where the second partition of the disk lies, in MiB.
const START: usize = 2;

/// Two partitions, the second one with these files.
fn btrfs_disk(parts: &Parts, root: &Root) -> PathBuf {
    let tree = parts.directory().join("tree");
    root.write_to(&tree);
    let [file_system, disk] = ["ours.btrfs", "ours.disk"].map(|name| parts.directory().join(name));
    let size = 320 << 20;
    std::fs::File::create(&file_system).unwrap().set_len(size).unwrap();
    let [from, into] = [&tree, &file_system].map(|path| path.to_str().unwrap());
    run("mkfs.btrfs", &["-q", "--mixed", "--rootdir", from, into], Path::new("/")).unwrap();
    std::fs::File::create(&disk).unwrap().set_len(size + ((2 * START as u64 + 1) << 20)).unwrap();
    let disk_path = disk.to_str().unwrap();
    let script = format!(
        "printf 'label: gpt\\nstart=1MiB, size=1MiB, name=theirs\\nstart={START}MiB, size=320MiB, name=ours\\n' | \
         sfdisk -q {disk_path} && dd if={into} of={disk_path} bs=1M seek={START} conv=notrunc,sparse status=none"
    );
    run("sh", &["-c", &script], Path::new("/")).unwrap();
    disk
}

/// Copies the file system out of the disk again.
fn partition_of<'a>(disk: &Path, into: &'a Path) -> &'a str {
    let (disk, into) = (disk.to_str().unwrap(), into.to_str().unwrap());
    let script = format!("dd if={disk} of={into} bs=1M skip={START} count=320 conv=sparse status=none");
    run("sh", &["-c", &script], Path::new("/")).unwrap();
    into
}
