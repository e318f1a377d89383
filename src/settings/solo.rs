//! What `supd -- CMD ARGS` was told: the command, and what becomes of signals on their way to it.

use std::ffi::OsString;
use std::str::FromStr;

use nix::libc;
use nix::sys::signal::Signal;

/// Be the init of one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solo {
    /// The command and its arguments; never empty.
    pub command: Vec<OsString>,
    /// Signals go to the command's whole process group.
    pub group: bool,
    /// Signals that become others, the last rule for a signal counts; 0: it is not passed on.
    pub rewrites: Vec<(u8, u8)>,
}

impl Solo {
    /// What is passed on for a signal.
    pub fn rewritten(&self, signal: i32) -> Option<i32> {
        let rule = self.rewrites.iter().rev().find(|(from, _)| i32::from(*from) == signal);
        Some(rule.map_or(signal, |(_, to)| i32::from(*to))).filter(|signal| *signal != 0)
    }
}

/// `TERM:QUIT`, `15:3`, `SIGHUP:RTMIN+3`, `WINCH:0`. The error is what is wrong with it, in words.
pub(super) fn parse_rewrite(text: &str) -> Result<(u8, u8), String> {
    let Some((from, to)) = text.split_once(':') else {
        return Err("it is two signals, as in `TERM:QUIT`".into());
    };
    let from = signal(from)?;
    if [libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD].contains(&i32::from(from)) {
        return Err("KILL, STOP and CHLD are never passed on".into());
    }
    Ok((from, if to == "0" { 0 } else { signal(to)? }))
}

/// A signal by name or number. RTMIN is 34 for every C library of the tools that send them; ours may differ.
fn signal(text: &str) -> Result<u8, String> {
    const FIRST_REAL_TIME: u8 = 34;
    const LAST: u8 = 64;
    let unknown = || format!("there is no signal `{text}`");
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let distance = |rest: &str, sign: char| match rest.strip_prefix(sign) {
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse::<u8>().ok(),
        _ => rest.is_empty().then_some(0),
    };
    let number = if name.bytes().all(|byte| byte.is_ascii_digit()) {
        name.parse::<u8>().ok()
    } else if let Some(rest) = name.strip_prefix("RTMIN") {
        distance(rest, '+').and_then(|more| FIRST_REAL_TIME.checked_add(more))
    } else if let Some(rest) = name.strip_prefix("RTMAX") {
        distance(rest, '-').and_then(|less| LAST.checked_sub(less)).filter(|n| *n >= FIRST_REAL_TIME)
    } else {
        Signal::from_str(&format!("SIG{name}")).ok().and_then(|signal| u8::try_from(signal as i32).ok())
    };
    number.filter(|number| (1..=LAST).contains(number)).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (text, pair) in [
            ("TERM:QUIT", (15, 3)),
            ("sigterm:SigQuit", (15, 3)),
            ("15:3", (15, 3)),
            ("HUP:RTMIN+3", (1, 37)),
            ("RTMAX-1:RTMIN", (63, 34)),
            ("WINCH:0", (28, 0)),
            ("1:KILL", (1, 9)),
        ] {
            assert_eq!(parse_rewrite(text), Ok(pair), "{text}");
        }
    }

    #[test]
    fn what_is_no_signal_is_said() {
        for text in ["", "TERM", "TERM:", ":TERM", "0:1", "65:1", "TERM:65", "TERM:RTMIN+31", "RTMAX-31:1"] {
            assert!(parse_rewrite(text).is_err(), "{text}");
        }
        assert_eq!(parse_rewrite("NOPE:TERM"), Err("there is no signal `NOPE`".into()));
        assert_eq!(parse_rewrite("KILL:TERM"), Err("KILL, STOP and CHLD are never passed on".into()));
    }

    #[test]
    fn the_last_rule_for_a_signal_counts() {
        let solo = Solo { rewrites: vec![(15, 3), (15, 2), (28, 0)], ..Solo::default() };
        assert_eq!(solo.rewritten(15), Some(2));
        assert_eq!(solo.rewritten(28), None);
        assert_eq!(solo.rewritten(1), Some(1));
    }
}
