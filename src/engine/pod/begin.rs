//! A pod comes to be: made, or found by a new manager.

use std::sync::Arc;

use super::{Owner, Pod, Process, ProcessState, Stage, Why};
use crate::engine::Engine;
use crate::engine::action::Actions;
use crate::engine::id::{PodName, PodUid, RunId};
use crate::engine::time::{Now, Wall};
use crate::engine::timer::Timer;
use crate::unit::model::Unit;

/// What a new pod is.
pub(in crate::engine) struct PodSeed {
    pub(in crate::engine) unit: Arc<Unit>,
    pub(in crate::engine) name: PodName,
    pub(in crate::engine) owner: Owner,
    pub(in crate::engine) scheduled: Option<Wall>,
}

impl Engine {
    /// Makes a pod, and starts its first process.
    pub(in crate::engine) fn make_pod(&mut self, now: Now, seed: PodSeed, out: &mut Actions) -> PodUid {
        let uid = self.next_uid();
        let pod = new_pod(now, uid, seed);
        if let Some(deadline) = pod.template().active_deadline {
            self.timers.set(Timer::PodDeadline(uid), now.mono + deadline);
        }
        self.pods.insert(uid, Box::new(pod));
        self.advance_pod(now, uid, out);
        uid
    }

    /// Puts a pod that already runs, or is just being started, under the engine's care (a new manager found
    /// it). False: it has no such process.
    pub(in crate::engine) fn adopt_pod(
        &mut self,
        seed: PodSeed,
        run: RunId,
        pid: Option<u32>,
        started: Now,
        restarts: u32,
    ) -> bool {
        let mut pod = new_pod(started, run.pod, seed);
        let place = usize::from(run.process);
        let first_stage = pod.first_stage(place);
        pod.reached = place.min(pod.main_place());
        pod.started = pid.map(|_| started);
        let Some(process) = pod.processes.get_mut(place).filter(|process| process.class == run.class) else {
            return false;
        };
        process.attempt = run.attempt;
        process.restarts = restarts;
        process.put_up(pid, started, first_stage);
        if let Some(deadline) = pod.template().active_deadline {
            self.timers.set(Timer::PodDeadline(run.pod), started.mono + deadline);
        }
        self.last_uid = self.last_uid.max(run.pod.0);
        self.pods.insert(run.pod, Box::new(pod));
        true
    }
}

impl Process {
    /// A run was found that lives, or whose start is under way.
    pub(in crate::engine) fn put_up(&mut self, pid: Option<u32>, started: Now, first_stage: Stage) {
        (self.stage, self.ready, self.stopping) = (first_stage, false, None);
        self.state = match pid {
            Some(pid) => ProcessState::Running { pid, since: started },
            None => ProcessState::Starting,
        };
    }

    /// The order to start it came to nothing: it is as before that.
    pub(in crate::engine) fn forget_start(&mut self) {
        self.stopping = None;
        self.state = match self.last.take() {
            Some(end) => ProcessState::Ended(end),
            None => ProcessState::Waiting { why: Why::Turn, until: None },
        };
    }
}

fn new_pod(created: Now, uid: PodUid, seed: PodSeed) -> Pod {
    let processes = seed.unit.pod().into_iter().flat_map(|template| template.processes());
    Pod {
        uid,
        name: seed.name,
        processes: processes.map(|process| Process::new(process.part)).collect(),
        unit: seed.unit,
        owner: seed.owner,
        scheduled: seed.scheduled,
        created,
        started: None,
        reached: 0,
        leaving: None,
        done: false,
        renewing: false,
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
