//! What lives from before comes under the engine's care, and what should live and does not is judged.
//!
//! The keeper tells of a run until its end is stored, so what is told here goes on exactly where the store
//! ends: a pod may have run on meanwhile, one run after another, and each of their ends is taken in once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::{Action, Actions};
use super::entry::KindState;
use super::event::{Adopted, Exit, Label, Outcome, Usage};
use super::id::{JobName, PodUid, RunId};
use super::pod::{Count, Leaving, Owner, Pod, PodSeed, ProcessState, ready_by};
use super::recall::Recall;
use super::saved::Continuity;
use super::time::Now;
use super::timer::Timer;
use super::view::{JobOwner, Phase};
use super::{Engine, places::Place, report};
use crate::unit::model::{Body, ProbeKind, RestartPolicy, Unit};
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
        for uid in known.iter().copied().filter(|uid| !found.contains(uid)) {
            ends.extend(self.judge_missing(uid, recall, out));
        }
        ends.sort_by_key(|(run, exit)| (exit.at.mono, *run));
        for (run, exit) in ends {
            self.on_exited(recall.now, run, exit, out);
        }
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
            let end = ends.iter().find(|(run, _)| run.pod == uid);
            let Some(pod) = self.pods.get_mut(&uid) else { continue };
            let process = pod.template().process(pod.current);
            let failed = end.is_some_and(|(_, exit)| {
                let exhausted = matches!(exit.outcome, Outcome::NotStarted { exhausted: true, .. });
                !exit.succeeded(&process.success_exit) && !exhausted
            });
            if failed && pod.template().restart_policy == RestartPolicy::Never && has_index(&pod.owner) {
                // Of itself: it is counted as any other, and the later one came for it.
            } else if end.is_some() {
                pod.leaving.get_or_insert(Leaving { count: Count::Nothing });
            } else {
                self.stop_pod(now, uid, Count::Nothing, out);
            }
        }
    }

    /// The runs of one pod, oldest first. Returns the end that is still to be judged, if there is one.
    fn adopt_pod_of(
        &mut self,
        runs: Vec<Adopted>,
        found: &mut BTreeSet<PodUid>,
        recall: &Recall,
        out: &mut Actions,
    ) -> Option<(RunId, Exit)> {
        let mut end: Option<(RunId, Exit)> = None;
        for run in runs {
            if let Some((run, exit)) = end.take() {
                // It was followed by another run, so what it led to has happened already.
                self.note_end(run.pod, run, exit, out);
            }
            let uid = run.run.pod;
            if let Some(adopted) = self.adopt(run, recall, out) {
                found.insert(uid);
                end = adopted;
            }
        }
        end
    }

    /// Takes over a run, unless that is over. Returns its end, if it has ended.
    fn adopt(&mut self, found: Adopted, recall: &Recall, out: &mut Actions) -> Option<Option<(RunId, Exit)>> {
        let Adopted { run, label, pid, started, exit, ready } = found;
        if self.is_aside(&label.unit) {
            return None;
        }
        // A start that is under way has no time yet: a deadline must not be counted from the epoch.
        let started = if pid.is_some() { started } else { recall.now };
        let known = self.pods.contains_key(&run.pod);
        // Asked to end before it was there, it has heard of nothing.
        let unasked = self.pods.get(&run.pod).is_some_and(|pod| {
            let starting = matches!(pod.present().state, ProcessState::Starting);
            pod.leaving.is_some() && starting && pod.run() == run && pid.is_some() && exit.is_none()
        });
        let taken = match known {
            true => self.catch_up(run, &label, (pid, started)),
            false => self.adopt_new((run, &label), (pid, started), exit.is_some(), recall, out),
        };
        if !taken {
            return None;
        }
        // It was started, so what its unit requires was there. A job made by hand asks for nothing.
        let by_hand =
            label.scheduled.is_none() && label.job.as_ref().is_some_and(|job| job != label.unit.as_str());
        if let Some(entry) =
            self.entry_mut(&label.unit).filter(|entry| entry.wanted && !entry.deleting && !by_hand)
        {
            entry.released = true;
        }
        if unasked {
            self.signal_late(recall.now, run.pod, out);
        }
        if exit.is_none() {
            self.resume_probe(recall.now, run, ready, out);
        }
        Some(exit.map(|exit| (run, exit)))
    }

    /// A pod that was stored: this run is its present one, or a later one. False: it is over, and stored.
    fn catch_up(&mut self, run: RunId, label: &Label, (pid, started): (Option<u32>, Now)) -> bool {
        let Some(pod) = self.pods.get_mut(&run.pod) else { return false };
        let backoff = pod.template().backoff;
        let place = usize::from(run.process).min(pod.main_place());
        let process = pod.present();
        let over = matches!(process.state, ProcessState::Ended(_))
            || (matches!(process.state, ProcessState::Waiting { .. }) && process.last.is_some());
        let order = (place, run.attempt).cmp(&(pod.current, process.attempt));
        if order.is_lt() || (order.is_eq() && over) {
            return false;
        }
        pod.current = place;
        let process = pod.present_mut();
        if let ProcessState::Ended(end) = &process.state {
            process.last = Some(end.clone());
        }
        if run.attempt > process.attempt {
            process.condemned = None;
        }
        // Each start after a failure lengthened the back-off; the label tells how many there were.
        for _ in process.restarts..label.restarts.min(process.restarts.saturating_add(64)) {
            process.series.restarted(&backoff, started.mono);
        }
        process.attempt = run.attempt;
        process.restarts = process.restarts.max(label.restarts);
        process.state = match pid {
            Some(pid) => ProcessState::Running { pid, since: started },
            None => ProcessState::Starting,
        };
        if pid.is_some() {
            pod.started.get_or_insert(started);
        }
        self.timers.clear(&Timer::Restart(run.pod));
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
                out.push(Action::Signal { run, signal: SIGKILL, all: true });
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
        self.adopt_pod(seed, run, pid, started, label.restarts);
        true
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

    /// A pod that was there before must not flip to unready because its manager is new (PRB-018). What can
    /// be asked is asked again; what was told once (a notification) stands.
    fn resume_probe(&mut self, now: Now, run: RunId, ready: bool, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&run.pod) else { return };
        let ProcessState::Running { since, .. } = pod.present().state else { return };
        if pod.run() != run || pod.current != pod.main_place() || pod.leaving.is_some() {
            return;
        }
        let main = &pod.template().main;
        let (readiness, deadline) = (main.readiness.clone(), main.start_deadline);
        if (ready || readiness.is_none()) && !pod.ready {
            (pod.ready, pod.was_ready, pod.ready_since) = (true, true, Some(since));
        }
        let (is_ready, unit) = (pod.ready, Arc::clone(&pod.unit));
        if readiness.is_none() {
            return;
        }
        if let (false, Some(deadline), None) = (is_ready, deadline, &pod.present().condemned) {
            self.timers.set(Timer::StartDeadline(run.pod), ready_by(now, since, deadline));
        }
        out.push(Action::Probe { run, unit, probe: ProbeKind::Readiness });
    }

    /// A pod that was stored as running, and of which no run was found. Returns an end that is to be judged.
    fn judge_missing(&mut self, uid: PodUid, recall: &Recall, out: &mut Actions) -> Option<(RunId, Exit)> {
        let pod = self.pods.get(&uid)?;
        let run = pod.run();
        match pod.present().state {
            ProcessState::Running { .. } => {
                let outcome = Outcome::Unknown;
                Some((run, Exit { outcome, usage: Usage::default(), at: recall.now }))
            }
            ProcessState::Starting => {
                self.start_anew(recall, uid, out);
                None
            }
            // Its turn had come.
            ProcessState::Waiting { .. } if self.timers.get(&Timer::Restart(uid)).is_none() => {
                self.start_process(recall.now, uid, out);
                None
            }
            ProcessState::Waiting { .. } | ProcessState::Ended(_) => None,
        }
    }

    /// The order to start a process was stored, and never carried out, as far as anyone knows.
    fn start_anew(&mut self, recall: &Recall, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        if pod.leaving.is_some() {
            return self.finish_pod(recall.now, uid, Phase::Failed, out);
        }
        if recall.continuity != Continuity::Manager {
            // It may have run: what it logged is its own.
            pod.present_mut().attempt += 1;
        }
        self.order_start(uid, out);
    }
}

/// Whether a pod stands for one completion of its job.
fn has_index(owner: &Owner) -> bool {
    matches!(owner, Owner::Job { index: Some(_), .. })
}
