//! Probes: one task for each probe of a run that is asked, or waited for.
//!
//! A task knows the period, the timeout and the thresholds of its probe, and tells the manager's loop each
//! bad answer and each new verdict. It ends when its handle is dropped, which the loop does when the run has
//! ended, or when nothing more can be found out: a startup probe after its verdict, liveness after a bad one
//! (PRB-007, PRB-009). What a process tells by itself (sd_notify, a newline) is [`super::notify`]'s.
//!
//! Names are not resolved here: the system's resolver blocks, and the manager may not. An address or
//! `localhost` is what a probe of a local process needs. For the same reason no path that a unit names is
//! touched here: a child does that, as supd's own helper ([`Errand::Look`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::engine::event::Event;
use crate::engine::id::RunId;
use crate::engine::time::Mono;
use crate::unit::model::{HookKind, Probe, ProbeKind};

mod ask;
mod grpc;
pub mod http;
pub mod threshold;
mod tls;
pub mod watchdog;

pub(super) use ask::{in_time, run_command};

/// What a probe asks, variables replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A connection that is accepted.
    Tcp {
        /// Address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A GET that answers 200 to 399.
    Http(http::Get),
    /// A health check that says SERVING.
    Grpc {
        /// Address.
        host: String,
        /// Port.
        port: u16,
        /// Whose health; empty: the server's.
        service: String,
    },
    /// A command that exits 0. The loop starts it, as a run of its own.
    Command(Errand),
    /// A command that exits 0 once something has happened, however long that takes.
    Await(Errand),
    /// What was written makes no question: a port that is no number once its variables are replaced.
    Impossible(String),
}

/// What a child is to run beside a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Program and arguments, as the process's own user and with its environment.
    Exec(Vec<String>),
    /// supd itself, with these arguments behind `look`. `own`: as supd's user, not as the process's.
    Look {
        /// See [`crate::settings`].
        arguments: Vec<String>,
        /// See above.
        own: bool,
    },
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Counts for the process; in words for `status`.
    Success(String),
    /// The same, and worth a word to people.
    Warning(String),
    /// Counts against it.
    Failure(String),
    /// supd itself could not ask; counts for nothing (PRB-006).
    Unknown(String),
}

/// Who wants a command to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asker {
    /// The run that is probed, or that has the hook.
    pub run: RunId,
    /// What for.
    pub purpose: Purpose,
}

/// What a command is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A probe.
    Probe(ProbeKind),
    /// A hook.
    Hook(HookKind),
}

/// What a task, of a probe, a hook or a command, tells the manager's loop.
#[derive(Debug)]
pub enum Note {
    /// Something for the engine.
    Told(Event),
    /// A success that is worth a word (PRB-013).
    Warned {
        /// The run that is probed.
        run: RunId,
        /// What was asked.
        probe: ProbeKind,
        /// In words.
        message: String,
    },
    /// A command is to be run, and its end told. One at a time for each asker.
    Ask {
        /// For whom.
        asker: Asker,
        /// What.
        command: Errand,
        /// Where the end is told.
        answer: oneshot::Sender<Answer>,
    },
    /// The command has had its time: unless its end is known by now, it is killed and answered for.
    /// The loop judges that after it has taken in all ends (F06), which the task cannot know of.
    Overdue {
        /// Whose.
        asker: Asker,
        /// How long it had.
        after: Duration,
    },
    /// A watchdog has had its time. The loop judges that after it has heard all that was said.
    Silent {
        /// The run that should have spoken.
        run: RunId,
    },
    /// Nobody wants the result of a command (`supctl exec`) any more.
    Abandoned {
        /// The command's own run.
        run: RunId,
    },
}

/// A probe that is under way; no longer, when this is dropped.
#[derive(Debug)]
pub struct Probing(AbortHandle);

impl Drop for Probing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What one task needs to know.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The run.
    pub run: RunId,
    /// Which of its probes.
    pub kind: ProbeKind,
    /// When it was started: the initial delay counts from here (PRB-010).
    pub started: Mono,
    /// It was running before this manager was: it is asked after a part of a period (PRB-011).
    pub adopted: bool,
    /// Whether it was known to be ready by the manager before this one (PRB-018).
    pub was_ready: bool,
    /// What is asked.
    pub question: Question,
    /// How often, and how answers are counted.
    pub probe: Probe,
}

/// Begins to ask.
pub fn begin(subject: Subject, notes: mpsc::Sender<Note>) -> Probing {
    Probing(tokio::spawn(ask::ask_until_known(subject, notes)).abort_handle())
}

/// A connection, or the answer that there is none.
async fn connect(host: &str, port: u16) -> Result<TcpStream, Answer> {
    let addresses: &[IpAddr] = match host {
        "localhost" => &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        _ => match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => &[address],
            Err(_) => {
                let message = format!("`{host}` is no address: a probe takes an IP address or `localhost`");
                return Err(Answer::Failure(message));
            }
        },
    };
    let mut failure = Answer::Unknown(String::new());
    for address in addresses {
        match TcpStream::connect((*address, port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) if exhausted(&error) => return Err(Answer::Unknown(error.to_string())),
            Err(error) => failure = Answer::Failure(format!("{host}:{port}: {error}")),
        }
    }
    Err(failure)
}

/// Whether supd, not the process, is at fault: no descriptor, no memory, no local port.
fn exhausted(error: &std::io::Error) -> bool {
    let code = error.raw_os_error();
    [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS, libc::EADDRNOTAVAIL].map(Some).contains(&code)
}

#[cfg(test)]
mod tests;
