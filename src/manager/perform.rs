//! What the engine orders, done in order.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::engine::action::{Action, Record, Spawn};
use crate::engine::event::{Event, Exit, Label, Outcome, Usage};
use crate::engine::id::{Class, ObjectRef, PodName, PodUid, RunId};
use crate::logs::path::PodDir;
use crate::logs::relay::Relay;
use crate::runtime::plan::{self, Joined, Start};
use crate::runtime::probe::{self, Answer, Note, Subject};
use crate::runtime::{clock, label};
use crate::unit::model::{Handler, Probe, ProbeKind, Unit};
use crate::unit::name::UnitName;

use super::commands::Question;
use super::{Manager, PodFacts};

impl Manager {
    /// Performs what was ordered. What goes wrong at once is told to the engine, as an event.
    pub(super) fn perform_all(&mut self) -> io::Result<()> {
        let mut actions = std::mem::take(&mut self.actions);
        self.performed += actions.len();
        for action in actions.drain(..) {
            self.perform(action)?;
        }
        // Meanwhile there may be new ones: of failures, and of what was found out.
        if self.actions.is_empty() {
            self.actions = actions;
        }
        Ok(())
    }

    fn perform(&mut self, action: Action) -> io::Result<()> {
        match action {
            Action::Spawn(spawn) if spawn.durable => self.start_durably(spawn),
            Action::Spawn(spawn) => self.start_noted(*spawn)?,
            Action::Signal { run, signal, all } => self.keeper.signal(run, signal, all)?,
            Action::Probe { run, unit, probe: _ } => self.begin_probe(run, &unit),
            Action::Hook { .. } => {}
            Action::Record(record) => self.record(record)?,
            Action::ForgetPod { uid, unit, name } => self.forget_pod(uid, &unit, &name)?,
            Action::Report(report) => self.report(report),
            Action::Changed(object) => self.publish_changed(&object),
            Action::Gone(object) => {
                if let ObjectRef::Pod(uid) = &object {
                    self.pod_is_final(*uid)?;
                }
                self.publish_gone(&object);
            }
            Action::Reply { op, result } => self.reply(op, result),
            Action::End { code, reason } => self.end(code, &reason)?,
        }
        Ok(())
    }

    /// A start, with a note of whose it is, should it be the manager's death.
    pub(super) fn start_noted(&mut self, spawn: Spawn) -> io::Result<()> {
        let unit = spawn.unit.name.clone();
        self.begin_start(&unit, &spawn.label.pod);
        self.start(spawn)?;
        self.end_start(&unit);
        Ok(())
    }

    /// Orders a start. Where it cannot even be ordered, that is the run's end.
    fn start(&mut self, spawn: Spawn) -> io::Result<()> {
        let Spawn { run, unit, label, attempt, durable: _ } = spawn;
        self.store.use_uid(run.pod.0);
        let mut label_bytes = Vec::new();
        let ordered = if label::encode(&label, &mut label_bytes) {
            self.order(run, &unit, &label, attempt, &label_bytes)?
        } else {
            Err((format!("the names of {} are too long together", label.pod), false))
        };
        let facts = PodFacts { unit, label, main: None };
        self.pods.entry(run.pod).or_insert_with(|| Box::new(facts));
        if let Err((message, exhausted)) = ordered {
            let outcome = Outcome::NotStarted { message, exhausted };
            let exit = Exit { outcome, usage: Usage::default(), at: clock::now() };
            self.take_in(Event::Exited { run, exit });
        }
        Ok(())
    }

    /// Ok(Err): why there is nothing to order, and whether something had only run out.
    fn order(
        &mut self,
        run: RunId,
        unit: &Arc<Unit>,
        label: &Label,
        attempt: u32,
        label_bytes: &[u8],
    ) -> io::Result<Result<(), (String, bool)>> {
        let socket = match readiness(unit) {
            Some(Probe { handler: Handler::Notify, .. }) if run.class == Class::Main => {
                match self.notify_socket(run.pod) {
                    Ok(path) => Some(path),
                    Err(error) => return Ok(Err((format!("notify socket: {error}"), true))),
                }
            }
            _ => None,
        };
        let start = Start { run, unit, label, attempt };
        let Some((plan, log_path)) = self.planner.process(start, socket.as_deref()) else {
            return Ok(Err(("the unit runs nothing".to_owned(), false)));
        };
        let failed = self.keeper.spawn(run, label_bytes, &log_path, plan, Vec::new())?;
        Ok(failed.map_or(Ok(()), |failure| Err((failure.message, failure.exhausted))))
    }

    /// Begins to ask for readiness. What a process tells by itself is listened for since its start.
    fn begin_probe(&mut self, run: RunId, unit: &Arc<Unit>) {
        let (Some(probe), Some(facts)) = (readiness(unit), self.pods.get(&run.pod)) else { return };
        // It may have ended in the turn in which it was started.
        if facts.main.is_none_or(|(main, ..)| main != run) {
            return;
        }
        let was_ready = self.was_ready(run);
        let started = facts.main.filter(|(main, ..)| *main == run).map(|(_, _, at)| at);
        let start = Start { run, unit, label: &facts.label, attempt: run.attempt };
        let question = plan::question(&probe.handler, &start);
        if was_ready {
            let message = "as before supd's manager was started again".to_owned();
            self.take_in(Event::Probed { run, probe: ProbeKind::Readiness, good: true, message });
        }
        if let Some(question) = question {
            let started = started.unwrap_or_else(clock::mono);
            let subject = Subject { run, started, was_ready, question, probe: probe.clone() };
            self.probes.insert(run, probe::begin(subject, self.inbox.notes_sender.clone()));
        }
    }

    /// What a task of a probe or a command says.
    pub(super) fn take_in_note(&mut self, note: Note) -> io::Result<()> {
        match note {
            Note::Told(event) => self.take_in_told(vec![event]),
            Note::Ask { run, command, answer } => {
                self.ask(Question { probed: run, command, answer })?;
            }
            Note::Overdue { run, after } => {
                if let Some(probe) = self.commands.overdue(run, after) {
                    self.keeper.signal(probe, libc::SIGKILL, true)?;
                }
            }
            Note::Abandoned { run } => self.keeper.signal(run, libc::SIGKILL, true)?,
        }
        Ok(())
    }

    /// Starts the command of a probe, or keeps it until the last one has ended.
    pub(super) fn ask(&mut self, question: Question) -> io::Result<()> {
        if self.commands.probe_of(question.probed).is_some() {
            self.commands.queue(question);
            return Ok(());
        }
        let Question { probed, command, answer } = question;
        let run = self.commands.new_run(probed.pod, Class::Probe, self.keeper.epoch());
        match commands_pipe() {
            Ok((reader, writer)) => {
                self.commands.add_probe(run, probed, reader, answer);
                self.join(run, &command, Joined::OnePipe, vec![writer])
            }
            Err(error) => {
                // Nobody listens any more if the probed run has ended.
                let _ = answer.send(Answer::Unknown(format!("pipe: {error}")));
                Ok(())
            }
        }
    }

    /// Starts a command in a pod's context. Where it cannot be started, that is its end.
    pub(super) fn join(
        &mut self,
        run: RunId,
        command: &[String],
        joined: Joined,
        outputs: Vec<OwnedFd>,
    ) -> io::Result<()> {
        let mut label_bytes = Vec::new();
        let failed = match self.pods.get(&run.pod) {
            Some(facts) if label::encode(&facts.label, &mut label_bytes) => {
                let attempt = facts.main.map_or(0, |(main, ..)| main.attempt);
                let start = Start { run, unit: &facts.unit, label: &facts.label, attempt };
                match self.planner.joined(start, command, joined) {
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

    fn record(&mut self, record: Record) -> io::Result<()> {
        match &record {
            Record::Run(run) => self.publish_run(run),
            Record::Pod(pod) => self.pod_is_final(pod.uid)?,
            Record::Decision(_) => {}
        }
        let is_history = !matches!(record, Record::Pod(_));
        if let Some(oldest) = self.store.record(record) {
            self.forget_logs(oldest.uid, &oldest.unit, &oldest.name)?;
        }
        if is_history {
            self.publish_newest();
        }
        Ok(())
    }

    /// No process of the pod will run any more; what others run in it ends, too.
    fn pod_is_final(&mut self, uid: PodUid) -> io::Result<()> {
        self.hush(uid)?;
        self.pods.remove(&uid);
        for run in self.commands.of_pod(uid) {
            self.keeper.signal(run, libc::SIGKILL, true)?;
        }
        Ok(())
    }

    pub(super) fn forget_pod(&mut self, uid: PodUid, unit: &UnitName, name: &PodName) -> io::Result<()> {
        self.pod_is_final(uid)?;
        if let Some(pod) = self.store.forget(uid) {
            self.publish_forgotten(&pod);
        }
        self.forget_logs(uid, unit, name)
    }

    fn forget_logs(&mut self, uid: PodUid, unit: &UnitName, name: &PodName) -> io::Result<()> {
        match PodDir::parse(&plan::log_directory(unit, name, uid)) {
            Some(dir) => self.keeper.tell_logger(&Relay::Forget { dir }.encode()),
            None => Ok(()),
        }
    }

    fn end(&mut self, code: u8, reason: &str) -> io::Result<()> {
        tracing::info!("all is over, ending with code {code} ({reason})");
        self.ending = true;
        self.end_durably(code);
        Ok(())
    }
}

/// How a unit's pods become ready.
pub(super) fn readiness(unit: &Unit) -> Option<&Probe> {
    unit.pod()?.main.readiness.as_deref()
}

/// A pipe for the output of a command: the end that we read, and the one that it writes to.
pub(super) fn commands_pipe() -> io::Result<(tokio::net::unix::pipe::Receiver, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    Ok((tokio::net::unix::pipe::Receiver::from_owned_fd(reader)?, writer))
}
