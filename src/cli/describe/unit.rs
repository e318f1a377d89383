//! Units: a page of one (targets have no other), and the section that other pages have of theirs.

use super::super::exit::Failure;
use super::super::rows::ending;
use super::super::rows::unit::{kind_word, pod_word, requirement, words};
use super::page::Page;
use super::{Surroundings, event};
use crate::control::client::Selection;
use crate::control::objects::{Unit, UnitCondition};
use crate::engine::view::Stale;

/// What is ours of an object: where it was written, how its unit is, and with what it goes together.
pub(super) fn section(page: &mut Page, name: &str, around: &Surroundings<'_>) -> Result<(), Failure> {
    let Some(unit) = around.unit(name)? else { return Ok(()) };
    page.head(0, "Unit");
    lines(page, 1, &unit, around);
    Ok(())
}

pub(super) fn page(unit: &Unit, around: &Surroundings<'_>) -> Result<String, Failure> {
    let mut page = Page::new(&unit.metadata, around.look);
    page.put(0, "Kind", kind_word(unit.status.kind));
    page.put_some(0, "Description", Some(&unit.spec.description).filter(|words| !words.is_empty()));
    page.labels(0, &unit.metadata.labels);
    page.annotations(&unit.metadata);
    lines(&mut page, 0, unit, around);
    if !unit.status.pods.is_empty() {
        page.head(0, "Pods");
        page.columns(1, &["Name", "Status", "PID", "Restarts"]);
        for pod in &unit.status.pods {
            let pid = pod.pid.map_or_else(|| around.look.nothing().to_owned(), |pid| pid.to_string());
            let word = pod_word(pod);
            page.row(1, &[&pod.name, word, &pid, &pod.restart_count.to_string()]);
        }
    }
    let fields = format!("unit={}", unit.metadata.name);
    let selection = Selection { labels: None, fields: Some(&fields) };
    let events = if around.events { around.server.select(selection)? } else { Vec::new() };
    event::table(&mut page, &events, around);
    Ok(page.render())
}

fn lines(page: &mut Page, level: usize, unit: &Unit, around: &Surroundings<'_>) {
    let (spec, status, look) = (&unit.spec, &unit.status, around.look);
    let file = if spec.transient {
        "<none>, made by `supctl run`".to_owned()
    } else {
        spec.path.to_string_lossy().into_owned()
    };
    page.put(level, "File", file);
    if !spec.drop_ins.is_empty() {
        page.list(level, "Drop-Ins", spec.drop_ins.iter().map(|path| path.to_string_lossy().into_owned()));
    }
    page.put_some(
        level,
        "On Disk",
        status.stale.map(|stale| match stale {
            Stale::Changed => "changed; `supctl apply` brings it in",
            Stale::Removed => "removed; `supctl apply` ends the unit",
        }),
    );
    page.put(level, "Enabled", if spec.enabled { "True" } else { "False" });
    page.put(level, "State", words(unit, look));
    page.time(level, "Since", Some(status.since));
    page.put_some(level, "Reason", Some(&status.reason).filter(|reason| !reason.is_empty()));
    page.put_some(
        level,
        "Last Exit",
        status.last_exit.as_ref().map(|exit| {
            let ending = ending(exit.exit_code, exit.exit_signal);
            format!("{} {ending} ({}), {}", exit.pod, exit.reason, look.rfc1123(exit.finished_at))
        }),
    );
    let conditions = |conditions: &[UnitCondition]| conditions.iter().map(requirement).collect::<Vec<_>>();
    if !spec.requires.is_empty() {
        page.list(level, "Requires", conditions(&spec.requires));
    }
    if !status.waiting_for.is_empty() {
        page.list(level, "Waiting For", conditions(&status.waiting_for));
    }
    if !status.wanted_by.is_empty() {
        page.list(level, "Wanted By", status.wanted_by.iter().map(ToString::to_string));
    }
}
