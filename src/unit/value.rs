//! Values that carry their unit: durations, sizes, signals, accounts. Text in, value or reason out.

use std::time::Duration;

use crate::limits::DURATION_MAX;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DurationError {
    /// In words.
    pub(super) message: &'static str,
    /// What was probably meant.
    pub(super) meant: Option<String>,
}

/// Units of time, with their nanoseconds.
const TIME_UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// What people write elsewhere, with the unit here.
const TIME_WORDS: [(&str, &str); 18] = [
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("M", "m"),
    ("S", "s"),
    ("hr", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("H", "h"),
    ("day", "d"),
    ("days", "d"),
    ("D", "d"),
    ("msec", "ms"),
];

/// Reads `500ms`, `1.5s`, `1m30s`, `2h`, `1d`.
pub(super) fn duration(text: &str) -> Result<Duration, DurationError> {
    const SHAPE: &str = "a duration is a number with its unit: `500ms`, `10s`, `1m30s`, `2h`, `1d`";
    let plain = |message| DurationError { message, meant: None };
    if text.starts_with('-') {
        return Err(plain("a duration is not negative"));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DurationError {
            message: "a duration carries its unit",
            meant: Some(format!(
                "{}s",
                text.trim_start_matches('0').get(..).filter(|t| !t.is_empty()).unwrap_or("0")
            )),
        });
    }
    let too_long = plain("a duration has at most 100 years");
    let mut rest = text;
    let mut sum: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic() && c != 'µ').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let Some((_, nanos)) = TIME_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError { message: SHAPE, meant: meant_duration(text) });
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let bad = |part: &str| !part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || bad(whole) || bad(fraction) || number.ends_with('.') || fraction.len() > 9 {
            return Err(plain(SHAPE));
        }
        let whole: u64 = whole.parse().map_err(|_| too_long.clone())?;
        let scale = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(9));
        let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().unwrap_or(0) };
        sum += u128::from(whole) * u128::from(*nanos) + fraction * u128::from(*nanos) / scale;
        if sum > DURATION_MAX.as_nanos() {
            return Err(too_long);
        }
        rest = tail;
    }
    if text.is_empty() {
        return Err(plain(SHAPE));
    }
    Ok(Duration::from_nanos(u64::try_from(sum).unwrap_or(u64::MAX)))
}

/// `10 sec` → `10s`.
fn meant_duration(text: &str) -> Option<String> {
    let joined: String = text.split_whitespace().collect();
    let digits = joined.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = joined.split_at(digits);
    let known = TIME_UNITS.iter().find(|(name, _)| *name == unit).map(|(name, _)| *name);
    let word = known.or_else(|| TIME_WORDS.iter().find(|(word, _)| *word == unit).map(|(_, name)| *name))?;
    (!number.is_empty()).then(|| format!("{number}{word}"))
}

/// Reads `256Mi`, `1G`, `1024`, in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Signals by name, without `SIG`.
const SIGNALS: [(&str, i32); 30] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CONT", libc::SIGCONT),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
    ("POLL", libc::SIGIO),
];

/// A signal as Kubernetes and kill(1) write it: `SIGKILL`; its number where it has no name.
pub fn signal_name(number: u8) -> String {
    let known = SIGNALS.iter().find(|(_, known)| *known == i32::from(number));
    known.map_or_else(|| format!("signal {number}"), |(name, _)| format!("SIG{name}"))
}

/// The signal of that name: `TERM`, `SIGTERM`, `RTMIN+3`, `RTMAX-2`.
pub(super) fn signal(name: &str) -> Option<i32> {
    let short = name.strip_prefix("SIG").unwrap_or(name);
    // glibc and musl keep the first two or three for themselves; 34 is what both call SIGRTMIN
    // (musl 35), and what systemd's RTMIN+n means on every Linux.
    const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;
    let steps = |text: &str| text.parse::<i32>().ok().filter(|steps| (0..=30).contains(steps));
    match (short, short.strip_prefix("RTMIN+"), short.strip_prefix("RTMAX-")) {
        ("RTMIN", ..) => return Some(*REAL_TIME.start()),
        ("RTMAX", ..) => return Some(*REAL_TIME.end()),
        (_, Some(above), _) => return steps(above).map(|steps| REAL_TIME.start() + steps),
        (_, _, Some(below)) => return steps(below).map(|steps| REAL_TIME.end() - steps),
        _ => {}
    }
    SIGNALS.iter().find(|(known, _)| *known == short).map(|(_, number)| *number)
}

/// Whether a text may be the name of a user or a group: what `useradd` allows, so never a number, a sign or
/// anything that another program would read as one.
pub(super) fn is_account_name(name: &str) -> bool {
    let body = name.strip_suffix('$').unwrap_or(name);
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let other = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.len() <= 32 && body.starts_with(first) && body.chars().all(other)
}

/// Resource limits by name: number, and whether sizes may be written.
#[allow(clippy::unnecessary_cast, reason = "musl has these numbers as signed ones")]
const RLIMITS: [(&str, u32, bool); 16] = [
    ("as", libc::RLIMIT_AS as u32, true),
    ("core", libc::RLIMIT_CORE as u32, true),
    ("cpu", libc::RLIMIT_CPU as u32, false),
    ("data", libc::RLIMIT_DATA as u32, true),
    ("fsize", libc::RLIMIT_FSIZE as u32, true),
    ("locks", libc::RLIMIT_LOCKS as u32, false),
    ("memlock", libc::RLIMIT_MEMLOCK as u32, true),
    ("msgqueue", libc::RLIMIT_MSGQUEUE as u32, true),
    ("nice", libc::RLIMIT_NICE as u32, false),
    ("nofile", libc::RLIMIT_NOFILE as u32, false),
    ("nproc", libc::RLIMIT_NPROC as u32, false),
    ("rss", libc::RLIMIT_RSS as u32, true),
    ("rtprio", libc::RLIMIT_RTPRIO as u32, false),
    ("rttime", libc::RLIMIT_RTTIME as u32, false),
    ("sigpending", libc::RLIMIT_SIGPENDING as u32, false),
    ("stack", libc::RLIMIT_STACK as u32, true),
];

/// The number of a resource limit, and whether it counts bytes.
pub(super) fn rlimit(name: &str) -> Option<(u32, bool)> {
    RLIMITS.iter().find(|(known, ..)| *known == name).map(|(_, number, bytes)| (*number, *bytes))
}

/// The names of all resource limits.
pub(super) fn rlimit_names() -> impl Iterator<Item = &'static str> {
    RLIMITS.iter().map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let good = [
            ("500ms", 500),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1.5s", 1_500),
            ("0s", 0),
            ("0.25m", 15_000),
        ];
        for (text, millis) in good {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "1.s", ".5s", "1e3s", "10 x", "1s ", "-1s", "99999999999d", "101y", "1..2s", "∞"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn says_what_was_probably_meant() {
        for (text, meant) in
            [("10", "10s"), ("10 sec", "10s"), ("5min", "5m"), ("3 days", "3d"), ("007", "7s")]
        {
            assert_eq!(duration(text).unwrap_err().meant.as_deref(), Some(meant), "{text}");
        }
        assert_eq!(duration("soon").unwrap_err().meant, None);
    }

    #[test]
    fn sizes_and_signals() {
        assert_eq!(size("256Mi"), Some(256 << 20));
        assert_eq!(size("1G"), Some(1_000_000_000));
        assert_eq!((size("1X"), size(""), size("99999999999T")), (None, None, None));
        assert_eq!((signal("TERM"), signal("SIGTERM"), signal("term")), (Some(15), Some(15), None));
        assert_eq!((signal("RTMIN+3"), signal("RTMIN+31"), signal("RTMIN+-1")), (Some(37), None, None));
        assert_eq!((signal("RTMIN"), signal("SIGRTMAX"), signal("RTMAX-14")), (Some(34), Some(64), Some(50)));
    }

    #[test]
    fn account_names() {
        for good in ["root", "www-data", "_apt", "a.b", "machine$"] {
            assert!(is_account_name(good), "{good}");
        }
        for bad in ["", "0", "0day", "0x0", "-1", "root\n", "ro ot", "$", "+1", "é", &"x".repeat(33)] {
            assert!(!is_account_name(bad), "{bad}");
        }
    }
}
