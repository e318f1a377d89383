//! A service, as kubectl describes a deployment.

use super::super::exit::Failure;
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
    page.put(0, "StrategyType", &spec.strategy.kind);
    page.put(0, "MinReadySeconds", spec.min_ready_seconds.to_string());
    let rolling = spec.strategy.rolling_update.as_ref().map(|rolling| {
        format!("{} max unavailable, {} max surge", rolling.max_unavailable, rolling.max_surge)
    });
    page.put_some(0, "RollingUpdateStrategy", rolling);
    if let Some(template) = &spec.template {
        container::of_template(&mut page, template);
    }
    page.head(0, "Conditions");
    page.columns(1, &["Type", "Status", "Reason", "Message"]);
    for condition in &status.conditions {
        page.row(1, &[&condition.kind, &condition.status, &condition.reason, &condition.message]);
    }
    unit::section(&mut page, status.unit.as_str(), around)?;
    event::table(&mut page, &around.events_of("Deployment", &service.metadata.name)?, around);
    Ok(page.render())
}
