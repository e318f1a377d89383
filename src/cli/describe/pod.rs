//! A pod (OUT-016).

use super::super::exit::Failure;
use super::super::rows::pod::word;
use super::page::Page;
use super::{Surroundings, container, event};
use crate::control::objects::Pod;

pub(super) fn page(pod: &Pod, around: &Surroundings<'_>) -> Result<String, Failure> {
    let (status, look) = (&pod.status, around.look);
    let mut page = Page::new(&pod.metadata, look);
    page.time(0, "Start Time", status.start_time);
    page.labels(0, &pod.metadata.labels);
    page.annotations(&pod.metadata);
    // A pod that was asked to end has no other word until it is there.
    let phase = if status.terminating { word(pod) } else { status.phase.as_str().to_owned() };
    page.put(0, "Status", phase);
    if status.terminating
        && let Some(grace) = pod.spec.termination_grace_period_seconds
    {
        page.put(0, "Termination Grace Period", format!("{grace}s"));
    }
    page.put_some(0, "Reason", Some(&status.reason).filter(|reason| !reason.is_empty()));
    page.put_some(0, "Message", Some(&status.message).filter(|message| !message.is_empty()));
    page.controller(&pod.metadata);
    container::of_pod(&mut page, &pod.spec, &status.init_container_statuses, &status.container_statuses);
    page.head(0, "Conditions");
    page.row(1, &["Type", "Status"]);
    for condition in &status.conditions {
        page.row(1, &[&condition.kind, &condition.status]);
    }
    page.head(0, "Unit");
    page.put(1, "Name", status.unit.as_str());
    page.put(1, "Restart Policy", &pod.spec.restart_policy);
    page.put_some(1, "Outdated", status.outdated.then_some("the unit's template has changed since"));
    page.put_some(1, "Readiness", Some(&status.ready_message).filter(|message| !message.is_empty()));
    page.put_some(1, "Says", Some(&status.status_text).filter(|text| !text.is_empty()));
    page.put_some(1, "CPU", status.cpu_percent.map(|percent| look.cpu(Some(percent))));
    page.put_some(1, "Memory", status.memory_bytes.map(|bytes| look.memory(Some(bytes))));
    event::table(&mut page, &around.events_of("Pod", &pod.metadata.name)?, around);
    Ok(page.render())
}
