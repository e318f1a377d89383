//! A run as the wire knows it: who, since when, how it ended.

use super::codec::{Malformed, Reader, Writer};
use crate::sys::process::Used;

/// The identity of a run: `engine::id::RunId` as plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The pod's uid.
    pub pod: u64,
    /// What it is for, as `Class::to_wire` numbers it.
    pub class: u8,
    /// Place of the process in the pod.
    pub process: u16,
    /// 0 for the first run of this process in this pod.
    pub attempt: u32,
}

/// One instant on both clocks, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instant {
    /// CLOCK_MONOTONIC.
    pub mono: u64,
    /// CLOCK_REALTIME.
    pub wall: i64,
}

/// What a run used, children included that it waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Microseconds of CPU in user mode.
    pub user_us: u64,
    /// Microseconds of CPU in the kernel.
    pub system_us: u64,
    /// Peak memory of its largest process, in bytes.
    pub max_rss_bytes: u64,
    /// Bytes read from storage.
    pub read_bytes: u64,
    /// Bytes written to storage.
    pub written_bytes: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending<'a> {
    /// With this code.
    Exited(u8),
    /// By a signal.
    Signaled {
        /// Which.
        signal: u8,
        /// Whether core was dumped.
        core: bool,
    },
    /// It never ran.
    NotStarted(Fault<'a>),
    /// Nobody can say.
    Unknown,
}

/// Why a run could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    /// Which step failed.
    pub step: Step,
    /// What the kernel said; 0 where it was not the kernel.
    pub errno: i32,
    /// About what: a path, a name; may be empty.
    pub detail: &'a [u8],
}

/// The steps of a start, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// The plan could not be read.
    Plan = 1,
    /// The user is not in the password file, or has no legal number.
    User = 2,
    /// A group is not in the group file.
    Group = 3,
    /// A file of environment variables: detail is `path` or `path:line`.
    EnvFile = 4,
    /// A bare program name is not in PATH.
    Path = 5,
    /// A pipe or another descriptor for its output.
    Pipe = 6,
    /// The new process itself.
    Clone = 7,
    /// A session of its own.
    Session = 8,
    /// Signals.
    Signals = 9,
    /// Standard input, output, error and other descriptors.
    Stdio = 10,
    /// A controlling terminal.
    Terminal = 11,
    /// A resource limit: detail is its number.
    Rlimit = 12,
    /// Supplementary groups.
    SetGroups = 13,
    /// Becoming the group.
    SetGroup = 14,
    /// Becoming the user.
    SetUser = 15,
    /// The working directory.
    Chdir = 16,
    /// The program: detail is its path.
    Exec = 17,
    /// The interpreter that a script names is missing: detail is its path.
    Interpreter = 18,
    /// The spawner died before there was a child.
    SpawnerDied = 19,
    /// A volume, or the place where it is mounted: detail is that place.
    Volume = 20,
    /// Mounting volumes: detail is where.
    Mount = 21,
    /// Its cgroup: detail is what of it.
    Cgroup = 22,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 22] = [
        Self::Plan,
        Self::User,
        Self::Group,
        Self::EnvFile,
        Self::Path,
        Self::Pipe,
        Self::Clone,
        Self::Session,
        Self::Signals,
        Self::Stdio,
        Self::Terminal,
        Self::Rlimit,
        Self::SetGroups,
        Self::SetGroup,
        Self::SetUser,
        Self::Chdir,
        Self::Exec,
        Self::Interpreter,
        Self::SpawnerDied,
        Self::Volume,
        Self::Mount,
        Self::Cgroup,
    ];

    /// From its number.
    pub fn from_wire(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as u8 == number)
    }
}

impl Run {
    /// Writes it.
    pub fn put(&self, to: &mut Writer<'_>) {
        to.u64(self.pod).u8(self.class).u16(self.process).u32(self.attempt);
    }

    /// Reads it.
    pub fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { pod: from.u64()?, class: from.u8()?, process: from.u16()?, attempt: from.u32()? })
    }
}

/// The variable by which a process says which run it is.
pub const MARK: &str = "SUPD_RUN";

impl Run {
    /// The value of [`MARK`]: the run, and whose it is. No other supd of this machine has the same directory.
    pub fn mark(&self, runtime_dir: &std::path::Path) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        let run = format!("{:08x}.{}.{}@", self.pod as u32, self.process, self.attempt);
        [run.as_bytes(), runtime_dir.as_os_str().as_bytes()].concat()
    }
}

impl Instant {
    /// Now.
    pub fn now() -> Self {
        let (mono, wall) = crate::sys::clock::now();
        Self { mono, wall }
    }

    /// Writes it.
    pub fn put(&self, to: &mut Writer<'_>) {
        to.u64(self.mono).i64(self.wall);
    }

    /// Reads it.
    pub fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { mono: from.u64()?, wall: from.i64()? })
    }
}

impl Usage {
    /// Writes it.
    pub fn put(&self, to: &mut Writer<'_>) {
        to.u64(self.user_us).u64(self.system_us).u64(self.max_rss_bytes);
        to.u64(self.read_bytes).u64(self.written_bytes);
    }

    /// Reads it.
    pub fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            user_us: from.u64()?,
            system_us: from.u64()?,
            max_rss_bytes: from.u64()?,
            read_bytes: from.u64()?,
            written_bytes: from.u64()?,
        })
    }
}

impl From<Used> for Usage {
    fn from(used: Used) -> Self {
        let Used { user_us, system_us, max_rss_bytes, read_bytes, written_bytes } = used;
        Self { user_us, system_us, max_rss_bytes, read_bytes, written_bytes }
    }
}

impl<'a> Ending<'a> {
    /// Writes it.
    pub fn put(&self, to: &mut Writer<'_>) {
        match self {
            Self::Exited(code) => to.u8(0).u8(*code),
            Self::Signaled { signal, core } => to.u8(1).u8(*signal).bool(*core),
            Self::NotStarted(fault) => to.u8(2).u8(fault.step as u8).i32(fault.errno).bytes(fault.detail),
            Self::Unknown => to.u8(3),
        };
    }

    /// Reads it.
    pub fn get(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match from.u8()? {
            0 => Self::Exited(from.u8()?),
            1 => Self::Signaled { signal: from.u8()?, core: from.bool()? },
            2 => {
                let step = Step::from_wire(from.u8()?).ok_or(Malformed)?;
                Self::NotStarted(Fault { step, errno: from.i32()?, detail: from.bytes()? })
            }
            3 => Self::Unknown,
            _ => return Err(Malformed),
        })
    }
}
