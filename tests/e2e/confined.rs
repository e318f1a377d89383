//! The logger reads what strangers print, so it has no right that it does not need: no capability, and of the
//! file system only the log directory.

#![allow(unsafe_code)] // Landlock has no safe wrapper.

use std::fs;

use super::space::{Death, Space};

/// Prints each line that is written to `@/fifo`.
const TALK: &str = "shell = 'exec cat <> @/fifo'\n";

fn talk() -> super::space::Supd {
    let supd = Space::new().fifo("fifo").unit("talk", TALK).supd();
    supd.wait("talk", "ready");
    supd
}

fn say(supd: &super::space::Supd, line: &str) {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(supd.path().join("fifo"))
        .and_then(|mut fifo| std::io::Write::write_all(&mut fifo, format!("{line}\n").as_bytes()))
        .unwrap();
}

/// A field of a process' status.
fn field(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}

#[test]
fn the_logger_has_no_rights_but_to_write_logs() {
    let supd = talk();
    say(&supd, "hello");
    supd.stream("logs -f talk").until("hello");
    let logger = supd.role("logger");
    for name in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(field(logger, name), "0000000000000000", "{name}");
    }
    assert_eq!(field(logger, "NoNewPrivs"), "1");
    // The others are not touched by that.
    assert_eq!(field(supd.role("manager"), "CapEff"), field(supd.keeper, "CapEff"));
    assert_eq!(field(supd.pid("talk-0"), "CapEff"), field(supd.keeper, "CapEff"));
}

#[test]
fn a_log_directory_that_was_taken_away_is_made_anew() {
    let supd = talk();
    say(&supd, "first");
    supd.stream("logs -f talk").until("first");
    let logger = supd.role("logger");
    let death = Death::of(logger);
    fs::rename(supd.path().join("log"), supd.path().join("away")).unwrap();
    // It looks for its directory once a second while there is something to write.
    while !death.within(std::time::Duration::from_millis(20)) && !supd.path().join("log").exists() {
        say(&supd, "lost");
    }
    say(&supd, "second");
    supd.stream("logs -f talk").until("second");
    // One that is held to its directory cannot make another; the next one can.
    // SAFETY: without a structure and with this flag, the version is asked for.
    let landlock = unsafe { nix::libc::syscall(nix::libc::SYS_landlock_create_ruleset, 0, 0, 1) };
    assert_eq!(supd.role("logger") != logger, landlock > 0);
    assert_eq!(field(supd.role("logger"), "NoNewPrivs"), "1");
}
