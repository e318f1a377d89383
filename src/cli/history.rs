//! `history`: every run that has ended, and every decision not to run.

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::follow::again;
use super::format::{self, Format, OutputOptions};
use super::logs::{line_count, parse_since};
use super::name::{Noun, Reference};
use super::rows::{self, Look, Tabular};
use super::server::{self, Server};
use super::style::Tone;
use super::subject::Subject;
use super::table::Table;
use super::target::{self, Asker};
use crate::control::client::Client;
use crate::control::objects::{HistoryEntry, List, Time};
use crate::control::past::{About, Past};

/// What `supctl history --help` begins with.
pub const ABOUT: &str = "\
Every run that has ended, and every decision not to run

Oldest first, so that the newest stands above the prompt, as journalctl and kubectl rollout history have it. \
A line is a run of a process (exit 0, exit 3, signal 9 (KILL), OOMKilled, not started, exit status unknown) \
or a time of a cronjob at which nothing was started: missed (it was too late, or a later one ran instead), \
forbidden (the last one was still active), suspended; replaced is a job that was ended for the next one. A \
number behind the word: so many times of the calendar.

CPU is user and system time together. PEAK MEMORY is that of the run's largest process, and never less than \
supd's own spawner has (a few MiB), of which each run is born. -o wide: READ and WRITTEN are bytes read from \
and written to storage, in blocks of 512; what the page cache has is not read, and not every file system \
counts. USER and SYSTEM are the two parts of CPU; SLOT is the time of the calendar. In JSON times are RFC \
3339 and amounts bytes or seconds.

Kept are the newest 1000 lines of each unit, 10000 of all, over restarts of supd and of the machine.";

/// Arguments of `history`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl history backup -n 20\n  supctl history --since 1d -o wide\n\nExit codes: 0 done, 4 no such unit, pod or job, 69 supd cannot be reached"
)]
pub struct Options {
    /// Units, pods or jobs; also those that are gone; or TYPE/NAME
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only the newest; `all` is all [default: all, with -f 10]
    #[arg(short = 'n', long, visible_alias = "lines", alias = "tail", value_name = "N", value_parser = line_count, allow_hyphen_values = true)]
    limit: Option<usize>,
    /// Only what happened since a time, or within a duration
    #[arg(short = 'S', long, value_name = "TIME|DURATION")]
    since: Option<String>,
    /// Only what happened until a time
    #[arg(short = 'U', long, value_name = "TIME|DURATION", conflicts_with = "follow")]
    until: Option<String>,
    /// Newest first
    #[arg(short, long, conflicts_with = "follow")]
    reverse: bool,
    /// Go on with what happens from now on
    #[arg(short, long, visible_alias = "watch", visible_short_alias = 'w')]
    follow: bool,
    #[command(flatten)]
    output: OutputOptions,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
}

/// Entries that are shown before those that come, as journalctl has it.
const BEFORE_FOLLOWING: usize = 10;

/// `supctl history [NAME...]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let time = |text: &Option<String>| text.as_deref().map(parse_since).transpose();
    let limit = options.limit.or(options.follow.then_some(BEFORE_FOLLOWING));
    let mut past = Past {
        since: time(&options.since)?.map(Time::from),
        until: time(&options.until)?.map(Time::from),
        tail: limit.filter(|limit| *limit != usize::MAX),
        ..Past::default()
    };
    let server = Server::connect(context, Asker::Question)?;
    let mut exit = Exit::DONE;
    for name in &options.names {
        match about(&server, name)? {
            Ok(about) => past.about.extend(about),
            Err(failure) => {
                context.complain(&failure);
                exit = exit.and(failure.exit);
            }
        }
    }
    if past.about.is_empty() && !options.names.is_empty() && !options.names.iter().any(|name| name == "all") {
        return Ok(exit);
    }
    // Who wants none of the old ones and follows begins behind the newest all the same.
    let asked = Past { tail: past.tail.map(|tail| tail.max(1)), ..past.clone() };
    let mut entries = entries(&server, &asked)?;
    let newest = entries.last().cloned();
    past.cut(&mut entries);
    if options.reverse {
        entries.reverse();
    }
    let printer = Printer { options, context };
    let table = printer.all(&entries)?;
    if options.follow {
        follow(&server, &past, newest.as_ref(), |entry| printer.one(&table, entry))?;
    }
    Ok(exit)
}

/// Whom a name is about. What is gone is known by its history; `Err`: what nobody has heard of.
fn about(server: &Server, name: &str) -> Result<Result<Vec<About>, Failure>, Failure> {
    let mut found = target::resolve(server, &[name.to_owned()], Asker::Question)?;
    if name == "all" && found.spread {
        return Ok(Ok(Vec::new()));
    }
    let Some(failure) = found.missing.pop() else {
        return Ok(Ok(found.subjects.iter().map(about_subject).collect()));
    };
    let Reference { noun, name } = Reference::parse(name)?;
    let gone = match noun {
        None => About::Any(name),
        Some(Noun::Job) => About::Job(name),
        Some(Noun::Pod) => About::Pod(name),
        Some(Noun::Unit) => About::Unit(name),
        Some(_) => return Ok(Err(failure)),
    };
    let past = Past { about: vec![gone.clone()], tail: Some(1), ..Past::default() };
    Ok(if entries(server, &past)?.is_empty() { Err(failure) } else { Ok(vec![gone]) })
}

fn about_subject(subject: &Subject) -> About {
    let name = subject.name().to_owned();
    match subject {
        Subject::Unit(_) => About::Unit(name),
        Subject::Job(_) => About::Job(name),
        Subject::Pod(_) => About::Pod(name),
    }
}

/// What is asked for, oldest first. A question that was too long for supd was answered with too much.
fn entries(server: &Server, past: &Past) -> Result<Vec<HistoryEntry>, Failure> {
    let mut entries = server.checked(server.client().history(past))?.items;
    past.cut(&mut entries);
    Ok(entries)
}

/// Prints what happens, until nobody reads it. supd's manager may be started anew meanwhile.
fn follow(
    server: &Server,
    past: &Past,
    last: Option<&HistoryEntry>,
    print: impl Fn(&HistoryEntry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut last = last.map(|entry| (entry.status.sequence, entry.status.time));
    let mut unprinted = None;
    let ended = again(|| {
        let client = Client::connect(server.socket())?;
        let after = last.map_or(0, |(sequence, _)| sequence);
        let changes = client.watch_history(&Past { after: Some(after), tail: None, ..past.clone() })?;
        for change in changes {
            let entry = change?.object;
            let (sequence, time) = (entry.status.sequence, entry.status.time);
            // A watch may begin with what it tells next. Low numbers of a later time are another history:
            // supd has lost its state.
            let known = last.is_some_and(|(number, at)| sequence <= number && time <= at);
            if known || !past.includes(entry.mention()) {
                continue;
            }
            last = Some((sequence, time));
            if let Err(failure) = print(&entry) {
                unprinted = Some(failure);
                return Ok(true);
            }
        }
        Ok(false)
    });
    match unprinted {
        Some(failure) => Err(failure),
        None => ended.map_err(|error| server::failure(&error, Asker::Question)),
    }
}

/// How entries are printed.
struct Printer<'a> {
    options: &'a Options,
    context: &'a Context,
}

impl Printer<'_> {
    /// Prints what there is. Returns its table, whose columns those take that come.
    fn all(&self, entries: &[HistoryEntry]) -> Result<Table, Failure> {
        let wide = self.options.output.format() == Format::Wide;
        let mut table = Table::new(rows::headers::<HistoryEntry>(wide)).headers(!self.options.no_headers);
        let look = self.look();
        for entry in entries {
            table.push(Tone::Plain, rows::cells(entry, look));
        }
        let list = || List::mixed(entries.iter().collect());
        let text = match self.options.output.format() {
            Format::Table | Format::Wide if entries.is_empty() => {
                self.context.note("No history found");
                // Who follows needs to know what the columns are.
                if self.options.follow { table.render(self.context.screen) } else { String::new() }
            }
            Format::Table | Format::Wide => table.render(self.context.screen),
            Format::Json if self.options.follow => lines(entries)?,
            Format::Json => format::json(&list())?,
            Format::Yaml if self.options.follow => documents(entries)?,
            Format::Yaml => format::yaml(&list())?,
            Format::JsonLines => lines(entries)?,
            Format::Name => entries.iter().map(name).collect(),
        };
        self.context.print(&text)?;
        Ok(table)
    }

    /// Prints one that has come.
    fn one(&self, above: &Table, entry: &HistoryEntry) -> Result<(), Failure> {
        let text = match self.options.output.format() {
            Format::Table | Format::Wide => {
                above.line_below(&rows::cells(entry, self.look()), self.context.screen)
            }
            Format::Json | Format::JsonLines => format::json_line(entry)?,
            Format::Yaml => documents(std::slice::from_ref(entry))?,
            Format::Name => name(entry),
        };
        self.context.print(&text)
    }

    fn look(&self) -> Look {
        Look { wide: self.options.output.format() == Format::Wide, ..self.context.look() }
    }
}

fn lines(entries: &[HistoryEntry]) -> Result<String, Failure> {
    entries.iter().map(format::json_line).collect()
}

fn documents(entries: &[HistoryEntry]) -> Result<String, Failure> {
    entries.iter().map(|entry| Ok(format!("---\n{}", format::yaml(entry)?))).collect()
}

fn name(entry: &HistoryEntry) -> String {
    format!("{}/{}\n", HistoryEntry::NOUN.singular(), entry.metadata.name)
}
