//! A pod is asked to end, or to hurry: by an operator, by its job or service, by a deadline.

use std::time::Duration;

use super::{Count, Leaving, ProcessState};
use crate::engine::action::{Action, Actions};
use crate::engine::id::{ObjectRef, PodUid};
use crate::engine::time::{Mono, Now};
use crate::engine::timer::Timer;
use crate::engine::view::Phase;
use crate::engine::{Engine, report};

/// Between the polite signal and KILL, whatever the grace (TRM-003).
const GRACE_MIN: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 9;
const SIGCONT: i32 = 18;

impl Engine {
    /// An operator wants it to run now: waits are cut short, and forgotten.
    pub(in crate::engine) fn hurry_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        if matches!(pod.present().state, ProcessState::Waiting { .. }) {
            self.start_process(now, uid, out);
        }
        // After the start, which was no restart by the rules: the next one is the first, and immediate.
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.processes.iter_mut().for_each(|process| process.series.clear());
        }
    }

    /// Asks a pod to end. One that runs nothing is final at once.
    pub(in crate::engine) fn stop_pod(&mut self, now: Now, uid: PodUid, count: Count, out: &mut Actions) {
        let left = self.time_left(now.mono);
        let ending = self.ending.is_some();
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        if pod.leaving.is_some() {
            return;
        }
        pod.disrupted |= ending;
        pod.leaving = Some(Leaving { count });
        pod.ready = false;
        pod.ready_since = None;
        let grace = pod.template().grace.max(GRACE_MIN).min(left);
        let (up, unit) = (pod.is_up(), pod.unit.name.clone());
        self.timers.clear(&Timer::Restart(uid));
        self.timers.clear(&Timer::PodDeadline(uid));
        self.timers.clear(&Timer::StartDeadline(uid));
        self.mark(&unit);
        self.wake_neighbours(&unit);
        out.push(Action::Changed(ObjectRef::Pod(uid)));
        if up {
            self.timers.set(Timer::Kill(uid), now.mono + grace);
            self.signal_stop(uid, out);
        } else {
            self.finish_pod(now, uid, Phase::Failed, out);
        }
    }

    /// The polite signal, and CONT after it: a stopped process could not hear it (F26).
    pub(super) fn signal_stop(&self, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let (run, signal) = (pod.run(), pod.template().main.stop.signal);
        out.push(Action::Signal { run, signal, all: false });
        out.push(Action::Signal { run, signal: SIGCONT, all: false });
    }

    /// The polite signal once more, for one that was not there to hear it. Its grace goes on, or begins anew
    /// where it was over before there was anybody to kill.
    pub(in crate::engine) fn signal_late(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let left = self.time_left(now.mono);
        let Some(pod) = self.pods.get(&uid) else { return };
        let grace = pod.template().grace.max(GRACE_MIN).min(left);
        if self.timers.get(&Timer::Kill(uid)).is_none() {
            self.timers.set(Timer::Kill(uid), now.mono + grace);
        }
        self.signal_stop(uid, out);
    }

    /// The grace is over.
    pub(in crate::engine) fn kill_pod(&mut self, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        if !pod.is_up() {
            return;
        }
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "Killing", about, "did not end in its grace, killed".to_owned());
        out.push(Action::Signal { run: pod.run(), signal: SIGKILL, all: true });
    }

    /// Main did not become ready in time: a failed start.
    pub(in crate::engine) fn on_start_deadline(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let Some(deadline) = pod.template().main.start_deadline else { return };
        let grace = pod.template().grace.max(GRACE_MIN);
        let why = format!("not ready within {}s", deadline.as_secs_f64());
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "Unhealthy", about, format!("{why}, stopping it"));
        pod.present_mut().condemned = Some(why);
        self.timers.set(Timer::Kill(uid), now.mono + grace);
        self.signal_stop(uid, out);
    }

    /// The pod has been active for too long (PHS-009).
    pub(in crate::engine) fn on_pod_deadline(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        "DeadlineExceeded".clone_into(&mut pod.reason);
        pod.message = "Pod was active on the node longer than the specified deadline".to_owned();
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "DeadlineExceeded", about, "active for longer than its deadline".to_owned());
        self.stop_pod(now, uid, Count::Failed, out);
    }

    /// How long a pod may take to end: forever, but in a shutdown.
    fn time_left(&self, now: Mono) -> Duration {
        self.ending.as_ref().map_or(Duration::MAX, |ending| ending.until.since(now))
    }
}
