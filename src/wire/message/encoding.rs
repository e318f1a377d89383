//! Messages to bytes and back.

use super::{
    Cause, Death, Exited, Faults, FromSpawner, KeeperToLogger, KeeperToManager, Kept, LoggerToKeeper,
    ManagerToKeeper, PlanAt, Spawn, SpawnerToKeeper, ToSpawner,
};
use crate::wire::after::After;
use crate::wire::codec::{Malformed, Reader, Writer};
use crate::wire::run::{Ending, Instant, Run, Usage};

impl<'a> ToSpawner<'a> {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        let spawn = match self {
            Self::Spawn(spawn) => spawn,
            Self::Discard { pod } => {
                to.u8(2).u64(*pod);
                return;
            }
            Self::Leave { group } => {
                to.u8(3).bytes(group);
                return;
            }
        };
        to.u8(1).u64(spawn.epoch).u16(spawn.slot).u32(spawn.ticket);
        spawn.run.put(&mut to);
        to.bytes(spawn.label).bytes(spawn.log_path);
        match spawn.plan {
            PlanAt::Inline(plan) => to.u8(0).bytes(plan),
            PlanAt::Attached => to.u8(1),
        };
    }

    /// Reads it.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        match from.u8()? {
            1 => {}
            2 => {
                let discard = Self::Discard { pod: from.u64()? };
                return from.end().map(|()| discard);
            }
            3 => {
                let leave = Self::Leave { group: from.bytes()? };
                return from.end().map(|()| leave);
            }
            _ => return Err(Malformed),
        }
        let spawn = Spawn {
            epoch: from.u64()?,
            slot: from.u16()?,
            ticket: from.u32()?,
            run: Run::get(&mut from)?,
            label: from.bytes()?,
            log_path: from.bytes()?,
            plan: match from.u8()? {
                0 => PlanAt::Inline(from.bytes()?),
                1 => PlanAt::Attached,
                _ => return Err(Malformed),
            },
        };
        from.end()?;
        Ok(Self::Spawn(spawn))
    }
}

impl FromSpawner {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Started { slot, run, pid, at, readiness, capture } => {
                to.u8(1).u16(*slot);
                run.put(&mut to);
                to.i32(*pid);
                at.put(&mut to);
                to.bool(*readiness).bool(*capture);
            }
            Self::Refused { slot, run } => {
                to.u8(2).u16(*slot);
                run.put(&mut to);
            }
        }
    }

    /// Reads it.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Started {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                pid: from.i32()?,
                at: Instant::get(&mut from)?,
                readiness: from.bool()?,
                capture: from.bool()?,
            },
            2 => Self::Refused { slot: from.u16()?, run: Run::get(&mut from)? },
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl SpawnerToKeeper {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Pipes { slot, stdout, stderr, readiness } => {
                to.u8(1).u16(*slot).bool(*stdout).bool(*stderr).bool(*readiness)
            }
            Self::Born { slot } => to.u8(2).u16(*slot),
            Self::StillBorn { slot } => to.u8(3).u16(*slot),
        };
    }

    /// Reads it.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Pipes {
                slot: from.u16()?,
                stdout: from.bool()?,
                stderr: from.bool()?,
                readiness: from.bool()?,
            },
            2 => Self::Born { slot: from.u16()? },
            3 => Self::StillBorn { slot: from.u16()? },
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl<'a> ManagerToKeeper<'a> {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Ready => to.u8(1),
            Self::Ack { seq } => to.u8(2).u64(*seq),
            Self::Signal { slot, run, signal, all, stop } => {
                to.u8(3).u16(*slot);
                run.put(&mut to);
                to.i32(*signal).bool(*all).bool(*stop)
            }
            Self::NeedSpawner => to.u8(4),
            Self::Logger(bytes) => to.u8(5).bytes(bytes),
            Self::End { code } => to.u8(6).u8(*code),
            Self::Alive => to.u8(7),
            Self::Keep { kind, run } => {
                run.put(to.u8(8).u8(kind.to_wire()));
                &mut to
            }
            Self::LetGo { kind, run } => {
                run.put(to.u8(9).u8(kind.to_wire()));
                &mut to
            }
            Self::Reexec { path } => to.u8(10).bytes(path),
            Self::Ending { after, within_ms } => {
                after.put(to.u8(11));
                to.u64(*within_ms)
            }
            Self::Tell { text } => to.u8(12).bytes(text),
        };
    }

    /// Reads it.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Ready,
            2 => Self::Ack { seq: from.u64()? },
            3 => Self::Signal {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                signal: from.i32()?,
                all: from.bool()?,
                stop: from.bool()?,
            },
            4 => Self::NeedSpawner,
            5 => Self::Logger(from.bytes()?),
            6 => Self::End { code: from.u8()? },
            7 => Self::Alive,
            8 => Self::Keep { kind: Kept::get(&mut from)?, run: Run::get(&mut from)? },
            9 => Self::LetGo { kind: Kept::get(&mut from)?, run: Run::get(&mut from)? },
            10 => Self::Reexec { path: from.bytes()? },
            11 => Self::Ending { after: After::get(&mut from)?, within_ms: from.u64()? },
            12 => Self::Tell { text: from.bytes()? },
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl<'a> KeeperToManager<'a> {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Welcome {
                epoch,
                pod_highest,
                deaths,
                deaths_unready,
                last_death,
                since,
                replaced,
                faults,
            } => {
                to.u8(1).u64(*epoch).u64(*pod_highest).u32(*deaths).u32(*deaths_unready);
                match last_death {
                    Death::None => to.u8(0),
                    Death::Exited(code) => to.u8(1).u8(*code),
                    Death::Signaled(signal) => to.u8(2).u8(*signal),
                    Death::Silent => to.u8(3),
                };
                since.put(&mut to);
                to.u32(*replaced).u32(faults.count).u8(faults.last.to_wire());
                faults.at.put(&mut to);
            }
            Self::Known { slot, run, pid, started, asked, label, group } => {
                to.u8(2).u16(*slot);
                run.put(&mut to);
                to.i32(*pid);
                started.put(&mut to);
                to.bool(*asked).bytes(label).bytes(group);
            }
            Self::SnapshotEnd => {
                to.u8(3);
            }
            Self::Running { slot, run, pid, at } => {
                to.u8(4).u16(*slot);
                run.put(&mut to);
                to.i32(*pid);
                at.put(&mut to);
            }
            Self::Exited(exited) => exited.put(to.u8(5)),
            Self::Free { slot, ticket } => {
                to.u8(6).u16(*slot).u32(*ticket);
            }
            Self::StopRequest { signal, count } => {
                to.u8(7).i32(*signal).u32(*count);
            }
            Self::Reload => {
                to.u8(8);
            }
            Self::ShowState => {
                to.u8(9);
            }
            Self::Listener => {
                to.u8(10);
            }
            Self::Busy { slot } => {
                to.u8(11).u16(*slot);
            }
            Self::SpawnerGone => {
                to.u8(12);
            }
            Self::NotReplaced { reason } => {
                to.u8(14).bytes(reason);
            }
            Self::Kept { kind, run } => run.put(to.u8(13).u8(kind.to_wire())),
            Self::Lingers { slot, run, left, pid, state } => {
                to.u8(15).u16(*slot);
                run.put(&mut to);
                to.u32(*left).i32(*pid).u8(*state);
            }
        }
    }

    /// Reads it.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Welcome {
                epoch: from.u64()?,
                pod_highest: from.u64()?,
                deaths: from.u32()?,
                deaths_unready: from.u32()?,
                last_death: Death::get(&mut from)?,
                since: Instant::get(&mut from)?,
                replaced: from.u32()?,
                faults: Faults {
                    count: from.u32()?,
                    last: Cause::from_wire(from.u8()?),
                    at: Instant::get(&mut from)?,
                },
            },
            2 => Self::Known {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                pid: from.i32()?,
                started: Instant::get(&mut from)?,
                asked: from.bool()?,
                label: from.bytes()?,
                group: from.bytes()?,
            },
            3 => Self::SnapshotEnd,
            4 => Self::Running {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                pid: from.i32()?,
                at: Instant::get(&mut from)?,
            },
            5 => Self::Exited(Exited::get(&mut from)?),
            6 => Self::Free { slot: from.u16()?, ticket: from.u32()? },
            7 => Self::StopRequest { signal: from.i32()?, count: from.u32()? },
            8 => Self::Reload,
            9 => Self::ShowState,
            10 => Self::Listener,
            11 => Self::Busy { slot: from.u16()? },
            12 => Self::SpawnerGone,
            13 => Self::Kept { kind: Kept::get(&mut from)?, run: Run::get(&mut from)? },
            14 => Self::NotReplaced { reason: from.bytes()? },
            15 => Self::Lingers {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                left: from.u32()?,
                pid: from.i32()?,
                state: from.u8()?,
            },
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl Death {
    fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.u8()? {
            0 => Self::None,
            1 => Self::Exited(from.u8()?),
            2 => Self::Signaled(from.u8()?),
            3 => Self::Silent,
            _ => return Err(Malformed),
        })
    }
}

impl Kept {
    fn to_wire(self) -> u8 {
        match self {
            Self::NotifySocket => 1,
            Self::Readiness => 2,
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.u8()? {
            1 => Ok(Self::NotifySocket),
            2 => Ok(Self::Readiness),
            _ => Err(Malformed),
        }
    }
}

impl<'a> Exited<'a> {
    fn put(&self, to: &mut Writer<'_>) {
        to.u64(self.seq).u16(self.slot);
        self.run.put(to);
        to.i32(self.pid);
        self.ending.put(to);
        self.usage.put(to);
        self.started.put(to);
        self.at.put(to);
        to.u32(self.limits_refused).bool(self.out_of_memory);
    }

    fn get(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            seq: from.u64()?,
            slot: from.u16()?,
            run: Run::get(from)?,
            pid: from.i32()?,
            ending: Ending::get(from)?,
            usage: Usage::get(from)?,
            started: Instant::get(from)?,
            at: Instant::get(from)?,
            limits_refused: from.u32()?,
            out_of_memory: from.bool()?,
        })
    }
}

impl<'a> KeeperToLogger<'a> {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Pipe { slot, stream, both, run, log_path, label } => {
                to.u8(1).u16(*slot).u8(*stream).bool(*both);
                run.put(&mut to);
                to.bytes(log_path).bytes(label)
            }
            Self::Ended { slot } => to.u8(2).u16(*slot),
            Self::OwnLog => to.u8(3),
            Self::Relay(bytes) => to.u8(4).bytes(bytes),
            Self::Leave => to.u8(5),
        };
    }

    /// Reads it.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Pipe {
                slot: from.u16()?,
                stream: from.u8()?,
                both: from.bool()?,
                run: Run::get(&mut from)?,
                log_path: from.bytes()?,
                label: from.bytes()?,
            },
            2 => Self::Ended { slot: from.u16()? },
            3 => Self::OwnLog,
            4 => Self::Relay(from.bytes()?),
            5 => Self::Leave,
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl LoggerToKeeper {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Self::Drained { slot } = self;
        Writer::begin(out).u8(1).u16(*slot);
    }

    /// Reads it.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let 1 = from.u8()? else { return Err(Malformed) };
        let decoded = Self::Drained { slot: from.u16()? };
        from.end()?;
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests;
