//! Lines of pods on a terminal or in a container's log: each behind the name of its pod, on a terminal in a
//! colour of its own, as `docker compose up` shows them.
//!
//! ```text
//! web-0       | listening on :8080
//! import-0    | 17 records
//! ```

use std::collections::HashMap;

use crate::limits::CONSOLE_NAMES_MAX;
use crate::logs::escape::push_visible;

/// Colours that can be read on light and dark ground: cyan, yellow, green, magenta, blue, then brighter.
const COLOURS: [u8; 10] = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];
/// Names are padded to the longest seen, up to here.
const WIDTH_MAX: usize = 32;

/// How lines are shown.
pub(super) struct Console {
    colour: bool,
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
    pub(super) fn new(terminal: bool, colour: bool) -> Self {
        Self { colour, align: terminal, width: 0, names: HashMap::new(), line: String::new() }
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
}

/// A line of supd's own as it is shown, newline included.
pub(super) fn own_line(text: &[u8], more: &[u8]) -> Vec<u8> {
    let mut line = String::new();
    push_visible(&mut line, &[text, more].concat());
    line.push('\n');
    line.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(console: &mut Console, label: &Label, text: &str) -> String {
        String::from_utf8(console.show(label, text.as_bytes(), b"").to_vec()).unwrap()
    }

    #[test]
    fn in_a_container() {
        let mut console = Console::new(false, false);
        let (web, step) = (console.label("web-0", "main"), console.label("web-0", "migrate"));
        assert_eq!(shown(&mut console, &web, "a\tb"), "web-0 | a\tb\n");
        assert_eq!(shown(&mut console, &step, "\x1b[2J"), "web-0/migrate | \\x1b[2J\n");
        assert_eq!(console.show(&web, b"caf\xc3", b"\xa9"), "web-0 | café\n".as_bytes());
    }

    #[test]
    fn on_a_terminal() {
        let mut console = Console::new(true, true);
        let (web, import) = (console.label("web-0", "main"), console.label("import-17", "main"));
        assert_eq!(shown(&mut console, &web, "x"), "\x1b[36mweb-0     |\x1b[0m x\n");
        assert_eq!(shown(&mut console, &import, "x"), "\x1b[33mimport-17 |\x1b[0m x\n");
        let again = console.label("web-0", "main");
        assert_eq!(shown(&mut console, &again, "x"), "\x1b[36mweb-0     |\x1b[0m x\n");
        let long = console.label(&"l".repeat(63), "main");
        shown(&mut console, &long, "x");
        assert_eq!(console.width, WIDTH_MAX);
    }
}
