//! All rows, as a table for people or as data, and the one line that sums them up.

use serde::Serialize;

use super::check::{Check, Group, Status};
use crate::cli::style::{Screen, Tone};
use crate::cli::table::{Cell, Table};

/// What `-o json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    api_version: &'static str,
    kind: &'static str,
    /// supd can work here.
    works: bool,
    summary: Summary,
    groups: Vec<Group>,
}

/// How many rows are so.
#[derive(Debug, Serialize)]
struct Summary {
    yes: usize,
    degraded: usize,
    no: usize,
    none: usize,
}

/// The last column is not made narrower than this, however narrow the terminal is.
const WORDS_COLUMNS_MIN: usize = 30;
/// What stands between two columns.
const GUTTER: usize = 3;

impl Report {
    pub(super) fn new(groups: Vec<Group>) -> Self {
        let count = |status| {
            groups.iter().flat_map(|group| &group.checks).filter(|check| check.status == status).count()
        };
        let [yes, degraded, no, none] = Status::ALL.map(count);
        let summary = Summary { yes, degraded, no, none };
        Self { api_version: "supd/v1", kind: "Doctor", works: no == 0, summary, groups }
    }

    /// supd can work here.
    pub(super) fn works(&self) -> bool {
        self.works
    }

    /// The table, and the line below.
    pub(super) fn table(&self, screen: Screen, headers: bool) -> String {
        let mut table = Table::new(&["CHECK", "STATUS", "WHAT IT MEANS"]).headers(headers);
        let width = screen.width.map(|width| width.saturating_sub(self.left_columns(screen)));
        for group in &self.groups {
            let whose = group.holds_for.as_ref().map(|whose| format!("({whose})")).unwrap_or_default();
            let heading = Cell::toned(group.name, Tone::Strong);
            table.push(Tone::Plain, vec![heading, Cell::plain(""), Cell::plain(whose)]);
            for check in &group.checks {
                let mut lines = wrap(&check.words(), width).into_iter();
                let first = Cell::plain(lines.next().unwrap_or_default());
                table.push(Tone::Plain, vec![name_of(check), status_of(check, screen), first]);
                for line in lines {
                    table.push(Tone::Plain, vec![Cell::plain(""), Cell::plain(""), Cell::plain(line)]);
                }
            }
        }
        format!("{}\n{}\n", table.render(screen), self.summed_up())
    }

    /// `Kernel calls/clone3`, a line each.
    pub(super) fn names(&self) -> String {
        let lines = self
            .groups
            .iter()
            .flat_map(|group| group.checks.iter().map(|check| format!("{}/{}\n", group.name, check.name)));
        lines.collect()
    }

    fn left_columns(&self, screen: Screen) -> usize {
        let rows = || self.groups.iter().flat_map(|group| &group.checks);
        let longest = |cell: &dyn Fn(&Check) -> usize| rows().map(cell).max().unwrap_or(0);
        let names = longest(&|check| name_of(check).width());
        let states = longest(&|check| status_of(check, screen).width());
        names + states + 2 * GUTTER
    }

    fn summed_up(&self) -> String {
        let Summary { yes, degraded, no, none } = self.summary;
        let counts = format!("{yes} yes, {degraded} degraded, {no} no, {none} none");
        let rows = || self.groups.iter().flat_map(|group| &group.checks);
        let missing: Vec<&str> =
            rows().filter(|check| check.status == Status::No).map(|check| check.name.as_ref()).collect();
        match (missing.as_slice(), degraded) {
            ([], 0) => format!("supd can work here, with all that it can do: {counts}"),
            ([], _) => format!("supd can work here, and some of it is degraded: {counts}"),
            (missing, _) => format!("supd cannot work here without {}: {counts}", missing.join(", ")),
        }
    }
}

fn name_of(check: &Check) -> Cell {
    Cell::plain(format!("  {}", check.name))
}

fn status_of(check: &Check, screen: Screen) -> Cell {
    let status = check.status;
    Cell::toned(format!("{} {}", status.glyph(screen.unicode), status.as_str()), status.tone())
}

/// Words in lines of this width; in one line where there is none.
fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    use unicode_width::UnicodeWidthStr;
    let Some(width) = width.map(|width| width.max(WORDS_COLUMNS_MIN)) else { return vec![text.to_owned()] };
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let checks = vec![
            Check::yes("KILL", "processes of other users can be signalled"),
            Check::degraded("SYS_ADMIN", "units with volumes are refused").remedy("`--cap-add SYS_ADMIN`"),
            Check::none("SYS_BOOT", "only the init of a machine needs it"),
        ];
        Report::new(vec![Group::of("Privileges", "supd, user 0".to_owned(), checks)])
    }

    #[test]
    fn a_pipe_gets_a_row_a_line() {
        insta::assert_snapshot!(report().table(Screen::pipe(), true), @r"
        CHECK         STATUS       WHAT IT MEANS
        Privileges                 (supd, user 0)
          KILL        ✓ yes        processes of other users can be signalled
          SYS_ADMIN   ! degraded   units with volumes are refused; to have it: `--cap-add SYS_ADMIN`
          SYS_BOOT    ○ none       only the init of a machine needs it

        supd can work here, and some of it is degraded: 1 yes, 1 degraded, 0 no, 1 none
        ");
    }

    #[test]
    fn a_terminal_gets_whole_words_in_the_last_column() {
        let narrow = Screen { terminal: true, unicode: false, width: Some(60), ..Screen::pipe() };
        insta::assert_snapshot!(report().table(narrow, false), @r"
        Privileges                 (supd, user 0)
          KILL        + yes        processes of other users can be
                                   signalled
          SYS_ADMIN   ! degraded   units with volumes are refused;
                                   to have it: `--cap-add SYS_ADMIN`
          SYS_BOOT    o none       only the init of a machine needs
                                   it

        supd can work here, and some of it is degraded: 1 yes, 1 degraded, 0 no, 1 none
        ");
    }

    #[test]
    fn what_is_needed_and_missing_is_named() {
        let checks = vec![Check::no("memfd_create", "refused"), Check::yes("clone3", "")];
        let report = Report::new(vec![Group::new("Kernel calls", checks)]);
        assert!(!report.works());
        assert!(report.summed_up().starts_with("supd cannot work here without memfd_create: 1 yes"));
        assert_eq!(report.names(), "Kernel calls/memfd_create\nKernel calls/clone3\n");
    }

    #[test]
    fn data_has_the_same() {
        let data = serde_json::to_value(report()).unwrap();
        assert_eq!((&data["kind"], &data["works"]), (&"Doctor".into(), &true.into()));
        assert_eq!(data["groups"][0]["holdsFor"], "supd, user 0");
        assert_eq!(data["groups"][0]["checks"][1]["status"], "degraded");
        assert_eq!(data["groups"][0]["checks"][1]["remedy"], "`--cap-add SYS_ADMIN`");
        assert_eq!(data["summary"]["none"], 1);
    }
}
