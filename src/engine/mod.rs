//! What should happen: all rules, and nothing else.
//!
//! The engine touches nothing: no clock, no files, no processes, no threads, no randomness. Whoever runs it
//! tells it what happened and what time it is ([`Engine::handle`]), carries out the actions that come back,
//! in order, and calls again when [`Engine::next_deadline`] has passed.
//!
//! Desired and actual state are held apart, and reconciled level-triggered, as Kubernetes' controllers do:
//! an event changes a fact and marks the unit it belongs to; [`Engine::settle`] then looks at each marked
//! unit, compares what there is with what there should be, and orders the difference. So a restarted
//! manager needs no path of its own: it tells what was stored and what lives ([`Event::Begin`]), and the
//! units are reconciled.
//!
//! ```text
//!   unit    wanted or not; released once what it requires is there        entry, order, reload
//!    ├─ service   keeps a number of pods, brings a template to them       service
//!    ├─ job       makes pods until enough have succeeded                  job
//!    ├─ cronjob   makes jobs at times of a calendar                       cron
//!    └─ target    reached when what it requires is
//!   pod     steps and sidecars in order, then main and those beside it    pod
//!   process waiting → starting → running → ended → waiting …              pod, restart
//! ```

pub mod action;
mod adopt;
mod command;
mod cron;
mod entry;
pub mod event;
pub mod id;
mod index_set;
mod job;
mod order;
mod places;
mod pod;
mod quarantine;
mod recall;
mod reload;
mod restart;
pub mod save;
pub mod saved;
mod service;
mod shares;
mod show;
mod shutdown;
pub mod time;
mod timer;
mod tracked;
pub mod view;

use std::collections::BTreeSet;

use action::{About, Action, Actions, Report};
use entry::Entry;
use event::Event;
use id::{JobName, ObjectRef, PodUid};
use job::Job;
use pod::Pod;
use shutdown::Ending;
use time::{Mono, Now};
use timer::{Timer, Timers};
use tracked::Tracked;

use crate::unit::name::UnitName;

/// What differs from place to place.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineOptions {
    /// End by itself when all work is done, or an essential unit has ended: in a container, or where
    /// `--exit-when-done` was given.
    pub end_when_done: bool,
    /// How long such an end may take.
    pub shutdown_timeout: std::time::Duration,
}

/// The rules, and what they know.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    units: Tracked<UnitName, Box<Entry>>,
    jobs: Tracked<JobName, Job>,
    /// Pods that are not final.
    pods: Tracked<PodUid, Box<Pod>>,
    timers: Timers,
    /// Who waits for whom, from the relations of all units.
    graph: order::Graph,
    /// Units whose facts have changed since they were last reconciled.
    marked: BTreeSet<UnitName>,
    /// The last uid given.
    last_uid: u64,
    /// When it last heard of anything: what is shown is as of then.
    as_of: Now,
    /// Set once supd is to end.
    ending: Option<Ending>,
    /// Events of runs that are no more: counted, and otherwise ignored.
    stale_events: u64,
}

impl Engine {
    /// An engine that knows nothing yet; [`Event::Begin`] is to come first.
    pub fn new(options: EngineOptions) -> Self {
        Self {
            options,
            units: Tracked::default(),
            jobs: Tracked::default(),
            pods: Tracked::default(),
            timers: Timers::default(),
            graph: order::Graph::default(),
            marked: BTreeSet::new(),
            last_uid: 0,
            as_of: Now::default(),
            ending: None,
            stale_events: 0,
        }
    }

    /// Takes in what happened, and says what to do.
    pub fn handle(&mut self, now: Now, event: Event, out: &mut Actions) {
        self.take_in(now, event, out);
        self.settle(now, out);
    }

    /// Takes in what happened, and judges nothing yet. For a batch of events that have all happened by now:
    /// all news are taken in before any deadline is judged, so a manager that was held up for a while sees
    /// no timeout where there was none. [`Engine::settle`] follows.
    pub fn take_in(&mut self, now: Now, event: Event, out: &mut Actions) {
        self.as_of = now;
        match event {
            Event::Begin(begin) => self.on_begin(now, *begin, out),
            Event::Loaded { units, apply } => self.on_loaded(now, units, apply, out),
            Event::Started { run, pid, at } => self.on_started(now, run, pid, at, out),
            Event::Exited { run, exit } => self.on_exited(now, run, exit, out),
            Event::Probed { run, probe, good, message } => {
                self.on_probed(now, run, probe, (good, message), out)
            }
            Event::ProbeFailed { run, probe, message } => self.on_probe_failed(run, probe, &message, out),
            Event::Hooked { run, hook, failure } => self.on_hooked(now, run, hook, failure, out),
            Event::StatusText { run, text } => self.on_status_text(run, text, out),
            Event::Lingers { run, left } => self.on_lingers(now, run, left, out),
            Event::Lifted { unit, adopted } => self.on_lifted(now, &unit, adopted, out),
            Event::Deadline => {}
            Event::ClockStepped => self.on_clock_stepped(),
            Event::Command { op, command } => {
                let result = self.on_command(now, command, out);
                out.push(Action::Reply { op, result });
            }
            Event::Shutdown { within } => self.on_shutdown(now, within, out),
        }
    }

    /// When [`Event::Deadline`] is due, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// Events that came for runs which are no more.
    pub fn stale_events(&self) -> u64 {
        self.stale_events
    }

    /// Fires what is due, and reconciles what is marked, until nothing is left of either.
    pub fn settle(&mut self, now: Now, out: &mut Actions) {
        self.as_of = now;
        loop {
            while let Some(name) = self.marked.pop_first() {
                self.reconcile(now, &name, out);
            }
            match self.timers.pop(now.mono) {
                Some(timer) => self.on_timer(now, timer, out),
                None if self.marked.is_empty() => break,
                None => {}
            }
        }
        self.judge_end(now, out);
    }

    fn on_timer(&mut self, now: Now, timer: Timer, out: &mut Actions) {
        match timer {
            Timer::Restart(uid, place) => self.start_process(now, uid, usize::from(place), out),
            Timer::Kill(uid, place) => self.on_grace_over(now, uid, usize::from(place), out),
            Timer::PodDeadline(uid) => self.on_pod_deadline(now, uid, out),
            Timer::StartDeadline(uid, place) => self.on_start_deadline(now, uid, usize::from(place), out),
            Timer::JobDeadline(uid) | Timer::JobBackoff(uid) => self.mark_job(uid),
            Timer::JobTtl(uid) => self.on_job_ttl(uid, out),
            Timer::Slot(unit) => self.mark(&unit),
            Timer::Rollout(unit) => {
                self.mark(&unit);
                out.push(Action::Changed(ObjectRef::Unit(unit)));
            }
            Timer::Shutdown => self.on_shutdown_deadline(now, out),
        }
    }

    /// Its facts have changed: it will be looked at.
    fn mark(&mut self, unit: &UnitName) {
        if !self.marked.contains(unit) {
            self.marked.insert(unit.clone());
        }
    }

    fn next_uid(&mut self) -> PodUid {
        self.last_uid += 1;
        PodUid(self.last_uid)
    }
}

/// Something noticed or done, for people.
fn report(
    out: &mut Actions,
    warning: bool,
    reason: &'static str,
    about: (&'static str, &str, &UnitName),
    message: String,
) {
    tell(out, warning, reason, about, (None, message));
}

/// The same, after Kubernetes' own words.
fn tell(
    out: &mut Actions,
    warning: bool,
    reason: &'static str,
    about: (&'static str, &str, &UnitName),
    (lead, message): (Option<Box<str>>, String),
) {
    let (kind, name, unit) = about;
    let about = About { kind, name: name.to_owned(), unit: unit.clone() };
    out.push(Action::Report(Report { warning, reason, about, message, lead }));
}
