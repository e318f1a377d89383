//! `delete`: units, jobs and pods are stopped and forgotten.

use std::collections::BTreeMap;

use super::act::{Blocking, wait_for, wait_saying};
use super::apply::accepted;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::files::{FileOptions, read_all};
use super::goal::Goal;
use super::name::{Query, Reference};
use super::namespace::Namespace;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use crate::control::objects::{ApplyFiles, Job, Pod, Unit};

/// Arguments of `delete`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl delete job/import\n  supctl delete -f job.yaml\n\nExit codes: 0 done, 5 nothing of that name, 69 supd cannot be reached, 124 --timeout ran out"
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
    #[command(flatten)]
    blocking: Blocking,
}

/// `supctl delete NOUN/NAME...`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    let (units, missing) = match options.files.is_empty() {
        true => (BTreeMap::new(), Exit::DONE),
        false => forget(options, context, &server)?,
    };
    let names = match options.files.is_empty() {
        true => names(&options.words)?,
        false => units.keys().map(|unit| format!("unit/{unit}")).collect(),
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
    let mut failures = found.missing;
    let (mut objects, mut pods) = (Vec::new(), Vec::new());
    for subject in found.subjects {
        let name = subject.name();
        let answer = match &subject {
            Subject::Unit(_) => server.client().delete::<Unit>(name),
            Subject::Job(_) => server.client().delete::<Job>(name),
            Subject::Pod(_) => server.client().delete::<Pod>(name),
        };
        match server.checked(answer) {
            Ok(_) if matches!(subject, Subject::Pod(_)) => pods.push(subject),
            Ok(_) => objects.push(subject),
            Err(failure) => failures.push(failure),
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
    let exit = exit.and(wait_for(context, &server, &pods, Goal::Down, &options.blocking)?);
    let line = |name: &str, word: &str| match units.get(name) {
        Some(quoted) => format!("{quoted} {word}"),
        None => format!("{name}: {word}"),
    };
    Ok(exit.and(wait_saying(context, &server, &objects, (Goal::Deleted, &options.blocking), line)?))
}

/// Units that are to be deleted, each with what kubectl calls it: `job.batch "pi"`.
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
