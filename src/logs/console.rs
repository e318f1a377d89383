//! Lines of pods on a terminal or in a container's log: each behind the name of its pod, on a terminal in a
//! colour of its own, as `docker compose up` shows them.
//!
//! ```text
//! web-0       | listening on :8080
//! import-0    | 17 records
//! import-0: exited 1
//! ```
//!
//! supd's own lines between them are dimmed, or yellow or red where somebody ought to look.

use std::collections::HashMap;

use crate::limits::CONSOLE_NAMES_MAX;
use crate::logs::escape::push_visible;
use crate::wire::own_log::mark;

/// Colours that can be read on light and dark ground: cyan, green, magenta, blue, then brighter. Yellow and red
/// are for supd itself.
const COLOURS: [u8; 8] = [36, 32, 35, 34, 96, 92, 95, 94];
/// Names are padded to the longest seen, up to here.
const WIDTH_MAX: usize = 32;

/// How lines are shown.
pub(super) struct Console {
    colour: bool,
    /// Whether supd's own lines, on standard error, have colours, too.
    own_colour: bool,
    align: bool,
    width: usize,
    names: HashMap<Box<str>, u8>,
    line: String,
}

/// A name, ready to be put before lines.
pub(super) struct Label {
    name: Box<str>,
    colour: u8,
}

impl Console {
    /// For people at a terminal, or for whatever reads a container's output.
    pub(super) fn new(terminal: bool, colour: bool, own_colour: bool) -> Self {
        Self { colour, own_colour, align: terminal, width: 0, names: HashMap::new(), line: String::new() }
    }

    /// Makes a name known. The same pod name gets the same colour each time.
    pub(super) fn label(&mut self, pod: &str, process: &str) -> Label {
        let known = self.names.len();
        let colour = match self.names.get(pod) {
            Some(colour) => *colour,
            None => {
                let colour = COLOURS[known % COLOURS.len()];
                if known < CONSOLE_NAMES_MAX {
                    self.names.insert(pod.into(), colour);
                }
                colour
            }
        };
        let name = if process == "main" { pod.to_owned() } else { format!("{pod}/{process}") };
        self.width = self.width.max(name.len().min(WIDTH_MAX));
        Label { name: name.into(), colour }
    }

    /// A line as it is shown, newline included. `more` is the second half of `text`.
    pub(super) fn show(&mut self, label: &Label, text: &[u8], more: &[u8]) -> &[u8] {
        self.line.clear();
        if self.colour {
            self.line.push_str("\x1b[");
            self.line.push_str(if label.colour < 90 { "3" } else { "9" });
            self.line.push(char::from(b'0' + label.colour % 10));
            self.line.push('m');
        }
        self.line.push_str(&label.name);
        if self.align {
            for _ in label.name.len()..self.width {
                self.line.push(' ');
            }
        }
        self.line.push_str(if self.colour { " |\x1b[0m " } else { " | " });
        if text.is_empty() {
            push_visible(&mut self.line, more);
        } else {
            // Joined first: a character may have been cut in two.
            push_visible(&mut self.line, &[text, more].concat());
        }
        self.line.push('\n');
        self.line.as_bytes()
    }

    /// A line of supd's own as it is shown, newline included.
    pub(super) fn own(&mut self, text: &[u8], more: &[u8]) -> &[u8] {
        let whole = [text, more].concat();
        let (colour, text) = if self.align { unmarked(&whole) } else { ("", whole.as_slice()) };
        let colour = if self.own_colour { colour } else { "" };
        self.line.clear();
        if self.own_colour {
            // What the terminal echoes for Ctrl-C gives way.
            self.line.push('\r');
        }
        self.line.push_str(colour);
        push_visible(&mut self.line, text);
        self.line.push_str(if colour.is_empty() { "\n" } else { "\x1b[0m\n" });
        self.line.as_bytes()
    }
}

/// A line of supd's own without its mark, and the colour that stands for the mark.
fn unmarked(line: &[u8]) -> (&'static str, &[u8]) {
    const COLOURS_OF_MARKS: [(&str, &str); 4] = [
        (mark::ERROR, "\x1b[31m"),
        (mark::WARNING, "\x1b[33m"),
        (mark::NOTICE, "\x1b[1m"),
        (mark::INFO, "\x1b[2m"),
    ];
    let found = COLOURS_OF_MARKS
        .iter()
        .find_map(|(mark, colour)| line.strip_prefix(mark.as_bytes()).map(|text| (*colour, text)));
    found.unwrap_or(("", line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(console: &mut Console, label: &Label, text: &str) -> String {
        String::from_utf8(console.show(label, text.as_bytes(), b"").to_vec()).unwrap()
    }

    #[test]
    fn in_a_container() {
        let mut console = Console::new(false, false, false);
        let (web, step) = (console.label("web-0", "main"), console.label("web-0", "migrate"));
        assert_eq!(shown(&mut console, &web, "a\tb"), "web-0 | a\tb\n");
        assert_eq!(shown(&mut console, &step, "\x1b[2J"), "web-0/migrate | \\x1b[2J\n");
        assert_eq!(console.show(&web, b"caf\xc3", b"\xa9"), "web-0 | café\n".as_bytes());
    }

    #[test]
    fn on_a_terminal() {
        let mut console = Console::new(true, true, true);
        let (web, import) = (console.label("web-0", "main"), console.label("import-17", "main"));
        assert_eq!(shown(&mut console, &web, "x"), "\x1b[36mweb-0     |\x1b[0m x\n");
        assert_eq!(shown(&mut console, &import, "x"), "\x1b[32mimport-17 |\x1b[0m x\n");
        let again = console.label("web-0", "main");
        assert_eq!(shown(&mut console, &again, "x"), "\x1b[36mweb-0     |\x1b[0m x\n");
        let long = console.label(&"l".repeat(63), "main");
        shown(&mut console, &long, "x");
        assert_eq!(console.width, WIDTH_MAX);
    }

    #[test]
    fn lines_of_supd_itself() {
        let said = |mut console: Console, line: &str| {
            String::from_utf8(console.own(line.as_bytes(), b"").to_vec()).unwrap()
        };
        let colourful = || Console::new(true, true, true);
        assert_eq!(said(colourful(), "<3>error: no"), "\r\x1b[31merror: no\x1b[0m\n");
        assert_eq!(said(colourful(), "<6>web-0: ready"), "\r\x1b[2mweb-0: ready\x1b[0m\n");
        assert_eq!(said(colourful(), "<9>\x1b[2J"), "\r<9>\\x1b[2J\n");
        assert_eq!(said(Console::new(true, true, false), "<4>web-0: exited 1"), "web-0: exited 1\n");
        let in_a_container = "2026-11-23T18:28:45.876477Z  INFO keeper: supd";
        assert_eq!(said(Console::new(false, false, false), in_a_container), format!("{in_a_container}\n"));
    }
}
