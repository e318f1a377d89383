//! `events`: what has happened, oldest first, as kubectl shows it.

use super::context::Context;
use super::exit::{Failure, Outcome};
use super::get;
use super::name::{Noun, Reference};
use super::namespace::Namespace;
use super::output::OutputFlags;
use super::server::Server;
use super::target::{self, Asker};

/// Arguments of `events`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl events --for job/import\n  supctl events --types=Warning -w\n\nExit codes: 0 done, 4 nothing of that name, 69 supd cannot be reached"
)]
pub struct Options {
    /// Only about this: NOUN/NAME, or the name of a unit, pod or job
    #[arg(long = "for", value_name = "NAME")]
    about: Option<String>,
    /// Normal or Warning
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only later ones than the one of this number
    #[arg(long, value_name = "N")]
    since_seq: Option<u64>,
    /// Go on with what happens from now on
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    output: OutputFlags,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
    #[command(flatten)]
    namespace: Namespace,
}

/// `supctl events`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let mut fields = Vec::new();
    fields.extend(of_types(&options.types)?);
    if let Some(about) = &options.about {
        fields.push(about_whom(about, context)?);
    }
    let events = get::Options::of_events(get::Events {
        output: options.output.clone(),
        fields: fields.join(","),
        watch: options.watch,
        no_headers: options.no_headers,
        since: options.since_seq,
    });
    get::run(&events, context)
}

/// One type selects; both are all there are.
fn of_types(types: &[String]) -> Result<Option<String>, Failure> {
    let mut known = Vec::new();
    for written in types {
        let word = ["Normal", "Warning"].into_iter().find(|word| word.eq_ignore_ascii_case(written));
        known.push(word.ok_or_else(|| {
            Failure::usage(format!("`{written}` is no type of events")).hint("types: Normal, Warning")
        })?);
    }
    known.dedup();
    Ok(match known.as_slice() {
        [one] => Some(format!("type={one}")),
        _ => None,
    })
}

/// What selects events about an object. All that is about a unit in the end is about the unit; what is gone
/// is known by its events.
fn about_whom(written: &str, context: &Context) -> Result<String, Failure> {
    let Reference { noun, name } = Reference::parse(written)?;
    let noun = match noun {
        Some(noun) => noun,
        None => {
            let server = Server::connect(context, Asker::Question)?;
            let mut found = target::resolve(&server, std::slice::from_ref(&name), Asker::Question)?;
            match (found.subjects.first(), found.missing.pop()) {
                (Some(subject), _) => subject.noun(),
                (None, Some(failure)) => return Err(failure),
                (None, None) => Noun::Unit,
            }
        }
    };
    let kind = match noun {
        Noun::Unit | Noun::Target => return Ok(format!("unit={name}")),
        Noun::Service => "Deployment",
        Noun::Pod => "Pod",
        Noun::Job => "Job",
        Noun::CronJob => "CronJob",
        Noun::Event | Noun::Run | Noun::History => {
            return Err(Failure::usage(format!("there are no events about {}", noun.plural())));
        }
    };
    Ok(format!("involvedObject.kind={kind},involvedObject.name={name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_select() {
        let of = |types: &[&str]| of_types(&types.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["warning"]), Ok(Some("type=Warning".to_owned())));
        assert_eq!(of(&["Normal", "Warning"]), Ok(None));
        assert!(of(&["Odd"]).is_err());
    }
}
