//! What the kernel says of one process, in its own words: `/proc/PID/stat`.
//!
//! Bytes, not text: a process gives itself its name, which may hold anything, brackets and half a letter too.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;

use crate::limits::PROCESS_STAT_BYTES_MAX;

/// The line of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    name: Vec<u8>,
    /// What stands behind the name.
    rest: String,
}

/// In the field of flags.
const PF_KTHREAD: u64 = 0x0020_0000;

impl Stat {
    /// Of the process that has this pid now. An error: there is none, or no /proc.
    pub fn of(pid: i32) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(format!("/proc/{pid}/stat"))?.take(PROCESS_STAT_BYTES_MAX).read_to_end(&mut bytes)?;
        Self::parse(&bytes).ok_or(io::ErrorKind::InvalidData.into())
    }

    /// One line: `812 (a) b) S 1 …`. The last bracket is the end of the name.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let (begin, end) =
            (line.iter().position(|byte| *byte == b'(')?, line.iter().rposition(|byte| *byte == b')')?);
        let name = line.get(begin + 1..end)?.to_vec();
        let rest = String::from_utf8(line.get(end + 1..)?.to_vec()).ok()?;
        rest.split_ascii_whitespace().next()?;
        Some(Self { name, rest })
    }

    /// What it calls itself, as far as that can be read.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// Its state, as ps(1) shows it.
    pub fn state(&self) -> u8 {
        self.text(3).and_then(|text| text.as_bytes().first().copied()).unwrap_or(b'?')
    }

    /// Nothing of it runs any more: its first thread has ended, and there is no other.
    pub fn has_ended(&self) -> bool {
        let threads: Option<u32> = self.number(20);
        matches!(self.state(), b'Z' | b'X' | b'x') && threads.is_none_or(|threads| threads < 2)
    }

    /// It waits for something in the kernel that no signal ends.
    pub fn is_stuck(&self) -> bool {
        self.state() == b'D'
    }

    /// It is a part of the kernel.
    pub fn is_kernel_thread(&self) -> bool {
        self.number::<u64>(9).is_some_and(|flags| flags & PF_KTHREAD != 0)
    }

    /// The pid of its parent.
    pub fn parent(&self) -> Option<i32> {
        self.number(4)
    }

    /// The device of its controlling terminal, if it has one.
    pub fn terminal(&self) -> Option<u32> {
        self.number::<i32>(7).map(i32::cast_unsigned).filter(|device| *device != 0)
    }

    /// What it has used in user mode and in the kernel, in ticks.
    pub fn ticks(&self) -> Option<(u64, u64)> {
        Some((self.number(14)?, self.number(15)?))
    }

    /// The same of its children that were waited for.
    pub fn ticks_of_children(&self) -> Option<(u64, u64)> {
        Some((self.number(16)?, self.number(17)?))
    }

    /// When it was started, in ticks after the start of the machine.
    pub fn started(&self) -> Option<u64> {
        self.number(22)
    }

    /// Its memory, in pages.
    pub fn resident_pages(&self) -> Option<u64> {
        self.number(24)
    }

    /// What it will be waited for with; 0 where we may not know.
    pub fn wait_status(&self) -> Option<i32> {
        self.number(52)
    }

    fn number<T: FromStr>(&self, field: usize) -> Option<T> {
        self.text(field)?.parse().ok()
    }

    /// As proc(5) numbers them: the state, which follows the name, is 3.
    fn text(&self, field: usize) -> Option<&str> {
        self.rest.split_ascii_whitespace().nth(field.checked_sub(3)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"77 (a ) b) Z 1 77 77 34816 77 2129984 0 0 0 0 3 4 10 20 20 0 1 0 567 1000000 250 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 10752\n";

    #[test]
    fn a_line_is_read_from_the_end_of_the_name() {
        let stat = Stat::parse(LINE).unwrap();
        assert_eq!((stat.name().as_ref(), stat.state(), stat.parent()), ("a ) b", b'Z', Some(1)));
        assert!(stat.has_ended() && stat.is_kernel_thread() && !stat.is_stuck());
        assert_eq!(stat.terminal(), Some(34_816));
        assert_eq!((stat.ticks(), stat.ticks_of_children()), (Some((3, 4)), Some((10, 20))));
        assert_eq!((stat.started(), stat.resident_pages()), (Some(567), Some(250)));
        assert_eq!(stat.wait_status(), Some(10_752));
    }

    #[test]
    fn a_name_need_not_be_text() {
        // So the kernel cuts a long name: inside of a letter.
        let stat = Stat::parse(b"812 (gr\xc3) D 1 812 812 0 -1 4194304 0").unwrap();
        assert_eq!((stat.name().as_ref(), stat.is_stuck(), stat.terminal()), ("gr\u{fffd}", true, None));
        let stat = Stat::parse(b"9 (a\n(b) R 1 9").unwrap();
        assert_eq!((stat.name().as_ref(), stat.state(), stat.parent()), ("a\n(b", b'R', Some(1)));
    }

    #[test]
    fn what_has_another_thread_has_not_ended() {
        let state = |threads| {
            Stat::parse(format!("9 (sh) Z 1 9 9 0 -1 0 0 0 0 0 3 4 0 0 20 0 {threads} 0").as_bytes())
        };
        assert!(state(1).unwrap().has_ended() && !state(2).unwrap().has_ended());
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        for line in [&b""[..], b"9 (sh", b"9 (sh)", b"9 )sh( S", b"9 (sh) \xff"] {
            assert_eq!(Stat::parse(line), None);
        }
        let short = Stat::parse(b"9 (sh) S 1").unwrap();
        assert_eq!((short.terminal(), short.ticks(), short.wait_status()), (None, None, None));
        assert!(!short.is_kernel_thread());
    }

    #[test]
    fn the_kernels_own_line_is_read() {
        let us = Stat::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(!us.has_ended() && !us.is_kernel_thread() && us.wait_status().is_some(), "{us:?}");
        assert_eq!(us.parent(), Some(nix::unistd::getppid().as_raw()));
        assert!(Stat::of(i32::MAX).is_err());
    }
}
