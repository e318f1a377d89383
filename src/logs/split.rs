//! From reads of a pipe to lines: what has no newline yet waits, up to the longest line there is.

use std::io::BufRead;

use crate::limits::LOG_LINE_BYTES_MAX;
use crate::logs::line::Tag;

/// The unended line of one stream.
#[derive(Default)]
pub(super) struct Splitter {
    pending: Vec<u8>,
    /// The last part that was given out promised more.
    promised: bool,
}

impl Splitter {
    /// Takes bytes and gives out lines, each as two pieces to be joined. A line longer than
    /// [`LOG_LINE_BYTES_MAX`] is given out in parts.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut emit: impl FnMut(Tag, &[u8], &[u8])) {
        while !bytes.is_empty() {
            let room = LOG_LINE_BYTES_MAX.saturating_sub(self.pending.len());
            // One more than there is room for: a newline there ends a line that just fits.
            let window = &bytes[..bytes.len().min(room + 1)];
            let (tag, taken, passed) = match find_newline(window) {
                Some(at) => (Tag::Full, at, at + 1),
                None if window.len() > room => (Tag::Part, room, room),
                None => {
                    self.pending.extend_from_slice(bytes);
                    return;
                }
            };
            emit(tag, &self.pending, &bytes[..taken]);
            self.promised = tag == Tag::Part;
            if !self.pending.is_empty() {
                // Not cleared but given back: most streams are quiet for most of their life.
                self.pending = Vec::new();
            }
            bytes = &bytes[passed..];
        }
    }

    /// Gives out what waits as a part; its line goes on. For when memory is short, or this process ends.
    pub(super) fn spill(&mut self, mut emit: impl FnMut(Tag, &[u8], &[u8])) {
        if !self.pending.is_empty() {
            emit(Tag::Part, &self.pending, &[]);
            self.pending = Vec::new();
            self.promised = true;
        }
    }

    /// The stream has ended: what waits is a whole line, newline or not.
    pub(super) fn finish(&mut self, mut emit: impl FnMut(Tag, &[u8], &[u8])) {
        if !self.pending.is_empty() || self.promised {
            emit(Tag::Full, &self.pending, &[]);
        }
        *self = Self::default();
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.pending.len()
    }
}

/// The standard library's fast search, which it offers through readers only.
fn find_newline(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let passed = rest.skip_until(b'\n').unwrap_or_default();
    let at = passed.checked_sub(1)?;
    (bytes[at] == b'\n').then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = LOG_LINE_BYTES_MAX;

    /// Feeds `text` in pieces of `step` bytes and returns what comes out.
    fn split(text: &[u8], step: usize) -> Vec<(Tag, Vec<u8>)> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        let mut emit = |tag, a: &[u8], b: &[u8]| lines.push((tag, [a, b].concat()));
        for piece in text.chunks(step) {
            splitter.feed(piece, &mut emit);
            assert!(splitter.waiting() <= MAX);
        }
        splitter.finish(&mut emit);
        lines
    }

    fn lengths(text: &[u8], step: usize) -> Vec<(Tag, usize)> {
        split(text, step).into_iter().map(|(tag, line)| (tag, line.len())).collect()
    }

    #[test]
    fn lines_do_not_depend_on_how_they_came() {
        let text = b"one\n\ntwo\0\xff\nno end";
        for step in 1..=text.len() {
            let lines: Vec<_> = split(text, step).into_iter().map(|(_, line)| line).collect();
            assert_eq!(lines, [&b"one"[..], b"", b"two\0\xff", b"no end"]);
        }
    }

    #[test]
    fn lines_about_as_long_as_the_longest() {
        use Tag::{Full, Part};
        for step in [1, 7, MAX - 1, MAX, MAX + 1, 64 * 1024] {
            for (length, want) in [
                (MAX - 1, vec![(Full, MAX - 1)]),
                (MAX, vec![(Full, MAX)]),
                (MAX + 1, vec![(Part, MAX), (Full, 1)]),
                (2 * MAX, vec![(Part, MAX), (Full, MAX)]),
                (2 * MAX + 1, vec![(Part, MAX), (Part, MAX), (Full, 1)]),
            ] {
                let mut line = vec![b'x'; length];
                assert_eq!(lengths(&line, step), want, "{length} unended, by {step}");
                line.push(b'\n');
                assert_eq!(lengths(&line, step), want, "{length} ended, by {step}");
            }
        }
    }

    #[test]
    fn a_line_of_two_megabytes() {
        let parts = split(&vec![0; 2 << 20], 64 * 1024);
        assert_eq!(parts.len(), (2 << 20) / MAX);
        assert!(parts[..parts.len() - 1].iter().all(|(tag, part)| *tag == Tag::Part && part.len() == MAX));
        assert_eq!(parts[parts.len() - 1].0, Tag::Full);
    }

    #[test]
    fn what_was_spilled_is_ended_by_its_newline() {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        let mut emit = |tag, a: &[u8], b: &[u8]| lines.push((tag, [a, b].concat()));
        splitter.feed(b"half", &mut emit);
        splitter.spill(&mut emit);
        splitter.spill(&mut emit);
        splitter.feed(b"\nnext", &mut emit);
        splitter.spill(&mut emit);
        splitter.finish(&mut emit);
        splitter.finish(&mut emit);
        let parts = [(Tag::Part, "half"), (Tag::Full, ""), (Tag::Part, "next"), (Tag::Full, "")];
        assert_eq!(lines, parts.map(|(tag, text)| (tag, text.as_bytes().to_vec())));
    }
}
