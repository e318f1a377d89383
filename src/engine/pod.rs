//! A pod: init steps one after another, then main; from its first start to its end.
//!
//! ```text
//!            start_process                 Started                  Exited
//!  Waiting ────────────────▶ Starting ────────────────▶ Running ───────────────▶ Ended
//!     ▲                         │ Exited (never ran)                               │
//!     └─────────────────────────┴──────────── it runs again (restart.rs) ◀─────────┘
//! ```
//!
//! At most one process of a pod is Starting or Running. A pod that is asked to end (`leaving`) starts
//! nothing any more, and is final when its present process has ended. Only [`Engine::set_process`] changes
//! the state of a process.

use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, Actions, Record, RunRecord, Spawn};
use super::event::{Exit, Label, Outcome};
use super::id::{Class, JobName, ObjectRef, PodName, PodUid, RunId};
use super::restart::{self, Series};
use super::time::{Mono, Now, Wall};
use super::timer::Timer;
use super::view::{LastExit, Phase, Terminated};
use super::{Engine, report};
use crate::unit::model::{PodTemplate, RestartPolicy, Unit};
use crate::unit::name::UnitName;

/// Between the polite signal and KILL, whatever the grace (TRM-003).
const GRACE_MIN: Duration = Duration::from_secs(2);
/// A start that failed because the host had no process slot or no descriptor left is tried again after this.
const EXHAUSTED_RETRY: Duration = Duration::from_secs(5);
const SIGKILL: i32 = 9;
const SIGCONT: i32 = 18;

/// A pod that is not final.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) uid: PodUid,
    pub(super) name: PodName,
    /// What it was made from.
    pub(super) unit: Arc<Unit>,
    pub(super) owner: Owner,
    /// The slot of a cronjob that it runs for.
    pub(super) scheduled: Option<Wall>,
    pub(super) created: Now,
    pub(super) started: Option<Now>,
    pub(super) processes: Vec<Process>,
    /// The place of the process whose turn it is.
    pub(super) current: usize,
    pub(super) leaving: Option<Leaving>,
    pub(super) ready: bool,
    pub(super) ready_since: Option<Now>,
    /// It has been ready since main was last started.
    pub(super) was_ready: bool,
    pub(super) ready_message: String,
    pub(super) status_text: String,
    /// Why the pod itself failed.
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Whose pod it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A service's, with this replica number.
    Service { ordinal: u32 },
    /// A job's: its name, its uid (a job of the same name may be another), the completion index.
    Job { job: JobName, uid: PodUid, index: Option<u32> },
}

/// How a pod that was asked to end is counted by its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Not at all: suspend, stop, lowered parallelism.
    Nothing,
    /// As failed when it is gone, whatever its code (JOB-051).
    Failed,
    /// It has been counted already (JOB-014), or its owner is gone.
    Already,
}

/// A pod was asked to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) count: Count,
}

/// A process of a pod.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) state: ProcessState,
    /// The number of the present or last run.
    pub(super) attempt: u32,
    /// Starts after the first.
    pub(super) restarts: u32,
    pub(super) series: Series,
    /// The previous end.
    pub(super) last: Option<Terminated>,
    /// supd ends this run for a reason, so its code does not matter: not ready in time.
    pub(super) condemned: Option<String>,
}

/// Where a process is.
#[derive(Clone, Debug)]
pub(super) enum ProcessState {
    /// Not started yet, or between two runs; `until` says when the next start is due.
    Waiting { why: Why, until: Option<Wall> },
    /// The order is out; next: Running or Ended.
    Starting,
    /// exec has succeeded; next: Ended.
    Running { pid: u32, since: Now },
    /// The last run is over; next: Waiting, or nothing.
    Ended(Terminated),
}

/// What a process waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its turn.
    Turn,
    /// Its back-off.
    Backoff(Duration),
    /// Something that the host has run out of.
    Exhausted(String),
}

impl Pod {
    pub(super) fn template(&self) -> &PodTemplate {
        self.unit.pod().expect("pods are made by services and jobs only, and these have a template")
    }

    /// The identity of the present run of the present process.
    pub(super) fn run(&self) -> RunId {
        let class = if self.current == self.main_place() { Class::Main } else { Class::Init };
        let attempt = self.processes.get(self.current).map_or(0, |process| process.attempt);
        RunId { pod: self.uid, class, process: u16::try_from(self.current).unwrap_or(u16::MAX), attempt }
    }

    pub(super) fn main_place(&self) -> usize {
        self.processes.len() - 1
    }

    /// Whether a process is there, or on its way.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.present().state, ProcessState::Starting | ProcessState::Running { .. })
    }

    /// Whether main has ever been started.
    pub(super) fn main_has_started(&self) -> bool {
        let main = &self.processes[self.main_place()];
        self.current == self.main_place()
            && (main.last.is_some()
                || matches!(main.state, ProcessState::Running { .. } | ProcessState::Ended(_)))
    }

    /// Kubernetes' phase (PHS-002, PHS-003).
    pub(super) fn phase(&self) -> Phase {
        if self.main_has_started() { Phase::Running } else { Phase::Pending }
    }

    /// Restarts of all its processes.
    pub(super) fn restarts(&self) -> u32 {
        self.processes.iter().map(|process| process.restarts).sum()
    }

    /// When its next start is due, if it waits in back-off.
    pub(super) fn backoff_until(&self) -> Option<Wall> {
        match &self.present().state {
            ProcessState::Waiting { why: Why::Backoff(_) | Why::Exhausted(_), until } => *until,
            _ => None,
        }
    }

    pub(super) fn present(&self) -> &Process {
        &self.processes[self.current]
    }

    fn present_mut(&mut self) -> &mut Process {
        &mut self.processes[self.current]
    }

    fn label(&self) -> Label {
        let (job, ordinal) = match &self.owner {
            Owner::Service { ordinal } => (None, Some(*ordinal)),
            Owner::Job { job, index, .. } => (Some(job.clone()), *index),
        };
        Label {
            unit: self.unit.name.clone(),
            job,
            pod: self.name.clone(),
            ordinal,
            scheduled: self.scheduled,
            template_hash: self.unit.template_hash,
            restarts: self.present().restarts,
        }
    }
}

impl Process {
    pub(super) fn new() -> Self {
        Self {
            state: ProcessState::Waiting { why: Why::Turn, until: None },
            attempt: 0,
            restarts: 0,
            series: Series::default(),
            last: None,
            condemned: None,
        }
    }
}

/// What a new pod is.
pub(super) struct PodSeed {
    pub(super) unit: Arc<Unit>,
    pub(super) name: PodName,
    pub(super) owner: Owner,
    pub(super) scheduled: Option<Wall>,
}

impl Engine {
    /// Makes a pod, and starts its first process.
    pub(super) fn make_pod(&mut self, now: Now, seed: PodSeed, out: &mut Actions) -> PodUid {
        let uid = self.next_uid();
        let pod = new_pod(now, uid, seed);
        if let Some(deadline) = pod.template().active_deadline {
            self.timers.set(Timer::PodDeadline(uid), now.mono + deadline);
        }
        self.pods.insert(uid, pod);
        self.start_process(now, uid, out);
        uid
    }

    /// Puts a pod that already runs under the engine's care (a new manager found it).
    pub(super) fn adopt_pod(&mut self, seed: PodSeed, run: RunId, pid: u32, started: Now, restarts: u32) {
        let mut pod = new_pod(started, run.pod, seed);
        pod.current = usize::from(run.process).min(pod.main_place());
        pod.started = Some(started);
        let process = pod.present_mut();
        process.attempt = run.attempt;
        process.restarts = restarts;
        process.state = ProcessState::Running { pid, since: started };
        if let Some(deadline) = pod.template().active_deadline {
            self.timers.set(Timer::PodDeadline(run.pod), started.mono + deadline);
        }
        self.last_uid = self.last_uid.max(run.pod.0);
        self.pods.insert(run.pod, pod);
    }

    /// The only way the state of a process changes.
    fn set_process(&mut self, uid: PodUid, state: ProcessState, out: &mut Actions) {
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
    pub(super) fn start_process(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        if pod.leaving.is_some() || pod.is_up() {
            return;
        }
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
        let Some(pod) = self.pods.get(&uid) else { return };
        let spawn = Spawn {
            run: pod.run(),
            unit: Arc::clone(&pod.unit),
            label: pod.label(),
            attempt: pod.present().attempt,
        };
        self.timers.clear(&Timer::Restart(uid));
        out.push(Action::Spawn(Box::new(spawn)));
        self.set_process(uid, ProcessState::Starting, out);
    }

    /// The pod that this run is the present one of.
    fn live(&mut self, run: RunId) -> Option<PodUid> {
        let live = self.pods.get(&run.pod).is_some_and(|pod| pod.run() == run && pod.is_up());
        if !live {
            // An old run; its pid may belong to a stranger by now.
            self.stale_events += 1;
        }
        live.then_some(run.pod)
    }

    pub(super) fn on_started(&mut self, now: Now, run: RunId, pid: u32, at: Now, out: &mut Actions) {
        let Some(uid) = self.live(run) else { return };
        self.set_process(uid, ProcessState::Running { pid, since: at }, out);
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.started.get_or_insert(at);
        let unit = pod.unit.name.clone();
        if pod.leaving.is_some() {
            // It was asked to end before it was there.
            self.signal_stop(uid, out);
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
        if template.readiness.is_none() {
            (pod.ready, pod.was_ready, pod.ready_since) = (true, true, Some(at));
            return;
        }
        if let Some(deadline) = template.startup_deadline {
            self.timers.set(Timer::StartDeadline(uid), now.mono + deadline);
        }
        out.push(Action::Probe { run, unit });
    }

    pub(super) fn on_readiness(
        &mut self,
        now: Now,
        run: RunId,
        ready: bool,
        message: String,
        out: &mut Actions,
    ) {
        let Some(uid) = self.live(run) else { return };
        let Some(pod) = self.pods.get_mut(&uid) else { return };
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

    pub(super) fn on_status_text(&mut self, run: RunId, text: String, out: &mut Actions) {
        let Some(uid) = self.live(run) else { return };
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.status_text = text;
            out.push(Action::Changed(ObjectRef::Pod(uid)));
        }
    }

    /// A run has ended. Decides between the next process, restart, back-off and the pod's end.
    pub(super) fn on_exited(&mut self, now: Now, run: RunId, exit: Exit, out: &mut Actions) {
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
    fn note_end(&mut self, uid: PodUid, run: RunId, exit: Exit, out: &mut Actions) {
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
            entry.last_exit = Some(last_exit);
        }
        out.push(Action::Record(Record::Run(Box::new(record))));
        self.set_process(uid, ProcessState::Ended(end), out);
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

    /// An operator wants it to run now: waits are cut short, and forgotten.
    pub(super) fn hurry_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
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
    pub(super) fn stop_pod(&mut self, now: Now, uid: PodUid, count: Count, out: &mut Actions) {
        let left = self.time_left(now.mono);
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        if pod.leaving.is_some() {
            return;
        }
        pod.leaving = Some(Leaving { count });
        pod.ready = false;
        pod.ready_since = None;
        let grace = pod.template().stop.grace.max(GRACE_MIN).min(left);
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
    fn signal_stop(&self, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let (run, signal) = (pod.run(), pod.template().stop.signal);
        out.push(Action::Signal { run, signal, all: false });
        out.push(Action::Signal { run, signal: SIGCONT, all: false });
    }

    /// The grace is over.
    pub(super) fn kill_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        if !pod.is_up() {
            return;
        }
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "Killing", about, "did not end in its grace, killed".to_owned());
        out.push(Action::Signal { run: pod.run(), signal: SIGKILL, all: true });
        let _ = now;
    }

    /// Main did not become ready in time: a failed start.
    pub(super) fn on_start_deadline(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let Some(deadline) = pod.template().startup_deadline else { return };
        let grace = pod.template().stop.grace.max(GRACE_MIN);
        let why = format!("not ready within {}s", deadline.as_secs_f64());
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "Unhealthy", about, format!("{why}, stopping it"));
        pod.present_mut().condemned = Some(why);
        self.timers.set(Timer::Kill(uid), now.mono + grace);
        self.signal_stop(uid, out);
    }

    /// The pod has been active for too long (PHS-009).
    pub(super) fn on_pod_deadline(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        pod.reason = "DeadlineExceeded";
        pod.message = "Pod was active on the node longer than the specified deadline".to_owned();
        let about = ("Pod", pod.name.as_str(), &pod.unit.name);
        report(out, true, "DeadlineExceeded", about, "active for longer than its deadline".to_owned());
        self.stop_pod(now, uid, Count::Failed, out);
    }

    /// A pod is final: its record is written, and its owner told.
    fn finish_pod(&mut self, now: Now, uid: PodUid, phase: Phase, out: &mut Actions) {
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
            Owner::Service { ordinal } => self.on_replica_final(now, pod, ordinal, phase, out),
            Owner::Job { job, uid, index } => self.on_job_pod_final(now, pod, (&job, uid, index), phase, out),
        }
        self.mark(&unit);
        self.wake_neighbours(&unit);
    }

    /// How long a pod may take to end: forever, but in a shutdown.
    fn time_left(&self, now: Mono) -> Duration {
        self.ending.as_ref().map_or(Duration::MAX, |ending| ending.until.since(now))
    }
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
        reason: "",
        message: String::new(),
    }
}

/// How a run ended, in words.
pub(super) fn words_of(end: &Terminated) -> String {
    match &end.exit.outcome {
        Outcome::NotStarted { message, .. } => format!("could not be started: {message}"),
        _ if !end.message.is_empty() => end.message.clone(),
        Outcome::Exited(code) => format!("exited {code}"),
        Outcome::Signaled { signal, core } => {
            format!("ended by signal {signal}{}", if *core { " (core dumped)" } else { "" })
        }
        Outcome::Unknown => "exit status unknown".to_owned(),
    }
}
