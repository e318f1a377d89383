//! `logs`: what units, pods and jobs have printed.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::age;
use super::calendar::parse_time;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::rows::Look;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use super::time_limit;
use crate::control::objects::{ContainerState, Pod};
use crate::engine::time::Wall;
use crate::logs::discover::{self, Attempts, Wanted};
use crate::logs::escape::visible;
use crate::logs::follow::Follow;
use crate::logs::line::Stream;
use crate::logs::print::{self, Style};
use crate::logs::read::{Entry, LogQuery, read};

/// Arguments of `logs`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl logs -f --tail 20 web\n  supctl logs -p -l app=web --prefix\n\nExit codes: 0 done, 4 no such unit, pod or job, 69 supd cannot be reached, 130 interrupted"
)]
pub struct Options {
    /// Units, pods or jobs
    #[arg(value_name = "NAME", required_unless_present = "selector", conflicts_with = "selector")]
    names: Vec<String>,
    /// Pods with these labels, as of `get`, in place of names; of each the last 10 lines without --tail
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Go on with what is printed from now on
    #[arg(short, long)]
    follow: bool,
    /// Only the last lines; `all` is all. With -l of each process
    #[arg(short = 'n', long, visible_alias = "lines", value_name = "N", value_parser = line_count, allow_hyphen_values = true)]
    tail: Option<usize>,
    /// Only lines since a time, or newer than a duration
    #[arg(short = 'S', long, value_name = "TIME|DURATION")]
    since: Option<String>,
    /// Of the run before the present one
    #[arg(short, long)]
    previous: bool,
    /// The time of each line before it
    #[arg(long, short = 't')]
    timestamps: bool,
    /// The pod's name before each line; on a terminal always so where there are several
    #[arg(long)]
    prefix: bool,
    /// Only lines until a time
    #[arg(short = 'U', long, value_name = "TIME|DURATION")]
    until: Option<String>,
    /// Only lines with this text in them
    #[arg(short, long, value_name = "TEXT")]
    grep: Option<String>,
    /// Only standard output
    #[arg(long, conflicts_with = "stderr")]
    stdout: bool,
    /// Only standard error
    #[arg(long)]
    stderr: bool,
    /// How to print: text, short (with times), json (a line each)
    #[arg(short, long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "cat", "short", "json", "jsonl"], hide_possible_values = true)]
    output: String,
    /// One process of the pod: main, or an init step
    #[arg(short, long, value_name = "PROCESS")]
    container: Option<String>,
    /// For kubectl's hands: without `-c` all are shown
    #[arg(long, hide = true, conflicts_with = "container")]
    all_containers: bool,
    /// For kubectl's hands: all that are selected are read at once
    #[arg(long, hide = true, value_name = "N", requires = "selector")]
    max_log_requests: Option<u32>,
}

/// kubectl shows so many lines of each of several pods that only labels name.
const SELECTED_TAIL: usize = 10;

impl Options {
    fn query(&self) -> Result<LogQuery, Failure> {
        let time = |text: &Option<String>| text.as_deref().map(parse_since).transpose();
        let tail = self.tail.or(self.selector.as_ref().map(|_| SELECTED_TAIL));
        Ok(LogQuery {
            tail: tail.filter(|tail| *tail != usize::MAX),
            tail_of_each: self.selector.is_some(),
            since: time(&self.since)?,
            until: time(&self.until)?,
            stream: match (self.stdout, self.stderr) {
                (true, _) => Some(Stream::Stdout),
                (_, true) => Some(Stream::Stderr),
                _ => None,
            },
            contains: self.grep.clone(),
        })
    }
}

/// `20`; `all` and kubectl's `-1` are all.
pub(super) fn line_count(text: &str) -> Result<usize, String> {
    match text {
        "all" | "-1" => Ok(usize::MAX),
        _ => text.parse().map_err(|_| "not a number of lines, nor `all`".to_owned()),
    }
}

/// `supctl logs NAME...`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let query = options.query()?;
    let server = Server::connect(context, Asker::Question)?;
    let found = match &options.selector {
        Some(selector) => target::labelled(&server, selector)?,
        None => target::resolve(&server, &options.names, Asker::Question)?,
    };
    let mut exit = Exit::DONE;
    for failure in &found.missing {
        context.complain(failure);
        exit = exit.and(failure.exit);
    }
    if found.subjects.is_empty() {
        return Ok(exit);
    }
    if let Some(process) = &options.container {
        check_process(&server, &found.subjects, process)?;
    }
    // Who follows sees what is missing as it comes.
    let place = if options.follow { Place::of(&server)? } else { Place::complete(&server)? };
    let mut wanted = place.wanted(&server, &found.subjects, options.previous)?;
    for wanted in &mut wanted {
        wanted.process = options.container.clone();
    }
    if wanted.is_empty() {
        let names: Vec<&str> = found.subjects.iter().map(Subject::name).collect();
        let what = if options.previous { "no run before the present one" } else { "no pods" };
        return Err(Failure::new(Exit::FAILED, format!("{}: {what}", names.join(", "))));
    }
    let runs = discover::runs(&place.root, &wanted).map_err(|error| place.unreadable(&error))?;
    let several = runs.iter().map(|run| run.pod_dir()).collect::<std::collections::BTreeSet<_>>().len() > 1;
    let style = Style {
        // In a pipe lines are whatever the program printed, unless more was asked for.
        prefix: options.prefix || (context.screen.terminal && (several || found.subjects.len() > 1)),
        timestamps: options.timestamps || options.output == "short",
        raw: !context.screen.terminal,
    };
    let mut printer = Printer { context, style, json: options.output.starts_with("json"), lines: Vec::new() };
    if options.follow {
        follow(&place, wanted, query, &mut printer)?;
        return Ok(exit);
    }
    for entry in read(&place.root, runs, query).map_err(|error| place.unreadable(&error))? {
        printer.put(&entry.map_err(|error| place.unreadable(&error))?)?;
    }
    printer.flush()?;
    Ok(exit)
}

/// A process that none of the pods has will never print anything.
fn check_process(server: &Server, subjects: &[Subject], process: &str) -> Result<(), Failure> {
    let pods: Vec<Pod> = server.list()?;
    let meant = pods.iter().filter(|pod| subjects.iter().any(|subject| belongs(pod, subject)));
    let all = |pod: &'_ Pod| {
        let all = pod.spec.init_containers.iter().chain(&pod.spec.containers);
        all.map(|container| container.name.clone()).collect::<Vec<_>>()
    };
    let mut known: Vec<String> = meant.flat_map(all).collect();
    known.sort_unstable();
    known.dedup();
    if known.is_empty() || known.iter().any(|name| name == process) {
        return Ok(());
    }
    let names: Vec<&str> = subjects.iter().map(Subject::name).collect();
    Err(Failure::new(Exit::NOT_FOUND, format!("{}: there is no process `{process}`", names.join(", ")))
        .hint(format!("processes: {}", known.join(", "))))
}

/// Whether a pod is meant by a name.
fn belongs(pod: &Pod, subject: &Subject) -> bool {
    match subject {
        Subject::Unit(unit) => pod.status.unit.as_str() == unit.metadata.name,
        Subject::Job(job) => pod.status.job.as_deref() == Some(&job.metadata.name),
        Subject::Pod(own) => pod.metadata.uid == own.metadata.uid,
    }
}

/// Goes on until nobody reads any more.
fn follow(
    place: &Place,
    wanted: Vec<Wanted>,
    query: LogQuery,
    printer: &mut Printer<'_>,
) -> Result<(), Failure> {
    let unreadable = |error: io::Error| place.unreadable(&error);
    let mut follow = Follow::open(&place.root, wanted, query).map_err(unreadable)?;
    loop {
        while let Some(entry) = follow.next().map_err(unreadable)? {
            printer.put(&entry)?;
        }
        printer.flush()?;
        if !follow.wait(Some(io::stdout().as_fd())).map_err(unreadable)? {
            return Ok(());
        }
    }
}

/// Lines on their way out, in large pieces.
struct Printer<'c> {
    context: &'c Context,
    style: Style,
    json: bool,
    lines: Vec<u8>,
}

/// A piece of this size is written at once.
const PIECE_BYTES: usize = 64 * 1024;

impl Printer<'_> {
    fn put(&mut self, entry: &Entry) -> Result<(), Failure> {
        if self.json {
            print::write_json(&mut self.lines, entry)?;
        } else {
            print::write_text(&mut self.lines, self.style, entry)?;
        }
        if self.lines.len() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() { Ok(()) } else { self.context.write(&lines) }
    }
}

/// Where the logs are.
struct Place {
    root: PathBuf,
}

impl Place {
    fn of(server: &Server) -> Result<Self, Failure> {
        Ok(Self { root: server.info()?.status.log_directory })
    }

    /// Not before the last lines of whatever has ended are there.
    fn complete(server: &Server) -> Result<Self, Failure> {
        Ok(Self { root: server.logs()?.status.log_directory })
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::new(Exit::FAILED, format!("cannot read the logs in {}: {error}", self.root.display()))
    }

    /// The logs that subjects stand for: a unit's all that are kept, a pod's of its present run, as kubectl
    /// has it; with `previous` of the run before.
    fn wanted(&self, server: &Server, subjects: &[Subject], previous: bool) -> Result<Vec<Wanted>, Failure> {
        let listed = |subject: &Subject| previous || matches!(subject, Subject::Job(_));
        let pods: Vec<Pod> = if subjects.iter().any(listed) { server.list()? } else { Vec::new() };
        let mut wanted = Vec::new();
        for subject in subjects {
            let belongs = |pod: &&Pod| belongs(pod, subject);
            match subject {
                _ if previous => wanted.extend(pods.iter().filter(belongs).filter_map(before)),
                Subject::Unit(unit) => {
                    wanted.push(Wanted { unit: Some(unit.metadata.name.clone()), ..Wanted::default() });
                }
                Subject::Job(_) => {
                    wanted.extend(pods.iter().filter(belongs).map(|pod| of_pod(pod, Attempts::All)))
                }
                Subject::Pod(pod) => wanted.push(of_pod(pod, Attempts::Last)),
            }
        }
        Ok(wanted)
    }
}

fn of_pod(pod: &Pod, attempts: Attempts) -> Wanted {
    let uid = pod.metadata.uid.get(..8).map(str::to_owned);
    Wanted { pod: Some(pod.metadata.name.clone()), uid, attempts, ..Wanted::default() }
}

/// The run before the present one: while main waits for its next start, the one that has just ended.
fn before(pod: &Pod) -> Option<Wanted> {
    let main = pod.main()?;
    let attempt = match &main.state {
        ContainerState::Waiting(_) => main.last_state.terminated.as_ref().map(|_| main.attempt)?,
        ContainerState::Running(_) | ContainerState::Terminated(_) => main.attempt.checked_sub(1)?,
    };
    Some(of_pod(pod, Attempts::Number(attempt)))
}

/// `5m` ago, or since a time.
pub(super) fn parse_since(text: &str) -> Result<Wall, Failure> {
    match time_limit::parse(text) {
        Ok(ago) => Ok(Wall::from_seconds(age::now().0) - ago),
        Err(_) => match parse_time(text) {
            Ok(time) => Ok(Wall::from_seconds(time.0)),
            Err(failure) => Err(failure.hint("or how long ago: 90s, 5m, 2h")),
        },
    }
}

/// The last lines that units, jobs or pods have printed, as `status` shows them. Logs that cannot be read
/// are no reason to show nothing of the rest.
pub fn last_lines(server: &Server, subject: &Subject, count: usize, look: Look) -> Vec<String> {
    let line = |entry: Entry| {
        let time = look.stamp(entry.time);
        let pod = entry.run.pod();
        let stream = if entry.stream == Stream::Stdout { "out" } else { "err" };
        format!("{time} {pod} {stream} | {}", visible(&entry.text))
    };
    entries(server, subject, count).into_iter().map(line).collect()
}

/// The last line of all.
pub fn last_line(server: &Server, subject: &Subject) -> Option<String> {
    entries(server, subject, 1).pop().map(|entry| visible(&entry.text).into_owned())
}

fn entries(server: &Server, subject: &Subject, count: usize) -> Vec<Entry> {
    if count == 0 {
        return Vec::new();
    }
    let Ok(place) = Place::of(server) else { return Vec::new() };
    let Ok(wanted) = place.wanted(server, std::slice::from_ref(subject), false) else { return Vec::new() };
    tail(&place.root, &wanted, count).unwrap_or_default()
}

fn tail(root: &Path, wanted: &[Wanted], count: usize) -> io::Result<Vec<Entry>> {
    let query = LogQuery { tail: Some(count), ..LogQuery::default() };
    read(root, discover::runs(root, wanted)?, query)?.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::ago;
    use super::super::ps::tests::pod;
    use super::*;

    #[test]
    fn the_run_before() {
        let attempt = |pod: &Pod| before(pod).map(|wanted| wanted.attempts);
        let mut running = pod("web-0", json!({"running": {"startedAt": ago(9), "pid": 7}}), true);
        assert_eq!(attempt(&running), Some(Attempts::Number(1)));
        running.status.container_statuses[0].attempt = 0;
        assert_eq!(attempt(&running), None);
        let waiting = pod("web-0", json!({"waiting": {"reason": "CrashLoopBackOff"}}), false);
        assert_eq!(attempt(&waiting), None, "it has never run");
    }

    #[test]
    fn since_when() {
        assert_eq!(parse_since("2026-11-23T02:30:00Z"), Ok(Wall::from_seconds(1_795_401_000)));
        assert!(parse_since("5m").is_ok_and(|since| since < Wall::from_seconds(age::now().0 - 299)));
        assert!(parse_since("later").is_err());
    }

    #[test]
    fn numbers_of_lines() {
        assert_eq!(line_count("20"), Ok(20));
        assert_eq!((line_count("all"), line_count("-1")), (Ok(usize::MAX), Ok(usize::MAX)));
        assert!(line_count("x").is_err());
    }
}
