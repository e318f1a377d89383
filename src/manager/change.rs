//! Units, from their files to the engine: at the start, on `daemon-reload` and `apply`, and those without a
//! file. What comes with files is `manager::apply`'s.
//!
//! A unit with a fault is left out, and what ran of it stays in force. Faults go to supd's own log, to
//! whoever asked, and stay with `supctl status` until they are mended.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::control::objects::{Cause, RunRequest, Status, StatusReason};
use crate::control::request::{Answer, Reply};
use crate::engine::event::{Command, Event};
use crate::engine::saved::SavedUnit;
use crate::settings::Settings;
use crate::store::UnitFault;
use crate::unit::diagnostic::{Diagnostic, Severity};
use crate::unit::load::{LoadOptions, Loaded, load};
use crate::unit::model::Unit;
use crate::unit::name::UnitName;
use crate::unit::transient::{TransientOptions, read_transient, transient_text};

use super::Manager;
use super::answer::Then;
use super::own_log::EVENTS;
use super::recall::version;

/// Where units come from, and what was wrong with them.
pub(super) struct Sources {
    /// As the user named them, strongest first.
    named: Vec<PathBuf>,
    /// What `supctl apply` keeps; stronger than all of those, since it was asked for last.
    pub(super) applied: PathBuf,
    /// What is being checked before it is kept.
    pub(super) staged: PathBuf,
    /// Why files that are applied could not be kept at the last load, if they could not.
    unkept: Option<String>,
    as_root: bool,
    /// Instances of templates that somebody started, and that no unit asks for.
    instances: BTreeSet<UnitName>,
    /// Of the last load.
    faults: Vec<UnitFault>,
}

impl Sources {
    /// Makes the directory for applied units, as far as that goes.
    pub(super) fn new(settings: &Settings) -> Self {
        let applied = settings.state_dir.join("units");
        let unkept = can_write(&applied).err().map(|error| {
            tracing::warn!("`{}` cannot be written ({error}): {UNKEPT}", applied.display());
            error.to_string()
        });
        Self {
            named: settings.units.clone(),
            staged: settings.state_dir.join("units.staged"),
            applied,
            unkept,
            as_root: nix::unistd::geteuid().is_root(),
            instances: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// All directories, strongest first.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        std::iter::once(&self.applied).chain(&self.named).cloned().collect()
    }

    /// What an operator should know.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.faults.iter().map(|fault| fault.line.clone()).collect();
        if let Some(why) = &self.unkept {
            warnings.push(format!("`{}` could not be written ({why}): {UNKEPT}", self.applied.display()));
        }
        warnings
    }

    /// The disk can be written. If it could not at the last load, that is over.
    pub(super) fn look_again(&mut self) {
        if self.unkept.is_some() {
            self.unkept = can_write(&self.applied).err().map(|error| error.to_string());
        }
    }

    /// Loads all units, and remembers what was wrong with them.
    pub(super) fn load(&mut self) -> Loaded {
        self.unkept = can_write(&self.applied).err().map(|error| error.to_string());
        let loaded = self.load_from(&self.paths());
        self.faults = loaded.faults.iter().map(noted).collect();
        // A fault that several units share is told at one of them; `status` is asked for the others, too.
        let shared = loaded.refused.iter().filter(|name| {
            let file = format!("/{name}.toml:");
            let told = loaded.faults.iter().any(|fault| fault.unit.as_ref() == Some(*name));
            !told && !self.faults.iter().any(|fault| fault.line.contains(&file))
        });
        let shared: Vec<UnitFault> = shared
            .map(|name| {
                let file = format!("{name}.toml");
                let line = format!("{file}: {NOT_LOADED}: a fault of others concerns it");
                UnitFault { line, file, unit: Some(name.clone()), refuses: true }
            })
            .collect();
        self.faults.extend(shared);
        loaded
    }

    /// What a manager before this one knew: what was wrong with its units, and which instances of templates
    /// there are.
    pub(super) fn recall(&mut self, faults: Vec<UnitFault>, units: &[SavedUnit]) {
        self.faults = faults;
        let instances = units.iter().filter(|unit| unit.name.instance().is_some() && !unit.transient);
        self.instances.extend(instances.map(|unit| unit.name.clone()));
    }

    /// Something was refused at the last load.
    pub(super) fn has_refused(&self) -> bool {
        self.faults.iter().any(|fault| fault.refuses)
    }

    pub(super) fn load_from(&self, paths: &[PathBuf]) -> Loaded {
        let instances: Vec<UnitName> = self.instances.iter().cloned().collect();
        load(&LoadOptions {
            paths,
            must_exist: false,
            instances: &instances,
            env: &own_variable,
            as_root: self.as_root,
            look_up: false,
        })
    }
}

impl Manager {
    /// Loads all units anew; with `apply`, what runs is changed to it.
    pub(super) fn reload(&mut self, apply: bool) -> Answer {
        let loaded = self.sources.load();
        log_faults(&loaded.faults);
        let errors = loaded.faults.iter().filter(|fault| fault.severity == Severity::Error).count();
        let causes = loaded.faults.iter().map(cause).collect();
        if self.settings.strict && !loaded.faults.is_empty() {
            let message = "nothing was loaded: there are faults, and supd was started with --strict";
            return Err(Status::failure(StatusReason::Invalid, message).with_causes(causes));
        }
        let act = if apply { "applied" } else { "loaded" };
        let immutable = if apply { self.immutable(loaded.units.iter()) } else { Vec::new() };
        let units = match loaded.units.iter().filter(|unit| apply && self.is_in_force(unit)).count() {
            0 => format!("{} {act}", plural(loaded.units.len(), "unit")),
            same => format!("{} {act}, {same} unchanged", plural(loaded.units.len() - same, "unit")),
        };
        self.take_in_loaded(loaded, apply);
        if !immutable.is_empty() {
            let message = format!("{units}; a job that is there cannot be changed so, and is as it was");
            return Err(Status::failure(StatusReason::Invalid, message).with_causes(immutable));
        }
        if errors > 0 {
            let message = format!("{units}; {}: what has one is left as it was", plural(errors, "fault"));
            return Err(Status::failure(StatusReason::Invalid, message).with_causes(causes));
        }
        Ok(Reply::Status(Status::success(units).with_causes(causes)))
    }

    /// What was refused, and of which nothing of before is in force either: a name, and why.
    pub(super) fn not_loaded(&self) -> Vec<(String, String)> {
        let known = |fault: &UnitFault| match &fault.unit {
            Some(name) => self.engine.unit(name).is_some(),
            None => self.engine.has_of_file(Path::new(&fault.file)),
        };
        let missing = self.sources.faults.iter().filter(|fault| fault.refuses && !known(fault));
        let named = missing.map(|fault| {
            let name = fault.unit.as_ref().map_or_else(|| fault.file.clone(), ToString::to_string);
            (name, format!("{NOT_LOADED}: {}", fault.line))
        });
        named.collect()
    }

    /// Whether a unit is what it was already.
    fn is_in_force(&self, unit: &Unit) -> bool {
        self.engine.unit(&unit.name).is_some_and(|known| known.hash == unit.hash)
    }

    /// HUP.
    pub(super) fn reload_by_signal(&mut self) -> io::Result<()> {
        match self.reload(false) {
            Ok(_) => tracing::info!("units were loaded again; `supctl apply` changes what runs"),
            Err(status) => tracing::warn!("units were loaded again: {}", status.message),
        }
        self.settle()
    }

    /// Tells the engine. What was refused for its faults stays as it was.
    pub(super) fn take_in_loaded(&mut self, loaded: Loaded, apply: bool) {
        self.note_loaded(&loaded);
        self.warn_of_unenforced(loaded.units.iter().map(AsRef::as_ref));
        let mut units = loaded.units;
        units.extend(loaded.refused.iter().filter_map(|name| self.engine.unit(name).cloned()));
        self.take_in(Event::Loaded { units, apply });
        self.store.keep_versions(&self.engine.versions());
    }

    /// Units were loaded: what the next manager has to know of that is to be stored.
    pub(super) fn note_loaded(&mut self, loaded: &Loaded) {
        self.keep_versions(loaded);
        self.commits.mark.unit_faults.clone_from(&self.sources.faults);
    }

    /// A verb names an instance of a template that nobody has asked for before: it is made.
    pub(super) fn load_instance(&mut self, name: &UnitName) -> io::Result<()> {
        if name.instance().is_none() || self.engine.unit(name).is_some() {
            return Ok(());
        }
        self.sources.instances.insert(name.clone());
        let loaded = self.sources.load();
        if loaded.get(name.as_str()).is_none() {
            self.sources.instances.remove(name);
            return Ok(());
        }
        self.take_in_loaded(loaded, false);
        self.settle()
    }

    /// Makes the unit that `supctl run` asks for.
    pub(super) fn run_transient(
        &mut self,
        request: &RunRequest,
        answer: oneshot::Sender<Answer>,
    ) -> io::Result<()> {
        match self.transient(request) {
            Ok((unit, text)) => {
                self.store.put_version(unit.hash, || version(&unit, &text));
                self.wish(Command::Run(unit), Then::Say, answer)
            }
            Err(status) => {
                self.respond(answer, Err(status), false);
                Ok(())
            }
        }
    }

    /// The unit that `supctl run` asks for, with its text.
    fn transient(&self, request: &RunRequest) -> Result<(Arc<Unit>, String), Status> {
        if request.exec.is_empty() {
            return Err(Status::failure(StatusReason::BadRequest, "a command is needed"));
        }
        let properties = properties(request);
        let options = TransientOptions { exec: &request.exec, job: request.job, properties: &properties };
        let name = match &request.name {
            Some(name) => name.clone(),
            None => self.free_name(&request.exec[0])?,
        };
        let made = transient_text(&options).map_err(|fault| vec![*fault]).and_then(|text| {
            let unit = read_transient(&name, &text, &own_variable)?;
            Ok((Arc::new(unit), text))
        });
        made.map_err(|faults| {
            let message = faults.first().map_or_else(String::new, |fault| fault.message.clone());
            Status::failure(StatusReason::Invalid, message).with_causes(faults.iter().map(cause).collect())
        })
    }

    /// A name made from the program's: `sleep`, `sleep-2`.
    fn free_name(&self, program: &str) -> Result<UnitName, Status> {
        let base = Path::new(program).file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let stem: String = base.chars().map(legal).take(40).collect();
        let stem = stem.trim_matches('-');
        let stem = if stem.is_empty() { "run" } else { stem };
        // As many as there can be pods: one of them is free.
        (1..=crate::limits::REPLICAS_MAX)
            .map(|number| if number == 1 { stem.to_owned() } else { format!("{stem}-{number}") })
            .filter_map(|name| UnitName::parse(&name).ok())
            .find(|name| self.engine.unit(name).is_none())
            .ok_or_else(|| {
                Status::failure(StatusReason::Conflict, "all names are taken: give one with --name")
            })
    }
}

/// What stays of a fault until it is mended.
fn noted(found: &Diagnostic) -> UnitFault {
    let (line, file) = (one_line(found), found.file.clone());
    UnitFault { line, file, unit: found.unit.clone(), refuses: found.severity == Severity::Error }
}

/// The keys of a unit that a request stands for.
fn properties(request: &RunRequest) -> Vec<(String, String)> {
    // A JSON string is a TOML string: quoted, so that no text is read as a number or a date.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut properties: Vec<(String, String)> =
        request.env.iter().map(|(name, value)| (format!("env.{name}"), value.replace('$', "$$"))).collect();
    let mut add =
        |key: &str, value: Option<String>| properties.extend(value.map(|value| (key.to_owned(), value)));
    add("user", request.user.clone());
    add("group", request.group.clone());
    let directory = request.working_dir.as_ref();
    add("working_dir", directory.map(|path| quoted(&path.to_string_lossy().replace('$', "$$"))));
    add("restart_policy", request.restart_policy.as_deref().map(quoted));
    add("description", request.description.as_deref().map(quoted));
    let pods = if request.job || request.schedule.is_some() { "job.parallelism" } else { "service.replicas" };
    add(pods, request.replicas.map(|count| count.to_string()));
    add("job.backoff_limit", request.backoff_limit.map(|limit| limit.to_string()));
    add("cron.schedule", request.schedule.as_deref().map(quoted));
    properties
}

/// Into supd's own log, line by line, as `supctl validate` shows them.
pub(super) fn log_faults(faults: &[Diagnostic]) {
    for fault in faults {
        for line in fault.render(false).lines() {
            match fault.severity {
                Severity::Error => tracing::error!(target: EVENTS, "{line}"),
                Severity::Warning => tracing::warn!(target: EVENTS, "{line}"),
            }
        }
    }
}

/// supd's own environment, for `${env:NAME}`.
pub(super) fn own_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(super) fn cause(fault: &Diagnostic) -> Cause {
    let place = fault.position.as_ref().map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
    Cause {
        reason: fault.code.to_string(),
        field: format!("{}{place}", fault.file),
        message: fault.render(false),
    }
}

fn one_line(fault: &Diagnostic) -> String {
    let Cause { reason, field, .. } = cause(fault);
    format!("{field}: {} [{reason}]", fault.message)
}

/// What became of a unit with a fault.
const NOT_LOADED: &str = "not loaded";

/// What follows from that for whoever applies files. What else is lost where the disk cannot be written, the
/// store says.
const UNKEPT: &str = "no files can be applied";

fn can_write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let probe = directory.join(".writable");
    fs::write(&probe, b"")?;
    fs::remove_file(probe)
}

pub(super) fn plural(count: usize, what: &str) -> String {
    match what.split_once(' ') {
        _ if count == 1 => format!("1 {what}"),
        Some((noun, rest)) => format!("{count} {noun}s {rest}"),
        None => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::transient::transient;

    #[test]
    fn a_request_to_run_becomes_the_unit_it_describes() {
        let request = RunRequest {
            exec: vec!["echo".into(), "$HOME".into()],
            job: true,
            env: [("A".to_owned(), "7 $x".to_owned())].into(),
            replicas: Some(3),
            backoff_limit: Some(1),
            description: Some("12".into()),
            working_dir: Some("/srv/a b".into()),
            ..RunRequest::default()
        };
        let properties = properties(&request);
        let options = TransientOptions { exec: &request.exec, job: request.job, properties: &properties };
        let unit = transient(&UnitName::parse("x").unwrap(), &options, &|_| None).unwrap();
        let job = unit.job().unwrap();
        assert_eq!((job.parallelism, job.backoff_limit, unit.description.as_str()), (3, 1, "12"));
        let main = &job.pod.main;
        let expand = |text: &crate::unit::text::Text| text.expand(&|_| String::new());
        assert_eq!(main.exec.iter().map(expand).collect::<Vec<_>>(), ["echo", "$HOME"]);
        assert_eq!(expand(&main.env[0].1), "7 $x");
        assert_eq!(main.working_dir.as_ref().map(expand).as_deref(), Some("/srv/a b"));
    }

    #[test]
    fn a_directory_that_can_be_written_by_now_is_no_warning() {
        let space = tempfile::tempdir().unwrap();
        let state = space.path().join("state");
        fs::write(&state, "no directory yet").unwrap();
        let mut sources = Sources {
            named: Vec::new(),
            staged: state.join("units.staged"),
            applied: state.join("units"),
            unkept: Some("Read-only file system".into()),
            as_root: false,
            instances: BTreeSet::new(),
            faults: Vec::new(),
        };
        sources.look_again();
        assert_eq!(sources.warnings().len(), 1);
        fs::remove_file(&state).unwrap();
        sources.look_again();
        assert!(sources.warnings().is_empty());
    }

    #[test]
    fn counts_in_words() {
        assert_eq!(plural(1, "unit"), "1 unit");
        assert_eq!(plural(2, "fault"), "2 faults");
    }
}
