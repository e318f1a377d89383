//! Who looks on, and what watches the machine.

use std::io::IsTerminal;
use std::path::Path;

use super::check::{Check, Group};
use super::survey::{Site, Survey};

pub(super) fn group(survey: &Survey) -> Group {
    Group::new("Console", vec![terminal(), console(survey.site), watchdog(survey.site)])
}

fn terminal() -> Check {
    match std::io::stdin().is_terminal() {
        true => Check::yes("terminal", "supctl has one"),
        false => Check::none("terminal", "supctl has none"),
    }
}

fn console(site: Site) -> Check {
    match (Path::new("/dev/console").exists(), site) {
        (true, _) => Check::yes("/dev/console", "there"),
        (false, Site::Machine) => Check::degraded(
            "/dev/console",
            "supd cannot be heard before its log is, and gives no rescue shell",
        )
        .remedy("`console=` on the kernel's command line, and a /dev"),
        (false, _) => Check::none("/dev/console", "only the init of a machine speaks there"),
    }
}

fn watchdog(site: Site) -> Check {
    let found = ["/dev/watchdog0", "/dev/watchdog"].into_iter().find(|path| Path::new(path).exists());
    match (found, site) {
        (Some(path), _) => Check::yes("watchdog device", path),
        (None, Site::Machine) => {
            Check::none("watchdog device", "none: a machine that hangs is restarted by nobody")
        }
        (None, _) => Check::none("watchdog device", "only the init of a machine uses one"),
    }
}
