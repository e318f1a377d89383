//! Files that come with a request: `supctl apply -f`, `diff -f`, `delete -f`.
//!
//! A unit file is kept as it is; of a manifest each object is kept as a file of its own, named after the
//! object, whichever file it came in. All files of a request are checked before any is kept, together with
//! what is there already, as if they were applied: so nothing is half applied.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::control::objects::{ApplyFile, ApplyFiles, Cause, ObjectResult, Status, StatusReason};
use crate::control::request::{Answer, Reply};
use crate::engine::event::{Command, Event, OpId};
use crate::unit::diagnostic::{Diagnostic, Severity};
use crate::unit::load::Loaded;
use crate::unit::manifest::{Kind, Pieces, file_name, pieces};
use crate::unit::model::Unit;
use crate::unit::name::UnitName;

use super::Manager;
use super::change::{Sources, cause, plural};

/// One object of a request.
struct Wanted {
    /// For people: `job.batch/pi`, `unit/web`.
    resource: String,
    /// The unit that it is; a ConfigMap or Secret is none.
    unit: Option<UnitName>,
    manifest: bool,
    /// The file in which it is kept.
    file: String,
    text: String,
}

impl Sources {
    /// Loads everything as if these files were applied already. Faults are those of the files, under the
    /// names that they came with.
    fn rehearse(&self, files: &[ApplyFile]) -> io::Result<Loaded> {
        let _ = fs::remove_dir_all(&self.staged);
        fs::create_dir_all(&self.staged)?;
        for (number, file) in files.iter().enumerate() {
            fs::write(self.staged.join(staged_name(number, file)), &file.text)?;
        }
        let paths: Vec<PathBuf> = std::iter::once(self.staged.clone()).chain(self.paths()).collect();
        let staged = self.staged.display().to_string();
        let mut loaded = self.load_from(&paths);
        loaded.faults.retain(|fault| fault.file.starts_with(&staged));
        for fault in &mut loaded.faults {
            let name = fault.file[staged.len()..].trim_start_matches('/').to_owned();
            let file = files.iter().enumerate().find(|(number, file)| staged_name(*number, file) == name);
            fault.file = file.map_or(name, |(_, file)| file.name.clone());
        }
        Ok(loaded)
    }

    /// Keeps what was checked. Each file is put in its place whole.
    fn keep(&self, wanted: &[Wanted]) -> io::Result<()> {
        for object in wanted {
            let staged = self.staged.join("kept");
            fs::write(&staged, &object.text)?;
            fs::rename(&staged, self.applied.join(&object.file))?;
        }
        Ok(())
    }

    /// A file that is kept already and would be another object of the same unit.
    fn rival(&self, object: &Wanted) -> Option<String> {
        let unit = object.unit.as_ref()?;
        let kinds = [
            Kind::Pod,
            Kind::Job,
            Kind::CronJob,
            Kind::Deployment,
            Kind::ReplicaSet,
            Kind::StatefulSet,
            Kind::DaemonSet,
        ];
        let names = kinds.map(|kind| file_name(kind, unit.as_str())).into_iter();
        let mut names = names.chain([format!("{unit}.toml")]).filter(|name| *name != object.file);
        names.find(|name| self.applied.join(name).exists())
    }
}

impl Manager {
    /// Stores, loads and applies files: all, or none.
    pub(super) fn apply_files(&mut self, request: &ApplyFiles) -> Answer {
        let wanted = self.wanted(&request.files)?;
        if request.forget {
            return self.forget_files(&wanted);
        }
        let unwritable = |error: io::Error| {
            let message = format!("the files cannot be kept in the state directory: {error}");
            Status::failure(StatusReason::InternalError, message)
        };
        let loaded = self.sources.rehearse(&request.files).map_err(unwritable)?;
        let faults = &loaded.faults;
        if faults.iter().any(|fault| fault.severity == Severity::Error || self.settings.strict) {
            return Err(refused(faults));
        }
        let units = wanted.iter().filter_map(|object| loaded.get(object.unit.as_ref()?.as_str()));
        let immutable = self.immutable(units);
        if !immutable.is_empty() {
            let message = "nothing was applied: a job that is there cannot be changed so; delete it first";
            return Err(Status::failure(StatusReason::Invalid, message).with_causes(immutable));
        }
        let results = wanted.iter().map(|object| self.compare(object, &loaded, request.diff)).collect();
        let status = |message: String| {
            let causes = faults.iter().map(cause).collect();
            Status::success(message).with_causes(causes)
        };
        let files = plural(request.files.len(), "file");
        if request.dry_run {
            return Ok(Reply::Status(status(format!("{files} would be applied")).with_objects(results)));
        }
        if let Some((object, rival)) = wanted.iter().find_map(|one| Some((one, self.sources.rival(one)?))) {
            let message = format!(
                "nothing was applied: `{}` would take the name of another unit, kept in `{rival}`; delete that one first",
                object.resource
            );
            return Err(Status::failure(StatusReason::Conflict, message));
        }
        self.sources.keep(&wanted).map_err(unwritable)?;
        let results: Vec<ObjectResult> = results;
        let gone: Vec<UnitName> = wanted.into_iter().filter_map(|object| self.gone_job(&object)).collect();
        let reloaded = self.reload(true);
        for unit in gone {
            self.last_op += 1;
            // Nobody waits for this answer: the request has one of its own.
            let op = OpId(self.last_op);
            self.take_in(Event::Command { op, command: Command::Start(unit) });
        }
        match reloaded {
            // The files are good: faults are of others, which stay as they were.
            Err(told) if !self.settings.strict => {
                let message = format!("{files} applied; {}", told.message);
                let told = Status::success(message).with_causes(told.details.causes);
                Ok(Reply::Status(told.with_objects(results)))
            }
            Ok(_) => Ok(Reply::Status(status(format!("{files} applied")).with_objects(results))),
            refused => refused,
        }
    }

    /// What may not change of the jobs that manifests have made, field by field (JVL-007).
    pub(super) fn immutable<'u>(&self, units: impl Iterator<Item = &'u Arc<Unit>>) -> Vec<Cause> {
        let faults = units.flat_map(|unit| {
            let faults = self.engine.refused_change(unit);
            faults.into_iter().map(|fault| (unit.name.to_string(), fault))
        });
        let cause = |(unit, fault): (String, String)| Cause {
            reason: "FieldValueInvalid".to_owned(),
            field: unit,
            message: fault,
        };
        faults.map(cause).collect()
    }

    /// The objects that files have.
    fn wanted(&self, files: &[ApplyFile]) -> Result<Vec<Wanted>, Status> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for file in files {
            if !is_manifest(&file.name) {
                let name = legal_name(&file.name).map_err(|why| {
                    Status::failure(StatusReason::Invalid, format!("`{}`: {why}", file.name))
                })?;
                wanted.push(Wanted {
                    resource: format!("unit/{name}"),
                    unit: Some(name),
                    manifest: false,
                    file: file.name.clone(),
                    text: file.text.clone(),
                });
                continue;
            }
            let Pieces { objects, faults } = pieces(file.text.as_bytes(), Path::new(&file.name));
            if faults.iter().any(|fault| fault.severity == Severity::Error) {
                return Err(refused(&faults));
            }
            wanted.extend(objects.into_iter().map(|piece| Wanted {
                resource: piece.resource(),
                unit: UnitName::parse(&piece.name).ok().filter(|_| !piece.kind.is_config()),
                manifest: true,
                file: piece.file_name(),
                text: piece.text,
            }));
        }
        Ok(wanted)
    }

    /// The unit of a manifest whose job has gone by itself (`ttlSecondsAfterFinished`): for Kubernetes there is
    /// no such Job any more, and applying makes one. A unit file's job is made anew by `start` alone.
    fn gone_job(&self, object: &Wanted) -> Option<UnitName> {
        object.unit.clone().filter(|unit| object.manifest && self.engine.job_has_gone(unit))
    }

    /// What applying an object would be: `created`, `configured` or `unchanged`.
    fn compare(&self, object: &Wanted, loaded: &Loaded, diff: bool) -> ObjectResult {
        let kept = fs::read_to_string(self.sources.applied.join(&object.file)).ok();
        let (old, new, same) = match &object.unit {
            Some(unit) => {
                let (old, new) = (self.engine.unit(unit), loaded.get(unit.as_str()));
                let same = old.map(|unit| unit.hash) == new.map(|unit| unit.hash);
                let old = old.map(|unit| {
                    self.store.version(unit.hash).map_or_else(String::new, |version| version.text)
                });
                (old, loaded.texts.get(unit).cloned().unwrap_or_default(), same)
            }
            None => (kept.clone(), object.text.clone(), kept.as_ref() == Some(&object.text)),
        };
        let result = match (&old, same) {
            (None, _) => "created",
            _ if self.gone_job(object).is_some() => "created",
            (_, true) => "unchanged",
            _ => "configured",
        };
        let secret = object.resource.starts_with("secret/");
        let diff = match diff && result != "unchanged" {
            true if secret => "+ (the data of a Secret is not shown)\n".to_owned(),
            true => super::diff::lines(&old.unwrap_or_default(), &new),
            false => String::new(),
        };
        ObjectResult {
            resource: object.resource.clone(),
            result: result.to_owned(),
            unit: object
                .unit
                .as_ref()
                .map(ToString::to_string)
                .filter(|_| object.manifest || !diff.is_empty()),
            diff,
        }
    }

    /// What was kept of objects goes; units of them are then without a file.
    fn forget_files(&mut self, wanted: &[Wanted]) -> Answer {
        let mut results = Vec::with_capacity(wanted.len());
        for object in wanted {
            let kept = match fs::remove_file(self.sources.applied.join(&object.file)) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => {
                    let message = format!("`{}` cannot be removed: {error}", object.file);
                    return Err(Status::failure(StatusReason::InternalError, message));
                }
            };
            // Its unit goes with its file, but the Job had gone before.
            let gone = self.gone_job(object).is_some();
            let known = object.unit.as_ref().filter(|unit| !gone && self.engine.unit(unit).is_some());
            results.push(ObjectResult {
                resource: object.resource.clone(),
                result: if kept && !gone || known.is_some() { "deleted" } else { "" }.to_owned(),
                unit: known.map(ToString::to_string),
                diff: String::new(),
            });
        }
        // Faults that are left are of others.
        let _ = self.reload(false);
        Ok(Reply::Status(Status::success("forgotten").with_objects(results)))
    }
}

/// Nothing is applied where anything is wrong.
fn refused(faults: &[Diagnostic]) -> Status {
    let status = Status::failure(StatusReason::Invalid, "nothing was applied: there are faults");
    status.with_causes(faults.iter().map(cause).collect())
}

fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending))
}

/// A name under which a file can be checked: a unit's is its name.
fn staged_name(number: usize, file: &ApplyFile) -> String {
    if is_manifest(&file.name) { format!("{number:06}.yaml") } else { file.name.clone() }
}

/// Nothing but `NAME.toml`: the name is part of a path.
fn legal_name(name: &str) -> Result<UnitName, String> {
    let Some(stem) = name.strip_suffix(".toml") else {
        return Err("only unit files (`NAME.toml`) and manifests (`NAME.yaml`) can be applied".to_owned());
    };
    UnitName::parse(stem).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_unit_files_are_kept() {
        assert!(legal_name("web.toml").is_ok() && legal_name("worker@eu.toml").is_ok());
        for bad in ["../web.toml", "a/b.toml", "web.yaml", ".toml", "Web.toml", "web.toml/"] {
            assert!(legal_name(bad).is_err(), "{bad}");
        }
    }
}
