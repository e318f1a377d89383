//! From reads of a pipe to lines: what has no newline yet waits, up to the longest line there is. Pure: where
//! it waits is for the caller to say.

use std::io::BufRead;

use crate::limits::LOG_LINE_BYTES_MAX;
use crate::logs::line::Tag;

/// What a stream has that is no whole line yet.
#[derive(Clone, Copy, Default)]
pub(super) struct Unended<'a> {
    /// Its bytes, [`LOG_LINE_BYTES_MAX`] at most.
    pub(super) bytes: &'a [u8],
    /// A part of the line was given out before, which promised more.
    pub(super) promised: bool,
}

/// What is unended afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// What waited before still does, ahead of what came.
    pub(super) kept: bool,
    /// From here on, what came waits.
    pub(super) from: usize,
    /// The last part that was given out promised more.
    pub(super) promised: bool,
}

impl Unended<'_> {
    /// Takes bytes and gives out lines, each as two pieces to be joined. A line longer than
    /// [`LOG_LINE_BYTES_MAX`] is given out in parts.
    pub(super) fn feed(self, bytes: &[u8], mut emit: impl FnMut(Tag, &[u8], &[u8])) -> Rest {
        let mut waiting = self.bytes;
        let mut rest = Rest { kept: !waiting.is_empty(), from: 0, promised: self.promised };
        while rest.from < bytes.len() {
            let room = LOG_LINE_BYTES_MAX.saturating_sub(waiting.len());
            let left = &bytes[rest.from..];
            // One more than there is room for: a newline there ends a line that just fits.
            let window = &left[..left.len().min(room + 1)];
            let (tag, taken, passed) = match find_newline(window) {
                Some(at) => (Tag::Full, at, at + 1),
                None if window.len() > room => (Tag::Part, room, room),
                None => break,
            };
            emit(tag, waiting, &left[..taken]);
            rest = Rest { kept: false, from: rest.from + passed, promised: tag == Tag::Part };
            waiting = &[];
        }
        rest
    }

    /// Gives out what waits, and `bytes` behind it, as a part; its line goes on. For when there is no room to
    /// keep it, or others read on.
    pub(super) fn spill(self, bytes: &[u8], mut emit: impl FnMut(Tag, &[u8], &[u8])) -> Rest {
        let empty = self.bytes.is_empty() && bytes.is_empty();
        if !empty {
            emit(Tag::Part, self.bytes, bytes);
        }
        Rest { kept: false, from: bytes.len(), promised: self.promised || !empty }
    }

    /// The stream has ended: what waits is a whole line, newline or not.
    pub(super) fn finish(self, mut emit: impl FnMut(Tag, &[u8], &[u8])) -> Rest {
        if !self.bytes.is_empty() || self.promised {
            emit(Tag::Full, self.bytes, &[]);
        }
        Rest { kept: false, from: 0, promised: false }
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

    /// What waits between two pieces, as the journal keeps it.
    #[derive(Default)]
    struct Waiting(Vec<u8>, bool);

    impl Waiting {
        fn unended(&self) -> Unended<'_> {
            Unended { bytes: &self.0, promised: self.1 }
        }

        fn apply(&mut self, rest: Rest, bytes: &[u8]) {
            if !rest.kept {
                self.0.clear();
            }
            self.0.extend_from_slice(&bytes[rest.from..]);
            self.1 = rest.promised;
            assert!(self.0.len() <= MAX);
        }
    }

    /// Feeds `text` in pieces of `step` bytes and returns what comes out.
    fn split(text: &[u8], step: usize) -> Vec<(Tag, Vec<u8>)> {
        let mut waiting = Waiting::default();
        let mut lines = Vec::new();
        let mut emit = |tag, a: &[u8], b: &[u8]| lines.push((tag, [a, b].concat()));
        for piece in text.chunks(step) {
            let rest = waiting.unended().feed(piece, &mut emit);
            waiting.apply(rest, piece);
        }
        waiting.unended().finish(&mut emit);
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
        let mut waiting = Waiting::default();
        let mut lines = Vec::new();
        let mut emit = |tag, a: &[u8], b: &[u8]| lines.push((tag, [a, b].concat()));
        for (piece, more) in [("half", ""), ("", ""), ("\nne", "xt")] {
            let rest = waiting.unended().feed(piece.as_bytes(), &mut emit);
            waiting.apply(rest, piece.as_bytes());
            let rest = waiting.unended().spill(more.as_bytes(), &mut emit);
            waiting.apply(rest, more.as_bytes());
        }
        let rest = waiting.unended().finish(&mut emit);
        waiting.apply(rest, b"");
        waiting.unended().finish(&mut emit);
        let parts = [(Tag::Part, "half"), (Tag::Full, ""), (Tag::Part, "next"), (Tag::Full, "")];
        assert_eq!(lines, parts.map(|(tag, text)| (tag, text.as_bytes().to_vec())));
    }
}
