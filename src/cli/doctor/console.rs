//! Who looks on, and what watches the machine.

use std::io::IsTerminal;
use std::path::Path;

use super::check::{Check, Group};
use super::survey::{Site, Survey};

pub(super) fn group(survey: &Survey) -> Group {
    Group::new("Console", vec![terminal(), console(survey.site), watchdog(survey)])
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

fn watchdog(survey: &Survey) -> Check {
    let found = ["/dev/watchdog0", "/dev/watchdog"].into_iter().find(|path| Path::new(path).exists());
    let asked = survey.supd().and_then(|place| place.watchdog_seconds);
    watchdog_of(found, asked, survey.site)
}

fn watchdog_of(found: Option<&str>, asked: Option<u64>, site: Site) -> Check {
    const NAME: &str = "watchdog device";
    match (found, asked) {
        _ if site != Site::Machine => Check::none(NAME, "only the init of a machine uses one"),
        (Some(path), Some(seconds)) => {
            Check::yes(NAME, format!("{path}: the machine is reset when supd is silent for {seconds} s"))
        }
        (None, Some(_)) => Check::degraded(NAME, "none, though supd was told to arm it")
            .remedy("the kernel module of its driver"),
        (Some(path), None) => Check::none(
            NAME,
            format!("{path} is not armed; `supd.watchdog=30s` on the kernel's command line does"),
        ),
        (None, None) => Check::none(NAME, "none: a machine that hangs is restarted by nobody"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn a_watchdog_matters_to_who_asked_for_it() {
        let machine = |found, asked| watchdog_of(found, asked, Site::Machine).status;
        assert_eq!(machine(Some("/dev/watchdog0"), Some(30)), Status::Yes);
        assert_eq!(machine(None, Some(30)), Status::Degraded);
        assert_eq!(
            (machine(Some("/dev/watchdog0"), None), machine(None, None)),
            (Status::None, Status::None)
        );
        assert_eq!(watchdog_of(Some("/dev/watchdog0"), None, Site::Container).status, Status::None);
    }
}
