//! What the engine orders, done in order.

use std::io;
use std::sync::Arc;

use crate::engine::action::{Action, Record, Spawn};
use crate::engine::event::{Event, Exit, Label, Outcome, Usage};
use crate::engine::id::{ObjectRef, PodName, PodUid, RunId};
use crate::logs::path::PodDir;
use crate::logs::relay::Relay;
use crate::runtime::plan::{self, Start};
use crate::runtime::{clock, label};
use crate::unit::model::{HookKind, Unit};
use crate::unit::name::UnitName;

use super::Manager;
use super::facts::{PodFacts, process_of, speaks};

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
            Action::Signal { run, signal, all, stop: true } => self.stop_durably((run, signal, all)),
            Action::Signal { run, signal, all, stop: false } => self.keeper.signal(run, signal, all)?,
            Action::Probe { run, unit, probe } => self.begin_probe(run, &unit, probe),
            Action::Hook { run, unit, hook: HookKind::PreStop, within } => {
                self.begin_pre_stop_durably(run, unit, within);
            }
            Action::Hook { run, unit, hook, within } => self.begin_hook(run, &unit, hook, within),
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
        self.pods.entry(run.pod).or_insert_with(|| Box::new(PodFacts::new(unit, label)));
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
        let socket = match process_of(unit, run).is_some_and(speaks) {
            true => match self.notify_socket(run) {
                Ok(path) => Some(path),
                Err(error) => return Ok(Err((format!("notify socket: {error}"), true))),
            },
            false => None,
        };
        let group = self.tree.is_some().then(|| self.groups.of(run.pod, label)).flatten();
        let start = Start { run, unit, label, attempt, group };
        let Some((plan, log_path)) = self.planner.process(start, socket.as_deref()) else {
            return Ok(Err(("the unit runs nothing".to_owned(), false)));
        };
        let failed = self.keeper.spawn(run, label_bytes, &log_path, plan, Vec::new())?;
        Ok(failed.map_or(Ok(()), |failure| Err((failure.message, failure.exhausted))))
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
        let gone = self.pods.remove(&uid);
        if gone.is_some_and(|facts| facts.unit.pod().is_some_and(|pod| !pod.volumes.is_empty())) {
            self.keeper.discard(uid)?;
        }
        if let Some(group) = self.groups.release(uid, clock::mono()) {
            self.keeper.leave(&group)?;
        }
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
        tracing::info!("all is over ({reason})");
        self.ending = true;
        self.end_durably(code);
        Ok(())
    }
}
