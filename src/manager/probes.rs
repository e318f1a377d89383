//! Probes and hooks of runs: begun when the engine orders it, ended with their runs, answered as events.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::action::{About, Report};
use crate::engine::event::{Event, Exit, Outcome, Usage};
use crate::engine::id::{Class, RunId};
use crate::runtime::hook::{self, Hooking};
use crate::runtime::plan::{Joined, Start};
use crate::runtime::probe::watchdog::Watchdog;
use crate::runtime::probe::{self, Answer, Errand, Note, Probing, Purpose, Subject};
use crate::runtime::question::{deed, question};
use crate::runtime::{clock, label};
use crate::unit::model::{Handler, HookKind, ProbeKind, Unit};

use super::Manager;
use super::commands::Question;
use super::facts::{process_of, told_probes};
use super::probe_log::Failures;

/// The probes and hooks of one run.
#[derive(Default)]
pub(super) struct Watched {
    probes: Vec<(ProbeKind, Probing)>,
    hooks: Vec<(HookKind, Hooking)>,
    watchdog: Option<Watchdog>,
    pub(super) failures: Failures,
}

impl Manager {
    /// Begins to ask a run. What a process tells by itself is listened for since its start.
    pub(super) fn begin_probe(&mut self, run: RunId, unit: &Arc<Unit>, kind: ProbeKind) {
        let Some(process) = process_of(unit, run) else { return };
        let (Some(probe), Some(facts)) = (process.probe(kind), self.pods.get(&run.pod)) else { return };
        // It may have ended in the turn in which it was started.
        let Some(running) = facts.find(run).copied() else { return };
        let notes = self.inbox.notes_sender.clone();
        if let Handler::Watchdog(every) = probe.handler {
            self.watched.entry(run).or_default().watchdog = Some(Watchdog::begin(run, every, notes));
            return;
        }
        let is_told = matches!(probe.handler, Handler::Notify | Handler::Fd(_));
        let was_good = kind != ProbeKind::Liveness && self.was_good(run, kind);
        let start = Start { run, unit, label: &facts.label, attempt: run.attempt, group: None };
        let question = question(&probe.handler, &start, process, &self.settings.log_dir);
        if let Some(question) = question {
            let (started, adopted, probe) = (running.started, running.adopted, probe.clone());
            let subject = Subject { run, kind, started, adopted, was_ready: was_good, question, probe };
            let probing = probe::begin(subject, notes);
            let watched = self.watched.entry(run).or_default();
            watched.probes.retain(|(other, _)| *other != kind);
            watched.probes.push((kind, probing));
        }
        if was_good {
            let message = "as before supd's manager was started again".to_owned();
            self.take_in(Event::Probed { run, probe: kind, good: true, message });
        } else if is_told && running.said_ready {
            // It has spoken before anybody wanted to know.
            let message = "it has said so".to_owned();
            self.take_in(Event::Probed { run, probe: kind, good: true, message });
        }
    }

    /// Begins a hook of a run.
    pub(super) fn begin_hook(&mut self, run: RunId, unit: &Arc<Unit>, kind: HookKind, within: Duration) {
        let Some(facts) = self.pods.get(&run.pod).filter(|facts| facts.find(run).is_some()) else { return };
        let Some(hook) = process_of(unit, run).and_then(|process| process.hook(kind)) else {
            return self.take_in(Event::Hooked { run, hook: kind, failure: None });
        };
        let start = Start { run, unit, label: &facts.label, attempt: run.attempt, group: None };
        let hooking = hook::begin(run, kind, deed(hook, &start), within, self.inbox.notes_sender.clone());
        let watched = self.watched.entry(run).or_default();
        watched.hooks.retain(|(other, _)| *other != kind);
        watched.hooks.push((kind, hooking));
    }

    /// A run has ended: nothing of it is asked any more, and what runs for it ends.
    pub(super) fn end_watch(&mut self, run: RunId) -> io::Result<()> {
        if self.watched.remove(&run).is_none() {
            return Ok(());
        }
        for command in self.commands.forget_asker(run) {
            self.keeper.signal(command, libc::SIGKILL, true)?;
        }
        Ok(())
    }

    /// What a task of a probe, a hook or a command says.
    pub(super) fn take_in_note(&mut self, note: Note) -> io::Result<()> {
        match note {
            Note::Told(event) => self.take_in_verdict(event),
            Note::Warned { run, probe, message } => self.warn_of_probe(run, probe, &message),
            Note::Ask { asker, command, answer } => self.ask(Question { asker, command, answer })?,
            Note::Overdue { asker, after } => {
                if let Some(command) = self.commands.overdue(asker, after) {
                    self.keeper.signal(command, libc::SIGKILL, true)?;
                }
            }
            Note::Silent { run } => {
                let watchdog = self.watched.get(&run).and_then(|watched| watched.watchdog.as_ref());
                if let Some(watchdog) = watchdog.filter(|watchdog| watchdog.is_silent()) {
                    let message = format!("watchdog: no WATCHDOG=1 within {:?}", watchdog.every());
                    self.bite(run, message);
                }
            }
            Note::Abandoned { run } => self.keeper.signal(run, libc::SIGKILL, true)?,
        }
        Ok(())
    }

    /// A process with a watchdog has spoken.
    pub(super) fn heard_alive(&self, run: RunId) {
        if let Some(watchdog) = self.watched.get(&run).and_then(|watched| watched.watchdog.as_ref()) {
            watchdog.heard();
        }
    }

    /// A process says of itself that it is to be taken for dead. Without a watchdog that means nothing.
    pub(super) fn heard_trouble(&mut self, run: RunId) {
        if self.watched.get(&run).is_some_and(|watched| watched.watchdog.is_some()) {
            self.bite(run, "watchdog: WATCHDOG=trigger".to_owned());
        }
    }

    /// The watchdog of a run has seen enough, and is done.
    fn bite(&mut self, run: RunId, message: String) {
        if let Some(watched) = self.watched.get_mut(&run) {
            watched.watchdog = None;
        }
        // Nobody asked, so there was no single bad answer: the verdict is all that is told.
        self.take_in_verdict(Event::Probed { run, probe: ProbeKind::Liveness, good: false, message });
    }

    /// A word that answers probes: each that waits for such a word.
    pub(super) fn take_in_word(&mut self, run: RunId, newline: bool, good: bool, message: &str) {
        let Some(facts) = self.pods.get_mut(&run.pod) else { return };
        if let Some(running) = facts.running.iter_mut().find(|running| running.run == run) {
            running.said_ready |= good;
        }
        let Some(process) = facts.process(run) else { return };
        let answered =
            told_probes(process).filter(|(_, handler)| matches!(handler, Handler::Fd(_)) == newline);
        let kinds: Vec<ProbeKind> = answered.map(|(kind, _)| kind).collect();
        for probe in kinds {
            self.take_in_verdict(Event::Probed { run, probe, good, message: message.to_owned() });
        }
    }

    /// Tells the engine, and the manager that comes after this one.
    fn take_in_verdict(&mut self, event: Event) {
        self.tell_probe(&event);
        if let Event::Probed {
            run, probe: probe @ (ProbeKind::Startup | ProbeKind::Readiness), good, ..
        } = event
        {
            self.mark(run, probe, good);
        }
        self.take_in(event);
    }

    /// As the kubelet has it: of the pod, and seen in `get events`.
    fn warn_of_probe(&mut self, run: RunId, probe: ProbeKind, message: &str) {
        let Some(facts) = self.pods.get(&run.pod) else { return };
        let kind = match probe {
            ProbeKind::Startup => "Startup",
            ProbeKind::Readiness => "Readiness",
            ProbeKind::Liveness => "Liveness",
        };
        let about = About { kind: "Pod", name: facts.label.pod.clone(), unit: facts.unit.name.clone() };
        let message = format!("{kind} probe warning: {message}");
        self.report(Report { warning: true, reason: "ProbeWarning", about, message, lead: None });
    }

    /// Starts the command of a probe or a hook, or keeps it until the last one has ended.
    pub(super) fn ask(&mut self, question: Question) -> io::Result<()> {
        if self.commands.command_of(question.asker).is_some() {
            self.commands.queue(question);
            return Ok(());
        }
        let Question { asker, command, answer } = question;
        let class = match asker.purpose {
            Purpose::Probe(_) => Class::Probe,
            Purpose::Hook(_) => Class::Hook,
        };
        let run = self.commands.new_run(asker.run.pod, class, self.keeper.epoch());
        match commands_pipe() {
            Ok((reader, writer)) => {
                self.commands.add_asked(run, asker, &command, reader, answer);
                self.join(run, asker.run, &command, Joined::OnePipe, vec![writer])
            }
            Err(error) => {
                // Nobody listens any more if the run has ended.
                let _ = answer.send(Answer::Unknown(format!("pipe: {error}")));
                Ok(())
            }
        }
    }

    /// Starts a command beside a run of its pod. Where it cannot be started, that is its end.
    pub(super) fn join(
        &mut self,
        run: RunId,
        beside: RunId,
        command: &Errand,
        joined: Joined,
        outputs: Vec<OwnedFd>,
    ) -> io::Result<()> {
        let mut label_bytes = Vec::new();
        let failed = match self.pods.get(&run.pod) {
            Some(facts) if label::encode(&facts.label, &mut label_bytes) => {
                let (unit, label, group) = (&facts.unit, &facts.label, self.groups.known(run.pod));
                let start = Start { run, unit, label, attempt: beside.attempt, group };
                match self.planner.joined(start, usize::from(beside.process), command, joined) {
                    Some(plan) => self.keeper.spawn(run, &label_bytes, "", plan, outputs)?.map(|f| f.message),
                    None => Some("the unit runs nothing".to_owned()),
                }
            }
            _ => Some("the pod is gone".to_owned()),
        };
        if let Some(message) = failed {
            let outcome = Outcome::NotStarted { message, exhausted: true };
            // Nothing waits for the end of what has only now begun.
            let _ = self.commands.ended(run, Exit { outcome, usage: Usage::default(), at: clock::now() });
        }
        Ok(())
    }
}

/// A pipe for the output of a command: the end that we read, and the one that it writes to.
pub(super) fn commands_pipe() -> io::Result<(tokio::net::unix::pipe::Receiver, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    Ok((tokio::net::unix::pipe::Receiver::from_owned_fd(reader)?, writer))
}
