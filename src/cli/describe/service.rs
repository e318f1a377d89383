//! A service, as kubectl describes a deployment.

use super::super::exit::Failure;
use super::super::jsonpath;
use super::page::Page;
use super::{Surroundings, container, event, unit};
use crate::control::objects::Deployment;

pub(super) fn page(service: &Deployment, around: &Surroundings<'_>) -> Result<String, Failure> {
    let (spec, status) = (&service.spec, &service.status);
    let mut page = Page::new(&service.metadata, around.look);
    page.time(0, "CreationTimestamp", service.metadata.creation_timestamp);
    page.labels(0, &service.metadata.labels);
    page.annotations(&service.metadata);
    page.put(
        0,
        "Replicas",
        format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            spec.replicas,
            status.updated_replicas,
            status.replicas,
            status.available_replicas,
            status.unavailable_replicas
        ),
    );
    page.put_some(0, "StrategyType", spec.strategy.as_ref().map(|strategy| &strategy.kind));
    page.put_some(0, "MinReadySeconds", spec.min_ready_seconds.map(|seconds| seconds.to_string()));
    let rolling = spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
    let rolling = rolling.map(|rolling| {
        let share = jsonpath::text;
        format!(
            "{} max unavailable, {} max surge",
            share(&rolling.max_unavailable),
            share(&rolling.max_surge)
        )
    });
    page.put_some(0, "RollingUpdateStrategy", rolling);
    if let Some(template) = &spec.template {
        container::of_template(&mut page, template);
    }
    page.head(0, "Conditions");
    page.columns(1, &["Type", "Status", "Reason"]);
    for condition in &status.conditions {
        page.row(1, &[&condition.kind, &condition.status, &condition.reason]);
    }
    unit::section(&mut page, status.unit.as_str(), around)?;
    event::table(&mut page, &around.events_of("Deployment", &service.metadata.name)?, around);
    Ok(page.render())
}
