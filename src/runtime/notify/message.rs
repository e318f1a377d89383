//! What a notify datagram says, and whether its sender may say it.

use std::os::unix::fs::MetadataExt;

use nix::unistd::{Pid, getsid};

use crate::limits::{ANCESTORS_MAX, STATUS_TEXT_CHARS_MAX};
use crate::place::stat::Stat;

/// One line of a datagram that means something to supd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// `READY=1`
    Ready,
    /// `STATUS=text`, made fit to print.
    Status(String),
    /// `WATCHDOG=1`
    Alive,
    /// `WATCHDOG=trigger`
    Trouble,
    /// Known and without effect here (`MAINPID=`, `RELOADING=1`, …), or unknown: its key.
    Other(String),
}

/// Reads a datagram. What is not UTF-8 says nothing.
pub fn parse(datagram: &[u8]) -> Vec<Line> {
    let Ok(text) = std::str::from_utf8(datagram) else { return Vec::new() };
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Line> {
    let (key, value) = line.split_once('=')?;
    Some(match (key, value) {
        ("READY", "1") => Line::Ready,
        ("STATUS", text) => Line::Status(printable(text)),
        ("WATCHDOG", "1") => Line::Alive,
        ("WATCHDOG", "trigger") => Line::Trouble,
        _ => Line::Other(printable(key)),
    })
}

/// Control characters shown, never sent on, and no longer than a line of `status`.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(STATUS_TEXT_CHARS_MAX) {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

/// Who sent a datagram, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its pid, as seen from here; 0 where it is outside our pid namespace.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
}

/// Whose word a datagram is, of runs given by their first processes: the process itself, its session (every
/// run begins one), or a descendant. A helper that has ended by now (`systemd-notify`) can only be judged by
/// its user: nobody but root and the service's own user passes, and only where no other run could be meant.
pub fn speaker(sender: Sender, mains: &[i32]) -> Option<usize> {
    if let Some(place) = mains.iter().position(|main| *main == sender.pid) {
        return Some(place);
    }
    if sender.pid <= 0 {
        return None;
    }
    match getsid(Some(Pid::from_raw(sender.pid))) {
        Ok(session) => {
            let of_session = mains.iter().position(|main| *main == session.as_raw());
            of_session.or_else(|| mains.iter().position(|main| descends(sender.pid, *main)))
        }
        Err(_) => {
            let may = |main: &i32| sender.uid == 0 || owner(*main) == Some(sender.uid);
            let mut able = (0..mains.len()).filter(|place| may(&mains[*place]));
            able.next().filter(|_| able.next().is_none())
        }
    }
}

fn descends(pid: i32, ancestor: i32) -> bool {
    let mut pid = pid;
    for _ in 0..ANCESTORS_MAX {
        match Stat::of(pid).ok().and_then(|stat| stat.parent()) {
            Some(parent) if parent == ancestor => return true,
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}

fn owner(pid: i32) -> Option<u32> {
    std::fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_sd_notify_sends() {
        assert_eq!(
            parse(b"READY=1\nSTATUS=up \x1b[31m\nMAINPID=1\n\nnoise\n"),
            [Line::Ready, Line::Status("up \\u{1b}[31m".into()), Line::Other("MAINPID".into())]
        );
        assert_eq!(parse(b"READY=0"), [Line::Other("READY".into())]);
    }

    #[test]
    fn noise_says_nothing() {
        assert!(
            parse(b"").is_empty() && parse(b"\xff\xfeREADY=1").is_empty() && parse(&[0; 4096]).is_empty()
        );
        let Some(Line::Status(text)) = parse(format!("STATUS={}", "x".repeat(4000)).as_bytes()).pop() else {
            panic!("no status")
        };
        assert_eq!(text.len(), STATUS_TEXT_CHARS_MAX);
    }

    #[test]
    fn strangers_do_not_belong() {
        let belongs = |sender, main| speaker(sender, &[main]).is_some();
        let me = i32::try_from(std::process::id()).unwrap();
        let uid = nix::unistd::getuid().as_raw();
        let my_parent = nix::unistd::getppid().as_raw();
        assert!(belongs(Sender { pid: me, uid }, me));
        assert!(belongs(Sender { pid: me, uid }, my_parent), "a child belongs to its parent's run");
        assert!(!belongs(Sender { pid: my_parent, uid }, me), "a parent does not belong to its child's run");
        assert!(!belongs(Sender { pid: 0, uid: 0 }, me), "from outside the pid namespace");
        let gone = i32::MAX;
        assert!(belongs(Sender { pid: gone, uid }, me), "a helper that has ended, of the same user");
        assert!(!belongs(Sender { pid: gone, uid: uid + 1 }, me), "the same of another user");
    }

    #[test]
    fn of_several_runs_the_senders_own_is_meant() {
        let me = i32::try_from(std::process::id()).unwrap();
        let uid = nix::unistd::getuid().as_raw();
        let nobody = i32::MAX - 1;
        assert_eq!(speaker(Sender { pid: me, uid }, &[nobody, me]), Some(1));
        assert_eq!(speaker(Sender { pid: i32::MAX, uid: 0 }, &[nobody, me]), None, "it could be either's");
    }

    #[test]
    fn reads_what_a_watchdog_says() {
        assert_eq!(parse(b"WATCHDOG=1"), [Line::Alive]);
        assert_eq!(parse(b"WATCHDOG=trigger"), [Line::Trouble]);
        assert_eq!(parse(b"WATCHDOG=0"), [Line::Other("WATCHDOG".into())]);
    }
}
