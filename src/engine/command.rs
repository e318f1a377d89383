//! An operator's wishes: what each verb does to each kind (supctl(1), VERBS).

use std::sync::Arc;
use std::time::Duration;

use super::action::{Accepted, Action, Actions, Refused, RefusedReason};
use super::entry::{Entry, KindState};
use super::event::{Command, Target};
use super::id::{ObjectRef, PodUid};
use super::places::Place;
use super::pod::{Count, Owner};
use super::time::Now;
use super::{Engine, report, tell};
use crate::limits::REPLICAS_MAX;
use crate::unit::model::{Kind, Unit};
use crate::unit::name::UnitName;

pub(super) type Answer = Result<Accepted, Refused>;

impl Engine {
    pub(super) fn on_command(&mut self, now: Now, command: Command, out: &mut Actions) -> Answer {
        if self.ending.is_some() && !matches!(command, Command::Kill { .. }) {
            return refuse(
                RefusedReason::Conflict,
                "supd is ending: nothing is started or changed any more".into(),
            );
        }
        match command {
            Command::Start(unit) => self.start_unit(now, &unit, out),
            Command::Stop(unit) => self.stop_unit(&unit),
            Command::Restart(unit) => self.restart_unit(now, &unit, out),
            Command::Kill { target, signal, all } => self.kill(&target, signal, all, out),
            Command::Scale { unit, replicas } => self.scale(&unit, replicas, out),
            Command::Pause(unit) => self.pause_rollout(&unit, out),
            Command::Unpause(unit) => self.resume_rollout(now, &unit, out),
            Command::Undo { unit, to, template } => self.undo_rollout(now, &unit, to, template, out),
            Command::Suspend(name) => self.suspend(&name, true, out),
            Command::Resume(name) => self.suspend(&name, false, out),
            Command::Enable { unit, enabled, now: at_once } => self.enable(now, &unit, enabled, at_once, out),
            Command::CreateJob { name, from } => {
                match self.create_manual_job(now, name.clone(), &from, out) {
                    Ok(message) => Ok(Accepted { unit: Some(from), job: Some(name), message }),
                    Err((reason, message)) => refuse(reason, message),
                }
            }
            Command::Run(unit) => self.run_transient(now, unit, out),
            Command::DeleteUnit(unit) => self.delete_unit(now, &unit, out),
            Command::DeleteJob(job) => self.delete_job_by_name(now, &job, out),
            Command::StopPod(uid) => self.stop_one_pod(now, uid, "stopping", out),
            Command::HastenPod { pod, grace } => self.hasten_one_pod(now, pod, grace),
            Command::RestartPod(uid) => self.stop_one_pod(now, uid, "restarting", out),
            Command::ResetFailed(unit) => self.reset_failed(now, unit.as_ref(), out),
        }
    }

    /// A service: to its replicas, back-off cleared. A job: an unfinished one goes on, else a new one. A
    /// cronjob: armed. And all that they require or want.
    fn start_unit(&mut self, now: Now, name: &UnitName, out: &mut Actions) -> Answer {
        self.known(name)?;
        let running = self.units.get(name).is_some_and(|e| e.wanted && self.has_live_work(name));
        for other in self.closure(name).into_iter().rev() {
            let fresh = self.units.get(&other).is_some_and(|entry| !entry.wanted);
            if fresh && !self.has_pods(&other) {
                // At rest: what is on disk is what starts.
                self.take_from_disk(now, &other, out);
            }
            if &other == name || fresh {
                self.start_again(now, &other, out);
            }
            self.want(now, &other);
        }
        let message = if running { format!("{name}: running already") } else { format!("{name}: starting") };
        accept(name, message)
    }

    /// Whether a start of this unit would find nothing to do.
    fn has_live_work(&self, name: &UnitName) -> bool {
        let Some(entry) = self.units.get(name) else { return false };
        match &entry.kind {
            KindState::Service(replicas) => {
                replicas.places.len() >= self.desired(entry) as usize
                    && replicas.places.all().all(|place| match place {
                        Place::Live(uid) => {
                            self.pods.get(uid).is_some_and(|pod| pod.is_up() && pod.leaving.is_none())
                        }
                        Place::Done(_) => false,
                    })
            }
            KindState::Job { .. } => self.jobs.get(name.as_str()).is_some_and(|job| !job.finished),
            KindState::CronJob(_) | KindState::Target => true,
        }
    }

    /// What a wish to start changes in a unit that was started before.
    fn start_again(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let Some(entry) = self.units.get(name) else { return };
        let was_wanted = entry.wanted;
        match &entry.kind {
            KindState::Service(replicas) => {
                let live: Vec<PodUid> = replicas.places.live().collect();
                live.into_iter().for_each(|uid| self.hurry_pod(now, uid, out));
                // Bare pods that are final make room for new ones.
                self.retire_done(name, 0.., out);
            }
            KindState::Job { .. } => {
                let Some(job) = self.jobs.get_mut(name.as_str()) else { return };
                if job.finished || !was_wanted {
                    self.take_from_disk(now, name, out);
                    if let Some(KindState::Job { again }) = self.kind_mut(name) {
                        *again = true;
                    }
                    return;
                }
                job.hurry();
                let live: Vec<PodUid> = job.live.iter().copied().collect();
                live.into_iter().for_each(|uid| self.hurry_pod(now, uid, out));
            }
            KindState::CronJob(_) | KindState::Target => {}
        }
    }

    /// A service: to no pods. A job: its pods are stopped and not counted. A cronjob: disarmed. It stays so.
    fn stop_unit(&mut self, name: &UnitName) -> Answer {
        let entry = self.known_mut(name)?;
        let was = entry.wanted;
        (entry.wanted, entry.stopped) = (false, true);
        entry.only_loaded = false;
        entry.released = false;
        entry.waiting.clear();
        entry.lost = None;
        self.mark(name);
        self.wake_neighbours(name);
        let message = if was { format!("{name}: stopping") } else { format!("{name}: not running") };
        accept(name, message)
    }

    /// A service: pods replaced one by one. A job: a new one from the start. A cronjob: armed anew.
    fn restart_unit(&mut self, now: Now, name: &UnitName, out: &mut Actions) -> Answer {
        let entry = self.known_mut(name)?;
        let kind = entry.unit.kind();
        let wanted = entry.wanted;
        if !wanted {
            return self.start_unit(now, name, out);
        }
        self.refuse_paused(name, "restarted")?;
        self.take_from_disk(now, name, out);
        match kind {
            Kind::Service => self.renew_pods(name, out),
            Kind::Job => {
                if let Some(KindState::Job { again }) = self.kind_mut(name) {
                    *again = true;
                }
            }
            Kind::CronJob => {
                if let Some((_, calendar)) = self.calendar(name) {
                    calendar.rearm(now);
                }
            }
            Kind::Target => {}
        }
        self.mark(name);
        accept(name, format!("{name}: restarting"))
    }

    fn kill(&mut self, target: &Target, signal: i32, all: bool, out: &mut Actions) -> Answer {
        let (unit, pods): (UnitName, Vec<PodUid>) = match target {
            Target::Unit(name) => {
                self.known(name)?;
                (name.clone(), self.pods_of(name))
            }
            Target::Pod(uid) => match self.pods.get(uid) {
                Some(pod) => (pod.unit.name.clone(), vec![*uid]),
                None => return refuse(RefusedReason::Conflict, "this pod has ended".into()),
            },
        };
        let mut sent = 0;
        for pod in pods.iter().filter_map(|uid| self.pods.get(uid)).filter(|pod| pod.is_up()) {
            let runs = if all { pod.runs_up().collect() } else { pod.foremost_runs() };
            sent += runs.len();
            out.extend(runs.into_iter().map(|run| Action::Signal { run, signal, all, stop: false }));
        }
        match sent {
            0 => refuse(RefusedReason::Conflict, format!("`{unit}` has no process to send a signal to")),
            1 => accept(&unit, format!("{unit}: signal {signal} sent to 1 process")),
            _ => accept(&unit, format!("{unit}: signal {signal} sent to {sent} processes")),
        }
    }

    fn scale(&mut self, name: &UnitName, count: u32, out: &mut Actions) -> Answer {
        let entry = self.known_mut(name)?;
        if entry.unit.is_bare_pod() {
            let message = format!("cannot scale a Pod: `{name}` is one, made from a manifest");
            return refuse(RefusedReason::Invalid, message);
        }
        let KindState::Service(replicas) = &mut entry.kind else {
            return refuse(
                RefusedReason::Invalid,
                format!("`{name}` is a {}: only a service has replicas", entry.unit.kind()),
            );
        };
        if count > REPLICAS_MAX {
            return refuse(
                RefusedReason::Invalid,
                format!("{count} replicas are more than the {REPLICAS_MAX} that are possible"),
            );
        }
        let before = replicas.scaled.replace(count);
        if before != Some(count) {
            replicas.changes = replicas.changes.saturating_add(1);
        }
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        self.mark(name);
        accept(name, format!("{name}: scaled to {count}"))
    }

    /// `suspend` and `resume`, as Kubernetes' field.
    fn suspend(&mut self, name: &str, suspended: bool, out: &mut Actions) -> Answer {
        let word = if suspended { "suspended" } else { "resumed" };
        let unit = UnitName::parse(name).ok().filter(|unit| self.units.contains_key(unit));
        if let Some(unit) = &unit
            && let Some((_, calendar)) = self.calendar(unit)
        {
            calendar.suspended = suspended;
            out.push(Action::Changed(ObjectRef::Unit(unit.clone())));
            self.mark(unit);
            return accept(unit, format!("{name}: {word}"));
        }
        let Some(job) = self.jobs.get_mut(name) else {
            return match unit {
                Some(unit) => refuse(RefusedReason::Invalid, self.no_suspend(&unit)),
                None => refuse(RefusedReason::NotFound, format!("no job or cronjob `{name}`")),
            };
        };
        if job.finished {
            return refuse(RefusedReason::Conflict, format!("job `{name}` is finished"));
        }
        job.suspended = suspended;
        let owner = job.unit.name.clone();
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
        self.mark(&owner);
        accept(&owner, format!("{name}: {word}"))
    }

    fn no_suspend(&self, unit: &UnitName) -> String {
        let kind = self.units.get(unit).map_or(Kind::Service, |entry| entry.unit.kind());
        match kind {
            Kind::Job => format!("`{unit}` has no job now: start it first"),
            _ => format!("`{unit}` is a {kind}: only jobs and cronjobs are suspended"),
        }
    }

    fn enable(
        &mut self,
        now: Now,
        name: &UnitName,
        enabled: bool,
        at_once: bool,
        out: &mut Actions,
    ) -> Answer {
        let entry = self.known_mut(name)?;
        entry.enabled = enabled;
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        self.mark(name);
        match (at_once, enabled) {
            (true, true) => self.start_unit(now, name, out)?,
            (true, false) => self.stop_unit(name)?,
            (false, _) => Accepted { unit: None, job: None, message: String::new() },
        };
        accept(name, format!("{name}: {}", if enabled { "enabled" } else { "disabled" }))
    }

    fn run_transient(&mut self, now: Now, unit: Arc<Unit>, out: &mut Actions) -> Answer {
        let name = unit.name.clone();
        if self.units.contains_key(&name) || self.jobs.contains_key(name.as_str()) {
            return refuse(RefusedReason::AlreadyExists, format!("there is a `{name}` already"));
        }
        let mut entry = Entry::new(now, unit);
        entry.transient = true;
        self.units.insert(name.clone(), Box::new(entry));
        self.rebuild_graph();
        self.want(now, &name);
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        accept(&name, format!("{name}: starting"))
    }

    /// Stopped and forgotten; its file stays.
    fn delete_unit(&mut self, now: Now, name: &UnitName, out: &mut Actions) -> Answer {
        let entry = self.known_mut(name)?;
        entry.deleting = true;
        entry.wanted = false;
        let own: Vec<String> =
            self.jobs.values().filter(|job| &job.unit.name == name).map(|job| job.name.clone()).collect();
        for job in own {
            self.remove_job_pods(now, &job, Count::Nothing, out);
        }
        self.mark(name);
        accept(name, format!("{name}: deleted"))
    }

    fn delete_job_by_name(&mut self, now: Now, name: &str, out: &mut Actions) -> Answer {
        let Some(job) = self.jobs.get(name) else {
            return refuse(RefusedReason::NotFound, format!("no job `{name}`"));
        };
        let unit = job.unit.name.clone();
        if unit.as_str() == name {
            return self.delete_unit(now, &unit, out);
        }
        self.delete_job(now, name, out);
        if let Some((_, calendar)) = self.calendar(&unit)
            && calendar.active.iter().any(|active| active == name)
        {
            calendar.active.retain(|active| active != name);
            let words = format!("active job {name} was deleted");
            report(out, false, "MissingJob", ("CronJob", unit.as_str(), &unit), words);
        }
        accept(&unit, format!("{name}: deleted"))
    }

    /// A service makes a new pod, a job counts one failure (JOB-014).
    fn stop_one_pod(&mut self, now: Now, uid: PodUid, word: &str, out: &mut Actions) -> Answer {
        let Some(pod) = self.pods.get(&uid) else {
            return refuse(RefusedReason::NotFound, "this pod has ended".into());
        };
        let (unit, name) = (pod.unit.name.clone(), pod.name.clone());
        let words = (pod.stopping_words(), "stopped by an operator".to_owned());
        tell(out, false, "Killing", ("Pod", &name, &unit), words);
        let of_service = matches!(pod.owner, Owner::Service { .. });
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.disrupted |= pod.leaving.is_none();
        }
        match of_service {
            true => self.stop_pod(now, uid, Count::Nothing, out),
            false => self.stop_job_pod(now, uid, out),
        }
        accept(&unit, format!("{name}: {word}"))
    }

    /// That it has ended in the meantime is as good.
    fn hasten_one_pod(&mut self, now: Now, uid: PodUid, grace: Duration) -> Answer {
        self.hasten_pod(now, uid, grace);
        let Some(pod) = self.pods.get(&uid) else {
            return refuse(RefusedReason::NotFound, "this pod has ended".into());
        };
        accept(&pod.unit.name, format!("{}: stopping", pod.name))
    }

    fn reset_failed(&mut self, now: Now, unit: Option<&UnitName>, out: &mut Actions) -> Answer {
        let names: Vec<UnitName> = match unit {
            Some(name) => {
                self.known(name)?;
                vec![name.clone()]
            }
            None => self.units.keys().cloned().collect(),
        };
        for name in &names {
            for uid in self.pods_of(name) {
                self.hurry_pod(now, uid, out);
            }
            self.hurry_jobs(name);
        }
        let message = match unit {
            Some(name) => format!("{name}: back-off forgotten"),
            None => "back-off forgotten".to_owned(),
        };
        Ok(Accepted { unit: unit.cloned(), job: None, message })
    }

    /// Jobs of a unit wait no longer for their next pod.
    fn hurry_jobs(&mut self, name: &UnitName) {
        let own = self.jobs.values().filter(|job| &job.unit.name == name && !job.finished);
        for job in own.map(|job| job.name.clone()).collect::<Vec<_>>() {
            if let Some(job) = self.jobs.get_mut(&job) {
                job.hurry();
            }
        }
        self.mark(name);
    }

    /// Pods of a unit that are not final.
    pub(super) fn pods_of(&self, name: &UnitName) -> Vec<PodUid> {
        match self.units.get(name).map(|entry| &entry.kind) {
            Some(KindState::Service(replicas)) => replicas.places.live().collect(),
            _ => {
                let jobs = self.jobs.values().filter(|job| &job.unit.name == name);
                jobs.flat_map(|job| job.live.iter().copied()).collect()
            }
        }
    }

    /// What is on disk comes into force, and with it who waits for whom.
    fn take_from_disk(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let Some(before) = self.units.get(name).map(|entry| Arc::clone(&entry.unit)) else { return };
        self.bring_into_force(now, name, out);
        if self.units.get(name).is_some_and(|entry| entry.unit.relations != before.relations) {
            self.rebuild_graph();
        }
    }

    fn known(&self, name: &UnitName) -> Result<(), Refused> {
        match self.units.contains_key(name) {
            true => Ok(()),
            false => Err(Refused { reason: RefusedReason::NotFound, message: format!("no unit `{name}`") }),
        }
    }

    fn known_mut(&mut self, name: &UnitName) -> Result<&mut Entry, Refused> {
        self.entry_mut(name)
            .ok_or_else(|| Refused { reason: RefusedReason::NotFound, message: format!("no unit `{name}`") })
    }
}

pub(super) fn accept(unit: &UnitName, message: String) -> Answer {
    Ok(Accepted { unit: Some(unit.clone()), job: None, message })
}

pub(super) fn refuse(reason: RefusedReason, message: String) -> Answer {
    Err(Refused { reason, message })
}
