//! A pod, or one process of it, is asked to end: preStop, the polite signal, KILL (TRM-001).
//!
//! The grace of a process begins before its preStop, and includes it (HOK-003). The application goes first,
//! all of it at once; sidecars follow one by one, the last one first, while their preStop runs with everybody
//! else's (SID-004). Whoever has not had the signal when its grace is over gets it then, and KILL two seconds
//! later (HOK-004, SID-005).

use std::time::Duration;

use super::{Cause, Count, Leaving, Pod, Process, ProcessState, StopStep, Stopping, Why, narrow};
use crate::engine::action::{Action, Actions};
use crate::engine::id::{Class, ObjectRef, PodUid};
use crate::engine::time::{Mono, Now};
use crate::engine::timer::Timer;
use crate::engine::{Engine, report};
use crate::unit::name::UnitName;

/// Between the polite signal and KILL, whatever the grace (TRM-003).
pub(in crate::engine) const GRACE_MIN: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 9;
const SIGCONT: i32 = 18;

impl Engine {
    /// An operator wants it to run now: waits are cut short, and forgotten.
    pub(in crate::engine) fn hurry_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let waits = |process: &Process| {
            matches!(process.state, ProcessState::Waiting { why: Why::Backoff(_) | Why::Exhausted(_), .. })
        };
        let places: Vec<usize> = (0..pod.processes.len()).filter(|at| waits(&pod.processes[*at])).collect();
        for place in places {
            self.start_process(now, uid, place, out);
        }
        // After the start, which was no restart by the rules: the next one is the first, and immediate.
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.processes.iter_mut().for_each(|process| process.series.clear());
        }
    }

    /// Asks a pod to end. One that runs nothing is final at once.
    pub(in crate::engine) fn stop_pod(&mut self, now: Now, uid: PodUid, count: Count, out: &mut Actions) {
        if self.note_leaving(uid, count, out) {
            self.stop_processes(now, uid, out);
        }
    }

    /// Writes down that a pod is to end. False: that is known, or there is none.
    fn note_leaving(&mut self, uid: PodUid, count: Count, out: &mut Actions) -> bool {
        let ending = self.ending.is_some();
        let Some(pod) = self.pods.get_mut(&uid).filter(|pod| pod.leaving.is_none()) else { return false };
        pod.disrupted |= ending;
        pod.leaving = Some(Leaving { count });
        pod.ready = false;
        pod.ready_since = None;
        let unit = pod.unit.name.clone();
        self.mark(&unit);
        self.wake_neighbours(&unit);
        out.push(Action::Changed(ObjectRef::Pod(uid)));
        true
    }

    /// The time of a shutdown is over: whatever is left of a pod is killed, unless it was, and told so once.
    pub(in crate::engine) fn kill_pod_at_last(
        &mut self,
        now: Now,
        uid: PodUid,
        count: Count,
        out: &mut Actions,
    ) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let is_killed = |place: usize| {
            let asked = pod.processes[place].stop_step() == Some(StopStep::Signalled);
            asked && self.timers.get(&Timer::Kill(uid, narrow(place))).is_none()
        };
        let left = |place: &usize| pod.processes[*place].is_up() && !is_killed(*place);
        let left: Vec<usize> = (0..pod.processes.len()).filter(left).collect();
        if left.is_empty() {
            return;
        }
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "Killing", about, "the shutdown's time is over, killed".to_owned());
        self.note_leaving(uid, count, out);
        for place in left {
            self.timers.clear(&Timer::Kill(uid, narrow(place)));
            let Some(pod) = self.pods.get_mut(&uid) else { return };
            let fresh = || Box::new(Stopping::begun(now.mono));
            pod.processes[place].stopping.get_or_insert_with(fresh).step = StopStep::Signalled;
            self.kill_run(uid, place, out);
        }
    }

    /// The application is done, or will never begin: sidecars do not keep a pod (SID-003).
    pub(super) fn close_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.done = true;
        self.stop_processes(now, uid, out);
    }

    /// A later wish for less time: what is left of the grace of all that was asked to end gets no longer than
    /// this (TRM-004).
    pub(in crate::engine) fn hasten_pod(&mut self, now: Now, uid: PodUid, grace: Duration) {
        let until = now.mono + grace;
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let mut hastened = Vec::new();
        for (place, process) in pod.processes.iter_mut().enumerate().filter(|(_, process)| process.is_up()) {
            if let Some(stopping) = process.stopping.as_mut().filter(|stopping| stopping.until > until) {
                stopping.until = until;
                hastened.push(place);
            }
        }
        for place in hastened {
            self.set_kill(now, uid, place);
        }
    }

    /// Everything in it that is there is asked to end; nothing is started any more (RST-017).
    fn stop_processes(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        self.timers.clear(&Timer::PodDeadline(uid));
        let Some(pod) = self.pods.get(&uid) else { return };
        let (places, grace, renewing) = (pod.processes.len(), pod.template().grace, pod.renewing);
        for place in 0..places {
            self.timers.clear(&Timer::Restart(uid, narrow(place)));
            self.timers.clear(&Timer::StartDeadline(uid, narrow(place)));
            // All of a pod that begins anew was killed already.
            if !renewing {
                self.begin_stop(now, (uid, place), Cause::Pod, String::new(), grace, out);
            }
        }
        self.go_on_ending(now, uid, out);
    }

    /// supd ends one process for a reason of its own; its policy decides what follows.
    pub(super) fn condemn(
        &mut self,
        now: Now,
        (uid, place): (PodUid, usize),
        cause: Cause,
        words: String,
        grace: Duration,
        out: &mut Actions,
    ) {
        self.timers.clear(&Timer::StartDeadline(uid, narrow(place)));
        self.begin_stop(now, (uid, place), cause, words, grace, out);
        self.changed(uid, out);
    }

    /// One process is asked to end. Where it was already, it gets no more time than that leaves it.
    fn begin_stop(
        &mut self,
        now: Now,
        (uid, place): (PodUid, usize),
        cause: Cause,
        words: String,
        grace: Duration,
        out: &mut Actions,
    ) {
        let until = now.mono + grace.min(self.time_for(now, uid));
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let has_hook = pod.model(place).stop.pre.is_some() && !grace.is_zero();
        let process = &mut pod.processes[place];
        if !process.is_up() {
            return;
        }
        if let Some(stopping) = &mut process.stopping {
            stopping.until = stopping.until.min(until);
            return self.set_kill(now, uid, place);
        }
        let step = match (&process.state, has_hook) {
            (ProcessState::Starting, true) => StopStep::Birth,
            (_, true) => StopStep::PreStop,
            (_, false) => StopStep::Turn,
        };
        process.stopping = Some(Box::new(Stopping { cause, words, step, until }));
        match step {
            StopStep::PreStop => {
                self.set_kill(now, uid, place);
                self.order_pre_stop(uid, place, until.since(now.mono), out);
            }
            StopStep::Birth => self.set_kill(now, uid, place),
            StopStep::Turn | StopStep::Signalled => self.signal_in_turn(now, uid, place, out),
        }
    }

    /// preStop has returned, however.
    pub(super) fn pre_stop_done(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        self.signal_in_turn(now, uid, place, out);
        self.go_on_ending(now, uid, out);
    }

    /// The signal, unless the process is a sidecar of a pod that ends: then in its turn.
    fn signal_in_turn(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        if !(pod.is_closing() && pod.processes[place].class == Class::Sidecar) {
            return self.signal_stop(now, uid, place, out);
        }
        if let Some(stopping) = &mut pod.processes[place].stopping {
            stopping.step = StopStep::Turn;
        }
        self.set_kill(now, uid, place);
    }

    /// Whose turn it is to end: of a closing pod the last sidecar, once the application is gone (SID-004).
    /// When nothing is left the pod is final.
    pub(in crate::engine) fn go_on_ending(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid).filter(|pod| pod.is_closing()) else { return };
        if !pod.is_up() {
            return self.finish_pod(now, uid, out);
        }
        if let Some(place) = pod.turn_to_end() {
            self.signal_stop(now, uid, place, out);
        }
    }

    /// The polite signal, and CONT after it: a stopped process could not hear it (F26).
    fn signal_stop(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let (run, signal) = (pod.run(place), pod.model(place).stop.signal);
        if let Some(stopping) = &mut pod.processes[place].stopping {
            stopping.step = StopStep::Signalled;
        }
        self.timers.clear(&Timer::Kill(uid, narrow(place)));
        self.set_kill(now, uid, place);
        out.push(Action::Signal { run, signal, all: false, stop: true });
        out.push(Action::Signal { run, signal: SIGCONT, all: false, stop: true });
    }

    /// One that was asked to end before it was there is there now. Its grace goes on, or begins anew where it
    /// was over before there was anybody to kill.
    pub(in crate::engine) fn stop_late(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let left = self.time_for(now, uid);
        let over = self.timers.get(&Timer::Kill(uid, narrow(place))).is_none();
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let grace = pod.template().grace.min(left);
        let Some(stopping) = &mut pod.processes[place].stopping else { return };
        if over {
            stopping.until = now.mono + grace;
        }
        match stopping.step {
            StopStep::Birth => {
                stopping.step = StopStep::PreStop;
                let within = stopping.until.since(now.mono);
                self.order_pre_stop(uid, place, within, out);
            }
            StopStep::Signalled => self.signal_late(now, uid, place, out),
            StopStep::PreStop | StopStep::Turn => {}
        }
        self.go_on_ending(now, uid, out);
    }

    /// When something is to happen to a process that was asked to end, whatever it does: the signal, or KILL.
    /// Never later than it was.
    fn set_kill(&mut self, now: Now, uid: PodUid, place: usize) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let Some(stopping) = &pod.processes[place].stopping else { return };
        let end = self.share_end(now, &pod.unit.name);
        let at = match (stopping.step, end) {
            (StopStep::Signalled, None) => stopping.until.max(now.mono + GRACE_MIN),
            (StopStep::Signalled, Some(end)) => stopping.until.max(now.mono + GRACE_MIN).min(end),
            (_, None) => stopping.until,
            // It is to hear the signal before the end of its time, and its preStop is to have some of it.
            (_, Some(end)) => stopping.until.min(end - GRACE_MIN.min(end.since(now.mono) / 2)).max(now.mono),
        };
        let timer = Timer::Kill(uid, narrow(place));
        let at = self.timers.get(&timer).map_or(at, |known| known.min(at));
        self.timers.set(timer, at);
    }

    /// The grace of a process is over.
    pub(in crate::engine) fn on_grace_over(
        &mut self,
        now: Now,
        uid: PodUid,
        place: usize,
        out: &mut Actions,
    ) {
        let Some(pod) = self.pods.get(&uid) else { return };
        match pod.processes[place].stop_step() {
            None => {}
            Some(StopStep::Signalled) => {
                let about = ("Pod", pod.name.as_str(), &pod.unit.name);
                let process = &pod.model(place).name;
                let whose = if place == pod.main_place() { String::new() } else { format!("{process}: ") };
                report(
                    out,
                    true,
                    "Killing",
                    about,
                    format!("{whose}{}", self.why_killed(now, &pod.unit.name)),
                );
                self.kill_run(uid, place, out);
            }
            Some(StopStep::Birth | StopStep::PreStop | StopStep::Turn) => {
                self.signal_stop(now, uid, place, out);
            }
        }
    }

    /// Why one that had the signal is killed.
    fn why_killed(&self, now: Now, unit: &UnitName) -> &'static str {
        match &self.ending {
            Some(ending) if ending.until <= now.mono => "the shutdown's time is over, killed",
            Some(ending) if ending.shares.until(unit).is_some_and(|until| until <= now.mono) => {
                "its share of the shutdown's time is over, killed"
            }
            _ => "did not end in its grace, killed",
        }
    }

    /// KILL, to all of it.
    pub(super) fn kill_run(&self, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        out.push(Action::Signal { run: pod.run(place), signal: SIGKILL, all: true, stop: true });
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

    /// A stop that was under way when the manager died goes on (HOK-007: preStop may run a second time). The
    /// signal does not: some programs give up their orderly end at the second one.
    pub(in crate::engine) fn resume_stop(
        &mut self,
        now: Now,
        (uid, place): (PodUid, usize),
        asked: bool,
        out: &mut Actions,
    ) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let Some(stopping) = &mut pod.processes[place].stopping else { return };
        let within = stopping.until.since(now.mono);
        match stopping.step {
            _ if asked => {
                stopping.step = StopStep::Signalled;
                self.set_kill(now, uid, place);
            }
            StopStep::Signalled => self.signal_late(now, uid, place, out),
            StopStep::PreStop if !within.is_zero() => self.order_pre_stop(uid, place, within, out),
            StopStep::Birth | StopStep::PreStop | StopStep::Turn => {}
        }
    }

    /// The signal of a stop that is older than this: KILL does not wait longer for it.
    fn signal_late(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let timer = Timer::Kill(uid, narrow(place));
        let kill_at = self.timers.get(&timer);
        self.signal_stop(now, uid, place, out);
        if let Some(at) = kill_at {
            self.timers.set(timer, at);
        }
    }

    /// How long a pod may take to end: forever, but in a shutdown.
    fn time_for(&self, now: Now, uid: PodUid) -> Duration {
        let end = self.pods.get(&uid).and_then(|pod| self.share_end(now, &pod.unit.name));
        end.map_or(Duration::MAX, |end| end.since(now.mono))
    }
}

impl Stopping {
    /// One that had no time.
    fn begun(at: Mono) -> Self {
        Self { cause: Cause::Pod, words: String::new(), step: StopStep::Signalled, until: at }
    }
}

impl Pod {
    /// The kubelet's words for the stop of what runs in it; nothing where nothing does.
    pub(in crate::engine) fn stopping_words(&self) -> Option<Box<str>> {
        let up = (0..self.processes.len()).filter(|place| self.processes[*place].is_up());
        let names: Vec<&str> = up.map(|place| self.model(place).name.as_str()).collect();
        (!names.is_empty()).then(|| format!("Stopping container {}", names.join(", ")).into())
    }

    /// The place of the sidecar that is to get its signal now.
    fn turn_to_end(&self) -> Option<usize> {
        let up = |class| self.processes.iter().rposition(move |it| it.class == class && it.is_up());
        if up(Class::Main).is_some() {
            return None;
        }
        up(Class::Sidecar).filter(|place| self.processes[*place].stop_step() == Some(StopStep::Turn))
    }
}
