//! Colours and glyphs: what a state looks like, and whether the place it is shown at can show it.
//!
//! Colour is never the only sign: the word says it too.

use std::borrow::Cow;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

use crate::logs::escape::visible;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` or `TERM=dumb` says no or `CLICOLOR_FORCE` says yes.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// What standard output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// A person looks at it.
    pub terminal: bool,
    /// Colours are wanted.
    pub color: bool,
    /// More than ASCII can be shown.
    pub unicode: bool,
    /// Columns of the terminal; nothing in a pipe, where nothing is cut.
    pub width: Option<usize>,
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to say about it.
    Plain,
    /// Runs as it should.
    Well,
    /// On its way.
    Moving,
    /// At rest.
    Rest,
    /// Failing.
    Failing,
    /// Done, well.
    Complete,
    /// Held by an operator.
    Suspended,
    /// A heading.
    Strong,
}

impl Screen {
    /// What standard output of this process is.
    pub fn of_stdout(choice: ColorChoice) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let environment = |name: &str| std::env::var(name).ok();
        Self {
            terminal,
            color: colored(choice, terminal, environment),
            unicode: speaks_utf8(environment),
            width: terminal.then(terminal_width).flatten(),
        }
    }

    /// A pipe: plain text, nothing cut.
    pub fn pipe() -> Self {
        Self { terminal: false, color: false, unicode: true, width: None }
    }

    /// The text in the colour of its tone, where colours are shown.
    pub fn paint(self, text: &str, tone: Tone) -> String {
        let style = tone.style();
        if !self.color || text.is_empty() || style == Style::new() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }

    /// The glyph of a tone, in its colour.
    pub fn glyph(self, tone: Tone) -> String {
        self.paint(tone.glyph(self.unicode), tone)
    }

    /// The one that this screen can show.
    pub fn either(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }
}

impl Tone {
    fn glyph(self, unicode: bool) -> &'static str {
        let (pretty, ascii) = match self {
            Self::Plain | Self::Strong => (" ", " "),
            Self::Well => ("●", "*"),
            Self::Moving => ("◐", "~"),
            Self::Rest => ("○", "o"),
            Self::Failing => ("×", "x"),
            Self::Complete => ("✓", "+"),
            Self::Suspended => ("‖", "="),
        };
        if unicode { pretty } else { ascii }
    }

    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Well | Self::Complete => AnsiColor::Green.on_default(),
            Self::Moving => AnsiColor::Yellow.on_default(),
            Self::Rest => Style::new().dimmed(),
            Self::Failing => AnsiColor::Red.on_default().bold(),
            Self::Suspended => AnsiColor::Blue.on_default(),
            Self::Strong => Style::new().bold(),
        }
    }
}

/// Text for one line: what services say of themselves is shown, never obeyed, and moves no column.
pub fn printable(text: &str) -> Cow<'_, str> {
    match visible(text.as_bytes()) {
        shown if shown.contains('\t') => shown.replace('\t', " ").into(),
        shown => shown,
    }
}

/// The same for text of several lines.
pub fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Whether colours are wanted: what was asked for first, then the environment's word, then the place.
fn colored(choice: ColorChoice, terminal: bool, environment: impl Fn(&str) -> Option<String>) -> bool {
    let said = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if said("NO_COLOR") => false,
        ColorChoice::Auto if environment("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0") => true,
        ColorChoice::Auto => terminal && environment("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Whether the locale writes UTF-8. One that says nothing at all (a container without LANG) does not.
fn speaks_utf8(environment: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| environment(name).filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Columns of the terminal that standard output is.
fn terminal_width() -> Option<usize> {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    told.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn colour_is_asked_for_or_forbidden() {
        let auto = ColorChoice::Auto;
        assert!(colored(auto, true, environment(&[("TERM", "xterm")])));
        assert!(!colored(auto, false, environment(&[])));
        assert!(!colored(auto, true, environment(&[("TERM", "dumb")])));
        assert!(!colored(auto, true, environment(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")])));
        assert!(colored(auto, false, environment(&[("CLICOLOR_FORCE", "1")])));
        assert!(!colored(auto, false, environment(&[("CLICOLOR_FORCE", "0")])));
        assert!(colored(ColorChoice::Always, false, environment(&[("NO_COLOR", "1")])));
        assert!(!colored(ColorChoice::Never, true, environment(&[("CLICOLOR_FORCE", "1")])));
    }

    #[test]
    fn control_characters_are_shown_never_sent() {
        assert_eq!(printable("plain – text"), "plain – text");
        assert_eq!(printable("a\u{1b}[2J\tb\n"), "a\\x1b[2J b\\x0a");
        assert_eq!(printable_lines("a\u{7}\nb"), "a\\x07\nb");
    }

    #[test]
    fn glyphs_follow_the_locale() {
        assert!(speaks_utf8(environment(&[("LANG", "de_DE.UTF-8")])));
        assert!(speaks_utf8(environment(&[("LC_ALL", "C.utf8"), ("LANG", "C")])));
        assert!(!speaks_utf8(environment(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])));
        assert!(!speaks_utf8(environment(&[])));
        let tones = [Tone::Well, Tone::Moving, Tone::Rest, Tone::Failing, Tone::Complete, Tone::Suspended];
        let all = |unicode| tones.map(|tone| tone.glyph(unicode)).concat();
        assert_eq!((all(true).as_str(), all(false).as_str()), ("●◐○×✓‖", "*~ox+="));
    }
}
