//! A cronjob (OUT-015).

use super::super::exit::Failure;
use super::job::unset;
use super::page::Page;
use super::{Surroundings, container, event, unit};
use crate::control::objects::CronJob;

pub(super) fn page(cronjob: &CronJob, around: &Surroundings<'_>) -> Result<String, Failure> {
    let (spec, status, look) = (&cronjob.spec, &cronjob.status, around.look);
    let mut page = Page::new(&cronjob.metadata, look);
    page.labels(0, &cronjob.metadata.labels);
    page.annotations(&cronjob.metadata);
    page.put(0, "Schedule", &spec.schedule);
    page.put(0, "Concurrency Policy", &spec.concurrency_policy);
    page.put(0, "Suspend", if spec.suspend { "True" } else { "False" });
    page.put(0, "Time Zone", spec.time_zone.as_deref().unwrap_or("<unset>"));
    page.put(0, "Successful Job History Limit", spec.successful_jobs_history_limit.to_string());
    page.put(0, "Failed Job History Limit", spec.failed_jobs_history_limit.to_string());
    let deadline = spec.starting_deadline_seconds.map(|deadline| format!("{deadline}s"));
    page.put(0, "Starting Deadline Seconds", deadline.as_deref().unwrap_or("<unset>"));
    if let Some(template) = &spec.job_template {
        let job = &template.spec;
        page.put(0, "Selector", "<unset>");
        page.put(0, "Parallelism", job.parallelism.to_string());
        page.put(0, "Completions", unset(job.completions));
        let deadline = job.active_deadline_seconds.map(|deadline| format!("{deadline}s"));
        page.put_some(0, "Active Deadline Seconds", deadline);
        container::of_template(&mut page, &job.template);
    }
    let last = status.last_schedule_time.map(|time| look.rfc1123(time));
    page.put(0, "Last Schedule Time", last.as_deref().unwrap_or("<unset>"));
    page.time(0, "Last Successful Time", status.last_successful_time);
    page.time(0, "Next Schedule Time", status.next_schedule_time);
    let active: Vec<&str> = status.active.iter().map(|job| job.name.as_str()).collect();
    page.put(0, "Active Jobs", if active.is_empty() { "<none>".to_owned() } else { active.join(", ") });
    unit::section(&mut page, status.unit.as_str(), around)?;
    event::table(&mut page, &around.events_of("CronJob", &cronjob.metadata.name)?, around);
    Ok(page.render())
}
