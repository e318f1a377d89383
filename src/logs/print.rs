//! Log entries as people and programs see them.

use std::io::{self, Write};

use serde::Serialize;

use crate::logs::escape::visible;
use crate::logs::line::format_time;
use crate::logs::read::Entry;

/// How entries are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// `[pod/web-0/main] ` before each line, as kubectl has it.
    pub prefix: bool,
    /// The time before each line.
    pub timestamps: bool,
    /// The bytes as they came, whatever a terminal would do with them. For files and pipes only.
    pub raw: bool,
}

/// An entry for programs.
#[derive(Serialize)]
struct Record<'a> {
    time: &'a str,
    pod: &'a str,
    process: &'a str,
    attempt: u32,
    stream: &'a str,
    text: &'a str,
}

/// Writes an entry as one line of text.
pub fn write_text(out: &mut impl Write, style: Style, entry: &Entry) -> io::Result<()> {
    if style.prefix {
        write!(out, "[pod/{}/{}] ", entry.run.pod(), entry.run.process())?;
    }
    if style.timestamps {
        out.write_all(&format_time(entry.time))?;
        out.write_all(b" ")?;
    }
    if style.raw {
        out.write_all(&entry.text)?;
    } else {
        out.write_all(visible(&entry.text).as_bytes())?;
    }
    out.write_all(b"\n")
}

/// Writes an entry as one line of JSON. Bytes that are no text become U+FFFD: JSON has no others.
pub fn write_json(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let time = format_time(entry.time);
    let record = Record {
        time: str::from_utf8(&time).unwrap_or_default(),
        pod: entry.run.pod(),
        process: entry.run.process(),
        attempt: entry.run.attempt(),
        stream: entry.stream.as_str(),
        text: &String::from_utf8_lossy(&entry.text),
    };
    serde_json::to_writer(&mut *out, &record)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::Wall;
    use crate::logs::line::Stream;
    use crate::logs::path::RunPath;
    use std::sync::Arc;

    fn entry() -> Entry {
        let run = RunPath::parse("web_web-0_0000002a/main/3.log").unwrap();
        let text = b"say \"hi\"\t\x1b[31m\xff".to_vec();
        Entry { time: Wall(1), stream: Stream::Stderr, text, run: Arc::new(run) }
    }

    #[test]
    fn as_text() {
        let write = |style| {
            let mut out = Vec::new();
            write_text(&mut out, style, &entry()).unwrap();
            out
        };
        assert_eq!(write(Style::default()), b"say \"hi\"\t\\x1b[31m\\xff\n");
        assert_eq!(write(Style { raw: true, ..Style::default() }), b"say \"hi\"\t\x1b[31m\xff\n");
        assert_eq!(
            write(Style { prefix: true, timestamps: true, raw: false }),
            b"[pod/web-0/main] 1970-01-01T00:00:00.000000001Z say \"hi\"\t\\x1b[31m\\xff\n"
        );
    }

    #[test]
    fn as_json() {
        let mut out = Vec::new();
        write_json(&mut out, &entry()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["text"], "say \"hi\"\t\u{1b}[31m\u{fffd}");
        assert_eq!((&value["pod"], &value["attempt"]), (&"web-0".into(), &3.into()));
        assert!(out.iter().filter(|byte| **byte < b' ').eq([b'\n'].iter()));
    }
}
