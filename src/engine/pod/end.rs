//! A run has ended: what its turn was comes next, it runs again, waits in back-off, or its pod ends.

use std::time::Duration;

use super::{Cause, Owner, Pod, Process, ProcessState, Why, narrow};
use crate::engine::action::{Action, Actions, Record, RunRecord};
use crate::engine::event::{Exit, Outcome};
use crate::engine::id::{Class, ObjectRef, PodUid, RunId};
use crate::engine::restart::{self, Next};
use crate::engine::time::Now;
use crate::engine::timer::Timer;
use crate::engine::view::{LastExit, Phase, Terminated};
use crate::engine::{Engine, report, tell};
use crate::unit::name::UnitName;

/// A start that failed because the host had no process slot or no descriptor left is tried again after this.
const EXHAUSTED_RETRY: Duration = Duration::from_secs(5);

impl Engine {
    /// A run has ended. Decides between the next process, restart, back-off and the pod's end.
    pub(in crate::engine) fn on_exited(&mut self, now: Now, run: RunId, exit: Exit, out: &mut Actions) {
        let Some((uid, place)) = self.live(run) else { return };
        self.note_end(uid, place, exit, out);
        let Some(pod) = self.pods.get(&uid) else { return };
        let process = &pod.processes[place];
        let ProcessState::Ended(end) = &process.state else { return };
        if pod.is_closing() {
            return self.go_on_ending(now, uid, out);
        }
        if pod.renewing {
            return self.go_on_renewing(now, uid, out);
        }
        let (model, class, several) = (pod.model(place), process.class, pod.processes.len() > 1);
        let exhausted = matches!(end.exit.outcome, Outcome::NotStarted { exhausted: true, .. });
        let step_done = class == Class::Init && end.exit.succeeded(&model.success_exit);
        let next = restart::after(model, &end.exit, process.was_condemned());
        if self.ending.is_some() {
            let is_final = next == Next::Final && !exhausted && !step_done;
            return self.stay_down(now, uid, is_final, out);
        }
        match next {
            _ if exhausted => self.wait_for_resources(now, uid, place, out),
            _ if step_done => {}
            Next::Again => self.run_again(now, uid, place, out),
            Next::AllAgain => self.renew_pod(now, uid, place, out),
            // A step that has failed is the pod's failure at once (PHS-006); the application is done when all
            // of it is (PHS-005).
            Next::Final if class == Class::Init || pod.application_is_over() => self.close_pod(now, uid, out),
            Next::Final => {}
        }
        if several {
            // The next step has its turn, or who waited for the postStart of the one that has ended.
            self.advance_pod(now, uid, out);
        }
    }

    /// A run has ended while supd ends: nothing follows it (F99). Where that leaves a pod with nothing that
    /// works, it ends; else in its turn, as somebody may need what is left. `is_final`: nothing would have
    /// followed it at any time.
    fn stay_down(&mut self, now: Now, uid: PodUid, is_final: bool, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid).filter(|pod| !pod.works()) else { return };
        let is_over = pod.application_is_over() || pod.reached < pod.main_place();
        match is_final && is_over {
            true => self.close_pod(now, uid, out),
            false => self.end_pod(now, uid, out),
        }
    }

    /// Writes down that the present run of a process is over.
    pub(in crate::engine) fn note_end(&mut self, uid: PodUid, place: usize, exit: Exit, out: &mut Actions) {
        self.timers.clear(&Timer::Kill(uid, narrow(place)));
        self.timers.clear(&Timer::StartDeadline(uid, narrow(place)));
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let run = pod.run(place);
        let process = &pod.processes[place];
        let started = match process.state {
            ProcessState::Running { since, .. } => Some(since),
            _ => None,
        };
        let model = pod.model(place);
        let reason = exit.reason(&model.success_exit).to_owned();
        let failed = !exit.succeeded(&model.success_exit);
        let message = match (&exit.outcome, &process.stopping) {
            (Outcome::NotStarted { message, .. }, _) => message.clone(),
            (_, Some(stopping)) => stopping.words.clone(),
            _ => String::new(),
        };
        let record = RunRecord {
            run,
            unit: pod.unit.name.clone(),
            job: match &pod.owner {
                Owner::Job { job, .. } => Some(job.clone()),
                Owner::Service { .. } => None,
            },
            pod: pod.name.clone(),
            process: model.name.clone(),
            started,
            exit: exit.clone(),
            reason: reason.clone(),
            message: message.clone(),
            scheduled: pod.scheduled,
        };
        // How supd ends it, or a sidecar, says nothing of the unit.
        let speaks = !pod.is_closing() && !pod.renewing && run.class != Class::Sidecar;
        let last_exit =
            LastExit { pod: pod.name.clone(), exit: exit.clone(), reason: reason.clone(), failed };
        let end = Terminated { exit, reason, message, started };
        pod.processes[place].ready = false;
        if run.class != Class::Init {
            (pod.ready, pod.ready_since) = (false, None);
        }
        if run.class == Class::Main {
            pod.was_ready = false;
            pod.ready_message.clear();
            pod.status_text.clear();
        }
        let unit = pod.unit.name.clone();
        if let Some(entry) = self.units.get_mut(&unit)
            && speaks
        {
            entry.last_exit = Some(Box::new(last_exit));
        }
        out.push(Action::Record(Record::Run(Box::new(record))));
        self.set_process(uid, place, ProcessState::Ended(Box::new(end)), out);
    }

    /// A process runs again in its pod: at once, or after its back-off.
    pub(super) fn run_again(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let backoff = pod.template().backoff;
        let process = &mut pod.processes[place];
        let random = uid.0.rotate_left(32) ^ u64::from(process.attempt) ^ (place as u64) << 24;
        if let ProcessState::Ended(end) = &process.state {
            process.last = Some(end.clone());
        }
        process.stopping = None;
        let Some(end) = &process.last else { return };
        let ended = end.exit.at.mono;
        let mut words = words_of(end);
        let delay = process.series.delay(&backoff, ended, random);
        let due = ended + delay;
        if process.class != Class::Init && place != pod.main_place() {
            words = format!("{}: {words}", pod.model(place).name);
        }
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        if due <= now.mono {
            report(out, true, "Restarting", about, format!("{words}, restarting"));
            self.set_process(uid, place, ProcessState::Waiting { why: Why::Turn, until: None }, out);
            self.start_process(now, uid, place, out);
        } else {
            let seconds = delay.as_secs_f64();
            let container = &pod.model(place).name;
            let lead = format!(
                "Back-off restarting failed container {container} in pod {}_default({uid})",
                pod.name
            );
            let words = (Some(lead.into()), format!("{words}, restarting in {seconds}s"));
            tell(out, true, "BackOff", about, words);
            let until = Some(now.wall_at(due));
            self.set_process(uid, place, ProcessState::Waiting { why: Why::Backoff(delay), until }, out);
            self.timers.set(Timer::Restart(uid, narrow(place)), due);
        }
    }

    /// The host had no room for the process. That is no crash: tried again soon, counted nowhere.
    fn wait_for_resources(&mut self, now: Now, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let process = &mut pod.processes[place];
        let ProcessState::Ended(end) = process.state.clone() else { return };
        let why = Why::Exhausted(end.message.clone());
        (process.last, process.stopping) = (Some(end), None);
        let due = now.mono + EXHAUSTED_RETRY;
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "FailedCreate", about, "no room for another process, next try in 5s".to_owned());
        let until = Some(now.wall_at(due));
        self.set_process(uid, place, ProcessState::Waiting { why, until }, out);
        self.timers.set(Timer::Restart(uid, narrow(place)), due);
    }

    /// A pod is final: its record is written, and its owner told.
    pub(in crate::engine) fn finish_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        self.timers.clear(&Timer::PodDeadline(uid));
        for place in 0..pod.processes.len() {
            for timer in [Timer::Restart, Timer::Kill, Timer::StartDeadline] {
                self.timers.clear(&timer(uid, narrow(place)));
            }
        }
        let phase = pod.final_phase();
        let view = self.show_final(pod, phase, now);
        out.push(Action::Record(Record::Pod(Box::new(view))));
        out.push(Action::Changed(ObjectRef::Pod(uid)));
        let Some(pod) = self.pods.remove(&uid) else { return };
        let unit: UnitName = pod.unit.name.clone();
        let owner = pod.owner.clone();
        match owner {
            Owner::Service { ordinal } => self.on_replica_final(*pod, ordinal, phase, out),
            Owner::Job { job, uid, index } => {
                self.on_job_pod_final(now, *pod, (&job, uid, index), phase, out)
            }
        }
        // Who waits until its pods are gone has to hear of it where the unit's state stays as it was.
        out.push(Action::Changed(ObjectRef::Unit(unit.clone())));
        self.mark(&unit);
        self.wake_neighbours(&unit);
    }
}

impl Pod {
    /// All of the application has ended, and nothing of it runs again.
    pub(super) fn application_is_over(&self) -> bool {
        self.application().iter().all(|process| matches!(process.state, ProcessState::Ended(_)))
    }

    /// Of a pod that is over (PHS-004, PHS-005, PHS-008): sidecars and steps say nothing of it (PHS-007). One
    /// that failed for a reason of its own failed, whatever its processes said at the end.
    fn final_phase(&self) -> Phase {
        let main = self.main_place();
        let succeeded = |place: usize| {
            let process = &self.processes[place];
            let end = match &process.state {
                ProcessState::Ended(end) => Some(end),
                // One that waits to run again has its last end (RST-017).
                _ => process.last.as_ref(),
            };
            let good = end.is_some_and(|end| end.exit.succeeded(&self.model(place).success_exit));
            good && process.cause() != Some(Cause::Deadline)
        };
        match self.reason.is_empty() && (main..self.processes.len()).all(succeeded) {
            true => Phase::Succeeded,
            false => Phase::Failed,
        }
    }
}

impl Process {
    /// Whether its last run has failed, whatever its code (RST-016).
    fn was_condemned(&self) -> bool {
        matches!(self.cause(), Some(Cause::Probe(_) | Cause::Deadline))
    }
}

/// How a run ended, in words.
pub(in crate::engine) fn words_of(end: &Terminated) -> String {
    match &end.exit.outcome {
        Outcome::NotStarted { message, .. } => format!("could not be started: {message}"),
        _ if !end.message.is_empty() => end.message.clone(),
        Outcome::Exited(code) => format!("exited {code}"),
        Outcome::Signaled { signal, core } => {
            format!(
                "ended by {}{}",
                crate::unit::signal_name(*signal),
                if *core { " (core dumped)" } else { "" }
            )
        }
        Outcome::OutOfMemory => "ended by the kernel, out of memory".to_owned(),
        Outcome::Unknown => "exit status unknown".to_owned(),
    }
}
