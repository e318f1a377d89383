//! Debian as debootstrap makes it boots under supd, from the package that diverts its init, with the units of
//! `packaging/debian-host/`; and it goes down with a clean file system.
//!
//! Method: somebody sits at the serial console. What he finds is said by `debian_check.sh`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::guest::{self, Guest, Parts, run};
use super::{assert_file_system_clean, say, skipped};

/// As Debian's own boot loader has it: the root can only be read at first, and init is whatever /sbin/init is.
/// Errors alone come to the console, where somebody works.
const WORDS: &str = "ro init=/sbin/init quiet";

/// Where the files of all machines of Debian are.
fn place(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("vm").join(name).to_str().unwrap().to_owned()
}

/// What `debian.sh` prints, or why it fails.
pub fn script(arguments: &[&str]) -> Result<String, String> {
    run("bash", &[&["tests/vm/debian.sh"], arguments].concat(), Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// Debian as it is, for `debian.sh` to make disks of; or why there is none.
pub fn base() -> Result<String, String> {
    static MADE: Mutex<()> = Mutex::new(());
    let _alone = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    for (program, package) in [("debootstrap", "debootstrap"), ("go-md2man", "go-md2man")] {
        guest::need(program, package)?;
    }
    // It takes minutes, and gives the same each time.
    let base = place("debian.tar");
    if !Path::new(&base).exists() {
        script(&["base", &base])?;
    }
    Ok(base)
}

/// Makes a package of ours in this directory, and gives its path.
pub fn package(script: &str, arguments: &[&str]) -> String {
    let path = run(script, arguments, Path::new(env!("CARGO_MANIFEST_DIR")));
    path.unwrap_or_else(|why| panic!("{why}")).trim().to_owned()
}

/// Where the programs are that the tests were built with.
pub fn programs() -> &'static str {
    Path::new(env!("CARGO_BIN_EXE_supd")).parent().unwrap().to_str().unwrap()
}

/// The disk, and what it is made from; or why there is none.
fn disk() -> Result<PathBuf, String> {
    let base = base()?;
    let (kernel, disk, packages) = (place("vmlinuz"), place("debian.ext4"), place("packages"));
    let supd = package("packaging/build-deb", &[programs(), &packages]);
    let init = package("packaging/build-deb-init", &[&packages]);
    // What fails from here on is a fault of ours.
    let made = script(&["disk", &base, &kernel, &disk, &supd, &init]);
    assert!(made.is_ok(), "{made:?}");
    fs::remove_dir_all(&packages).map_err(|error| error.to_string())?;
    Ok(disk.into())
}

/// Boots, and logs in.
fn log_in(parts: &Parts, disk: &Path) -> Guest {
    let mut machine = parts.boot(None, disk, WORDS);
    let before = machine.expect("debian-vm login: ");
    assert!(!before.contains("supd:"), "{before}");
    machine.type_in("root\n");
    machine.expect("Password: ");
    machine.type_in("secret\n");
    machine.expect("# ");
    machine.type_in("bash /root/check\n");
    machine
}

/// What the machine's guide says, compared with what is so after so many boots.
fn assert_well(machine: &mut Guest, boots: usize) {
    machine.expect("@@ up ");
    say(&format!("Debian: all services up {} after the kernel's start", machine.expect(" s").trim()));
    let status = machine.expect("@@ status ends");
    assert!(status.contains(" - running - "), "{status}");
    let units: Vec<&str> =
        status.lines().filter(|line| line.starts_with(['*', '+', 'o', '~', '!', 'x'])).collect();
    assert!(units.len() >= 20, "{status}");
    for unit in units {
        let good = [" Running ", " Complete ", " Next "].iter().any(|state| unit.contains(state));
        assert!(good, "{unit}:\n{status}");
    }
    for trouble in ["not saved", "W0", "E0", "could not", "cannot"] {
        assert!(!status.contains(trouble), "{trouble}:\n{status}");
    }

    let found = machine.expect("@@ PID 1 ");
    let lines: Vec<&str> = found.lines().filter_map(|line| line.trim_end().strip_prefix("@@ ")).collect();
    let psql = format!("psql {boots} boots");
    let expected = [
        "init /usr/sbin/supd supd keeper",
        "host debian-vm",
        "root rw, srv tmpfs",
        "disk ../../nvme0n1",
        "module 1, swappiness 17",
        "lo 127.0.0.1/8",
        "who root ttyS0",
        "last root ttyS0",
        "machine-id 33, lock 1777",
        "ssh root",
        "syslog has it",
        "cron has run",
        "crontab hello, root",
        &psql,
        "recoveries 0",
        "nginx HTTP/1.1 200 OK",
        "logs can be read",
        "zombies 0",
        "PID 1",
    ];
    assert_eq!(lines, expected, "{found}");
    say(&format!("Debian: memory of PID 1: {}", machine.expect("kB").trim()));
    machine.expect("@@ end");
    machine.expect("# ");
}

#[test]
fn debian_boots_under_supd_to_its_services_and_goes_down_clean() {
    let Some(parts) = guest::parts("debian") else { return };
    let disk = match disk() {
        Ok(disk) => disk,
        Err(why) => return skipped("Debian under supd", format!("no Debian can be made here: {why}")),
    };

    let mut machine = log_in(&parts, &disk);
    assert_well(&mut machine, 1);
    // The name that Debian has for it is a link of ours.
    machine.type_in("reboot\n");
    let last = machine.expect("the machine is being restarted");
    assert!(!last.contains("had to be killed") && !last.contains("cannot"), "{last}");
    machine.wait_off();
    assert_file_system_clean(&disk);

    // The same disk again: what was written is there, and nothing had to be recovered.
    let mut machine = log_in(&parts, &disk);
    assert_well(&mut machine, 2);
    machine.type_in("poweroff\n");
    let last = machine.expect("the machine is being switched off");
    assert!(!last.contains("had to be killed") && !last.contains("cannot"), "{last}");
    machine.wait_off();
    assert_file_system_clean(&disk);
    let _ = fs::remove_file(&disk);
}
