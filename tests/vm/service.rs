//! supd as a service of another init, by what its package brings: the unit of systemd, and the script of OpenRC.
//!
//! Method: Debian with both inits boots twice, each with a program that starts when the init takes supd for started.
//! What it finds is said by `service_check.sh`.

use std::path::PathBuf;

use super::guest::Guest;
use super::{debian, guest, skipped};

/// A disk with both inits and supd; or why there is none.
fn disk(parts: &guest::Parts) -> Result<PathBuf, String> {
    let base = debian::base()?;
    let disk = parts.directory().join("service.ext4");
    let supd =
        debian::package("packaging/build-deb", &[debian::programs(), parts.directory().to_str().unwrap()]);
    debian::script(&["service", &base, disk.to_str().unwrap(), &supd])?;
    Ok(disk)
}

/// What is found under either init, in this order.
fn assert_well(machine: &mut Guest, bound: &str) {
    let up = &*format!("web is up, with {bound}");
    for found in [
        up,
        up,
        "web has lived on",
        "web ends",
        up,
        "web is another",
        "web ends",
        "supd is gone",
        "so is web",
        up,
        "going down",
    ] {
        assert_eq!(next(machine), found);
    }
}

/// The next line that is for us.
fn next(machine: &mut Guest) -> String {
    machine.expect("@@ ");
    machine.expect("\r\n").trim().to_owned()
}

#[test]
fn another_init_starts_it_asks_it_restarts_it_and_ends_it() {
    let Some(parts) = guest::parts("service") else { return };
    let disk = match disk(&parts) {
        Ok(disk) => disk,
        Err(why) => return skipped("supd as a service", format!("no Debian can be made here: {why}")),
    };

    let words = "init=/lib/systemd/systemd systemd.unit=check.service quiet";
    let mut machine = parts.boot(None, &disk, words);
    assert_eq!(next(&mut machine), "supd is running");
    assert_eq!(next(&mut machine), "at the next boot: enabled");
    // Debian's systemd knows nothing of `DelegateSubgroup=`.
    assert_well(&mut machine, "67108864");
    // With the machine.
    assert_eq!(next(&mut machine), "web ends");
    machine.wait_off();

    let mut machine = parts.boot(None, &disk, "init=/sbin/openrc-init quiet");
    assert_eq!(next(&mut machine), "supd is running");
    assert_well(&mut machine, "no bound");
    assert_eq!(next(&mut machine), "web ends");
    machine.wait_off();
}
