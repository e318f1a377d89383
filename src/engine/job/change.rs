//! A job's unit was edited while there is a job: what may change changes at once, the rest at the next start.
//!
//! Which is which is Kubernetes' (JVL-007). There, a change of the rest is refused; here it is so for a unit
//! that a manifest has made, and any other takes it up when it is started again.

use std::sync::Arc;

use super::{Job, Terms};
use crate::engine::Engine;
use crate::engine::action::{Action, Actions};
use crate::engine::id::ObjectRef;
use crate::engine::timer::Timer;
use crate::unit::model::{self, CompletionMode, Unit};
use crate::unit::name::UnitName;

impl Engine {
    /// What may change while a job runs changes now.
    pub(in crate::engine) fn change_job(
        &mut self,
        name: &UnitName,
        (was, is): (&model::Job, &Arc<Unit>),
        out: &mut Actions,
    ) {
        let (Some(spec), Some(job)) = (is.job(), self.jobs.get_mut(name.as_str())) else { return };
        let changed = Action::Changed(ObjectRef::Job(name.as_str().to_owned()));
        if job.finished {
            // One that is finished is not touched any more (JOB-012), but for when it goes.
            job.terms.ttl_after_finished = spec.ttl_after_finished;
            let (uid, at, ttl) = (job.uid, job.finished_at, job.terms.ttl_after_finished);
            self.set_ttl(uid, at, ttl);
            out.push(changed);
            return;
        }
        job.parallelism = spec.parallelism;
        job.active_deadline = spec.active_deadline;
        job.terms = Terms::of(spec);
        // An operator's word holds until the file says something else.
        if was.suspend != spec.suspend {
            job.suspended = spec.suspend;
        }
        job.stretch(spec);
        let timer = Timer::JobDeadline(job.uid);
        match (job.start, job.active_deadline) {
            (Some(start), Some(deadline)) => self.timers.set(timer, start.mono + deadline),
            _ => self.timers.clear(&timer),
        }
        out.push(changed);
    }

    /// Why this version of a unit cannot take the place of the one that its job was made from: one line for
    /// each field, in Kubernetes' words. Empty: it can.
    ///
    /// Only units that manifests have made are so; any other applies at its next start.
    pub fn refused_change(&self, unit: &Unit) -> Vec<String> {
        let Some(job) = self.jobs.get(unit.name.as_str()) else { return Vec::new() };
        let of_manifests = unit.manifest.is_some() && job.unit.manifest.is_some();
        match &unit.body {
            model::Body::Job(spec) if of_manifests => job.immutable_fields(unit, spec),
            _ => Vec::new(),
        }
    }
}

impl Job {
    /// An elastic job: its completions change together with its parallelism (IDX-007).
    fn stretch(&mut self, spec: &model::Job) {
        let Some(completions) = spec.completions.filter(|_| self.is_indexed()) else { return };
        let elastic = spec.mode == CompletionMode::Indexed && completions == spec.parallelism;
        if !elastic || self.completions == Some(completions) {
            return;
        }
        self.completions = Some(completions);
        self.completed.truncate(completions);
        self.succeeded = self.completed.len();
        if let Some(retries) = &mut self.retries {
            retries.truncate(completions);
        }
    }

    fn immutable_fields(&self, unit: &Unit, is: &model::Job) -> Vec<String> {
        let was = self.spec();
        let mut faults = Vec::new();
        let mut fault = |field: &str, value: &str, why: &str| {
            faults.push(format!("spec.{field}: Invalid value: {value}: {why}"));
        };
        const IMMUTABLE: &str = "field is immutable";
        let number = |number: Option<u32>| number.map_or("null".to_owned(), |number| number.to_string());
        if is.completions != self.completions {
            let indexed = is.mode == CompletionMode::Indexed && was.mode == CompletionMode::Indexed;
            if !indexed || is.completions.is_none() {
                fault("completions", &number(is.completions), IMMUTABLE);
            } else if is.completions != Some(is.parallelism) {
                let why = "can only be modified in tandem with spec.parallelism";
                fault("completions", &number(is.completions), why);
            }
        }
        if is.mode != was.mode {
            fault("completionMode", &format!("\"{:?}\"", is.mode), IMMUTABLE);
        } else if unit.template_hash != self.unit.template_hash {
            fault("template", "PodTemplateSpec{…}", IMMUTABLE);
        }
        if is.failure_policy != was.failure_policy {
            fault("podFailurePolicy", &format!("{} rules", is.failure_policy.len()), IMMUTABLE);
        }
        if is.backoff_limit_per_index != was.backoff_limit_per_index {
            fault("backoffLimitPerIndex", &number(is.backoff_limit_per_index), IMMUTABLE);
        }
        if is.success_policy != was.success_policy {
            fault("successPolicy", &format!("{} rules", is.success_policy.len()), IMMUTABLE);
        }
        faults
    }
}
