//! Changes on their way to those who watch, and reports on their way to events and the log.

use std::collections::{HashMap, HashSet};

use crate::control::objects::{Change, Object, Run, Unit};
use crate::control::request::{Collection, Filter};
use crate::control::watch::WatchStream;
use crate::engine::action::{Report, RunRecord};
use crate::engine::id::ObjectRef;
use crate::engine::view::PodView;
use crate::runtime::clock;

use super::Manager;
use super::look::{bare_pod, collection_of, event_object};
use super::own_log::EVENTS;
use super::past::entry;
use super::probe_log::is_told;

/// What watchers were told of.
#[derive(Default)]
pub(super) struct Seen {
    /// Objects that are there: the next news of one is a change.
    known: HashSet<ObjectRef>,
    /// Objects as they were last, for the news of their end; kept only for collections that are watched.
    last: HashMap<(Collection, String), Object>,
}

impl Manager {
    /// Begins a watch.
    pub(super) fn watch(&mut self, collection: Collection, filter: Filter) -> WatchStream {
        if collection == Collection::History {
            return self.watch_history(filter);
        }
        let present = self.list(collection, &Filter::default());
        for object in &present {
            self.seen.keep(collection, object);
        }
        self.watchers.subscribe(collection, filter, present)
    }

    pub(super) fn publish_changed(&mut self, object: &ObjectRef) {
        let change = if self.seen.known.contains(object) { Change::Modified } else { Change::Added };
        if change == Change::Added {
            self.seen.known.insert(object.clone());
        }
        let batch = self.batch_of_now();
        for collection in self.collections(object) {
            if !self.watchers.is_watched(collection) {
                self.seen.drop_unwatched(collection);
                // Counted all the same: the number of a list says as of which change it is.
                self.watchers.publish_after(batch, collection, change, || None);
                continue;
            }
            let Some(made) = self.make(collection, object) else { continue };
            self.seen.keep(collection, &made);
            self.watchers.publish_after(batch, collection, change, || Some(made));
        }
    }

    pub(super) fn publish_gone(&mut self, object: &ObjectRef) {
        self.seen.known.remove(object);
        let (collections, key): (&[Collection], String) = match object {
            ObjectRef::Unit(name) => {
                (&[Collection::Units, Collection::Deployments, Collection::CronJobs], name.to_string())
            }
            ObjectRef::Job(name) => (&[Collection::Jobs], name.clone()),
            ObjectRef::Pod(uid) => (&[Collection::Pods], uid.to_string()),
        };
        let batch = self.batch_of_now();
        for collection in collections {
            if let Some(last) = self.seen.last.remove(&(*collection, key.clone())) {
                self.watchers.publish_after(batch, *collection, Change::Deleted, || Some(last));
            }
        }
    }

    /// A finished pod's record is gone.
    pub(super) fn publish_forgotten(&mut self, pod: &PodView) {
        self.seen.known.remove(&ObjectRef::Pod(pod.uid));
        self.seen.last.remove(&(Collection::Pods, pod.uid.to_string()));
        let batch = self.batch_of_now();
        self.watchers
            .publish_after(batch, Collection::Pods, Change::Deleted, || Some(bare_pod(pod, None).into()));
    }

    pub(super) fn publish_run(&mut self, run: &RunRecord) {
        let batch = self.batch_of_now();
        self.watchers.publish_after(batch, Collection::Runs, Change::Added, || Some(Run::from(run).into()));
    }

    /// The history has a new entry.
    pub(super) fn publish_newest(&mut self) {
        let batch = self.batch_of_now();
        let newest = self.store.history.newest();
        self.watchers
            .publish_after(batch, Collection::History, Change::Added, || newest.map(|new| entry(new).into()));
    }

    /// Into the list of events and into supd's own log.
    pub(super) fn report(&mut self, report: Report) {
        let (name, message) = (&report.about.name, &report.message);
        match report.warning {
            _ if is_told(report.reason, message) => tracing::debug!(target: EVENTS, "{name}: {message}"),
            true => tracing::warn!(target: EVENTS, "{name}: {message}"),
            // What a line of the pod or of its job says, too, is what `get events` is for; and so is one line
            // for each pod of a job, unless somebody watches the terminal.
            false if tells_twice(&report) || (report.about.kind == "Pod" && !self.settings.foreground) => {
                tracing::debug!(target: EVENTS, "{name}: {message}");
            }
            false => tracing::info!(target: EVENTS, "{name}: {message}"),
        }
        let batch = self.batch_of_now();
        let event = self.store.events.add(clock::wall(), report);
        let change = if event.count == 1 { Change::Added } else { Change::Modified };
        self.watchers.publish_after(batch, Collection::Events, change, || Some(event_object(event)));
    }

    /// Where an object is shown.
    fn collections(&self, object: &ObjectRef) -> Vec<Collection> {
        match object {
            ObjectRef::Unit(name) => {
                let kind = self.engine.unit(name).map(|unit| unit.kind());
                [Some(Collection::Units), kind.and_then(collection_of)].into_iter().flatten().collect()
            }
            ObjectRef::Job(_) => vec![Collection::Jobs],
            ObjectRef::Pod(_) => vec![Collection::Pods],
        }
    }

    /// The object as it is now.
    fn make(&self, collection: Collection, object: &ObjectRef) -> Option<Object> {
        match object {
            ObjectRef::Unit(name) => {
                let view = self.engine.unit_view(name)?;
                match collection {
                    Collection::Deployments => self.whole_deployment(&view),
                    Collection::CronJobs => self.whole_cronjob(&view),
                    _ => {
                        let job = self.engine.job_view(name.as_str());
                        let pods: Vec<PodView> = self
                            .engine
                            .pod_uids(name)
                            .into_iter()
                            .filter_map(|uid| self.engine.pod_view(uid))
                            .collect();
                        Some(Unit::with(&view, job.as_ref(), &pods).into())
                    }
                }
            }
            ObjectRef::Job(name) => self.engine.job_view(name).map(|job| self.whole_job(&job)),
            ObjectRef::Pod(uid) => {
                let pod = self.engine.pod_view(*uid).or_else(|| self.store.pod(*uid).cloned())?;
                let job = pod.job.as_ref().and_then(|job| self.engine.job_view(job));
                Some(self.whole_pod(&pod, job.as_ref()).into())
            }
        }
    }
}

impl Seen {
    fn keep(&mut self, collection: Collection, object: &Object) {
        // These only come; they do not go while somebody could see it.
        if matches!(collection, Collection::Events | Collection::Runs | Collection::History) {
            return;
        }
        if let Some(metadata) = object.metadata() {
            let key = if collection == Collection::Pods { &metadata.uid } else { &metadata.name };
            self.last.insert((collection, key.clone()), object.clone());
        }
    }

    fn drop_unwatched(&mut self, collection: Collection) {
        if !self.last.is_empty() {
            self.last.retain(|(kept, _), _| *kept != collection);
        }
    }
}

/// Whether another line says the same: a job that its pod's first line names, a job's end that the job tells.
fn tells_twice(report: &Report) -> bool {
    !report.warning
        && matches!(
            (report.about.kind, report.reason),
            ("Job", "SuccessfulCreate") | ("CronJob", "SawCompletedJob")
        )
}
