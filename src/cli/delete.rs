//! `delete`: units, jobs and pods are stopped and forgotten.

use std::collections::BTreeMap;

use super::act::{Blocking, wait_saying};
use super::apply::accepted;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::files::{FileOptions, read_all};
use super::goal::Goal;
use super::name::{Noun, Query, Reference};
use super::namespace::Namespace;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use crate::control::objects::{ApplyFiles, DeleteOptions, Job, Pod, Unit};

/// Arguments of `delete`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl delete pod web-0 --grace-period=5\n  supctl delete -f job.yaml\n\nExit codes: 0 done, 5 nothing of that name, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct Options {
    #[command(flatten)]
    namespace: Namespace,
    /// NOUN NAME..., or NOUN/NAME..., or names of units
    #[arg(value_name = "NOUN|NAME", required_unless_present = "filename", conflicts_with = "filename")]
    words: Vec<String>,
    #[command(flatten)]
    files: FileOptions,
    /// What is not there is no failure
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    ignore_not_found: Option<bool>,
    /// More than one object may match a pattern
    #[arg(short, long)]
    yes: bool,
    /// A pod gets no more seconds than these to end; never more than its own
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = grace_period, conflicts_with = "filename")]
    grace_period: Option<Grace>,
    /// The same as --grace-period=1
    #[arg(long, conflicts_with_all = ["filename", "grace_period"])]
    now: bool,
    #[command(flatten)]
    blocking: Blocking,
}

/// kubectl's -1 is the pod's own.
#[derive(Clone, Copy, Debug)]
struct Grace(Option<u64>);

fn grace_period(text: &str) -> Result<Grace, String> {
    match text {
        "-1" => Ok(Grace(None)),
        _ => {
            text.parse().map(|seconds| Grace(Some(seconds))).map_err(|_| "not a number of seconds".to_owned())
        }
    }
}

impl Options {
    /// What a pod's deletion says.
    fn of_pods(&self) -> DeleteOptions {
        let asked = self.grace_period.and_then(|Grace(seconds)| seconds);
        DeleteOptions { grace_period_seconds: asked.or(self.now.then_some(1)), ..DeleteOptions::default() }
    }
}

/// `supctl delete NOUN/NAME...`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    let (mut quoted, missing) = match options.files.is_empty() {
        true => (BTreeMap::new(), Exit::DONE),
        false => forget(options, context, &server)?,
    };
    let names = match options.files.is_empty() {
        true => names(&options.words)?,
        false => quoted.keys().map(|unit| format!("unit/{unit}")).collect(),
    };
    if names.is_empty() {
        return Ok(missing);
    }
    let found = target::resolve(&server, &names, Asker::Action)?;
    if found.spread && !options.yes && options.files.is_empty() {
        let names: Vec<&str> = found.subjects.iter().map(Subject::name).collect();
        return Err(Failure::usage(format!("this deletes {} objects: {}", names.len(), names.join(", ")))
            .hint("to do so: --yes"));
    }
    if options.files.is_empty() {
        quoted = as_written(&Reference::parse_all(&names)?, &found.subjects);
    }
    let mut failures = found.missing;
    let (mut objects, mut pods) = (Vec::new(), Vec::new());
    for subject in found.subjects {
        let name = subject.name();
        let owner = unit_of_bare(&server, &subject)?;
        let answer = match &subject {
            Subject::Unit(_) => server.client().delete::<Unit>(name),
            Subject::Job(_) => server.client().delete::<Job>(name),
            Subject::Pod(_) => server.client().delete_with::<Pod>(name, &options.of_pods()),
        };
        match (server.checked(answer), owner) {
            (Ok(_), Some(unit)) => {
                quoted.insert(name.to_owned(), quote("pod", name));
                objects.push(unit);
            }
            (Ok(_), None) if matches!(subject, Subject::Pod(_)) => pods.push(subject),
            (Ok(_), None) => objects.push(subject),
            (Err(failure), _) => failures.push(failure),
        }
    }
    let mut exit = missing;
    for failure in &failures {
        context.complain(failure);
        exit = exit.and(failure.exit);
    }
    if !options.blocking.waits() {
        for subject in objects.iter().chain(&pods) {
            context.say(&format!("{}: deleting", subject.name()))?;
        }
        return Ok(exit);
    }
    // A pod that has ended may stay as a record for a while.
    let gone = |name: &str, _: &str| format!("{} deleted", quote("pod", name));
    let exit = exit.and(wait_saying(context, &server, &pods, (Goal::Down, &options.blocking), gone)?);
    let line = |name: &str, word: &str| match quoted.get(name) {
        Some(quoted) => format!("{quoted} {word}"),
        None => format!("{name}: {word}"),
    };
    Ok(exit.and(wait_saying(context, &server, &objects, (Goal::Deleted, &options.blocking), line)?))
}

/// The unit of a manifest's Pod, which goes with it.
fn unit_of_bare(server: &Server, subject: &Subject) -> Result<Option<Subject>, Failure> {
    match subject {
        Subject::Pod(pod) if pod.metadata.owner_references.is_empty() => {
            let unit = server.find::<Unit>(pod.status.unit.as_str())?;
            Ok(unit.map(|unit| Subject::Unit(Box::new(unit))))
        }
        _ => Ok(None),
    }
}

/// What kubectl calls the objects whose kind was written: `deployment.apps "web"`. Bare names stay so.
fn as_written(references: &[Reference], subjects: &[Subject]) -> Quoted {
    let quoted = |subject: &Subject| {
        let name = subject.name();
        let meant = references.iter().filter(|reference| reference.matches(name));
        let noun = meant.filter_map(|reference| reference.noun).find(|noun| *noun != Noun::Pod)?;
        Some((name.to_owned(), quote(noun.resource(), name)))
    };
    subjects.iter().filter_map(quoted).collect()
}

fn quote(resource: &str, name: &str) -> String {
    format!("{resource} \"{name}\"")
}

/// Objects that are to be deleted, each with what kubectl calls it: `job.batch "pi"`.
type Quoted = BTreeMap<String, String>;

/// supd forgets what it has kept of files. The units of them, and whether all was there.
fn forget(options: &Options, context: &Context, server: &Server) -> Result<(Quoted, Exit), Failure> {
    let files = read_all(&options.files)?;
    let request = ApplyFiles { files, forget: true, ..ApplyFiles::default() };
    let answer = accepted(context, server.command("apply", &request))?;
    let mut units = Quoted::new();
    let mut exit = Exit::DONE;
    for object in answer.details.objects {
        let quoted = object.resource.replacen('/', " \"", 1) + "\"";
        match (object.unit, object.result.as_str()) {
            (Some(unit), _) => {
                units.insert(unit, quoted);
            }
            (None, "") if options.ignore_not_found == Some(true) => {}
            (None, "") => {
                context.complain(&Failure::new(Exit::NO_UNIT, format!("{quoted} not found")));
                exit = Exit::NO_UNIT;
            }
            (None, _) => context.say(&format!("{quoted} deleted"))?,
        }
    }
    Ok((units, exit))
}

/// kubectl's `pod web-0 web-1` as `pod/web-0 pod/web-1`.
fn names(words: &[String]) -> Result<Vec<String>, Failure> {
    let query = Query::parse(words)?;
    if query.names.is_empty() {
        return Err(Failure::usage("delete what? name each object: supctl delete NOUN/NAME"));
    }
    let written = |reference: &Reference| {
        let noun = reference.noun.or(query.nouns.first().copied());
        noun.map_or_else(|| reference.name.clone(), |noun| format!("{}/{}", noun.singular(), reference.name))
    };
    Ok(query.names.iter().map(written).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_objects_are_named() {
        let read = |line: &str| names(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read("pod web-0 web-1"), Ok(vec!["pod/web-0".to_owned(), "pod/web-1".to_owned()]));
        assert_eq!(read("job/import"), Ok(vec!["job/import".to_owned()]));
        assert_eq!(read("web"), Ok(vec!["web".to_owned()]));
        assert!(read("pods").is_err());
    }
}
