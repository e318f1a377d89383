//! What can be seen: the engine's views and the store's records as objects of the API.

use std::collections::HashMap;

use nix::sys::signal::Signal;

use crate::control::objects::{
    Event, Info, InfoStatus, LogLocation, LostWith, Object, Pod, Run, RunLog, Scale, StateNotSaved, Status,
    StatusReason, SystemState, Time, Unit,
};
use crate::control::request::{Collection, Filter};
use crate::engine::time::Wall;
use crate::engine::view::{JobView, PodView, ProcessState, UnitState, UnitView, View};
use crate::runtime::plan;
use crate::store::{Place, StoredEvent};
use crate::unit::model::Kind;
use crate::unit::name::UnitName;
use crate::wire::message::{Cause, Faults};

use super::Manager;
use super::usage::{self, Counted};

impl Manager {
    /// The objects of a kind, by name.
    pub(super) fn list(&mut self, collection: Collection, filter: &Filter) -> Vec<Object> {
        let mut objects: Vec<Object> = match collection {
            Collection::History => return self.history_objects(filter),
            Collection::Units => self.unit_objects(),
            Collection::Pods => self.pod_objects(),
            Collection::Jobs => self.engine.view().jobs.iter().map(|job| self.whole_job(job)).collect(),
            Collection::Deployments => self.of_units(|unit| self.whole_deployment(unit)),
            Collection::CronJobs => self.of_units(|unit| self.whole_cronjob(unit)),
            Collection::Events => self.store.events.since(0).map(event_object).collect(),
            Collection::Runs => self.store.history.runs().map(|run| Run::from(run).into()).collect(),
        };
        objects.retain(|object| filter.matches(object));
        objects
    }

    /// One object.
    pub(super) fn get(&mut self, collection: Collection, name: &str) -> Result<Object, Status> {
        let filter = Filter { name: Some(name.to_owned()), ..Filter::default() };
        let missing = || not_found(collection, name);
        match collection {
            Collection::Jobs => {
                self.engine.job_view(name).map(|job| self.whole_job(&job)).ok_or_else(missing)
            }
            Collection::Deployments => {
                let unit = self.unit_view(name).ok_or_else(missing)?;
                self.whole_deployment(&unit).ok_or_else(missing)
            }
            Collection::CronJobs => {
                let unit = self.unit_view(name).ok_or_else(missing)?;
                self.whole_cronjob(&unit).ok_or_else(missing)
            }
            // Several pods may bear one name for a while: the newest is meant.
            Collection::Pods => {
                let pod = self.newest_pod(name).ok_or_else(missing)?;
                let job = pod.job.as_ref().and_then(|job| self.engine.job_view(job));
                Ok(self.pod_object(&pod, job.as_ref()))
            }
            Collection::History => self.history_object(name).ok_or_else(missing),
            Collection::Units | Collection::Events | Collection::Runs => {
                self.list(collection, &filter).pop().ok_or_else(missing)
            }
        }
    }

    pub(super) fn unit_view(&self, name: &str) -> Option<UnitView> {
        self.engine.unit_view(&UnitName::parse(name).ok()?)
    }

    /// The number of a service's pods.
    pub(super) fn scale_object(&self, unit: &UnitName) -> Result<Object, Status> {
        let scale = self.engine.unit_view(unit).and_then(|view| Scale::of_unit(&view));
        scale
            .map(|scale| Object::Scale(Box::new(scale)))
            .ok_or_else(|| Status::failure(StatusReason::NotFound, format!("there is no service `{unit}`")))
    }

    /// The newest pod of this name; a finished one, if none is there that is not.
    pub(super) fn newest_pod(&self, name: &str) -> Option<PodView> {
        let live =
            self.engine.view().pods.into_iter().filter(|pod| pod.name == name).max_by_key(|pod| pod.uid);
        live.or_else(|| self.store.pods().rev().find(|pod| pod.name == name).cloned())
    }

    /// Where a pod's logs are, and of which runs.
    pub(super) fn log_location(&self, name: &str) -> Result<Object, Status> {
        let pod = self.newest_pod(name).ok_or_else(|| not_found(Collection::Pods, name))?;
        let directory = self.settings.log_dir.join(plan::log_directory(&pod.unit, &pod.name, pod.uid));
        let mut runs: Vec<RunLog> = self
            .store
            .runs_of(&pod)
            .map(|record| {
                let started = record.started.map(Time::from);
                RunLog::new(&record.process, record.run.attempt, started, Some(record.exit.at.into()))
            })
            .collect();
        for process in &pod.processes {
            if let ProcessState::Running { since, .. } = process.state {
                runs.push(RunLog::new(&process.name, process.attempt, Some(since.into()), None));
            }
        }
        Ok(LogLocation::new(pod.name, pod.uid.to_string(), pod.unit, directory, runs).into())
    }

    /// The daemon itself.
    pub(super) fn info(&self) -> Object {
        let view = self.engine.view();
        let count =
            |states: &[UnitState]| view.units.iter().filter(|unit| states.contains(&unit.state)).count();
        let failed = count(&[UnitState::Failed, UnitState::CrashLoopBackOff]);
        let shaky = count(&[UnitState::Degraded]);
        let on_their_way = count(&[UnitState::Starting, UnitState::Waiting]);
        // What an operator meant to run and does not.
        let refused = usize::from(self.sources.has_refused());
        let state = match (self.ending, failed + shaky + refused, on_their_way) {
            (true, ..) => SystemState::Stopping,
            (_, 1.., _) => SystemState::Degraded,
            (_, 0, 1..) => SystemState::Starting,
            _ => SystemState::Running,
        };
        let host_name = nix::unistd::gethostname().unwrap_or_default();
        Info::new(InfoStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: nix::unistd::getppid().as_raw().unsigned_abs(),
            pid1: self.settings.process_one,
            container: self.settings.container,
            host_name: host_name.to_string_lossy().into_owned(),
            started_at: self.since.into(),
            replaced: self.replaced,
            state,
            units: number(view.units.len()),
            failed_units: number(failed),
            pods: number(view.pods.len()),
            unit_directories: self.sources.paths(),
            log_directory: self.settings.log_dir.clone(),
            state_directory: matches!(self.store.place(), Place::Disk)
                .then(|| self.settings.state_dir.clone()),
            state_not_saved: not_saved(self.store.place()),
            keeper_faults: self.keeper_faults.count,
            planned_shutdown: self.planned.shown(),
            warnings: keeper_fault(&self.keeper_faults)
                .into_iter()
                .chain(self.sources.warnings())
                .chain(self.unenforced())
                .collect(),
            place: Some(self.place.clone()),
        })
        .into()
    }

    /// A line for each unit, for the log.
    pub(super) fn show_state(&self) {
        for unit in self.engine.view().units {
            tracing::info!(
                "{} {} {} ready {} restarts {} {}",
                unit.name,
                unit.kind.as_str(),
                unit.state.as_str(),
                unit.ready,
                unit.restarts,
                unit.reason
            );
        }
        let (stale, watchers) = (self.engine.stale_events(), self.watchers.count());
        tracing::info!("{stale} events came for runs that were no more; {watchers} watch");
    }

    fn of_units(&self, make: impl Fn(&UnitView) -> Option<Object>) -> Vec<Object> {
        self.engine.view().units.iter().filter_map(make).collect()
    }

    fn unit_objects(&mut self) -> Vec<Object> {
        let View { units, jobs, pods } = self.engine.view();
        let jobs: HashMap<&str, &JobView> = jobs.iter().map(|job| (job.name.as_str(), job)).collect();
        let mut pods_of: HashMap<&UnitName, Vec<&PodView>> = HashMap::new();
        for pod in &pods {
            pods_of.entry(&pod.unit).or_default().push(pod);
        }
        self.usage.begin(pods.iter().filter_map(pid));
        let mut objects = Vec::new();
        for unit in &units {
            let pods = pods_of.remove(&unit.name).unwrap_or_default();
            let mut object = Unit::with(unit, jobs.get(unit.name.as_str()).copied(), pods.iter().copied());
            let used = self.used_by(pods.iter().copied());
            object.status.cpu_percent = used.map(|used| used.cpu_percent);
            object.status.memory_bytes = used.map(|used| used.memory_bytes);
            objects.push(object.into());
        }
        objects
    }

    fn pod_objects(&mut self) -> Vec<Object> {
        let View { jobs, mut pods, .. } = self.engine.view();
        self.usage.begin(pods.iter().filter_map(pid));
        pods.extend(self.store.pods().filter(|pod| !self.engine.is_past(&pod.unit, pod.uid)).cloned());
        pods.sort_by(|one, other| {
            (&one.unit, &one.name, one.uid).cmp(&(&other.unit, &other.name, other.uid))
        });
        let jobs: HashMap<&str, &JobView> = jobs.iter().map(|job| (job.name.as_str(), job)).collect();
        let job_of = |pod: &PodView| pod.job.as_deref().and_then(|job| jobs.get(job).copied());
        pods.iter().map(|pod| self.pod_object(pod, job_of(pod))).collect()
    }

    /// What pods use together.
    fn used_by<'a>(&mut self, pods: impl Iterator<Item = &'a PodView>) -> Option<usage::Used> {
        let Self { usage, tree, groups, .. } = self;
        usage.sum(pods.filter_map(|pod| {
            let counted = tree.as_ref().zip(groups.known(pod.uid));
            Some((pid(pod)?, counted.map(|(tree, group)| Counted::of(tree, group)).unwrap_or_default()))
        }))
    }

    fn pod_object(&mut self, pod: &PodView, job: Option<&JobView>) -> Object {
        let mut object = self.whole_pod(pod, job);
        let used = self.used_by(std::iter::once(pod));
        object.status.cpu_percent = used.map(|used| used.cpu_percent);
        object.status.memory_bytes = used.map(|used| used.memory_bytes);
        object.into()
    }
}

/// Why what must survive is not on disk, if it is not.
fn not_saved(place: &Place) -> Option<StateNotSaved> {
    match place {
        Place::Disk => None,
        Place::Memory { since, why, kept } => Some(StateNotSaved {
            since: (*since).into(),
            reason: why.clone(),
            lost_with: if *kept { LostWith::Supd } else { LostWith::Manager },
        }),
    }
}

/// A pod without what it uses now.
pub(super) fn bare_pod(pod: &PodView, job: Option<&JobView>) -> Pod {
    job.map_or_else(|| Pod::from(pod), |job| Pod::of_job(pod, job))
}

/// An event, with the name of its first happening.
pub(super) fn event_object(stored: &StoredEvent) -> Object {
    let mut event = Event::new(&stored.report, stored.id, stored.first);
    event.sequence = stored.sequence;
    event.count = stored.count;
    event.last_timestamp = stored.last.into();
    event.into()
}

/// Which collection shows a unit of this kind, beside the units.
pub(super) fn collection_of(kind: Kind) -> Option<Collection> {
    match kind {
        Kind::Service => Some(Collection::Deployments),
        Kind::CronJob => Some(Collection::CronJobs),
        Kind::Job | Kind::Target => None,
    }
}

pub(super) fn not_found(collection: Collection, name: &str) -> Status {
    let message = format!("there is no {} `{name}`", collection.kind().to_lowercase());
    Status::failure(StatusReason::NotFound, message)
}

/// The process that runs in a pod.
fn pid(pod: &PodView) -> Option<u32> {
    pod.processes.iter().find_map(|process| match process.state {
        ProcessState::Running { pid, .. } if pid != 0 => Some(pid),
        _ => None,
    })
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What is told of a keeper that has gone on after a fault.
fn keeper_fault(faults: &Faults) -> Option<String> {
    let last = match faults.last {
        Cause::Signal(number) => match Signal::try_from(i32::from(number)) {
            Ok(signal) => signal.as_str().to_owned(),
            Err(_) => format!("signal {number}"),
        },
        Cause::Panic => "a panic".to_owned(),
        Cause::Broken => "something it needs has failed".to_owned(),
    };
    let at = Time::from(Wall(faults.at.wall));
    let times = if faults.count == 1 { String::new() } else { format!(" ({} times so far)", faults.count) };
    (faults.count > 0).then(|| {
        format!("supd's keeper went on after a fault, {last}, at {at}{times}; what ran went on, and its log says more")
    })
}
