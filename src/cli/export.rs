//! `export`: units as manifests for a Kubernetes cluster; no supd is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::format;
use super::name::{Noun, Reference, nearest};
use super::not_yet::quoted;
use super::validate;
use crate::kubernetes::export::{Exported, IMAGE_ANNOTATION, Loss, export, needs_image};
use crate::kubernetes::yaml;
use crate::unit::diagnostic::Severity;
use crate::unit::load::Loaded;
use crate::unit::model::{Kind, Unit};

/// What `--help` says first.
pub const ABOUT: &str = "\
Units as manifests for a Kubernetes cluster; no supd is needed

A service becomes a Deployment (one that is not restarted always: Pods), a job a Job, a cronjob a CronJob.
What Kubernetes cannot say is told on standard error, a line each: unit, key, why; with --strict that is an
error. A cluster runs images: name one with the programs of the units in it.";

/// Arguments of `export`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl export web --image registry.example/web:3 | kubectl apply -f -\n  supctl export --units units/ --image debian:12 --image db=postgres:17 --strict\n\nExit codes: 0 done, 2 no image, 4 no such unit, 78 units are invalid, or --strict and something was lost"
)]
pub struct Options {
    /// Units: NAME, KIND/NAME or a pattern; without any: all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// For whom
    #[arg(long, value_name = "SYSTEM", default_value = "kubernetes", value_parser = ["kubernetes"])]
    to: String,
    /// What the containers run; NAME=IMAGE for one unit. Or the unit's annotation supd.io/image
    #[arg(long, value_name = "[NAME=]IMAGE")]
    image: Vec<String>,
    /// The namespace that the objects name
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    namespace: Option<String>,
    /// A directory of units, as `supd --units`; without any, those supd would read
    #[arg(long, value_name = "DIR")]
    units: Vec<PathBuf>,
    /// A unit file
    #[arg(short, long, value_name = "FILE")]
    filename: Vec<PathBuf>,
    /// What cannot be said is an error
    #[arg(long)]
    strict: bool,
    /// yaml or json
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml", value_parser = ["yaml", "json"])]
    output: String,
}

/// `supctl export [NAME…]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let named: Vec<PathBuf> = options.units.iter().chain(&options.filename).cloned().collect();
    let loaded = validate::check(&named, false)?;
    refuse_faults(&loaded, context)?;
    let units = choose(&loaded, &options.names)?;
    let images = Images::read(&options.image, &units)?;
    let namespace = options.namespace.as_deref();

    let exported: Vec<Exported> = units.iter().map(|unit| export(unit, images.of(unit), namespace)).collect();
    let losses: Vec<&Loss> = exported.iter().flat_map(|one| &one.losses).collect();
    for loss in &losses {
        context.note(&loss.to_string());
    }
    if options.strict && !losses.is_empty() {
        let message = format!("{} cannot be said to Kubernetes", count(losses.len()));
        return Err(Failure::new(Exit::CONFIGURATION, message).hint("without --strict it is left out"));
    }
    let objects: Vec<&Value> = exported.iter().flat_map(|one| &one.objects).collect();
    refuse_twins(&objects)?;
    context.print(&match (options.output.as_str(), objects.as_slice()) {
        ("json", [object]) => format::json(object)?,
        ("json", objects) => format::json(&json!({ "apiVersion": "v1", "kind": "List", "items": objects }))?,
        (_, objects) => yaml::documents(objects.iter().copied()),
    })?;
    Ok(Exit::DONE)
}

/// Half of what was meant is worse than nothing.
fn refuse_faults(loaded: &Loaded, context: &Context) -> Result<(), Failure> {
    for fault in loaded.faults.iter().filter(|fault| fault.severity == Severity::Error) {
        context.complain(&Failure::new(Exit::CONFIGURATION, fault.render(false).trim_end()));
    }
    if loaded.has_errors() {
        return Err(Failure::new(Exit::CONFIGURATION, "units are invalid: nothing was exported"));
    }
    Ok(())
}

/// The units of these names, or all, in the order of their names.
fn choose<'l>(loaded: &'l Loaded, names: &[String]) -> Result<Vec<&'l Arc<Unit>>, Failure> {
    if names.is_empty() {
        return match loaded.units.as_slice() {
            [] => Err(Failure::new(Exit::NOT_FOUND, "there are no units").hint("see: supctl validate")),
            units => Ok(units.iter().collect()),
        };
    }
    let mut chosen = BTreeMap::new();
    for reference in Reference::parse_all(names)? {
        let meant = |unit: &&Arc<Unit>| is_meant(&reference, unit);
        let before = chosen.len();
        chosen.extend(loaded.units.iter().filter(meant).map(|unit| (&unit.name, unit)));
        if chosen.len() == before && !chosen.values().any(|unit| is_meant(&reference, unit)) {
            let known = loaded.units.iter().map(|unit| unit.name.as_str());
            let failure = Failure::new(Exit::NOT_FOUND, format!("there is no unit `{}`", reference.name));
            return Err(match nearest(&reference.name, known).as_slice() {
                [] => failure,
                near => failure.hint(format!("did you mean {}?", quoted(near))),
            });
        }
    }
    Ok(chosen.into_values().collect())
}

fn is_meant(reference: &Reference, unit: &Unit) -> bool {
    let kind = match reference.noun {
        None | Some(Noun::Unit) => true,
        Some(Noun::Service) => unit.kind() == Kind::Service,
        Some(Noun::Job) => unit.kind() == Kind::Job,
        Some(Noun::CronJob) => unit.kind() == Kind::CronJob,
        Some(Noun::Target) => unit.kind() == Kind::Target,
        Some(_) => false,
    };
    kind && reference.matches(unit.name.as_str())
}

/// Which image each unit runs: its own flag, else its annotation, else the flag for all.
struct Images {
    all: Option<String>,
    own: BTreeMap<String, String>,
}

impl Images {
    fn read(flags: &[String], units: &[&Arc<Unit>]) -> Result<Self, Failure> {
        let mut images = Self { all: None, own: BTreeMap::new() };
        for flag in flags {
            let (unit, image) = match flag.split_once('=') {
                Some((unit, image)) => (Some(unit), image),
                None => (None, flag.as_str()),
            };
            if image.is_empty() || image.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
                return Err(Failure::usage(format!("`--image {flag}` names no image")));
            }
            let Some(unit) = unit else {
                images.all = Some(image.to_owned());
                continue;
            };
            if !units.iter().any(|known| known.name.as_str() == unit) {
                return Err(Failure::usage(format!("`--image {flag}`: no unit `{unit}` is exported")));
            }
            images.own.insert(unit.to_owned(), image.to_owned());
        }
        let without = units.iter().filter(|unit| needs_image(unit) && images.of(unit).is_empty());
        let without: Vec<String> = without.map(|unit| unit.name.to_string()).collect();
        match without.as_slice() {
            [] => Ok(images),
            [first, ..] => Err(Failure::usage(format!("which image do {} run?", quoted(&without)))
                .hint(format!("--image IMAGE for all, --image {first}=IMAGE for one,"))
                .hint(format!("or in the unit: annotations = {{ \"{IMAGE_ANNOTATION}\" = \"IMAGE\" }}"))),
        }
    }

    /// The image of a unit; empty where none is named.
    fn of<'a>(&'a self, unit: &'a Unit) -> &'a str {
        let own = self.own.get(unit.name.as_str());
        own.or_else(|| unit.annotations.get(IMAGE_ANNOTATION))
            .or(self.all.as_ref())
            .map_or("", String::as_str)
    }
}

/// `worker@eu` and `worker-eu` have one name there.
fn refuse_twins(objects: &[&Value]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for object in objects {
        let (kind, name) = (object["kind"].as_str(), object["metadata"]["name"].as_str());
        if !seen.insert((kind, name)) {
            let words = [kind, name].map(Option::unwrap_or_default).join(" ");
            return Err(Failure::new(Exit::CONFIGURATION, format!("two units would be the {words}"))
                .hint("rename one of them: an instance's `@` is a `-` there"));
        }
    }
    Ok(())
}

/// A namespace is a DNS label.
fn namespace(text: &str) -> Result<String, String> {
    let body = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = (1..=63).contains(&text.len()) && text.bytes().all(body);
    if label && !text.starts_with('-') && !text.ends_with('-') {
        return Ok(text.to_owned());
    }
    Err("a namespace is lower-case letters, digits and `-`, at most 63".to_owned())
}

fn count(losses: usize) -> String {
    if losses == 1 { "one thing".to_owned() } else { format!("{losses} things") }
}
