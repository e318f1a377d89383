//! Commands that run in a pod's context, beside its processes: those of probes and hooks, and `supctl exec`.
//!
//! Each has a task that reads what it prints until it has ended and nothing is left to read: not until the
//! end of the pipe, which a daemon that it left behind may hold for ever.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{mpsc, oneshot};

use crate::control::objects::{ExecEnd, ExecFrame};
use crate::engine::event::{Exit, Outcome};
use crate::engine::id::{Class, PodUid, RunId};
use crate::limits::{EXEC_FRAME_BYTES_MAX, PROBE_OUTPUT_BYTES_MAX};
use crate::runtime::probe::{Answer, Asker, Errand, Note};

/// Commands that have not ended.
#[derive(Default)]
pub(super) struct Commands {
    running: HashMap<RunId, Command>,
    /// The command that runs for an asker now.
    asked: HashMap<Asker, RunId>,
    /// Questions whose turn comes when the one before, which was killed, has ended.
    queued: HashMap<Asker, Question>,
    last: u32,
}

/// A command that is to be begun.
pub(super) struct Question {
    /// For whom.
    pub(super) asker: Asker,
    /// What.
    pub(super) command: Errand,
    /// Where the end is told.
    pub(super) answer: oneshot::Sender<Answer>,
}

struct Command {
    /// Where its task learns that it is over; nothing once that was said.
    end: Option<oneshot::Sender<End>>,
    /// Who wanted it.
    asker: Option<Asker>,
}

/// Why a task has nothing more to wait for.
enum End {
    /// The command has ended.
    Exit(Exit),
    /// It has had its time.
    Overdue(Duration),
}

impl Commands {
    /// An identity that no command of any manager has had while this one's runs live: the number of the
    /// process is the manager's own.
    pub(super) fn new_run(&mut self, pod: PodUid, class: Class, epoch: u64) -> RunId {
        self.last = self.last.wrapping_add(1);
        RunId { pod, class, process: (epoch & 0xffff) as u16, attempt: self.last }
    }

    /// Begins to read what the command of a probe or a hook prints.
    pub(super) fn add_asked(
        &mut self,
        run: RunId,
        asker: Asker,
        command: &Errand,
        output: Receiver,
        answer: oneshot::Sender<Answer>,
    ) {
        let (end, ended) = oneshot::channel();
        self.running.insert(run, Command { end: Some(end), asker: Some(asker) });
        self.asked.insert(asker, run);
        // The words of our own helper are the answer; a command's exit code comes first.
        let is_ours = matches!(command, Errand::Look { .. });
        tokio::task::spawn_local(judge(output, is_ours, ended, answer));
    }

    /// Begins to pass on what `supctl exec` prints.
    pub(super) fn add_exec(
        &mut self,
        run: RunId,
        outputs: [Receiver; 2],
        frames: mpsc::Sender<Bytes>,
        notes: mpsc::Sender<Note>,
    ) {
        let (end, ended) = oneshot::channel();
        self.running.insert(run, Command { end: Some(end), asker: None });
        tokio::task::spawn_local(relay(run, outputs, ended, frames, notes));
    }

    /// Keeps a question until the last command for the same asker has ended.
    pub(super) fn queue(&mut self, question: Question) {
        self.queued.insert(question.asker, question);
    }

    /// The command has ended. What was waiting for that is returned.
    pub(super) fn ended(&mut self, run: RunId, exit: Exit) -> Option<Question> {
        let command = self.running.remove(&run)?;
        if let Some(end) = command.end {
            // The task is gone if nobody wants its result any more.
            let _ = end.send(End::Exit(exit));
        }
        self.asked.remove(&command.asker?);
        self.queued.remove(&command.asker?)
    }

    /// The command of this asker has had its time. The one to kill, unless it has ended or was killed.
    pub(super) fn overdue(&mut self, asker: Asker, after: Duration) -> Option<RunId> {
        if let Some(question) = self.queued.remove(&asker) {
            let message = "exec: the last command has not ended yet, though it was killed".to_owned();
            let _ = question.answer.send(Answer::Failure(message));
            return None;
        }
        let run = *self.asked.get(&asker)?;
        let end = self.running.get_mut(&run)?.end.take()?;
        let _ = end.send(End::Overdue(after));
        Some(run)
    }

    /// A run has ended that commands were run for. Those to kill.
    pub(super) fn forget_asker(&mut self, run: RunId) -> Vec<RunId> {
        self.queued.retain(|asker, _| asker.run != run);
        let of_run = self.asked.iter().filter(|(asker, _)| asker.run == run);
        of_run.map(|(_, command)| *command).collect()
    }

    /// The command that runs for an asker now.
    pub(super) fn command_of(&self, asker: Asker) -> Option<RunId> {
        self.asked.get(&asker).copied()
    }

    /// All commands in a pod.
    pub(super) fn of_pod(&self, pod: PodUid) -> Vec<RunId> {
        self.running.keys().filter(|run| run.pod == pod).copied().collect()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.running.len()
    }
}

/// Reads a command's output to its end, and answers.
async fn judge(
    output: Receiver,
    is_ours: bool,
    mut ended: oneshot::Receiver<End>,
    answer: oneshot::Sender<Answer>,
) {
    let mut text = Vec::new();
    let mut open = true;
    let end = loop {
        tokio::select! {
            end = &mut ended => break end,
            ready = output.readable(), if open => open = ready.is_ok() && read_some(&output, &mut text),
        }
    };
    let verdict = match end {
        Ok(End::Exit(exit)) => {
            while open && output_is_left(&output, &mut text) {}
            verdict(&exit, &text, is_ours)
        }
        Ok(End::Overdue(after)) if is_ours => Answer::Failure(format!("no answer within {after:?}")),
        Ok(End::Overdue(after)) => Answer::Failure(format!("exec: no answer within {after:?}")),
        Err(_) => return,
    };
    // Nobody listens any more if the probed run has ended.
    let _ = answer.send(verdict);
}

/// Reads once; false: nothing will come any more.
fn read_some(output: &Receiver, text: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 4096];
    match read(output, &mut chunk) {
        Ok(0) => false,
        Ok(length) => {
            let room = PROBE_OUTPUT_BYTES_MAX - text.len();
            text.extend_from_slice(&chunk[..length.min(room)]);
            true
        }
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

/// Reads what is there now. tokio may not have heard of it yet: then the kernel is asked.
fn read(output: &Receiver, chunk: &mut [u8]) -> std::io::Result<usize> {
    match output.try_read(chunk) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            Ok(nix::unistd::read(output.as_fd(), chunk)?)
        }
        result => result,
    }
}

/// Reads on while something is there and there is room for it.
fn output_is_left(output: &Receiver, text: &mut Vec<u8>) -> bool {
    let before = text.len();
    read_some(output, text) && text.len() > before
}

fn verdict(exit: &Exit, text: &[u8], is_ours: bool) -> Answer {
    let text = String::from_utf8_lossy(text);
    let line: String = text.lines().next().unwrap_or_default().chars().flat_map(char::escape_debug).collect();
    let with_line = |how: String| if line.is_empty() { how } else { format!("{how}: {line}") };
    match &exit.outcome {
        Outcome::Exited(0) if is_ours => Answer::Success(line),
        Outcome::Exited(1) if is_ours => Answer::Failure(line),
        Outcome::Exited(_) | Outcome::Signaled { .. } | Outcome::OutOfMemory if is_ours => {
            Answer::Unknown(with_line("look".to_owned()))
        }
        Outcome::Exited(0) => Answer::Success(with_line("exec: exit 0".to_owned())),
        Outcome::Exited(code) => Answer::Failure(with_line(format!("exec: exit {code}"))),
        Outcome::Signaled { signal, .. } => Answer::Failure(with_line(format!("exec: signal {signal}"))),
        Outcome::OutOfMemory => Answer::Failure(with_line("exec: out of memory".to_owned())),
        Outcome::NotStarted { message, exhausted: true } => Answer::Unknown(message.clone()),
        Outcome::NotStarted { message, exhausted: false } => Answer::Failure(message.clone()),
        Outcome::Unknown => Answer::Unknown("nobody knows how the command ended".to_owned()),
    }
}

/// Passes on what a command prints, then how it ended. A client that reads slowly slows the command; one
/// that is gone ends it.
async fn relay(
    run: RunId,
    outputs: [Receiver; 2],
    mut ended: oneshot::Receiver<End>,
    frames: mpsc::Sender<Bytes>,
    notes: mpsc::Sender<Note>,
) {
    let [stdout, stderr] = &outputs;
    let (mut stdout_open, mut stderr_open) = (true, true);
    let end = loop {
        let sent = tokio::select! {
            end = &mut ended => break end,
            () = frames.closed() => false,
            _ = stdout.readable(), if stdout_open => pass(stdout, ExecFrame::Stdout, &frames, &mut stdout_open).await,
            _ = stderr.readable(), if stderr_open => pass(stderr, ExecFrame::Stderr, &frames, &mut stderr_open).await,
        };
        if !sent {
            // The loop is gone if this fails, and all commands with it.
            let _ = notes.send(Note::Abandoned { run }).await;
            return;
        }
    };
    let Ok(End::Exit(exit)) = end else { return };
    for (output, open, frame) in [
        (stdout, &mut stdout_open, ExecFrame::Stdout as Frame),
        (stderr, &mut stderr_open, ExecFrame::Stderr),
    ] {
        let mut left = true;
        while *open && left {
            let mut blocked = false;
            left = pass_or_note(output, frame, &frames, open, &mut blocked).await && !blocked;
        }
    }
    let _ = frames.send(ExecFrame::End(exec_end(&exit)).encode()).await;
}

/// Makes a frame of what was read.
type Frame = fn(Bytes) -> ExecFrame;

async fn pass(output: &Receiver, frame: Frame, frames: &mpsc::Sender<Bytes>, open: &mut bool) -> bool {
    pass_or_note(output, frame, frames, open, &mut false).await
}

/// Passes on one piece; false: the client is gone. Notes whether the pipe is at its end or empty.
async fn pass_or_note(
    output: &Receiver,
    frame: Frame,
    frames: &mpsc::Sender<Bytes>,
    open: &mut bool,
    blocked: &mut bool,
) -> bool {
    let mut chunk = vec![0; EXEC_FRAME_BYTES_MAX.min(16 * 1024)];
    match read(output, &mut chunk) {
        Ok(0) => *open = false,
        Ok(length) => {
            chunk.truncate(length);
            return frames.send(frame(chunk.into()).encode()).await.is_ok();
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => *blocked = true,
        Err(_) => *open = false,
    }
    true
}

fn exec_end(exit: &Exit) -> ExecEnd {
    let (exit_code, message) = match &exit.outcome {
        // As docker has it: 127 not there, 126 not executable, 125 anything else.
        Outcome::NotStarted { message, .. } => {
            let code = match message {
                m if m.contains("ENOENT") || m.contains("not in PATH") => 127,
                m if m.contains("EACCES") || m.contains("ENOEXEC") => 126,
                _ => 125,
            };
            (code, message.clone())
        }
        _ => (exit.code(), String::new()),
    };
    ExecEnd { exit_code, exit_signal: exit.signal(), message }
}

#[cfg(test)]
mod tests;
