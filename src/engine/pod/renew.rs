//! A pod begins anew: all that is in it is killed, and it starts from its first step, the same pod (CRR-004).
//!
//! Each process keeps its own back-off and its own count of restarts: for each it is a restart like any other.

use super::{ProcessState, Why, narrow};
use crate::engine::action::Actions;
use crate::engine::id::PodUid;
use crate::engine::time::Now;
use crate::engine::timer::Timer;
use crate::engine::{Engine, report};

impl Engine {
    /// Kills all of it, with no grace and no preStop.
    pub(super) fn renew_pod(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.renewing = true;
        (pod.ready, pod.ready_since, pod.was_ready) = (false, None, false);
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        let words = format!("Container {} has ended, all of the pod is restarted", pod.model(place).name);
        report(out, true, "RestartAllContainers", about, words);
        for place in 0..pod.processes.len() {
            for timer in [Timer::Restart, Timer::Kill, Timer::StartDeadline] {
                self.timers.clear(&timer(uid, narrow(place)));
            }
        }
        self.kill_to_renew(now, uid, out);
    }

    /// Kills what is left; when nothing is, the pod starts again. A new manager asks the same.
    pub(in crate::engine) fn kill_to_renew(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid).filter(|pod| pod.renewing && !pod.is_closing()) else { return };
        let up: Vec<usize> = (0..pod.processes.len()).filter(|at| pod.processes[*at].is_up()).collect();
        up.into_iter().for_each(|place| self.kill_run(uid, place, out));
        self.go_on_renewing(now, uid, out);
    }

    /// When the last of it is gone it begins at its first step.
    pub(super) fn go_on_renewing(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid).filter(|pod| pod.renewing && !pod.is_up()) else { return };
        pod.renewing = false;
        if self.ending.is_some() {
            return self.end_pod(now, uid, out);
        }
        pod.reached = 0;
        for place in 0..pod.processes.len() {
            let Some(pod) = self.pods.get_mut(&uid) else { return };
            let process = &mut pod.processes[place];
            if let ProcessState::Ended(end) = &process.state {
                process.last = Some(end.clone());
            }
            process.stopping = None;
            self.set_process(uid, place, ProcessState::Waiting { why: Why::Turn, until: None }, out);
        }
        self.advance_pod(now, uid, out);
    }
}
