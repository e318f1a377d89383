//! From names to objects: a bare name finds a unit, else a pod, else a job.

use std::collections::BTreeSet;

use super::exit::{Exit, Failure};
use super::name::{Noun, Reference, nearest};
use super::not_yet::quoted;
use super::server::Server;
use super::subject::Subject;
use crate::control::client::Selection;
use crate::control::objects::{Deployment, Job, Pod, Selector, Unit};
use crate::unit::model::Kind;

/// What sort of verb asks: an unknown name has a code of its own for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// `status`, `is-active`, `logs`, …
    Question,
    /// `start`, `stop`, …
    Action,
}

/// What names stand for.
#[derive(Debug, Default)]
pub struct Found {
    /// Objects, each once, in the order of the names.
    pub subjects: Vec<Subject>,
    /// Names that stand for nothing.
    pub missing: Vec<Failure>,
    /// A pattern stood for several.
    pub spread: bool,
}

/// All that names can stand for.
#[derive(Debug, Default)]
pub struct Known {
    /// Units.
    pub units: Vec<Unit>,
    /// Pods.
    pub pods: Vec<Pod>,
    /// Jobs.
    pub jobs: Vec<Job>,
    /// What supd says of files that it refused.
    pub warnings: Vec<String>,
    /// `job/NAME` is the job, not the unit that makes it and outlives it (`ttl_after_finished`).
    pub own_jobs: bool,
}

/// Finds what names stand for. Pods and jobs are asked for only where units are not enough.
pub fn resolve(server: &Server, names: &[String], asker: Asker) -> Result<Found, Failure> {
    resolve_among(server, names, asker, Known::default())
}

/// As [`resolve`], but `job/NAME` is the job itself: its unit is still there when it is gone.
pub fn resolve_jobs(server: &Server, names: &[String], asker: Asker) -> Result<Found, Failure> {
    resolve_among(server, names, asker, Known { own_jobs: true, ..Known::default() })
}

fn resolve_among(
    server: &Server,
    names: &[String],
    asker: Asker,
    mut known: Known,
) -> Result<Found, Failure> {
    let references = Reference::parse_all(names)?;
    known.units = server.list()?;
    let units_are_enough =
        |reference: &Reference| reference.noun != Some(Noun::Pod) && !known.match_units(reference).is_empty();
    if !references.iter().all(units_are_enough) {
        known.pods = server.list()?;
        known.jobs = server.list()?;
        known.warnings = server.info()?.status.warnings;
    }
    Ok(known.find(&references, asker))
}

/// The pods with these labels. That there are none is a failure: nothing was named that could be waited for.
pub fn labelled(server: &Server, selector: &str) -> Result<Found, Failure> {
    Selector::parse(selector).map_err(Failure::usage)?;
    let pods: Vec<Pod> = server.select(Selection { labels: Some(selector), ..Selection::default() })?;
    if pods.is_empty() {
        return Err(Failure::new(Exit::NOT_FOUND, "No resources found")
            .hint("labels of what there is: supctl get pods --show-labels"));
    }
    let subjects = pods.into_iter().map(|pod| Subject::Pod(Box::new(pod))).collect();
    Ok(Found { subjects, ..Found::default() })
}

/// The kind of object of the API that a bare name means: a unit's own, else a pod, else a job. `Err`: what
/// to say where there is none.
pub fn noun_of(server: &Server, name: &str) -> Result<Result<Noun, Failure>, Failure> {
    let mut found = resolve(server, &[name.to_owned()], Asker::Question)?;
    Ok(match (found.subjects.first(), found.missing.pop()) {
        (Some(Subject::Unit(unit)), _) => Ok(match unit.status.kind {
            // A manifest's Pod, of the same name.
            Kind::Service if server.find::<Deployment>(name)?.is_none() => Noun::Pod,
            Kind::Service => Noun::Service,
            Kind::Job => Noun::Job,
            Kind::CronJob => Noun::CronJob,
            Kind::Target => Noun::Target,
        }),
        (Some(subject), _) => Ok(subject.noun()),
        (None, Some(failure)) => Err(failure),
        (None, None) => Ok(Noun::Unit),
    })
}

impl Known {
    /// Finds what references stand for.
    pub fn find(&self, references: &[Reference], asker: Asker) -> Found {
        let mut found = Found::default();
        let mut seen = BTreeSet::new();
        for reference in references {
            let subjects = self.matches(reference);
            if subjects.is_empty() {
                found.missing.push(self.missing(reference, asker));
            }
            found.spread |= subjects.len() > 1;
            for subject in subjects {
                if seen.insert((subject.noun(), subject.name().to_owned())) {
                    found.subjects.push(subject);
                }
            }
        }
        found
    }

    fn matches(&self, reference: &Reference) -> Vec<Subject> {
        let units = self.match_units(reference);
        if !units.is_empty() {
            return units.into_iter().map(|unit| Subject::Unit(Box::new(unit.clone()))).collect();
        }
        let pods = self.pods.iter().filter(|pod| reference.matches(&pod.metadata.name));
        let pods: Vec<Subject> = pods.map(|pod| Subject::Pod(Box::new(pod.clone()))).collect();
        let jobs = self.jobs.iter().filter(|job| reference.matches(&job.metadata.name));
        let jobs: Vec<Subject> = jobs.map(|job| Subject::Job(Box::new(job.clone()))).collect();
        match reference.noun {
            Some(Noun::Pod) => pods,
            Some(Noun::Job) => jobs,
            None if !pods.is_empty() => pods,
            None => jobs,
            Some(_) => Vec::new(),
        }
    }

    /// Units that are meant. supervisord's `all` is every unit, unless one has that name.
    fn match_units(&self, reference: &Reference) -> Vec<&Unit> {
        let of_kind = |unit: &&Unit| match reference.noun {
            None | Some(Noun::Unit) => true,
            Some(Noun::Service) => unit.status.kind == Kind::Service,
            Some(Noun::Job) => unit.status.kind == Kind::Job && !self.own_jobs,
            Some(Noun::CronJob) => unit.status.kind == Kind::CronJob,
            Some(Noun::Target) => unit.status.kind == Kind::Target,
            Some(Noun::Pod | Noun::Event | Noun::Run | Noun::History) => false,
        };
        let named = self.units.iter().filter(of_kind).filter(|unit| reference.matches(&unit.metadata.name));
        let named: Vec<&Unit> = named.collect();
        let all = reference.name == "all" && reference.noun.is_none() && named.is_empty();
        if all { self.units.iter().collect() } else { named }
    }

    /// Why a name stands for nothing: its file was refused, or there is none.
    fn missing(&self, reference: &Reference, asker: Asker) -> Failure {
        let name = &reference.name;
        let of_file = |warning: &&String| {
            let words = warning.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '@'));
            words.into_iter().any(|word| word.strip_suffix(".toml").is_some_and(|stem| stem == name))
        };
        if let Some(warning) = self.warnings.iter().find(of_file) {
            return Failure::new(Exit::INVALID, format!("`{name}` is invalid: {warning}"))
                .hint("see: supctl validate");
        }
        let exit = if asker == Asker::Question { Exit::NOT_FOUND } else { Exit::NO_UNIT };
        let what = reference.noun.map_or("unit, pod or job", Noun::singular);
        let failure = Failure::new(exit, format!("there is no {what} `{name}`"));
        let units = self.units.iter().map(|unit| unit.metadata.name.as_str());
        let pods = self.pods.iter().map(|pod| pod.metadata.name.as_str());
        let jobs = self.jobs.iter().map(|job| job.metadata.name.as_str());
        match nearest(name, units.chain(pods).chain(jobs)).as_slice() {
            [] => failure,
            names => failure.hint(format!("did you mean {}?", quoted(names))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn find(names: &[&str]) -> Found {
        let known = Known {
            units: fixture::units(),
            warnings: vec!["/etc/supd/units/broken.toml:3:1: unknown key `exce`".to_owned()],
            ..Known::default()
        };
        let references: Vec<Reference> = names.iter().map(|name| Reference::parse(name).unwrap()).collect();
        known.find(&references, Asker::Action)
    }

    fn names(found: &Found) -> Vec<&str> {
        found.subjects.iter().map(Subject::name).collect()
    }

    #[test]
    fn bare_names_nouns_and_patterns() {
        assert_eq!(names(&find(&["web", "job/import", "backup.timer", "web"])), ["web", "import", "backup"]);
        assert_eq!(names(&find(&["m*"])), ["mailer", "migrate"]);
        assert_eq!(find(&["all"]).subjects.len(), 7);
        assert!(find(&["m*"]).spread && !find(&["web"]).spread);
        assert!(find(&["job/web"]).subjects.is_empty());
    }

    #[test]
    fn one_unknown_name_does_not_stop_the_others() {
        let found = find(&["mialer", "web"]);
        assert_eq!(names(&found), ["web"]);
        assert_eq!(found.missing[0].exit, Exit::NO_UNIT);
        assert_eq!(found.missing[0].hints, ["did you mean `mailer`?"]);
    }

    #[test]
    fn a_refused_file_is_told_from_none() {
        let found = find(&["broken", "roken"]);
        assert_eq!(found.missing[0].exit, Exit::INVALID);
        assert_eq!(found.missing[1].exit, Exit::NO_UNIT);
    }
}
