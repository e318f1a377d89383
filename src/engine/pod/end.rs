//! A run has ended: the next process, restart, back-off, or the end of the pod.

use std::time::Duration;

use super::{Owner, ProcessState, Why};
use crate::engine::action::{Action, Actions, Record, RunRecord};
use crate::engine::event::{Exit, Outcome};
use crate::engine::id::{ObjectRef, PodUid, RunId};
use crate::engine::time::Now;
use crate::engine::timer::Timer;
use crate::engine::view::{LastExit, Phase, Terminated};
use crate::engine::{Engine, report, restart};
use crate::unit::model::RestartPolicy;
use crate::unit::name::UnitName;

/// A start that failed because the host had no process slot or no descriptor left is tried again after this.
const EXHAUSTED_RETRY: Duration = Duration::from_secs(5);

impl Engine {
    /// A run has ended. Decides between the next process, restart, back-off and the pod's end.
    pub(in crate::engine) fn on_exited(&mut self, now: Now, run: RunId, exit: Exit, out: &mut Actions) {
        let Some(uid) = self.live(run) else { return };
        self.note_end(uid, run, exit, out);
        let Some(pod) = self.pods.get(&uid) else { return };
        let ProcessState::Ended(end) = &pod.present().state else { return };
        let template = pod.template();
        let process = template.process(pod.current);
        let condemned = pod.present().condemned.is_some();
        let succeeded = end.exit.succeeded(&process.success_exit) && !condemned;
        let exhausted = matches!(end.exit.outcome, Outcome::NotStarted { exhausted: true, .. });
        let is_main = pod.current == pod.main_place();
        // Init steps: Always acts as OnFailure (INI-002).
        let policy = match template.restart_policy {
            RestartPolicy::Always if !is_main => RestartPolicy::OnFailure,
            policy => policy,
        };
        if pod.leaving.is_some() {
            let phase = if is_main && succeeded { Phase::Succeeded } else { Phase::Failed };
            self.finish_pod(now, uid, phase, out);
        } else if exhausted {
            self.wait_for_resources(now, uid, out);
        } else if !is_main && succeeded {
            self.next_process(now, uid, out);
        } else if restart::runs_again(policy, succeeded) {
            self.restart_process(now, uid, out);
        } else {
            let phase = if succeeded { Phase::Succeeded } else { Phase::Failed };
            self.finish_pod(now, uid, phase, out);
        }
    }

    /// Writes down that the present run is over.
    pub(in crate::engine) fn note_end(&mut self, uid: PodUid, run: RunId, exit: Exit, out: &mut Actions) {
        self.timers.clear(&Timer::Kill(uid));
        self.timers.clear(&Timer::StartDeadline(uid));
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let started = match pod.present().state {
            ProcessState::Running { since, .. } => Some(since),
            _ => None,
        };
        let process = pod.template().process(pod.current);
        let reason = exit.reason(&process.success_exit).to_owned();
        let failed = !exit.succeeded(&process.success_exit);
        let message = match (&exit.outcome, &pod.present().condemned) {
            (Outcome::NotStarted { message, .. }, _) => message.clone(),
            (_, Some(why)) => why.clone(),
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
            process: process.name.clone(),
            started,
            exit: exit.clone(),
            reason: reason.clone(),
            message: message.clone(),
            scheduled: pod.scheduled,
        };
        let last_exit =
            LastExit { pod: pod.name.clone(), exit: exit.clone(), reason: reason.clone(), failed };
        let end = Terminated { exit, reason, message, started };
        (pod.ready, pod.was_ready, pod.ready_since) = (false, false, None);
        pod.ready_message.clear();
        pod.status_text.clear();
        let leaving = pod.leaving.is_some();
        let unit = pod.unit.name.clone();
        if let Some(entry) = self.units.get_mut(&unit)
            && !leaving
        {
            entry.last_exit = Some(Box::new(last_exit));
        }
        out.push(Action::Record(Record::Run(Box::new(record))));
        self.set_process(uid, ProcessState::Ended(Box::new(end)), out);
    }

    /// An init step has succeeded: the turn of the next one.
    fn next_process(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.current += 1;
        self.start_process(now, uid, out);
    }

    /// A process runs again in its pod: at once, or after its back-off.
    fn restart_process(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let backoff = pod.template().backoff;
        let random = uid.0.rotate_left(32) ^ u64::from(pod.present().attempt);
        let process = pod.present_mut();
        let ProcessState::Ended(end) = process.state.clone() else { return };
        process.condemned = None;
        let delay = process.series.delay(&backoff, end.exit.at.mono, random);
        let due = end.exit.at.mono + delay;
        let words = words_of(&end);
        process.last = Some(end);
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        if due <= now.mono {
            report(out, true, "Restarting", about, format!("{words}, restarting"));
            self.set_process(uid, ProcessState::Waiting { why: Why::Turn, until: None }, out);
            self.start_process(now, uid, out);
        } else {
            let seconds = delay.as_secs_f64();
            report(out, true, "BackOff", about, format!("{words}, restarting in {seconds}s"));
            let until = Some(now.wall_at(due));
            self.set_process(uid, ProcessState::Waiting { why: Why::Backoff(delay), until }, out);
            self.timers.set(Timer::Restart(uid), due);
        }
    }

    /// The host had no room for the process. That is no crash: tried again soon, counted nowhere.
    fn wait_for_resources(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let process = pod.present_mut();
        let ProcessState::Ended(end) = process.state.clone() else { return };
        let why = Why::Exhausted(end.message.clone());
        process.last = Some(end);
        let due = now.mono + EXHAUSTED_RETRY;
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "FailedCreate", about, "no room for another process, next try in 5s".to_owned());
        self.set_process(uid, ProcessState::Waiting { why, until: Some(now.wall_at(due)) }, out);
        self.timers.set(Timer::Restart(uid), due);
    }

    /// A pod is final: its record is written, and its owner told.
    pub(in crate::engine) fn finish_pod(&mut self, now: Now, uid: PodUid, phase: Phase, out: &mut Actions) {
        for timer in
            [Timer::Restart(uid), Timer::Kill(uid), Timer::PodDeadline(uid), Timer::StartDeadline(uid)]
        {
            self.timers.clear(&timer);
        }
        let Some(pod) = self.pods.get(&uid) else { return };
        // A pod that failed for a reason of its own failed, whatever its process said at the end.
        let phase = if pod.reason.is_empty() { phase } else { Phase::Failed };
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
        Outcome::Unknown => "exit status unknown".to_owned(),
    }
}
