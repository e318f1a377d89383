//! The headline screen: is all well, since when, and what to do where it is not.
//!
//! On a terminal with a heading, glyphs, pods below their units and a footer of next steps; in a pipe the
//! bare rows, one unit a line, so that `awk '{print $1}'` prints names.

use super::age;
use super::rows::unit::pod_cells;
use super::rows::{self, Look, Tabular, ending};
use super::shutdown::machine::words;
use super::style::{Screen, Tone, printable};
use super::table::{Cell, Table};
use crate::control::objects::{Info, LostWith, StateNotSaved, Unit};
use crate::engine::view::Stale;
use crate::unit::model::Kind;

/// What the screen is made from.
#[derive(Debug)]
pub struct Headline<'a> {
    /// supd itself.
    pub info: &'a Info,
    /// All units, in any order.
    pub units: Vec<&'a Unit>,
    /// The last line that the first failing unit has printed.
    pub last_line: Option<String>,
    /// Whether headers are wanted at all.
    pub headers: bool,
}

/// Pods shown below one unit.
const PODS_SHOWN_MAX: usize = 10;
/// Names in a line of the footer.
const NAMES_SHOWN_MAX: usize = 4;
/// Characters of the line that a failing unit printed last.
const QUOTE_CHARACTERS_MAX: usize = 60;

impl Headline<'_> {
    /// The screen as text.
    pub fn render(mut self, screen: Screen, look: Look) -> String {
        self.units.sort_by_key(|unit| (place(unit.status.kind), unit.metadata.name.clone()));
        if !screen.terminal {
            return self.table(screen, look).headers(false).render(screen);
        }
        let table = self.table(screen, look).headers(self.headers);
        let mut text = format!("{}\n", self.heading(screen, look));
        if let Some(words) = self.not_saved(look) {
            text.push_str(&screen.paint(&words, Tone::Failing));
            text.push('\n');
        }
        if let Some(words) = self.planned(look) {
            text.push_str(&screen.paint(&words, Tone::Strong));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&if table.is_empty() { self.nothing() } else { table.render(screen) });
        let footer = self.footer(look);
        if !footer.is_empty() {
            text.push('\n');
            text.push_str(&beside(&footer, screen));
        }
        text
    }

    /// Where there are no units to be shown: why, and nothing else.
    pub fn reason(&self, screen: Screen, look: Look) -> String {
        let warnings = self.info.status.warnings.join("\n");
        match screen.terminal {
            true => format!("{}\n\n{warnings}\n", self.heading(screen, look)),
            false => format!("{warnings}\n"),
        }
    }

    /// `supd 0.3.1 on host7 · running · up 4d 3h · PID 1 · 6 units, 8 pods`
    fn heading(&self, screen: Screen, look: Look) -> String {
        let status = &self.info.status;
        let up = u64::try_from(look.now.0.saturating_sub(status.started_at.0)).unwrap_or(0);
        let name = format!("supd {}", status.version);
        let place = if status.container { " (container)" } else { "" };
        let parts = [
            format!("{} on {}{place}", screen.paint(&name, Tone::Strong), status.host_name),
            status.state.as_str().to_owned(),
            format!("up {}", age::uptime(std::time::Duration::from_secs(up))),
            format!("PID {}", status.pid),
            format!("{}, {}", count(self.units.len(), "unit"), count(status.pods as usize, "pod")),
        ];
        parts.join(screen.either(" · ", " - "))
    }

    /// `state not saved since 12:03:04 (no space left on device); kept in memory until supd ends`
    pub fn not_saved(&self, look: Look) -> Option<String> {
        let StateNotSaved { since, reason, lost_with } = self.info.status.state_not_saved.as_ref()?;
        let (since, reason) = (look.clock(*since), brief(&printable(reason)));
        let whose = match lost_with {
            LostWith::Supd => "supd",
            LostWith::Manager => "supd's manager",
        };
        Some(format!("state not saved since {since} ({reason}); kept in memory until {whose} ends"))
    }

    /// `the machine is switched off at 23:00 (in 4m)`
    pub fn planned(&self, look: Look) -> Option<String> {
        self.info.status.planned_shutdown.as_ref().map(|planned| words(planned, look))
    }

    fn table(&self, screen: Screen, look: Look) -> Table {
        let mut table = Table::with_margin(rows::headers::<Unit>(false), screen.terminal);
        for unit in &self.units {
            table.push(unit.tone(), rows::cells(*unit, look));
            if screen.terminal {
                push_pods(&mut table, unit, screen, look);
            }
        }
        table
    }

    fn nothing(&self) -> String {
        let directories =
            self.info.status.unit_directories.iter().map(|directory| directory.display().to_string());
        let directories: Vec<String> = directories.collect();
        format!(
            "no units in {}\n",
            if directories.is_empty() { "any directory".into() } else { directories.join(", ") }
        )
    }

    /// What is wrong, and the line to type next.
    fn footer(&self, look: Look) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let failing: Vec<&Unit> =
            self.units.iter().copied().filter(|unit| unit.tone() == Tone::Failing).collect();
        if let Some(first) = failing.first() {
            let text = match failing.as_slice() {
                [unit] => format!("1 unit is failing: {}", self.failure(unit, look)),
                several => format!("{} units are failing: {}", several.len(), names(several)),
            };
            lines.push((text, format!("supctl logs {}", first.metadata.name)));
        }
        for (stale, words) in [(Stale::Changed, "changed on disk"), (Stale::Removed, "removed from disk")] {
            let units = self.units.iter().copied().filter(|unit| unit.status.stale == Some(stale));
            let units: Vec<&Unit> = units.collect();
            if let Some(first) = units.first() {
                let file = first.spec.path.file_name().map(|file| file.to_string_lossy().into_owned());
                let one = || file.unwrap_or_else(|| first.metadata.name.clone());
                let whom = if units.len() == 1 { one() } else { names(&units) };
                let next = match stale {
                    Stale::Changed => "supctl apply".to_owned(),
                    Stale::Removed => format!("supctl delete {}", first.metadata.name),
                };
                lines.push((format!("{whom} {words}"), next));
            }
        }
        lines.extend(self.info.status.warnings.iter().map(|warning| (warning.clone(), String::new())));
        lines
    }

    /// `mailer, exit 3 (37s ago): "cannot bind 0.0.0.0:25"`
    fn failure(&self, unit: &Unit, look: Look) -> String {
        let mut text = unit.metadata.name.clone();
        if let Some(exit) = unit.status.last_exit.as_ref().filter(|exit| exit.failed) {
            let ending = match exit.message.as_str() {
                "" => ending(exit.exit_code, exit.exit_signal),
                message => message.to_owned(),
            };
            text += &format!(", {ending} ({} ago)", age::since(exit.finished_at, look.now));
        } else if !unit.status.reason.is_empty() {
            text += &format!(", {}", unit.status.reason);
        }
        if let Some(line) = self.last_line.as_deref().filter(|line| !line.trim().is_empty()) {
            let short: String = line.chars().take(QUOTE_CHARACTERS_MAX).collect();
            let dots = if short.len() < line.len() { "..." } else { "" };
            text += &format!(": \"{short}{dots}\"");
        }
        text
    }
}

/// `… cannot be written: No space left on device (os error 28)` in brief: `no space left on device`.
fn brief(reason: &str) -> String {
    let words = reason.split(" (os error").next().unwrap_or_default();
    let words = words.rsplit(": ").next().unwrap_or_default();
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Services come first, then jobs, cronjobs, targets.
fn place(kind: Kind) -> u8 {
    match kind {
        Kind::Service => 0,
        Kind::Job => 1,
        Kind::CronJob => 2,
        Kind::Target => 3,
    }
}

/// The pods of a service that has several, and those of anything else that has several and is in trouble.
fn push_pods(table: &mut Table, unit: &Unit, screen: Screen, look: Look) {
    let pods = &unit.status.pods;
    let wanted = unit.status.kind == Kind::Service || unit.tone() == Tone::Failing;
    if !wanted || pods.len() < 2 {
        return;
    }
    let total = usize::try_from(unit.status.pod_count).unwrap_or(usize::MAX).max(pods.len());
    let shown = pods.len().min(PODS_SHOWN_MAX);
    for (number, pod) in pods.iter().take(shown).enumerate() {
        let last = number + 1 == total;
        let branch = if last { screen.either("└", "`-") } else { screen.either("├", "|-") };
        table.push(Tone::Plain, pod_cells(pod, branch, look));
    }
    if total > shown {
        let mut cells = vec![Cell::plain(""); rows::headers::<Unit>(false).len()];
        cells[0] = format!("{} {} more", screen.either("└", "`-"), total - shown).into();
        table.push(Tone::Plain, cells);
    }
}

fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

fn names(units: &[&Unit]) -> String {
    let shown = units.iter().take(NAMES_SHOWN_MAX).map(|unit| unit.metadata.name.as_str());
    let text = shown.collect::<Vec<_>>().join(", ");
    match units.len().saturating_sub(NAMES_SHOWN_MAX) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Lines with their commands in a column of their own; on a narrow screen below them.
fn beside(lines: &[(String, String)], screen: Screen) -> String {
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let widest = lines.iter().filter(|(_, command)| !command.is_empty()).map(|(text, _)| width(text)).max();
    let widest = widest.unwrap_or(0);
    let longest = lines.iter().map(|(_, command)| width(command)).max().unwrap_or(0);
    let fits = screen.width.is_none_or(|columns| widest + 4 + longest <= columns);
    let mut text = String::new();
    for (line, command) in lines {
        text.push_str(line);
        if !command.is_empty() {
            let gap = if fits { " ".repeat(widest - width(line) + 4) } else { "\n    ".to_owned() };
            text.push_str(&gap);
            text.push_str(&screen.paint(command, Tone::Strong));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
#[path = "headline_tests.rs"]
mod tests;
