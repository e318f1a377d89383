//! Readiness by asking: tcp, http and exec. One task for each run that is probed.
//!
//! A task knows the period, the timeout and the thresholds of its run, and tells the manager's loop what
//! it found. It ends when its handle is dropped, which the loop does when the run has ended. What a
//! process tells by itself (sd_notify, a newline) is [`super::notify`]'s.
//!
//! Names are not resolved here: the system's resolver blocks, and the manager may not. An address or
//! `localhost` is what a probe of a local process needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::engine::event::Event;
use crate::engine::id::RunId;
use crate::engine::time::Mono;
use crate::runtime::clock;
use crate::unit::model::{Probe, ProbeKind};

pub mod http;
pub mod threshold;

use threshold::Verdict;

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
    /// A command that exits 0. The loop starts it, as a run of its own.
    Exec(Vec<String>),
    /// What was written makes no question: a port that is no number once its variables are replaced.
    Impossible(String),
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Counts for readiness; in words for `status`.
    Success(String),
    /// Counts against it.
    Failure(String),
    /// supd itself could not ask; counts for nothing (PRB-006).
    Unknown(String),
}

/// What a task, of a probe or of a command, tells the manager's loop.
#[derive(Debug)]
pub enum Note {
    /// The readiness of a run.
    Told(Event),
    /// A command is to be run, and its end told. One at a time for each run.
    Ask {
        /// The run that is probed.
        run: RunId,
        /// Program and arguments.
        command: Vec<String>,
        /// Where the end is told.
        answer: oneshot::Sender<Answer>,
    },
    /// The command has had its time: unless its end is known by now, it is killed and answered for.
    /// The loop judges that after it has taken in all ends (F06), which the task cannot know of.
    Overdue {
        /// The run that is probed.
        run: RunId,
        /// How long it had.
        after: Duration,
    },
    /// Nobody wants the result of a command (`supctl exec`) any more.
    Abandoned {
        /// The command's own run.
        run: RunId,
    },
}

/// A run that is probed; no longer, when this is dropped.
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
    /// When it was started: the initial delay counts from here (PRB-010).
    pub started: Mono,
    /// Whether it was known to be ready by the manager before this one (PRB-018).
    pub was_ready: bool,
    /// What is asked.
    pub question: Question,
    /// How often, and how answers are counted.
    pub probe: Probe,
}

/// Begins to ask.
pub fn begin(subject: Subject, notes: mpsc::Sender<Note>) -> Probing {
    Probing(tokio::spawn(ask_for_ever(subject, notes)).abort_handle())
}

/// Ends only when the loop is gone, or by [`Probing`] being dropped.
async fn ask_for_ever(subject: Subject, notes: mpsc::Sender<Note>) {
    let Subject { run, was_ready, probe, .. } = &subject;
    let mut verdict = Verdict::new(probe, *was_ready);
    let mut last_message = String::new();
    let mut ticks = interval_at(first_tick(&subject), probe.period.max(Duration::from_millis(1)));
    // The period is the distance of ticks, not the gap after an answer (PRB-011); a tick that passed
    // while the last answer was awaited is made up for once.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let (success, message) = match ask(*run, &subject.question, probe.timeout, &notes).await {
            Answer::Success(message) => (true, message),
            Answer::Failure(message) => (false, message),
            Answer::Unknown(message) => {
                tracing::warn!(%run, "readiness could not be asked for: {message}; ignoring");
                continue;
            }
        };
        let changed = verdict.observe(success).is_some();
        if changed || (message != last_message && success == verdict.ready()) {
            last_message.clone_from(&message);
            let event =
                Event::Probed { run: *run, probe: ProbeKind::Readiness, good: verdict.ready(), message };
            if notes.send(Note::Told(event)).await.is_err() {
                return;
            }
        }
    }
}

/// Right after the initial delay. A run that was ready under the manager before is asked somewhat later,
/// so that a thousand of them are not asked in one instant.
fn first_tick(subject: &Subject) -> Instant {
    let due = subject.started + subject.probe.initial_delay;
    let spread = match subject.was_ready {
        true => subject.probe.period.mul_f64((subject.run.pod.0 % 16) as f64 / 16.0),
        false => Duration::ZERO,
    };
    Instant::now() + due.since(clock::mono()) + spread
}

/// One question, one answer, within its time.
async fn ask(run: RunId, question: &Question, limit: Duration, notes: &mpsc::Sender<Note>) -> Answer {
    match question {
        Question::Tcp { host, port } => {
            let connect = async {
                match connect(host, *port).await {
                    Ok(_) => Answer::Success(format!("tcp {host}:{port}: connected")),
                    Err(answer) => answer,
                }
            };
            in_time(limit, &format!("tcp {host}:{port}"), connect).await
        }
        Question::Http(get) => {
            let exchange = async {
                match connect(&get.host, get.port).await {
                    Ok(stream) => http::ask(stream, get).await,
                    Err(answer) => answer,
                }
            };
            in_time(limit, &format!("GET {}", get.path), exchange).await
        }
        Question::Exec(command) => run_command(run, command, limit, notes).await,
        Question::Impossible(why) => Answer::Failure(why.clone()),
    }
}

async fn in_time(limit: Duration, what: &str, answer: impl Future<Output = Answer>) -> Answer {
    match timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Answer::Failure(format!("{what}: no answer within {limit:?}")),
    }
}

/// Asks the loop to run the command, and waits for its word: the end, or that the time is over.
async fn run_command(run: RunId, command: &[String], limit: Duration, notes: &mpsc::Sender<Note>) -> Answer {
    let gone = || Answer::Unknown("the manager is ending".into());
    let (answer, mut told) = oneshot::channel();
    if notes.send(Note::Ask { run, command: command.to_vec(), answer }).await.is_err() {
        return gone();
    }
    if let Ok(answer) = timeout(limit, &mut told).await {
        return answer.unwrap_or_else(|_| gone());
    }
    if notes.send(Note::Overdue { run, after: limit }).await.is_err() {
        return gone();
    }
    told.await.unwrap_or_else(|_| gone())
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
