//! Whose turn it is to begin, and from the order to start a process to its start.

use std::sync::Arc;

use super::{Owner, Pod, ProcessState, Stage, narrow};
use crate::engine::Engine;
use crate::engine::action::{Action, Actions, Spawn};
use crate::engine::event::Outcome;
use crate::engine::id::{Class, ObjectRef, PodUid, RunId};
use crate::engine::time::Now;
use crate::engine::timer::Timer;
use crate::engine::view::JobOwner;

impl Engine {
    /// Starts whatever has its turn: steps one after another, sidecars between them, then the application
    /// (INI-001, SID-001). Level-triggered: it may be asked at any time, and does what is not done yet.
    pub(in crate::engine) fn advance_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        if pod.is_closing() || pod.renewing || self.ending.is_some() {
            return;
        }
        let (reached, main) = (pod.first_not_passed(), pod.main_place());
        if reached != pod.reached
            && let Some(pod) = self.pods.get_mut(&uid)
        {
            pod.reached = reached;
            out.push(Action::Changed(ObjectRef::Pod(uid)));
        }
        // Sidecars that were there before and wait for nothing: a new manager found them so.
        for place in 0..reached {
            let waits = |pod: &Pod| {
                pod.processes[place].class == Class::Sidecar && pod.processes[place].waits_for_turn()
            };
            if self.pods.get(&uid).is_some_and(|pod| waits(pod)) {
                self.begin_process(now, uid, place, out);
            }
        }
        if reached < main {
            if self.pods.get(&uid).is_some_and(|pod| pod.processes[reached].waits_for_turn()) {
                self.begin_process(now, uid, reached, out);
            }
            return;
        }
        for place in main.. {
            let Some(process) = self.pods.get(&uid).and_then(|pod| pod.processes.get(place)) else { return };
            if process.waits_for_turn() {
                self.begin_process(now, uid, place, out);
            }
            // Those that come after it wait for its postStart, too (HOK-001).
            if self.pods.get(&uid).is_some_and(|pod| pod.holds_back(place)) {
                return;
            }
        }
    }

    /// The turn of a process has come: it starts, or, where it has run before, after its back-off.
    fn begin_process(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let again = self.pods.get(&uid).is_some_and(|pod| pod.processes[place].last.is_some());
        match again {
            true => self.run_again(now, uid, place, out),
            false => self.start_process(now, uid, place, out),
        }
    }

    /// The only way the state of a process changes.
    pub(super) fn set_process(&mut self, uid: PodUid, place: usize, state: ProcessState, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let process = &mut pod.processes[place];
        debug_assert!(
            matches!(
                (&process.state, &state),
                (ProcessState::Waiting { .. }, ProcessState::Waiting { .. } | ProcessState::Starting)
                    | (ProcessState::Starting, ProcessState::Running { .. } | ProcessState::Ended(_))
                    | (ProcessState::Running { .. }, ProcessState::Ended(_))
                    | (ProcessState::Ended(_), ProcessState::Waiting { .. })
            ),
            "{:?} → {state:?} is no step of a process",
            process.state
        );
        process.state = state;
        process.left = None;
        out.push(Action::Changed(ObjectRef::Pod(uid)));
        let unit = pod.unit.name.clone();
        self.mark(&unit);
    }

    /// Starts the process at this place, unless it is there, or its pod is to have none, or supd ends (F99).
    pub(in crate::engine) fn start_process(
        &mut self,
        now: Now,
        uid: PodUid,
        place: usize,
        out: &mut Actions,
    ) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let up = pod.processes.get(place).is_none_or(|process| process.is_up());
        if up || pod.is_closing() || pod.renewing || self.ending.is_some() || self.is_aside(&pod.unit.name) {
            return;
        }
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let backoff = pod.template().backoff;
        let first_stage = pod.first_stage(place);
        let process = &mut pod.processes[place];
        (process.stage, process.ready, process.stopping) = (first_stage, false, None);
        if let Some(last) = &process.last {
            let exhausted = matches!(last.exit.outcome, Outcome::NotStarted { exhausted: true, .. });
            process.attempt += 1;
            if !exhausted {
                process.restarts += 1;
                process.series.restarted(&backoff, now.mono);
                let unit = pod.unit.name.clone();
                if let Some(entry) = self.units.get_mut(&unit) {
                    entry.last_restart = Some(now.wall);
                }
            }
        }
        self.timers.clear(&Timer::Restart(uid, narrow(place)));
        self.order_start(uid, place, out);
        self.set_process(uid, place, ProcessState::Starting, out);
    }

    /// Orders the start of the present run.
    pub(in crate::engine) fn order_start(&self, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let run = pod.run(place);
        let spawn = Spawn {
            run,
            unit: Arc::clone(&pod.unit),
            label: pod.label(place),
            attempt: run.attempt,
            durable: self.is_durable(pod, run),
        };
        out.push(Action::Spawn(Box::new(spawn)));
    }

    /// Whether what is known must be stored before this start. A slot of a cronjob must not run twice,
    /// whatever dies, so it is stored before its first run.
    fn is_durable(&self, pod: &Pod, run: RunId) -> bool {
        let Owner::Job { job, .. } = &pod.owner else { return false };
        let Some(job) = self.jobs.get(job) else { return false };
        // Of a slot with several pods at once any may be the first to run: so it holds for each of them.
        let first = run.attempt == 0 && run.process == 0;
        job.spec().durable || (first && matches!(job.owner, JobOwner::Schedule(_)))
    }

    /// The pod and the place that this run is the present one of.
    pub(super) fn live(&mut self, run: RunId) -> Option<(PodUid, usize)> {
        let place = usize::from(run.process);
        let live = self.pods.get(&run.pod).is_some_and(|pod| {
            pod.processes.get(place).is_some_and(|process| process.is_up() && pod.run(place) == run)
        });
        if !live {
            // An old run; its pid may belong to a stranger by now.
            self.stale_events += 1;
        }
        live.then_some((run.pod, place))
    }

    pub(in crate::engine) fn on_started(
        &mut self,
        now: Now,
        run: RunId,
        pid: u32,
        at: Now,
        out: &mut Actions,
    ) {
        let Some((uid, place)) = self.live(run) else { return };
        if self.pods.get(&uid).is_some_and(|pod| pod.processes[place].is_running()) {
            // Told twice.
            self.stale_events += 1;
            return;
        }
        self.set_process(uid, place, ProcessState::Running { pid, since: at }, out);
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.started.get_or_insert(at);
        let process = &pod.processes[place];
        if pod.renewing {
            self.kill_run(uid, place, out);
        } else if process.stopping.is_some() {
            // It was asked to end before it was there, and may not have heard even of the end of its grace.
            self.stop_late(now, uid, place, out);
        } else {
            self.begin_stage(now, uid, place, at, out);
        }
    }

    /// It is there: what comes first, its postStart, its startup probe, or its ordinary life.
    pub(super) fn begin_stage(&mut self, now: Now, uid: PodUid, place: usize, at: Now, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let model = pod.model(place);
        let patient = pod.processes[place].stage == Stage::Started && model.readiness.is_none();
        if let Some(deadline) = model.start_deadline.filter(|_| !patient) {
            let at = super::ready_by(now, at, deadline);
            self.timers.set(Timer::StartDeadline(uid, narrow(place)), at);
        }
        self.order_stage(now, uid, place, out);
        if self.pods.get(&uid).is_some_and(|pod| pod.processes[place].stage == Stage::Started) {
            self.process_started(now, uid, place, at, out);
        }
    }

    /// It has started, in Kubernetes' sense (CST-009).
    pub(super) fn process_started(
        &mut self,
        now: Now,
        uid: PodUid,
        place: usize,
        at: Now,
        out: &mut Actions,
    ) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let unasked = pod.model(place).readiness.is_none();
        let process = &mut pod.processes[place];
        process.ready |= unasked;
        let (class, several) = (process.class, pod.processes.len() > 1);
        let unit = pod.unit.name.clone();
        self.judge_ready(now, uid, at, out);
        if class == Class::Main {
            // Somebody may wait for `started`, which is no state of the unit.
            self.wake_neighbours(&unit);
        }
        if several {
            self.advance_pod(now, uid, out);
        }
    }
}

impl Pod {
    /// The first place, from the one reached, that the next one has to wait for.
    fn first_not_passed(&self) -> usize {
        let main = self.main_place();
        let passed = |place: &usize| {
            let process = &self.processes[*place];
            match (&process.state, process.class) {
                (ProcessState::Ended(end), Class::Init) => {
                    end.exit.succeeded(&self.model(*place).success_exit)
                }
                (_, Class::Sidecar) => process.is_started(),
                _ => false,
            }
        };
        (self.reached.min(main)..main).find(|place| !passed(place)).unwrap_or(main)
    }

    /// Whether a process of the application is on its way, and those after it wait until its postStart is
    /// done.
    fn holds_back(&self, place: usize) -> bool {
        let process = &self.processes[place];
        let on_its_way = matches!(process.state, ProcessState::Starting)
            || (process.is_running() && process.stage == Stage::Hooking);
        on_its_way && self.model(place).post_start.is_some()
    }

    /// What a process does first.
    pub(in crate::engine) fn first_stage(&self, place: usize) -> Stage {
        let model = self.model(place);
        if model.post_start.is_some() {
            Stage::Hooking
        } else if model.startup.is_some() {
            Stage::Probing
        } else {
            Stage::Started
        }
    }
}
