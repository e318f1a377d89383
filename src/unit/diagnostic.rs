//! A fault of a unit, and how it is shown: where it stands, what it is, how to mend it.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use super::code::Code;
use super::name::UnitName;
use super::source::{Sources, Span};
use crate::limits::{FAULTS_SHOWN_MAX, SOURCE_LINE_WIDTH_MAX};

/// One fault of one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether the unit is refused.
    pub severity: Severity,
    /// The kind of fault; stable.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// The unit, where it is known.
    pub unit: Option<UnitName>,
    /// The file.
    pub file: String,
    /// The place in it; nothing where the file as a whole is meant.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// How to mend it, where that is known.
    pub help: Option<String>,
}

/// Whether a fault refuses the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

/// A place in a file, in characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
    /// How many characters of the line are meant; at least one.
    pub length: usize,
    /// The line, or that part of a long one in which the place is.
    pub text: String,
    /// The column of the first character of `text`; 1 but for long lines.
    pub text_column: usize,
}

/// The faults of one unit or file while it is read.
pub(super) struct Faults<'a> {
    sources: &'a Sources,
    unit: Option<UnitName>,
    list: Vec<Diagnostic>,
    errors: usize,
    hidden: usize,
    spare: Diagnostic,
}

impl Diagnostic {
    /// A fault of a file as a whole.
    pub(super) fn of_file(code: Code, path: &Path, message: impl Into<String>) -> Self {
        Self {
            severity: if code.is_error() { Severity::Error } else { Severity::Warning },
            code,
            message: message.into(),
            unit: None,
            file: path.display().to_string(),
            position: None,
            label: String::new(),
            help: None,
        }
    }

    /// A fault at a place.
    pub(super) fn at(sources: &Sources, span: Span, code: Code, message: impl Into<String>) -> Self {
        let position = Some(sources.position(span));
        Self { position, ..Self::of_file(code, sources.path(span.source), message) }
    }

    /// What stands beside the caret.
    pub(super) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    /// How to mend it.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// The fault as people see it, over several lines, with a line end.
    ///
    /// Whatever the file has in it, nothing but printable text comes out, and long lines are cut to the
    /// part that matters.
    pub fn render(&self, colour: bool) -> String {
        let paint = |style: Style| if colour { style } else { Style::new() };
        let level = paint(match self.severity {
            Severity::Error => AnsiColor::BrightRed.on_default().bold(),
            Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        });
        let bold = paint(Style::new().bold());
        let frame = paint(AnsiColor::BrightBlue.on_default().bold());
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };

        let mut out = String::new();
        // Writing to a String cannot fail, so the results are of no interest.
        let _ =
            writeln!(out, "{level}{word}[{}]{level:#}{bold}: {}{bold:#}", self.code, visible(&self.message));
        let file = visible(&self.file);
        let Some(position) = &self.position else {
            let _ = writeln!(out, "{frame}  -->{frame:#} {file}");
            self.render_help(&mut out, "  ", frame, bold);
            return out;
        };
        let number = position.line.to_string();
        let gutter = " ".repeat(number.len() + 2);
        let _ = writeln!(
            out,
            "{frame}{:w$}-->{frame:#} {file}:{number}:{}",
            "",
            position.column,
            w = number.len() + 1
        );
        let _ = writeln!(out, "{frame}{gutter}|{frame:#}");
        let (text, before, width) = position.window();
        let _ = writeln!(out, "{frame} {number} |{frame:#} {}", text.trim_end());
        let carets = "^".repeat(width);
        let label = visible(&self.label);
        let underline = format!("{carets} {label}");
        let _ =
            writeln!(out, "{frame}{gutter}|{frame:#} {:before$}{level}{}{level:#}", "", underline.trim_end());
        self.render_help(&mut out, &gutter, frame, bold);
        out
    }

    fn render_help(&self, out: &mut String, gutter: &str, frame: Style, bold: Style) {
        let Some(help) = &self.help else { return };
        let mut lines = help.lines();
        let first = visible(lines.next().unwrap_or(""));
        let _ = writeln!(out, "{gutter}{frame}={frame:#} {bold}help{bold:#}: {first}");
        for line in lines {
            let _ = writeln!(out, "{gutter}        {}", visible(line));
        }
    }
}

impl Position {
    /// The part of the line that is shown, with the width of what stands before the caret and of what it
    /// underlines.
    fn window(&self) -> (String, usize, usize) {
        let from = match self.column + self.length <= SOURCE_LINE_WIDTH_MAX {
            true => 1,
            false => self.column.saturating_sub(SOURCE_LINE_WIDTH_MAX / 2).max(self.text_column),
        };
        let mut text = if from > 1 { "…".to_owned() } else { String::new() };
        let (mut before, mut width) = (text.width(), 0);
        let mut shown = text.width();
        for (index, character) in self.text.chars().enumerate().skip(from.saturating_sub(self.text_column)) {
            let piece = visible_character(character);
            let columns = piece.width();
            if shown + columns > SOURCE_LINE_WIDTH_MAX {
                text.push('…');
                break;
            }
            let column = index + self.text_column;
            if column < self.column {
                before += columns;
            } else if column < self.column + self.length {
                width += columns;
            }
            shown += columns;
            text.push_str(&piece);
        }
        (text, before, width.max(1))
    }
}

/// Text in which nothing acts on a terminal.
fn visible(text: &str) -> String {
    text.chars().map(visible_character).collect()
}

fn visible_character(character: char) -> String {
    match character {
        '\t' => " ".to_owned(),
        // Controls, what reorders text, and what cannot be seen at all.
        c if c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
        {
            c.escape_unicode().to_string()
        }
        c if c.width() == Some(0) => c.escape_unicode().to_string(),
        c => c.to_string(),
    }
}

impl<'a> Faults<'a> {
    /// None yet.
    pub(super) fn new(sources: &'a Sources, unit: Option<UnitName>) -> Self {
        let spare = Diagnostic::of_file(Code::TooManyFaults, Path::new(""), "");
        Self { sources, unit, list: Vec::new(), errors: 0, hidden: 0, spare }
    }

    /// Takes in one fault; label and help can be added to what comes back.
    pub(super) fn add(&mut self, span: Span, code: Code, message: impl Into<String>) -> &mut Diagnostic {
        self.errors += usize::from(code.is_error());
        if self.is_full() {
            self.hidden += 1;
            return &mut self.spare;
        }
        let mut fault = Diagnostic::at(self.sources, span, code, message);
        fault.unit.clone_from(&self.unit);
        self.list.push(fault);
        self.list.last_mut().unwrap_or(&mut self.spare)
    }

    /// Whether further ones are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= FAULTS_SHOWN_MAX
    }

    /// How many there are, for [`Self::attribute`].
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// Those from the `since`th on are about this unit.
    pub(super) fn attribute(&mut self, since: usize, unit: &UnitName) {
        for fault in self.list.iter_mut().skip(since) {
            fault.unit.get_or_insert_with(|| unit.clone());
        }
    }

    /// How many of them refuse the unit.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// All of them, with a last one that counts those that are not shown.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        if let Some(last) = self.list.last()
            && self.hidden > 0
        {
            let message = format!("{} more faults are not shown", self.hidden);
            let mut more = Diagnostic::of_file(Code::TooManyFaults, Path::new(&last.file), message);
            more.unit.clone_from(&self.unit);
            self.list.push(more);
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str, start: u32, end: u32) -> Diagnostic {
        let mut sources = Sources::default();
        let source = sources.add("units/backup.toml".into(), text.into());
        Diagnostic::at(&sources, Span { source, start, end }, Code::UnknownKey, "unknown key `x`")
    }

    #[test]
    fn is_laid_out_as_the_unit_format_shows() {
        let mut fault = fault("a = 1\nconcurency = 2\n", 6, 16);
        fault.label("not a key of [cron]").help("did you mean `concurrency`?");
        let expected = "error[E0107]: unknown key `x`\n  --> units/backup.toml:2:1\n   |\n 2 | concurency = 2\n   | ^^^^^^^^^^ not a key of [cron]\n   = help: did you mean `concurrency`?\n";
        assert_eq!(fault.render(false), expected);
        assert!(fault.render(true).contains("\u{1b}["));
    }

    #[test]
    fn is_json_for_programs() {
        let mut fault = fault("a = 1\nconcurency = 2\n", 6, 16);
        fault.unit = UnitName::parse("backup").ok();
        let json = serde_json::to_value(&fault).unwrap();
        let expected = serde_json::json!({
            "severity": "error", "code": "E0107", "message": "unknown key `x`", "unit": "backup",
            "file": "units/backup.toml", "line": 2, "column": 1, "length": 10, "text": "concurency = 2",
            "textColumn": 1, "label": "", "help": null,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn line_numbers_widen_the_frame() {
        let text = format!("{}bad = 1\n", "a = 1\n".repeat(11));
        let start = u32::try_from(text.len() - 8).unwrap();
        let shown = fault(&text, start, start + 3).render(false);
        assert!(
            shown.contains("\n   --> units/backup.toml:12:1\n    |\n 12 | bad = 1\n    | ^^^\n"),
            "{shown}"
        );
    }

    #[test]
    fn nothing_acts_on_the_terminal_and_long_lines_are_cut() {
        let shown = fault("é\u{1b}]0;x\u{7} = \u{202e}1\n", 0, 2).render(false);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
        assert!(shown.contains("é\\u{1b}]0;x"), "{shown}");
        let long = format!("x = \"{}\"", "y".repeat(1_000_000));
        let shown = fault(&long, 4, 1_000_000).render(false);
        assert!(shown.len() < 1000, "{}", shown.len());
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut sources = Sources::default();
        let source = sources.add("a.toml".into(), "x".into());
        let mut faults = Faults::new(&sources, None);
        for _ in 0..FAULTS_SHOWN_MAX + 7 {
            faults.add(Span { source, start: 0, end: 1 }, Code::UnknownKey, "x");
        }
        assert_eq!(faults.errors(), FAULTS_SHOWN_MAX + 7);
        let list = faults.finish();
        assert_eq!(list.len(), FAULTS_SHOWN_MAX + 1);
        assert_eq!(list[FAULTS_SHOWN_MAX].message, "7 more faults are not shown");
    }
}
