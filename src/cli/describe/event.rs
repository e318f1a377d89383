//! Events: the table that ends every page, and a page of one.

use super::super::age;
use super::super::exit::Failure;
use super::super::rows::Look;
use super::Surroundings;
use super::page::Page;
use crate::control::objects::Event;

/// The table that ends a page: what has happened, the oldest first.
pub(super) fn table(page: &mut Page, events: &[Event], around: &Surroundings<'_>) {
    if !around.events {
        return;
    }
    if events.is_empty() {
        page.put(0, "Events", "<none>");
        return;
    }
    page.head(0, "Events");
    page.columns(1, &["Type", "Reason", "Age", "From", "Message"]);
    for event in events {
        let age = age_of(event, around.look);
        page.row(1, &[&event.severity, &event.reason, &age, &event.reporting_component, &event.message]);
    }
}

/// `5s`, or `5s (x3 over 2m)` where it has come again.
fn age_of(event: &Event, look: Look) -> String {
    let last = age::since(event.last_timestamp, look.now);
    match event.count {
        0 | 1 => last,
        count => format!("{last} (x{count} over {})", age::since(event.first_timestamp, look.now)),
    }
}

/// One event.
pub(super) fn page(event: &Event, around: &Surroundings<'_>) -> Result<String, Failure> {
    let mut page = Page::new(&event.metadata, around.look);
    let about = &event.involved_object;
    page.put(0, "Involved Object", format!("{}/{}", about.kind, about.name));
    page.put(0, "Type", &event.severity);
    page.put(0, "Reason", &event.reason);
    page.put(0, "Message", &event.message);
    page.put(0, "Count", event.count.to_string());
    page.time(0, "First Timestamp", Some(event.first_timestamp));
    page.time(0, "Last Timestamp", Some(event.last_timestamp));
    page.put(0, "Source", &event.reporting_component);
    page.put(0, "Unit", event.unit.as_str());
    Ok(page.render())
}
