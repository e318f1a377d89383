//! A job (OUT-014).

use super::super::age;
use super::super::exit::Failure;
use super::page::Page;
use super::{Surroundings, container, event, unit};
use crate::control::objects::{Job, JobSpec};

pub(super) fn page(job: &Job, around: &Surroundings<'_>) -> Result<String, Failure> {
    let (spec, status) = (&job.spec, &job.status);
    let mut page = Page::new(&job.metadata, around.look);
    page.put(0, "Selector", format!("batch.kubernetes.io/controller-uid={}", job.metadata.uid));
    page.labels(0, &job.metadata.labels);
    page.annotations(&job.metadata);
    page.controller(&job.metadata);
    page.put(0, "Parallelism", spec.parallelism.to_string());
    page.put(0, "Completions", unset(spec.completions));
    page.put(0, "Completion Mode", &spec.completion_mode);
    page.put(0, "Suspend", spec.suspend.to_string());
    page.put(0, "Backoff Limit", spec.backoff_limit.to_string());
    limits(&mut page, spec);
    let ttl = spec.ttl_seconds_after_finished;
    page.put_some(0, "TTL Seconds After Finished", ttl.map(|ttl| ttl.to_string()));
    page.time(0, "Start Time", status.start_time);
    page.time(0, "Completed At", status.completion_time);
    let duration = status.start_time.zip(status.completion_time).map(|(start, end)| age::since(start, end));
    page.put_some(0, "Duration", duration);
    let deadline = spec.active_deadline_seconds.map(|deadline| format!("{deadline}s"));
    page.put_some(0, "Active Deadline Seconds", deadline);
    let (active, ready, succeeded, failed) = (status.active, status.ready, status.succeeded, status.failed);
    page.put(
        0,
        "Pods Statuses",
        format!("{active} Active ({ready} Ready) / {succeeded} Succeeded / {failed} Failed"),
    );
    page.put_some(0, "Completed Indexes", status.completed_indexes.as_deref().map(cut));
    page.put_some(0, "Failed Indexes", status.failed_indexes.as_deref().map(cut));
    container::of_template(&mut page, &spec.template);
    if !status.conditions.is_empty() {
        page.head(0, "Conditions");
        page.columns(1, &["Type", "Status", "Reason", "Message"]);
        for condition in &status.conditions {
            page.row(1, &[&condition.kind, &condition.status, &condition.reason, &condition.message]);
        }
    }
    unit::section(&mut page, status.unit.as_str(), around)?;
    event::table(&mut page, &around.events_of("Job", &job.metadata.name)?, around);
    Ok(page.render())
}

/// What only some jobs have.
fn limits(page: &mut Page, spec: &JobSpec) {
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    page.put_some(0, "Backoff Limit Per Index", number(spec.backoff_limit_per_index));
    page.put_some(0, "Max Failed Indexes", number(spec.max_failed_indexes));
}

/// A number, or that there is none.
pub(super) fn unset(number: Option<u32>) -> String {
    number.map_or_else(|| "<unset>".to_owned(), |number| number.to_string())
}

/// Indexes in interval notation, cut at the first comma behind 50 characters.
pub(super) fn cut(indexes: &str) -> String {
    const CHARACTERS: usize = 50;
    if indexes.is_empty() {
        return "<none>".to_owned();
    }
    match indexes.get(CHARACTERS..).and_then(|rest| rest.find(',')) {
        Some(comma) => format!("{}...", &indexes[..=CHARACTERS + comma]),
        None => indexes.to_owned(),
    }
}
