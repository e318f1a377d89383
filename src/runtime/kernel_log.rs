//! Whom the kernel ended for want of memory: it says so in its log, and nowhere else for a process without a
//! cgroup of its own. What the log does not tell, or nobody may read, is a KILL like any other.
//!
//! The log is opened at the first KILL that supd did not send a reason for, and read on from there; the kernel
//! writes of a victim before it has ended.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use crate::engine::time::{Mono, Now};
use crate::limits::{KERNEL_LOG_RECORDS_MAX, KERNEL_LOG_VICTIMS_MAX};

/// Longest record, as the kernel has it.
const RECORD_BYTES_MAX: usize = 8192;
/// Between the clock of the log and ours.
const CLOCKS_APART_NS: i64 = 5_000_000_000;
/// The pid namespace in which the log counts (PROC_PID_INIT_INO): in another one its pids are not ours.
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// The kernel's log, as far as it is about memory.
#[derive(Default)]
pub(super) struct KernelLog {
    source: Source,
    victims: VecDeque<Victim>,
}

#[derive(Default)]
enum Source {
    #[default]
    NotOpened,
    Open(File),
    /// It says nothing that is of use here.
    Closed,
}

/// Somebody who was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Victim {
    pid: i32,
    /// By the clock of the log.
    at: Mono,
}

impl KernelLog {
    /// Whether the process of this pid that was started then, and has ended by KILL, was ended for want of
    /// memory.
    pub(super) fn has_ended(&mut self, pid: i32, started: Now) -> bool {
        self.read_on();
        let at_least = started.mono.0 - CLOCKS_APART_NS;
        self.victims.iter().any(|victim| victim.pid == pid && victim.at.0 >= at_least)
    }

    fn read_on(&mut self) {
        if matches!(self.source, Source::NotOpened) {
            self.source = open().map_or(Source::Closed, Source::Open);
        }
        let Source::Open(file) = &mut self.source else { return };
        let mut record = [0; RECORD_BYTES_MAX];
        for _ in 0..KERNEL_LOG_RECORDS_MAX {
            match file.read(&mut record) {
                Ok(0) => return,
                Ok(length) => {
                    if let Some(victim) = victim(&record[..length]) {
                        self.victims.truncate(KERNEL_LOG_VICTIMS_MAX - 1);
                        self.victims.push_front(victim);
                    }
                }
                // Records were lost: the next read goes on with the oldest that is left.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.source = Source::Closed,
            }
        }
    }
}

/// Nothing where the log's pids are not ours, or it may not be read.
fn open() -> Option<File> {
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    if namespace.as_os_str() != FIRST_NAMESPACE {
        return None;
    }
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open("/dev/kmsg").ok()
}

/// Whom a record is about, if it tells of an end for want of memory: either of the two lines that the kernel
/// writes of each (mm/oom_kill.c), of which the first may be left out where there are many.
fn victim(record: &[u8]) -> Option<Victim> {
    // `3,422,3347710280,-;Out of memory: Killed process 8651 (worker) total-vm:…`
    let record = std::str::from_utf8(record).ok()?;
    let (prefix, message) = record.split_once(';')?;
    let micros: i64 = prefix.split(',').nth(2)?.parse().ok()?;
    let after = match message.strip_prefix("oom-kill:") {
        Some(facts) => facts.rsplit_once(",pid=")?.1,
        None => message.split_once("ut of memory: Killed process ")?.1,
    };
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    Some(Victim { pid: after[..digits].parse().ok()?, at: Mono(micros.saturating_mul(1_000)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_of_the_kernel_name_the_victim() {
        let victim_of = |record: &str| victim(record.as_bytes()).map(|victim| (victim.pid, victim.at.0));
        let told = Some((8651, 3_347_710_280_000));
        for record in [
            "3,422,3347710280,-;Out of memory: Killed process 8651 (worker) total-vm:24kB, anon-rss:2kB\n",
            "3,422,3347710280,-;Memory cgroup out of memory: Killed process 8651 (a,pid=1) total-vm:24kB\n",
            "6,421,3347710280,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,\
             global_oom,task_memcg=/,task=x,pid=7,pid=8651,uid=0\n",
        ] {
            assert_eq!(victim_of(record), told, "{record}");
        }
        for record in [
            "",
            "6,1,2,-;systemd[1]: Started",
            "6,1,x,-;oom-kill:constraint=A,pid=5,uid=0",
            "6,1,2,-;oom-kill:constraint=A,pid=,uid=0",
            "6,1,2,-;oom-kill:constraint=A,pid=99999999999,uid=0",
            "3,1,2,-;Out of memory: Killed process x (y)",
            "no header",
        ] {
            assert_eq!(victim_of(record), None, "{record}");
        }
    }

    #[test]
    fn an_earlier_process_of_the_same_pid_is_another() {
        let victims = VecDeque::from([Victim { pid: 8, at: Mono(20_000_000_000) }]);
        let mut log = KernelLog { source: Source::Closed, victims };
        let started = |seconds: i64| Now { mono: Mono(seconds * 1_000_000_000), ..Now::default() };
        assert!(log.has_ended(8, started(10)));
        assert!(!log.has_ended(8, started(60)) && !log.has_ended(9, started(10)));
    }
}
