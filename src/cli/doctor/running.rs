//! The supd that answers, and what of the place it has fallen back on.

use super::check::{Check, Group};
use super::survey::Survey;
use crate::control::objects::{InfoStatus, LostWith, PlaceStatus};
use crate::settings::RUNTIME_DIR;

pub(super) fn group(survey: &Survey) -> Group {
    let checks = match &survey.info {
        Ok(info) => about(info, survey.elsewhere),
        Err(why) => vec![Check::none("running", format!("{why}; all below is what supctl finds by itself"))],
    };
    Group::new("supd", checks)
}

fn about(info: &InfoStatus, elsewhere: bool) -> Vec<Check> {
    let running = format!("supd {}, pid {}: {}", info.version, info.pid, info.state.as_str());
    let mut checks = vec![Check::yes("running", running)];
    if elsewhere {
        let words = format!(
            "supd runs on {}, in another place than supctl: only this group is about it",
            info.host_name
        );
        checks.push(Check::degraded("same place", words).remedy("run supctl where supd runs"));
    }
    checks.push(state(info));
    if let Some(place) = &info.place {
        checks.push(logs(info, place));
        checks.push(socket(place));
        if elsewhere {
            checks.extend(place.missing.iter().map(|missing| Check::degraded("missing", missing)));
        }
    }
    checks
}

fn state(info: &InfoStatus) -> Check {
    match (&info.state_not_saved, &info.state_directory) {
        (Some(not_saved), _) => {
            let whose = match not_saved.lost_with {
                LostWith::Supd => "supd",
                LostWith::Manager => "supd's manager",
            };
            let words = format!(
                "kept in memory until {whose} ends ({}): after that, finished jobs run again",
                not_saved.reason
            );
            Check::degraded("state saved", words).remedy("a volume or disk for the state directory")
        }
        (None, Some(directory)) => Check::yes("state saved", format!("in {}", directory.display())),
        (None, None) => Check::degraded("state saved", "nothing is kept of what has happened"),
    }
}

fn logs(info: &InfoStatus, place: &PlaceStatus) -> Check {
    let directory = info.log_directory.display();
    match &place.logs_not_kept {
        None => Check::yes("logs kept", format!("in {directory}")),
        Some(why) => Check::degraded(
            "logs kept",
            format!("not in {directory} ({why}): output is only shown where `inherit` sends it"),
        )
        .remedy("a volume for it, or `--log-dir DIR`"),
    }
}

fn socket(place: &PlaceStatus) -> Check {
    let directory = place.runtime_directory.display();
    if place.runtime_directory.starts_with("/dev/shm") {
        return Check::degraded("socket", format!("in {directory}, as {RUNTIME_DIR} cannot be written"))
            .remedy("`--tmpfs /run`");
    }
    Check::yes("socket", format!("in {directory}"))
}
