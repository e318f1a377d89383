//! The texts of a load, and places in them.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::diagnostic::Position;
use crate::limits::SOURCE_LINE_WIDTH_MAX;

/// A piece of one source, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Which source, as [`Sources::add`] numbered it.
    pub(super) source: u32,
    /// First byte.
    pub(super) start: u32,
    /// Byte after the last.
    pub(super) end: u32,
}

/// All texts of a load. A file has at most 1 MiB, so offsets fit into 32 bits.
#[derive(Default)]
pub(super) struct Sources(Vec<Source>);

struct Source {
    path: PathBuf,
    text: String,
    /// YAML: it has no table headers, and its values are no TOML.
    manifest: bool,
    /// Where each line begins; found when the first fault asks.
    lines: OnceCell<Vec<u32>>,
}

impl Sources {
    /// Takes a text in; the number names it from then on.
    pub(super) fn add(&mut self, path: PathBuf, text: String) -> u32 {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let manifest = super::manifest::is_manifest(name);
        self.0.push(Source { path, text, manifest, lines: OnceCell::new() });
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    /// Where the text is from.
    pub(super) fn path(&self, source: u32) -> &Path {
        self.get(source).map_or(Path::new(""), |source| &source.path)
    }

    /// The whole text.
    pub(super) fn text(&self, source: u32) -> &str {
        self.get(source).map_or("", |source| &source.text)
    }

    /// Whether the text is a manifest's.
    pub(super) fn is_manifest(&self, source: u32) -> bool {
        self.get(source).is_some_and(|source| source.manifest)
    }

    /// What stands at a span.
    pub(super) fn slice(&self, span: Span) -> &str {
        self.text(span.source).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The number of the line in which a span begins, from 1.
    pub(super) fn line(&self, span: Span) -> usize {
        self.get(span.source).map_or(1, |source| source.line(span.start))
    }

    /// The line in which a span begins, without its end.
    pub(super) fn line_text(&self, span: Span) -> &str {
        let Some(source) = self.get(span.source) else { return "" };
        let start = source.line_start(span.start) as usize;
        let rest = source.text.get(start..).unwrap_or("");
        rest.lines().next().unwrap_or("")
    }

    /// Whether a span stands in the header of a table: `[job]`.
    pub(super) fn in_header(&self, span: Span) -> bool {
        !self.is_manifest(span.source) && self.line_text(span).trim_start().starts_with('[')
    }

    /// The header of a table as written, where a span stands in one: `[job.backoff]`.
    pub(super) fn header(&self, span: Span) -> &str {
        let line = self.line_text(span).trim_start();
        let close = if line.starts_with("[[") { "]]" } else { "]" };
        line.find(close).map_or(line.trim_end(), |at| &line[..at + close.len()])
    }

    /// For people.
    pub(super) fn position(&self, span: Span) -> Position {
        let line_text = self.line_text(span);
        let line_start = self.get(span.source).map_or(0, |source| source.line_start(span.start));
        let start = ((span.start - line_start) as usize).min(line_text.len());
        let end = (span.end.saturating_sub(line_start) as usize).clamp(start, line_text.len());
        let characters = |from: usize, to: usize| line_text.get(from..to).map_or(0, |t| t.chars().count());
        // A line may have a megabyte, and each of its faults would carry it: what can be shown is enough.
        let before = line_text.get(..start).unwrap_or("").chars().rev().take(SOURCE_LINE_WIDTH_MAX);
        let from = start - before.map(char::len_utf8).sum::<usize>();
        let shown = line_text.get(from..).unwrap_or("").chars().take(2 * SOURCE_LINE_WIDTH_MAX).collect();
        Position {
            line: self.line(span),
            column: characters(0, start) + 1,
            length: characters(start, end).max(1),
            text: shown,
            text_column: characters(0, from) + 1,
        }
    }

    fn get(&self, source: u32) -> Option<&Source> {
        self.0.get(source as usize)
    }
}

impl Source {
    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0)
                .chain(breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)))
                .collect()
        })
    }

    fn line(&self, at: u32) -> usize {
        self.lines().partition_point(|start| *start <= at)
    }

    fn line_start(&self, at: u32) -> u32 {
        self.lines().get(self.line(at) - 1).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_lines_and_columns() {
        let mut sources = Sources::default();
        let source = sources.add("a".into(), "one\r\nzwölf = 12\n".into());
        let span = Span { source, start: 5 + 9, end: 5 + 11 };
        let position = sources.position(span);
        assert_eq!((position.line, position.column, position.length), (2, 9, 2));
        assert_eq!(position.text, "zwölf = 12");
        let end = sources.position(Span { source, start: 17, end: 17 });
        assert_eq!((end.line, end.column, end.length), (3, 1, 1));
    }
}
