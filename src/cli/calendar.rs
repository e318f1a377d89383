//! `calendar EXPR`: a schedule in words, and its next times; no supd is needed.

use serde::Serialize;

use super::age;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::format::{self, Format, OutputOptions};
use super::style::Tone;
use super::table::Table;
use crate::control::objects::Time;
use crate::limits::CALENDAR_TIMES_MAX;
use crate::unit::calendar::{Dst, Schedule, ScheduleError};

/// Arguments of `calendar`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl calendar '30 2 * * 1-5' --tz Europe/Berlin\n  supctl calendar @daily -n 3 -o json\n\nExit codes: 0 done, 78 the schedule or the zone is wrong"
)]
pub struct Options {
    /// Five or six fields, or @daily and its like, or @every 5m
    #[arg(value_name = "EXPR", required = true)]
    expression: Vec<String>,
    /// An IANA zone; without it: this host's
    #[arg(long, visible_alias = "timezone", value_name = "ZONE")]
    tz: Option<String>,
    /// From when on; without it: from now on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// How many times
    #[arg(short = 'n', long, visible_alias = "iterations", value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    lines: u64,
    /// Hours that daylight saving removes or repeats: once, or literal as in Kubernetes
    #[arg(long, value_name = "RULE", default_value = "once", value_parser = ["once", "literal"])]
    dst: String,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `-o json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    expression: &'a str,
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'a str>,
    dst: &'a str,
    warnings: Vec<String>,
    next: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

/// What is remarkable about one of the times.
#[derive(Debug, Serialize)]
struct Note {
    time: String,
    note: String,
}

/// `supctl calendar EXPR`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let expression = options.expression.join(" ");
    let dst = if options.dst == "literal" { Dst::Literal } else { Dst::Once };
    let from = options.from.as_deref().map_or_else(|| Ok(age::now()), parse_time)?;
    let schedule = Schedule::parse(&expression, options.tz.as_deref(), dst);
    let schedule = schedule.map_err(|error| explain(&expression, &error))?;
    let upcoming = schedule
        .upcoming(from.0, usize::try_from(options.lines).unwrap_or(usize::MAX).min(CALENDAR_TIMES_MAX));
    if matches!(options.output.format(), Format::Json | Format::JsonLines | Format::Yaml) {
        let written = upcoming.iter().map(|time| (schedule.format(time.at), time.note.clone()));
        let (next, notes): (Vec<_>, Vec<_>) = written.unzip();
        let notes =
            next.iter().zip(notes).filter_map(|(time, note)| Some(Note { time: time.clone(), note: note? }));
        let notes = notes.collect();
        let answer = Answer {
            expression: &expression,
            words: schedule.words(),
            time_zone: schedule.zone(),
            dst: &options.dst,
            warnings: schedule.warnings(),
            next,
            notes,
        };
        let text = match options.output.format() {
            Format::Yaml => format::yaml(&answer)?,
            Format::JsonLines => format::json_line(&answer)?,
            _ => format::json(&answer)?,
        };
        context.print(&text)?;
        return Ok(Exit::DONE);
    }
    for warning in schedule.warnings() {
        context.note(&format!("warning: {warning}"));
    }
    let mut text = format!("{}\n", schedule.words());
    if upcoming.is_empty() {
        text.push_str("never\n");
    } else {
        let mut table = Table::new(&["NEXT", "IN", "NOTE"]);
        for time in &upcoming {
            let now = age::now();
            // With `--from` a time may be over.
            let left = if time.at < now.0 { String::new() } else { age::until(Time(time.at), now) };
            table.push(
                Tone::Plain,
                vec![
                    schedule.format(time.at).into(),
                    left.into(),
                    time.note.clone().unwrap_or_default().into(),
                ],
            );
        }
        text.push_str(&table.headers(false).render(context.screen));
    }
    context.print(&text)?;
    Ok(Exit::DONE)
}

/// `2026-11-23`, `2026-11-23 02:30`, RFC 3339, or `@SECONDS`.
pub(super) fn parse_time(text: &str) -> Result<Time, Failure> {
    let seconds = text.strip_prefix('@').and_then(|seconds| seconds.parse().ok()).map(Time);
    let instant = || text.parse::<jiff::Timestamp>().ok().map(|instant| Time(instant.as_second()));
    let civil = || {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        let zoned = civil.to_zoned_datetime(jiff::tz::TimeZone::system()).ok()?;
        Some(Time(zoned.timestamp().as_second()))
    };
    seconds.or_else(instant).or_else(civil).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no time"))
            .hint("write 2026-11-23T02:30:00Z, or 2026-11-23 02:30, or @SECONDS")
    })
}

/// What is wrong, below the place where it is wrong.
fn explain(expression: &str, error: &ScheduleError) -> Failure {
    let mut failure = Failure::new(Exit::CONFIGURATION, error.message.clone());
    if let Some(span) = error.span.as_ref() {
        let before = expression.get(..span.start).map_or(0, unicode_width::UnicodeWidthStr::width);
        let inside = expression.get(span.clone()).map_or(1, unicode_width::UnicodeWidthStr::width);
        failure =
            failure.hint(expression).hint(format!("{}{}", " ".repeat(before), "^".repeat(inside.max(1))));
    }
    match &error.help {
        Some(help) => failure.hint(help.clone()),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        assert_eq!(parse_time("2026-11-23T02:30:00Z"), Ok(Time(1_795_401_000)));
        assert_eq!(parse_time("@12"), Ok(Time(12)));
        assert!(parse_time("2026-11-23 02:30").is_ok() && parse_time("2026-11-23").is_ok());
        assert!(parse_time("soon").is_err_and(|failure| failure.exit == Exit::USAGE));
    }

    #[test]
    fn a_wrong_field_is_pointed_at() {
        let error = Schedule::parse("0 24 * * *", None, Dst::Once).err().unwrap();
        let failure = explain("0 24 * * *", &error);
        assert_eq!(failure.exit, Exit::CONFIGURATION);
        assert_eq!(failure.hints[..2], ["0 24 * * *".to_owned(), "  ^^".to_owned()], "{failure}");
    }
}
