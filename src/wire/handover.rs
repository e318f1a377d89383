//! What a logger without a keeper says to the next keeper, on a connection of its own: each pipe that it still
//! reads, then that these were all; and the one word that it waits for before it lets go of them.
//!
//! Either side may die on the way, and there is never more than one reader of a pipe: a logger that is not told
//! [`TAKEN`] goes on reading, and a keeper that has not heard `End` uses what it was given only if the logger
//! is dead, which the end of the connection says.
//!
//! Nothing is read from the pipes meanwhile. What was read is in the files; of an unended line all but its end
//! is there as a part, which `continued` says.

use super::codec::{Malformed, Reader, Writer};
use super::run::Run;

/// Logger → keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// One descriptor: the read end.
    Pipe(Handed),
    /// These were all.
    End,
    /// It cannot be done: the logger goes on with all of its pipes, whatever was said before.
    Keep,
}

/// One stream of a run; all else about it is in the slot table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Who writes there.
    pub run: Run,
    /// Where.
    pub slot: u16,
    /// Standard error, not output.
    pub stderr: bool,
    /// The next bytes go on with a line of which a part is written: see [`super::journal::Tail::promised`].
    pub continued: bool,
}

/// Keeper → logger: all of it is here.
pub const TAKEN: &[u8] = b"taken";

const PIPE: u8 = 1;
const END: u8 = 2;
const KEEP: u8 = 3;

impl Handover {
    /// As bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::begin(out);
        match self {
            Self::Pipe(handed) => {
                let run = handed.run;
                writer.u8(PIPE).u64(run.pod).u8(run.class).u16(run.process).u32(run.attempt);
                writer.u16(handed.slot).bool(handed.stderr).bool(handed.continued);
            }
            Self::End => _ = writer.u8(END),
            Self::Keep => _ = writer.u8(KEEP),
        }
    }

    /// From bytes.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let decoded = match reader.u8()? {
            PIPE => Self::Pipe(Handed {
                run: Run {
                    pod: reader.u64()?,
                    class: reader.u8()?,
                    process: reader.u16()?,
                    attempt: reader.u32()?,
                },
                slot: reader.u16()?,
                stderr: reader.bool()?,
                continued: reader.bool()?,
            }),
            END => Self::End,
            KEEP => Self::Keep,
            _ => return Err(Malformed),
        };
        reader.end()?;
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back_whole_or_not_at_all() {
        let run = Run { pod: 1, class: 2, process: 3, attempt: 4 };
        let pipe = Handed { run, slot: 5, stderr: true, continued: true };
        let mut bytes = Vec::new();
        for message in [Handover::Pipe(pipe), Handover::End, Handover::Keep] {
            message.encode(&mut bytes);
            assert_eq!(Handover::decode(&bytes), Ok(message));
            assert!((0..bytes.len()).all(|length| Handover::decode(&bytes[..length]).is_err()));
        }
    }
}
