//! From the order to make a pod to its readiness.

use std::sync::Arc;
use std::time::Duration;

use super::{Owner, Pod, PodSeed, Process, ProcessState};
use crate::engine::action::{Action, Actions, Spawn};
use crate::engine::event::Outcome;
use crate::engine::id::{Class, ObjectRef, PodUid, RunId};
use crate::engine::time::{Mono, Now};
use crate::engine::timer::Timer;
use crate::engine::view::JobOwner;
use crate::engine::{Engine, report};
use crate::unit::model::ProbeKind;

impl Engine {
    /// Makes a pod, and starts its first process.
    pub(in crate::engine) fn make_pod(&mut self, now: Now, seed: PodSeed, out: &mut Actions) -> PodUid {
        let uid = self.next_uid();
        let pod = new_pod(now, uid, seed);
        if let Some(deadline) = pod.template().active_deadline {
            self.timers.set(Timer::PodDeadline(uid), now.mono + deadline);
        }
        self.pods.insert(uid, Box::new(pod));
        self.start_process(now, uid, out);
        uid
    }

    /// Puts a pod that already runs, or is just being started, under the engine's care (a new manager found it).
    pub(in crate::engine) fn adopt_pod(
        &mut self,
        seed: PodSeed,
        run: RunId,
        pid: Option<u32>,
        started: Now,
        restarts: u32,
    ) {
        let mut pod = new_pod(started, run.pod, seed);
        pod.current = usize::from(run.process).min(pod.main_place());
        pod.started = pid.map(|_| started);
        let process = pod.present_mut();
        process.attempt = run.attempt;
        process.restarts = restarts;
        process.state = match pid {
            Some(pid) => ProcessState::Running { pid, since: started },
            None => ProcessState::Starting,
        };
        if let Some(deadline) = pod.template().active_deadline {
            self.timers.set(Timer::PodDeadline(run.pod), started.mono + deadline);
        }
        self.last_uid = self.last_uid.max(run.pod.0);
        self.pods.insert(run.pod, Box::new(pod));
    }

    /// The only way the state of a process changes.
    pub(super) fn set_process(&mut self, uid: PodUid, state: ProcessState, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let process = pod.present_mut();
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
        out.push(Action::Changed(ObjectRef::Pod(uid)));
        let unit = pod.unit.name.clone();
        self.mark(&unit);
    }

    /// Starts the process whose turn it is.
    pub(in crate::engine) fn start_process(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        if pod.leaving.is_some() || pod.is_up() || self.is_aside(&pod.unit.name) {
            return;
        }
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let process = &pod.processes[pod.current];
        let backoff = pod.template().backoff;
        if let Some(last) = &process.last {
            let exhausted = matches!(last.exit.outcome, Outcome::NotStarted { exhausted: true, .. });
            let process = pod.present_mut();
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
        self.timers.clear(&Timer::Restart(uid));
        self.order_start(uid, out);
        self.set_process(uid, ProcessState::Starting, out);
    }

    /// Orders the start of the present run.
    pub(in crate::engine) fn order_start(&self, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let spawn = Spawn {
            run: pod.run(),
            unit: Arc::clone(&pod.unit),
            label: pod.label(),
            attempt: pod.present().attempt,
            durable: self.is_durable(pod),
        };
        out.push(Action::Spawn(Box::new(spawn)));
    }

    /// Whether what is known must be stored before this start. A slot of a cronjob must not run twice,
    /// whatever dies, so it is stored before its first run.
    fn is_durable(&self, pod: &Pod) -> bool {
        let Owner::Job { job, .. } = &pod.owner else { return false };
        let Some(job) = self.jobs.get(job) else { return false };
        // Of a slot with several pods at once any may be the first to run: so it holds for each of them.
        let first = pod.present().attempt == 0 && pod.current == 0;
        job.spec().durable || (first && matches!(job.owner, JobOwner::Schedule(_)))
    }

    /// The pod that this run is the present one of.
    pub(super) fn live(&mut self, run: RunId) -> Option<PodUid> {
        let live = self.pods.get(&run.pod).is_some_and(|pod| pod.run() == run && pod.is_up());
        if !live {
            // An old run; its pid may belong to a stranger by now.
            self.stale_events += 1;
        }
        live.then_some(run.pod)
    }

    pub(in crate::engine) fn on_started(
        &mut self,
        now: Now,
        run: RunId,
        pid: u32,
        at: Now,
        out: &mut Actions,
    ) {
        let Some(uid) = self.live(run) else { return };
        let present = self.pods.get(&uid).map(|pod| &pod.present().state);
        if matches!(present, Some(ProcessState::Running { .. })) {
            // Told twice.
            self.stale_events += 1;
            return;
        }
        self.set_process(uid, ProcessState::Running { pid, since: at }, out);
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.started.get_or_insert(at);
        let unit = pod.unit.name.clone();
        if pod.leaving.is_some() {
            // It was asked to end before it was there, and may not have heard even of the end of its grace.
            self.signal_late(now, uid, out);
        } else if run.class == Class::Main {
            self.on_main_started(now, uid, at, out);
            // Somebody may wait for `started`, which is no state of the unit.
            self.wake_neighbours(&unit);
        }
    }

    fn on_main_started(&mut self, now: Now, uid: PodUid, at: Now, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let (run, unit) = (pod.run(), Arc::clone(&pod.unit));
        let template = pod.template();
        if template.main.readiness.is_none() {
            (pod.ready, pod.was_ready, pod.ready_since) = (true, true, Some(at));
            return;
        }
        if let Some(deadline) = template.main.start_deadline {
            self.timers.set(Timer::StartDeadline(uid), ready_by(now, at, deadline));
        }
        out.push(Action::Probe { run, unit, probe: ProbeKind::Readiness });
    }

    pub(in crate::engine) fn on_readiness(
        &mut self,
        now: Now,
        run: RunId,
        ready: bool,
        message: String,
        out: &mut Actions,
    ) {
        let Some(uid) = self.live(run) else { return };
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        // Who was asked to end gets ready for nobody any more (F39).
        if pod.leaving.is_some() {
            return;
        }
        if pod.ready != ready {
            pod.ready = ready;
            pod.was_ready |= ready;
            pod.ready_since = ready.then_some(now);
            let about = ("Pod", pod.name.as_str(), &pod.unit.name);
            if ready {
                report(out, false, "Ready", about, "ready".to_owned());
                self.timers.clear(&Timer::StartDeadline(uid));
            } else {
                report(out, true, "Unhealthy", about, format!("readiness probe failed: {message}"));
            }
        }
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.ready_message = message;
        let unit = pod.unit.name.clone();
        out.push(Action::Changed(ObjectRef::Pod(uid)));
        self.mark(&unit);
        self.wake_neighbours(&unit);
    }

    pub(in crate::engine) fn on_status_text(&mut self, run: RunId, text: String, out: &mut Actions) {
        let Some(uid) = self.live(run) else { return };
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.status_text = text;
            out.push(Action::Changed(ObjectRef::Pod(uid)));
        }
    }
}

/// When main is late: its time counts from its start. A manager that hears late of it, or is new, asks for a
/// while before it judges.
pub(in crate::engine) fn ready_by(now: Now, started: Now, deadline: Duration) -> Mono {
    (started.mono + deadline).max(now.mono + deadline / 4)
}

fn new_pod(created: Now, uid: PodUid, seed: PodSeed) -> Pod {
    let steps = seed.unit.pod().map_or(0, |template| template.init.len());
    Pod {
        uid,
        name: seed.name,
        unit: seed.unit,
        owner: seed.owner,
        scheduled: seed.scheduled,
        created,
        started: None,
        processes: (0..=steps).map(|_| Process::new()).collect(),
        current: 0,
        leaving: None,
        ready: false,
        ready_since: None,
        was_ready: false,
        ready_message: String::new(),
        status_text: String::new(),
        disrupted: false,
        reason: String::new(),
        message: String::new(),
    }
}
