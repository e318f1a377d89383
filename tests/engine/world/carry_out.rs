//! What the engine orders is carried out at once: starts, signals, and what is written down.

use supd::engine::action::{Action, Actions, Record};
use supd::engine::event::{Event, Exit, Outcome, Usage};
use supd::engine::id::{ObjectRef, RunId};

use super::{CONT, KILL, TERM, TURNS_MAX, World};

impl World {
    pub fn feed(&mut self, event: Event) {
        if let Event::Shutdown { within } = event {
            self.outside.ending = Some(within);
        }
        let mut actions = Actions::new();
        self.engine.handle(self.now, event, &mut actions);
        self.perform(actions);
    }

    /// What comes of all that was ordered together is heard together, as by a manager in one turn.
    pub(crate) fn perform(&mut self, mut actions: Actions) {
        for _ in 0..TURNS_MAX {
            let events: Vec<Event> = actions.drain(..).flat_map(|action| self.carry_out(action)).collect();
            if events.is_empty() {
                return;
            }
            events.into_iter().for_each(|event| self.engine.take_in(self.now, event, &mut actions));
            self.engine.settle(self.now, &mut actions);
        }
        panic!("{}: the engine does not come to rest", self.title);
    }

    /// Carries out one action; returns what happens at once because of it.
    fn carry_out(&mut self, action: Action) -> Vec<Event> {
        match action {
            Action::Spawn(spawn) => {
                let same = |run: &RunId| run.pod == spawn.run.pod && run.process == spawn.run.process;
                let process = &spawn.unit.pod().unwrap().process(usize::from(spawn.run.process)).name;
                let called = format!("{}/{process}", spawn.label.pod);
                assert!(!self.running.keys().any(same), "{}: two runs of {called}", self.title);
                let hangs = self.is_one_of(&self.hanging, &called);
                self.names.insert(spawn.run, called);
                if spawn.durable {
                    self.durable.push(spawn.label.pod.clone());
                    self.store();
                }
                self.spawns += 1;
                self.outside.started(spawn.run, &spawn.label, self.now);
                self.running.insert(spawn.run, spawn.label);
                if hangs {
                    return Vec::new();
                }
                vec![Event::Started { run: spawn.run, pid: 1000, at: self.now }]
            }
            Action::Signal { run, signal, stop, .. } => {
                if stop {
                    self.store();
                }
                if self.mute || !self.running.contains_key(&run) {
                    return Vec::new();
                }
                let called = self.called(run);
                if self.is_one_of(&self.unread, &called) {
                    return Vec::new();
                }
                if stop {
                    self.outside.asked_to_end(run);
                }
                let obeys = signal == KILL || (signal == TERM && !self.is_one_of(&self.stubborn, &called));
                let hangs = self.is_one_of(&self.hanging, &called);
                let stays = self.is_one_of(&self.unkillable, &called);
                if signal != CONT {
                    self.signals.push((called, signal));
                }
                if stays || !obeys || hangs && signal != KILL {
                    return Vec::new();
                }
                vec![self.ended(run, Outcome::Signaled { signal: signal as u8, core: false })]
            }
            Action::Probe { run, probe, .. } => {
                self.beside.push(format!("{} {probe:?}", self.called(run)));
                if let Some(label) = self.running.get(&run) {
                    self.probed.push(label.pod.clone());
                }
                Vec::new()
            }
            Action::Hook { run, hook, .. } => {
                self.beside.push(format!("{} {hook:?}", self.called(run)));
                Vec::new()
            }
            Action::Record(Record::Pod(pod)) => {
                self.finished.insert(pod.uid, *pod);
                Vec::new()
            }
            Action::ForgetPod { uid, name, .. } => {
                self.finished.remove(&uid);
                self.forgotten.push(name);
                Vec::new()
            }
            Action::Gone(ObjectRef::Pod(_)) => Vec::new(),
            Action::Report(report) => {
                self.reports
                    .push((report.reason.to_owned(), format!("{}: {}", report.about.name, report.message)));
                Vec::new()
            }
            Action::Reply { result, .. } => {
                self.last_reply = Some(result);
                Vec::new()
            }
            Action::End { code, .. } => {
                assert!(self.running.is_empty(), "{}: ended with processes left", self.title);
                self.end = Some(code);
                Vec::new()
            }
            Action::Record(Record::Run(record)) => {
                self.outside.recorded.push(record.run);
                Vec::new()
            }
            Action::Record(Record::Decision(decision)) => {
                self.decisions.push(format!(
                    "{} {}: {}",
                    decision.unit,
                    decision.kind.as_str(),
                    decision.reason
                ));
                Vec::new()
            }
            Action::Changed(_) | Action::Gone(_) => Vec::new(),
        }
    }

    pub(super) fn ended(&mut self, run: RunId, outcome: Outcome) -> Event {
        let exit = Exit { outcome, usage: Usage::default(), at: self.now };
        if let Some(label) = self.running.remove(&run) {
            self.ended.insert(run, (label, exit.outcome.clone()));
            self.outside.ended(run, exit.clone());
        }
        Event::Exited { run, exit }
    }
}
