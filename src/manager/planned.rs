//! The end of the machine at a time that somebody has set: `shutdown +5`, `supctl reboot --when=23:00`.
//!
//! One at most; a new plan takes the place of the old one until it has begun. It is kept in the runtime directory,
//! which lives as long as the machine's boot does: managers may die meanwhile. Those who are logged in are told,
//! more often as the time draws near, and in the last minutes nobody can log in any more.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Manager;
use crate::control::objects::{MachineEnd, PlannedShutdown, ShutdownOptions, Status, StatusReason, When};
use crate::control::request::{Answer, Reply};
use crate::engine::action::{About, Report};
use crate::engine::time::{Mono, Now, Wall};
use crate::limits::{NO_LOGIN_BEFORE_S, PLAN_FILE_BYTES_MAX};
use crate::runtime::clock;
use crate::unit::name::UnitName;

/// So many seconds before the time those who are logged in are told again.
const WARNINGS: [u64; 10] = [86_400, 7_200, 3_600, 1_800, 900, 600, 300, 120, 60, 10];
/// Where login programs look whether they are to let anybody in.
const NO_LOGIN: &str = "/run/nologin";

/// What is planned, if anything.
pub(super) struct Planned {
    plan: Option<Plan>,
    file: PathBuf,
}

/// One plan, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    machine: MachineEnd,
    due: Due,
    /// What is asked for when the time has come.
    options: ShutdownOptions,
    /// They were told so many seconds before the time, and need not be told the same again.
    told: u64,
    /// Nobody can log in.
    no_login: bool,
}

/// A duration follows the monotonic clock, a time of the day the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Due {
    Mono(Mono),
    Wall(Wall),
}

impl Due {
    fn left(self, now: Now) -> Duration {
        match self {
            Self::Mono(due) => due.since(now.mono),
            Self::Wall(due) => due.since(now.wall),
        }
    }
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    /// They are to be told how many seconds are left.
    Tell(u64),
    Begin,
}

impl Plan {
    fn step(&mut self, now: Now) -> Step {
        let left = self.due.left(now);
        if left.is_zero() {
            return Step::Begin;
        }
        let seconds = seconds_up(left);
        match WARNINGS.into_iter().rev().find(|warning| seconds <= *warning) {
            Some(warning) if warning < self.told => {
                self.told = warning;
                Step::Tell(seconds)
            }
            _ => Step::Nothing,
        }
    }

    /// When to look again.
    fn next(&self, now: Now) -> Mono {
        let left = self.due.left(now);
        let warning =
            WARNINGS.into_iter().find(|warning| *warning < self.told && *warning < seconds_up(left));
        let warning = warning.map_or(Duration::ZERO, Duration::from_secs);
        now.mono + left.saturating_sub(warning)
    }

    fn at(&self, now: Now) -> Wall {
        now.wall + self.due.left(now)
    }
}

impl Planned {
    /// What another manager has kept.
    pub(super) fn open(runtime_dir: &Path) -> Self {
        let file = runtime_dir.join("planned-shutdown.json");
        let plan = match read(&file) {
            Ok(plan) => Some(plan),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::error!("{} cannot be read: {error}; no shutdown is planned", file.display());
                None
            }
        };
        Self { plan, file }
    }

    /// When to look again.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.plan.as_ref().map(|plan| plan.next(clock::now()))
    }

    /// For `status`.
    pub(super) fn shown(&self) -> Option<PlannedShutdown> {
        let plan = self.plan.as_ref()?;
        let at = plan.at(clock::now()).into();
        Some(PlannedShutdown { machine: plan.machine, at, message: plan.options.message.clone() })
    }

    /// It is over, one way or the other: the plan, if there was one.
    pub(super) fn forget(&mut self) -> bool {
        let Some(plan) = self.plan.take() else { return false };
        if plan.no_login {
            let _ = fs::remove_file(NO_LOGIN);
        }
        if let Err(error) = fs::remove_file(&self.file) {
            tracing::warn!("cannot remove {}: {error}", self.file.display());
        }
        true
    }

    /// For the managers to come.
    fn keep(&self) {
        let Some(plan) = &self.plan else { return };
        let new = self.file.with_extension("new");
        let kept = serde_json::to_vec(plan).map_err(io::Error::from);
        let kept = kept.and_then(|text| fs::write(&new, text)).and_then(|()| fs::rename(&new, &self.file));
        if let Err(error) = kept {
            tracing::warn!(
                "cannot write {}: {error}; the planned shutdown is lost if the manager dies",
                self.file.display()
            );
        }
    }
}

impl Manager {
    /// Plans it, takes it back, or only tells of it.
    pub(super) fn plan(&mut self, machine: MachineEnd, when: When, options: ShutdownOptions) -> Answer {
        let now = clock::now();
        let due = match when {
            When::Cancel => return Ok(Reply::Status(Status::success(self.cancel_plan(&options)))),
            When::Warn(seconds) => {
                let text = announcement(machine, now, Duration::from_secs(seconds));
                self.tell_terminals(&text, &options);
                return Ok(Reply::Status(Status::success(
                    "told those who are logged in, and nothing else is done",
                )));
            }
            When::AfterSeconds(seconds) => Due::Mono(now.mono + Duration::from_secs(seconds)),
            When::At(at) => Due::Wall(Wall::from_seconds(at.0)),
        };
        if self.ending {
            let message = "supd is ending already, and the first request stands";
            return Err(Status::failure(StatusReason::Conflict, message));
        }
        let before = self.planned.forget();
        let options = ShutdownOptions { when: None, ..options };
        let plan = Plan { machine, due, options, told: u64::MAX, no_login: false };
        let text = announcement(machine, now, plan.due.left(now));
        self.tell_terminals(&text, &plan.options);
        self.report_of_machine(false, "ShutdownPlanned", &text);
        let told = WARNINGS.into_iter().rev().find(|warning| seconds_up(plan.due.left(now)) <= *warning);
        self.planned.plan = Some(Plan { told: told.unwrap_or(u64::MAX), ..plan });
        self.planned.keep();
        self.refuse_logins(now);
        let instead = if before { ", instead of what was planned before" } else { "" };
        Ok(Reply::Status(Status::success(format!("{text}{instead}"))))
    }

    fn cancel_plan(&mut self, options: &ShutdownOptions) -> &'static str {
        if !self.planned.forget() {
            return "no shutdown is planned";
        }
        let text = "the shutdown that was planned has been cancelled";
        self.tell_terminals(text, options);
        self.report_of_machine(false, "ShutdownCancelled", text);
        text
    }

    /// Does what the time demands.
    pub(super) fn plan_on_time(&mut self) -> io::Result<()> {
        if self.ending {
            // A signal was quicker.
            self.planned.forget();
        }
        let now = clock::now();
        let Some(plan) = &mut self.planned.plan else { return Ok(()) };
        match plan.step(now) {
            Step::Begin => {
                let options = plan.options.clone();
                self.planned.forget();
                if let Err(refusal) = self.end_all(options)? {
                    tracing::error!("the planned shutdown is not done: {}", refusal.message);
                }
                return Ok(());
            }
            Step::Tell(_) => {
                let (machine, options) = (plan.machine, plan.options.clone());
                let text = announcement(machine, now, plan.due.left(now));
                self.tell_terminals(&text, &options);
                self.planned.keep();
            }
            Step::Nothing => {}
        }
        self.refuse_logins(now);
        Ok(())
    }

    fn refuse_logins(&mut self, now: Now) {
        let Some(plan) = &mut self.planned.plan else { return };
        if !plan.no_login && plan.due.left(now) <= Duration::from_secs(NO_LOGIN_BEFORE_S) {
            plan.no_login = true;
            no_login(&announcement(plan.machine, now, plan.due.left(now)));
            self.planned.keep();
        }
    }

    /// It begins now.
    pub(super) fn announce_end(&mut self, machine: MachineEnd, options: &ShutdownOptions) {
        self.planned.forget();
        let text = announcement(machine, clock::now(), Duration::ZERO);
        no_login(&text);
        self.tell_terminals(&text, options);
        self.report_of_machine(false, "Shutdown", &text);
    }

    fn tell_terminals(&mut self, text: &str, options: &ShutdownOptions) {
        if options.silent {
            return;
        }
        let text = format!("Message from supd on {}: {text}\n{}", host_name(), options.message);
        if let Err(error) = self.keeper.tell_terminals(text.as_bytes()) {
            tracing::warn!("cannot tell those who are logged in: {error}");
        }
    }

    pub(super) fn report_of_machine(&mut self, warning: bool, reason: &'static str, message: &str) {
        let Ok(unit) = UnitName::parse("supd") else { return };
        let about = About { kind: "Node", name: host_name(), unit };
        self.report(Report { warning, reason, about, message: message.to_owned(), lead: None });
    }
}

fn read(file: &Path) -> io::Result<Plan> {
    let mut text = Vec::new();
    File::open(file)?.take(PLAN_FILE_BYTES_MAX).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

fn no_login(text: &str) {
    if let Err(error) = fs::write(NO_LOGIN, format!("{text}\n")) {
        tracing::warn!("cannot write {NO_LOGIN}: {error}");
    }
}

fn host_name() -> String {
    nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned()
}

/// `the machine is switched off at 23:00:00 (in 5 minutes)`
fn announcement(machine: MachineEnd, now: Now, left: Duration) -> String {
    let words = machine.words();
    if left.is_zero() {
        return format!("the machine {words} now");
    }
    let at = jiff::Timestamp::from_second((now.wall + left).seconds()).unwrap_or_default();
    let at = at.to_zoned_datetime(jiff::tz::TimeZone::system());
    let day = if seconds_up(left) >= 12 * 3_600 { "%a %d %b, " } else { "" };
    format!(
        "the machine {words} at {} (in {})",
        at.strftime(&format!("{day}%H:%M:%S")),
        span(seconds_up(left))
    )
}

/// Half a second before the next one it is that one.
fn seconds_up(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

fn span(seconds: u64) -> String {
    let count = |number: u64, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let (size, word, rest) = match seconds {
        0..60 => return count(seconds, "second"),
        60..3_600 => (60, "minute", (1, "second")),
        3_600..86_400 => (3_600, "hour", (60, "minute")),
        _ => (86_400, "day", (3_600, "hour")),
    };
    match seconds % size / rest.0 {
        0 => count(seconds / size, word),
        left => format!("{} {}", count(seconds / size, word), count(left, rest.1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(due: Due) -> Plan {
        Plan {
            machine: MachineEnd::PowerOff,
            due,
            options: ShutdownOptions::default(),
            told: u64::MAX,
            no_login: false,
        }
    }

    fn now(mono: i64, wall: i64) -> Now {
        Now { mono: Mono(mono * 1_000_000_000), wall: Wall::from_seconds(wall) }
    }

    /// Every moment at which it looks, and what it does there.
    fn course(mut plan: Plan) -> Vec<(i64, Step)> {
        let mut course = Vec::new();
        let mut at = now(0, 1_000_000);
        loop {
            let step = plan.step(at);
            let seconds = at.mono.0 / 1_000_000_000;
            let over = step == Step::Begin;
            course.push((seconds, step));
            if over {
                return course;
            }
            let next = plan.next(at);
            assert!(next > at.mono, "{course:?}");
            at = Now { mono: next, wall: Wall::from_seconds(1_000_000 + next.0 / 1_000_000_000) };
        }
    }

    #[test]
    fn warnings_come_more_often_as_the_time_draws_near() {
        let expected = vec![
            (0, Step::Tell(700)),
            (100, Step::Tell(600)),
            (400, Step::Tell(300)),
            (580, Step::Tell(120)),
            (640, Step::Tell(60)),
            (690, Step::Tell(10)),
            (700, Step::Begin),
        ];
        assert_eq!(course(plan(Due::Mono(now(700, 0).mono))), expected);
        assert_eq!(course(plan(Due::Wall(now(0, 1_000_700).wall))), expected);
    }

    #[test]
    fn a_duration_does_not_follow_the_wall_clock_and_a_time_of_the_day_does() {
        let later = now(10, 2_000_000);
        assert_eq!(plan(Due::Mono(now(700, 0).mono)).step(later), Step::Tell(690));
        assert_eq!(plan(Due::Wall(now(0, 1_000_700).wall)).step(later), Step::Begin);
        let back = now(10, 999_999);
        assert_eq!(plan(Due::Wall(now(0, 1_000_700).wall)).step(back), Step::Tell(701));
    }

    #[test]
    fn a_plan_outlives_its_manager() {
        let directory = tempfile::tempdir().unwrap();
        let mut planned = Planned::open(directory.path());
        assert_eq!(planned.plan, None);
        planned.plan = Some(plan(Due::Wall(Wall(5))));
        planned.keep();
        let mut next = Planned::open(directory.path());
        assert_eq!(next.plan, planned.plan);
        assert!(next.forget());
        assert!(!next.forget());
        assert_eq!(Planned::open(directory.path()).plan, None);
        fs::write(&next.file, "nonsense").unwrap();
        assert_eq!(Planned::open(directory.path()).plan, None);
    }

    #[test]
    fn spans_are_in_words() {
        let spans = [1, 59, 60, 61, 300, 3_600, 3_660, 90_000].map(span);
        let words = [
            "1 second",
            "59 seconds",
            "1 minute",
            "1 minute 1 second",
            "5 minutes",
            "1 hour",
            "1 hour 1 minute",
            "1 day 1 hour",
        ];
        assert_eq!(spans, words);
    }
}
