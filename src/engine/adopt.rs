//! What lives from before comes under the engine's care, and what should live and does not is judged.
//!
//! The keeper tells of a run until its end is stored, so what is told here goes on exactly where the store
//! ends: a pod may have run on meanwhile, one run after another, and each of their ends is taken in once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::{Action, Actions};
use super::entry::{Entry, KindState};
use super::event::{Adopted, Exit, Label, Outcome, Usage};
use super::id::{Class, JobName, PodUid, RunId};
use super::pod::{Cause, Count, Leaving, Owner, Pod, PodSeed, ProcessState, Stage, narrow, ready_by};
use super::recall::Recall;
use super::saved::Continuity;
use super::time::Now;
use super::timer::Timer;
use super::view::JobOwner;
use super::{Engine, places::Place, report};
use crate::unit::model::{Body, RestartPolicy, Unit};
use crate::unit::name::UnitName;

const SIGKILL: i32 = 9;

impl Engine {
    /// Everything that was found, then everything that was not; then the ends, in their order.
    pub(super) fn adopt_all(&mut self, adopted: Vec<Adopted>, recall: &Recall, out: &mut Actions) {
        let known = self.pods.values().filter(|pod| !self.is_aside(&pod.unit.name));
        let known: Vec<PodUid> = known.map(|pod| pod.uid).collect();
        self.adopt_pods(adopted, &known, recall, out);
    }

    /// The same, where only these pods should have been found.
    pub(super) fn adopt_pods(
        &mut self,
        adopted: Vec<Adopted>,
        known: &[PodUid],
        recall: &Recall,
        out: &mut Actions,
    ) {
        let mut pods: BTreeMap<PodUid, Vec<Adopted>> = BTreeMap::new();
        for found in adopted {
            pods.entry(found.run.pod).or_default().push(found);
        }
        let (mut ends, mut found) = (Vec::new(), BTreeSet::new());
        for (uid, mut runs) in pods {
            runs.sort_by_key(|found| (found.run.process, found.run.attempt));
            self.last_uid = self.last_uid.max(uid.0);
            ends.extend(self.adopt_pod_of(runs, &mut found, recall, out));
        }
        self.give_way(&ends, recall.now, out);
        for uid in known.iter().copied() {
            self.judge_missing(uid, &found, &mut ends, recall, out);
        }
        ends.sort_by_key(|(run, exit)| (exit.at.mono, *run));
        for (run, exit) in ends {
            self.on_exited(recall.now, run, exit, out);
        }
        let found = found.iter().map(|(uid, _)| uid);
        let all: BTreeSet<PodUid> = known.iter().chain(found).copied().collect();
        all.into_iter().for_each(|uid| self.go_on(recall.now, uid, out));
    }

    /// A pod whose place was given to a later one is over: it was asked to end, and that was not stored. It
    /// must not take its place back, by a restart or when it goes.
    fn give_way(&mut self, ends: &[(RunId, Exit)], now: Now, out: &mut Actions) {
        let has_place = |owner: &Owner| has_index(owner) || matches!(owner, Owner::Service { .. });
        let mut latest: BTreeMap<(&UnitName, &Owner), PodUid> = BTreeMap::new();
        for pod in self.pods.values().filter(|pod| has_place(&pod.owner)) {
            latest.insert((&pod.unit.name, &pod.owner), pod.uid);
        }
        let later = |pod: &Pod| latest.get(&(&pod.unit.name, &pod.owner)).is_some_and(|uid| *uid > pod.uid);
        let over: Vec<PodUid> = self.pods.values().filter(|pod| later(pod)).map(|pod| pod.uid).collect();
        for uid in over {
            let ends: Vec<&(RunId, Exit)> = ends.iter().filter(|(run, _)| run.pod == uid).collect();
            let Some(pod) = self.pods.get_mut(&uid) else { continue };
            let failed = ends.iter().any(|(run, exit)| {
                let exhausted = matches!(exit.outcome, Outcome::NotStarted { exhausted: true, .. });
                let place = usize::from(run.process);
                let late = pod.processes[place].cause() == Some(Cause::Deadline);
                late || !exit.succeeded(&pod.model(place).success_exit) && !exhausted
            });
            if failed && pod.template().restart_policy == RestartPolicy::Never && has_index(&pod.owner) {
                // Of itself: it is counted as any other, and the later one came for it.
            } else if !ends.is_empty() && pod.processes.len() == 1 {
                pod.leaving.get_or_insert(Leaving { count: Count::Nothing });
            } else {
                self.stop_pod(now, uid, Count::Nothing, out);
            }
        }
    }

    /// The runs of one pod, by place, oldest first. Returns the ends that are still to be judged: at most one of
    /// each process.
    fn adopt_pod_of(
        &mut self,
        runs: Vec<Adopted>,
        found: &mut BTreeSet<(PodUid, u16)>,
        recall: &Recall,
        out: &mut Actions,
    ) -> Vec<(RunId, Exit)> {
        let mut ends: Vec<(RunId, Exit)> = Vec::new();
        for run in runs {
            let (uid, place) = (run.run.pod, run.run.process);
            if let Some((_, exit)) = ends.pop_if(|(earlier, _)| earlier.process == place) {
                // It was followed by another run, so what it led to has happened already.
                self.note_end(uid, usize::from(place), exit, out);
            }
            if let Some(end) = self.adopt(run, recall, out) {
                found.insert((uid, place));
                ends.extend(end);
            }
        }
        ends
    }

    /// Takes over a run, unless that is over. Returns its end, if it has ended.
    fn adopt(&mut self, found: Adopted, recall: &Recall, out: &mut Actions) -> Option<Option<(RunId, Exit)>> {
        let Adopted { run, label, pid, started, exit, ready, asked } = found;
        if self.is_aside(&label.unit) {
            return None;
        }
        // A start that is under way has no time yet: a deadline must not be counted from the epoch.
        let started = if pid.is_some() { started } else { recall.now };
        let known = self.pods.contains_key(&run.pod);
        // Asked to end before it was there, it has heard of nothing.
        let place = usize::from(run.process);
        let unasked = self.pods.get(&run.pod).is_some_and(|pod| {
            let process = pod.processes.get(place);
            let starting = process.is_some_and(|process| {
                matches!(process.state, ProcessState::Starting) && process.stopping.is_some()
            });
            starting && pod.run(place) == run && pid.is_some() && exit.is_none() && !asked
        });
        let taken = match known {
            true => self.catch_up(run, &label, (pid, started)),
            false => self.adopt_new((run, &label), (pid, started), exit.is_some(), recall, out),
        };
        if !taken {
            return None;
        }
        // It was started, so what its unit requires was there; of a pod that is stored that is stored, too. A
        // job made by hand asks for nothing.
        let by_hand =
            label.scheduled.is_none() && label.job.as_ref().is_some_and(|job| job != label.unit.as_str());
        let fresh = |entry: &&mut Entry| entry.wanted && !entry.deleting && !by_hand && !known;
        if let Some(entry) = self.entry_mut(&label.unit).filter(fresh) {
            entry.released = true;
        }
        if unasked {
            self.stop_late(recall.now, run.pod, place, out);
        } else if exit.is_none() {
            self.resume(recall.now, run, (ready, asked), out);
        }
        Some(exit.map(|exit| (run, exit)))
    }

    /// A pod that was stored: this run is the present one of its process, or a later one. False: it is over, and
    /// stored.
    fn catch_up(&mut self, run: RunId, label: &Label, (pid, started): (Option<u32>, Now)) -> bool {
        let Some(pod) = self.pods.get_mut(&run.pod) else { return false };
        let (backoff, place) = (pod.template().backoff, usize::from(run.process));
        if place >= pod.processes.len() {
            return false;
        }
        let first_stage = pod.first_stage(place);
        let process = &mut pod.processes[place];
        let over = matches!(process.state, ProcessState::Ended(_))
            || (matches!(process.state, ProcessState::Waiting { .. }) && process.last.is_some());
        let later = run.attempt > process.attempt;
        if run.class != process.class || run.attempt < process.attempt || (over && !later) {
            return false;
        }
        if let ProcessState::Ended(end) = &process.state {
            process.last = Some(end.clone());
        }
        // Each start after a failure lengthened the back-off; the label tells how many there were.
        for _ in process.restarts..label.restarts.min(process.restarts.saturating_add(64)) {
            process.series.restarted(&backoff, started.mono);
        }
        process.attempt = run.attempt;
        process.restarts = process.restarts.max(label.restarts);
        match &process.state {
            // What is known of this very run stays: its stage, and whether it was asked to end.
            ProcessState::Starting | ProcessState::Running { .. } if !later => {
                process.state = match pid {
                    Some(pid) => ProcessState::Running { pid, since: started },
                    None => ProcessState::Starting,
                };
            }
            _ => process.put_up(pid, started, first_stage),
        }
        pod.reached = pod.reached.max(place.min(pod.main_place()));
        if pid.is_some() {
            pod.started.get_or_insert(started);
        }
        self.timers.clear(&Timer::Restart(run.pod, run.process));
        true
    }

    /// A pod that no store has seen: its label says whose it is. False: nobody's.
    fn adopt_new(
        &mut self,
        (run, label): (RunId, &Label),
        (pid, started): (Option<u32>, Now),
        ended: bool,
        recall: &Recall,
        out: &mut Actions,
    ) -> bool {
        let unit = self.units.get(&label.unit).map(|entry| Arc::clone(&entry.unit));
        let owner = unit.as_ref().and_then(|unit| self.adoptive_owner(recall.now, unit, label, out));
        let (Some(unit), Some(owner)) = (unit, owner) else {
            // Its unit is gone, or is of another kind now: nobody would ever stop it.
            if !ended {
                let about = ("Pod", label.pod.as_str(), &label.unit);
                report(out, true, "Killing", about, "its unit is gone, killed".to_owned());
                out.push(Action::Signal { run, signal: SIGKILL, all: true, stop: false });
            }
            return false;
        };
        let unit = recall.template(label.template_hash, &unit);
        match &owner {
            Owner::Service { ordinal } => {
                self.take_place(&label.unit, *ordinal, run.pod, out);
            }
            Owner::Job { job, .. } => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.live.insert(run.pod);
                    job.start.get_or_insert(started);
                    let number = label.pod.rsplit('-').next().and_then(|text| text.parse::<u32>().ok());
                    job.made = job.made.max(number.map_or(0, |n| n.saturating_add(1)));
                }
            }
        }
        let seed = PodSeed { unit, name: label.pod.clone(), owner, scheduled: label.scheduled };
        self.adopt_pod(seed, run, pid, started, label.restarts)
    }

    /// A found pod has this place. A pod at its end that was there had been replaced.
    fn take_place(&mut self, unit: &UnitName, ordinal: u32, uid: PodUid, out: &mut Actions) {
        let Some(replicas) = self.replicas_mut(unit) else { return };
        let done = replicas.places.done_places().find(|(place, _)| *place == ordinal);
        let done = done.map(|(_, done)| (done.uid, done.name.clone()));
        replicas.places.set(ordinal, Place::Live(uid));
        if let Some(done) = done {
            self.retire(unit, done, out);
        }
    }

    /// Whose pod a found run is; makes its job anew where that is needed.
    fn adoptive_owner(
        &mut self,
        now: Now,
        unit: &Arc<Unit>,
        label: &Label,
        out: &mut Actions,
    ) -> Option<Owner> {
        match (&unit.body, &label.job) {
            (Body::Service(_), None) => Some(Owner::Service { ordinal: label.ordinal? }),
            (Body::Job(_) | Body::CronJob(_), Some(job)) => {
                if self.jobs.get(job).is_some_and(|job| job.finished) {
                    // All pods of that one are stored: this is one of the next, started by an operator.
                    self.forget_job(job, out);
                    if let Some(KindState::Job { again }) = self.kind_mut(&unit.name) {
                        *again = false;
                    }
                }
                if !self.jobs.contains_key(job) {
                    let origin = match (&unit.body, label.scheduled) {
                        (Body::Job(_), _) => JobOwner::Unit,
                        (_, Some(slot)) => JobOwner::Schedule(slot),
                        (_, None) => JobOwner::Manual,
                    };
                    self.adopt_job(now, unit, job.clone(), origin);
                }
                let uid = self.jobs.get(job)?.uid;
                Some(Owner::Job { job: job.clone(), uid, index: label.ordinal })
            }
            _ => None,
        }
    }

    fn adopt_job(&mut self, now: Now, unit: &Arc<Unit>, job: JobName, origin: JobOwner) {
        self.make_job(now, unit, job.clone(), origin.clone());
        if let JobOwner::Schedule(slot) = origin
            && let Some((_, calendar)) = self.calendar(&unit.name)
        {
            calendar.last_schedule = calendar.last_schedule.max(Some(slot));
            calendar.reference = calendar.reference.max(slot);
            calendar.active.push(job);
        }
    }

    /// A run that lives goes on where it stood: with its hook, its probes, its end. What was ready must not flip
    /// to unready because its manager is new (PRB-018): what can be asked is asked again; what was told once (a
    /// notification) stands.
    fn resume(&mut self, now: Now, run: RunId, (ready, asked): (bool, bool), out: &mut Actions) {
        let (uid, place) = (run.pod, usize::from(run.process));
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let ProcessState::Running { since, .. } = pod.processes[place].state else { return };
        if pod.renewing {
            return;
        }
        if pod.processes[place].stopping.is_some() {
            return self.resume_stop(now, (uid, place), asked, out);
        }
        let model = pod.model(place);
        let (unasked, deadline) = (model.readiness.is_none(), model.start_deadline);
        let process = &mut pod.processes[place];
        process.ready |= ready && !unasked;
        process.ready |= unasked && process.stage == Stage::Started;
        let is_ready = process.is_ready();
        if let (false, Some(deadline)) = (is_ready, deadline) {
            let at = ready_by(now, since, deadline);
            self.timers.set(Timer::StartDeadline(uid, run.process), at);
        }
        self.order_stage(now, uid, place, out);
        self.judge_ready(now, uid, since, out);
    }

    /// Processes that were stored as running, and of which no run was found: their ends are to be judged.
    fn judge_missing(
        &mut self,
        uid: PodUid,
        found: &BTreeSet<(PodUid, u16)>,
        ends: &mut Vec<(RunId, Exit)>,
        recall: &Recall,
        out: &mut Actions,
    ) {
        let places = self.pods.get(&uid).map_or(0, |pod| pod.processes.len());
        for place in (0..places).filter(|place| !found.contains(&(uid, narrow(*place)))) {
            let Some(pod) = self.pods.get(&uid) else { return };
            let process = &pod.processes[place];
            let exit = Exit { outcome: Outcome::Unknown, usage: Usage::default(), at: recall.now };
            let is_passed = process.class == Class::Init && place < pod.reached;
            match process.state {
                // One that comes after it was found, so it was done; perhaps in a run that nobody knows of.
                ProcessState::Running { .. } | ProcessState::Starting if is_passed => {
                    self.note_end(uid, place, exit, out);
                }
                ProcessState::Waiting { .. } if is_passed && process.last.is_some() => {
                    self.note_unseen_run(uid, place, exit, out);
                }
                ProcessState::Running { .. } => ends.push((pod.run(place), exit)),
                ProcessState::Starting => self.start_anew(recall, uid, place, out),
                ProcessState::Waiting { .. } | ProcessState::Ended(_) => {}
            }
        }
    }

    /// Another run followed the last one that is stored, and nobody has seen its end.
    fn note_unseen_run(&mut self, uid: PodUid, place: usize, exit: Exit, out: &mut Actions) {
        self.timers.clear(&Timer::Restart(uid, narrow(place)));
        if let Some(process) = self.pods.get_mut(&uid).map(|pod| &mut pod.processes[place]) {
            process.attempt += 1;
            process.state = ProcessState::Starting;
        }
        self.note_end(uid, place, exit, out);
    }

    /// The order to start a process was stored, and never carried out, as far as anyone knows.
    fn start_anew(&mut self, recall: &Recall, uid: PodUid, place: usize, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        if pod.is_closing() || pod.renewing || self.ending.is_some() {
            return pod.processes[place].forget_start();
        }
        if recall.continuity != Continuity::Manager {
            // It may have run: what it logged is its own.
            pod.processes[place].attempt += 1;
        }
        self.order_start(uid, place, out);
    }

    /// Everything is known of a pod: whatever has its turn begins or ends.
    fn go_on(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        if self.is_aside(&pod.unit.name) {
            return;
        }
        let overdue = |place: &usize| {
            let process = &pod.processes[*place];
            let waits = matches!(process.state, ProcessState::Waiting { .. }) && !process.waits_for_turn();
            waits && self.timers.get(&Timer::Restart(uid, narrow(*place))).is_none()
        };
        let overdue: Vec<usize> = (0..pod.processes.len()).filter(overdue).collect();
        for place in overdue {
            self.start_process(now, uid, place, out);
        }
        self.kill_to_renew(now, uid, out);
        self.advance_pod(now, uid, out);
        self.go_on_ending(now, uid, out);
    }
}

/// Whether a pod stands for one completion of its job.
fn has_index(owner: &Owner) -> bool {
    matches!(owner, Owner::Job { index: Some(_), .. })
}
