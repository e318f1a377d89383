//! From the engine's order to the spawner's plan: variables replaced, environment put together, outputs
//! decided. Nothing is looked up or opened: that is the spawner's work, since it may take for ever.
//!
//! One [`Planner`] is used for all starts, and keeps its buffers: a plan costs a few microseconds.

mod group;
mod volumes;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::engine::event::Label;
use crate::engine::id::{PodUid, RunId};
use crate::engine::time::Wall;
use crate::runtime::probe::Errand;
use crate::unit::model::{Account, CompletionMode, Handler, Kind, ProbeKind, Process, Sink, Unit};
use crate::unit::name::UnitName;
use crate::unit::text::{Text, Variable};
use crate::wire::plan;

/// Where programs are looked for when nobody says.
const PATH_DEFAULT: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What passes from supd's own environment outside of a container; the account's variables only to
/// processes that keep supd's own user (the spawner sets those of another).
const PASSED: [&str; 2] = ["PATH", "LANG"];
const PASSED_ACCOUNT: [&str; 4] = ["HOME", "USER", "LOGNAME", "SHELL"];
/// What was said to supd itself, and would be believed by a process that inherits it.
const WITHHELD: [&str; 6] =
    ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Where supd runs, as far as plans depend on it.
pub struct Surroundings {
    /// As PID 1 of a container: the whole environment passes.
    pub container: bool,
    /// In the foreground: output is shown, too.
    pub foreground: bool,
    /// supd's own environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What cgroups of pods can limit.
    pub controllers: Vec<String>,
}

/// Makes plans.
pub struct Planner {
    container: bool,
    /// What [`Sink::Default`] means here.
    default_output: plan::Output,
    /// Everything that supd was started with, for `env_pass`.
    own: Vec<OwnVariable>,
    controllers: Vec<String>,
    /// The base of a process that keeps supd's user, and of one that doesn't.
    base_same_user: Vec<Vec<u8>>,
    base_other_user: Vec<Vec<u8>>,
    /// The last plan; its buffers are used again.
    plan: plan::Plan,
}

/// A variable of supd's own environment: the length of its name, and `NAME=value`.
struct OwnVariable(usize, Vec<u8>);

/// Which process of which run is planned.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// Its identity.
    pub run: RunId,
    /// What its pod was made from.
    pub unit: &'a Unit,
    /// Names and numbers of its pod.
    pub label: &'a Label,
    /// `${attempt}`.
    pub attempt: u32,
    /// The cgroup of its pod, below those of all units.
    pub group: Option<&'a str>,
}

/// Where the output of a command that joins a pod goes: to descriptors that come along with its Spawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Both to the first: a probe, a hook.
    OnePipe,
    /// Standard output to the first, standard error to the second: `supctl exec`.
    TwoPipes,
}

impl Planner {
    /// A planner for these surroundings.
    pub fn new(surroundings: Surroundings) -> Self {
        let Surroundings { container, foreground, environment, controllers } = surroundings;
        let own: Vec<OwnVariable> = environment
            .into_iter()
            .filter(|(name, _)| !WITHHELD.iter().any(|withheld| name == withheld))
            .map(|(name, value)| {
                let name = name.into_vec();
                OwnVariable(name.len(), [name, value.into_vec()].join(&b'='))
            })
            .collect();
        let passed = |names: &[&str]| -> Vec<Vec<u8>> {
            let passes = |name: &[u8]| names.iter().any(|passed| passed.as_bytes() == name);
            own.iter().filter(|one| container || passes(one.name())).map(|one| one.1.clone()).collect()
        };
        let with_path = |mut base: Vec<Vec<u8>>| {
            if !base.iter().any(|variable| variable.starts_with(b"PATH=")) {
                base.push(PATH_DEFAULT.into());
            }
            base
        };
        let base_other_user = with_path(passed(&PASSED));
        let base_same_user = with_path(passed(&[&PASSED[..], &PASSED_ACCOUNT].concat()));
        let default_output = if container || foreground { plan::Output::Both } else { plan::Output::Log };
        let plan = plan::Plan::default();
        Self { container, default_output, own, controllers, base_same_user, base_other_user, plan }
    }

    /// What cgroups of pods can limit here.
    pub fn controllers(&self) -> &[String] {
        &self.controllers
    }

    /// The plan of a process of a pod, and the path of its log below the log directory (empty: it has
    /// none).
    pub fn process(
        &mut self,
        start: Start<'_>,
        notify_socket: Option<&Path>,
    ) -> Option<(&plan::Plan, String)> {
        let pod = start.unit.pod()?;
        let process = pod.process(usize::from(start.run.process));
        self.common(start, process, &process.exec);
        if let Some(path) = notify_socket {
            self.plan.env.push([b"NOTIFY_SOCKET=", path.as_os_str().as_encoded_bytes()].concat());
        }
        if let Some(Handler::Watchdog(every)) = handler(process, ProbeKind::Liveness) {
            // sd_watchdog_enabled(3). Without WATCHDOG_PID each process of the run may ask.
            self.plan.env.push(format!("WATCHDOG_USEC={}", every.as_micros()).into_bytes());
        }
        self.plan.readiness_fd = readiness_fd(process);
        self.plan.stdout = self.output(pod.logs.stdout);
        self.plan.stderr = self.output(pod.logs.stderr);
        let logged = [self.plan.stdout, self.plan.stderr]
            .iter()
            .any(|output| matches!(output, plan::Output::Log | plan::Output::Both));
        let path = if logged { log_path(start.label, start.run, &process.name) } else { String::new() };
        Some((&self.plan, path))
    }

    /// The plan of a command beside the process with this place in its pod: in its environment and as its
    /// user, or supd itself, which needs neither.
    pub fn joined(
        &mut self,
        start: Start<'_>,
        place: usize,
        command: &Errand,
        joined: Joined,
    ) -> Option<&plan::Plan> {
        let process = start.unit.pod()?.process(place);
        self.common(start, process, &[]);
        let plan = &mut self.plan;
        if let Some(group) = &mut plan.cgroup {
            // A guest: what is set there stays as it is, and its end is nothing to the others.
            group.settings.clear();
            group.owner = false;
        }
        match command {
            Errand::Exec(words) => plan.argv.extend(words.iter().map(|word| word.clone().into_bytes())),
            Errand::Look { arguments, own } => {
                // What the spawner is, whatever has become of its file.
                plan.argv.extend([b"/proc/self/exe".to_vec(), b"look".to_vec()]);
                plan.argv.extend(arguments.iter().map(|word| word.clone().into_bytes()));
                plan.env_files.clear();
                plan.env.clear();
                plan.rlimits.clear();
                // supd's own, at supd's expense.
                plan.cgroup = None;
                plan.working_dir = Some(b"/".to_vec());
                if *own {
                    (plan.user, plan.group, plan.supplementary_groups) = (None, None, None);
                }
            }
        }
        plan.stdout = plan::Output::Given(0);
        plan.stderr = plan::Output::Given(match joined {
            Joined::OnePipe => 0,
            Joined::TwoPipes => 1,
        });
        Some(&self.plan)
    }

    /// What every process of a pod has: program, environment, account, limits; the rest as it is by default.
    fn common(&mut self, start: Start<'_>, process: &Process, command: &[Text]) {
        let Self { container, own, base_same_user, base_other_user, plan, controllers, .. } = self;
        let expand = |text: &Text| expand(text, &start).into_bytes();
        let base = if process.user.is_none() { base_same_user } else { base_other_user };
        // `clone_from` keeps the buffers of the last plan.
        plan.base_env.clone_from(base);
        if !*container {
            let passes =
                |one: &&OwnVariable| process.env_pass.iter().any(|name| name.as_bytes() == one.name());
            plan.base_env.extend(own.iter().filter(passes).map(|one| one.1.clone()));
        }
        plan.argv.clear();
        plan.argv.extend(command.iter().map(expand));
        plan.env_files.clear();
        plan.env_files.extend(
            process
                .env_file
                .iter()
                .map(|file| plan::EnvFile { path: expand(&file.path), optional: file.optional }),
        );
        plan.env.clear();
        for (name, value) in &process.env {
            plan.env.push([name.as_bytes(), b"=", &expand(value)].concat());
        }
        own_variables(&start, process, &mut plan.env);
        plan.working_dir = process.working_dir.as_ref().map(expand);
        plan.user = process.user.as_ref().map(account);
        plan.group = process.group.as_ref().map(account);
        plan.supplementary_groups =
            process.supplementary_groups.as_ref().map(|groups| groups.iter().map(account).collect());
        plan.umask = process.umask;
        plan.rlimits.clear();
        plan.rlimits.extend(
            process.rlimits.iter().map(|limit| plan::Rlimit { resource: limit.resource, value: limit.value }),
        );
        (plan.volumes, plan.mounts) = volumes::volumes(&start, process);
        plan.cgroup = start.group.map(|pod| group::of(pod, start.unit, process, controllers));
        plan.strict = false;
        plan.stdin = plan::Input::Null;
        plan.readiness_fd = None;
        plan.terminal = false;
    }

    fn output(&self, sink: Sink) -> plan::Output {
        match sink {
            Sink::Default => self.default_output,
            Sink::Log => plan::Output::Log,
            Sink::Inherit => plan::Output::Inherit,
            Sink::Both => plan::Output::Both,
            Sink::Null => plan::Output::Null,
        }
    }
}

impl OwnVariable {
    fn name(&self) -> &[u8] {
        &self.1[..self.0]
    }
}

/// The directory of a pod's logs: `<unit>_<pod>_<first 8 of its uid>`.
pub fn log_directory(unit: &UnitName, pod: &str, uid: PodUid) -> String {
    format!("{unit}_{pod}_{}", uid.short())
}

pub(super) fn log_path(label: &Label, run: RunId, process: &str) -> String {
    format!("{}/{process}/{}.log", log_directory(&label.unit, &label.pod, run.pod), run.attempt)
}

/// The variables that every process gets (unit-format, "Environment and variables"): the strongest.
fn own_variables(start: &Start<'_>, process: &Process, env: &mut Vec<Vec<u8>>) {
    let Start { unit, label, attempt, .. } = start;
    let mut push = |name: &str, value: &dyn std::fmt::Display| {
        let mut variable = String::with_capacity(48);
        // Writing to a String does not fail.
        let _ = write!(variable, "{name}={value}");
        env.push(variable.into_bytes());
    };
    push("SUPD_UNIT", &unit.name);
    push("SUPD_POD", &label.pod);
    push("SUPD_PROCESS", &process.name);
    push("SUPD_ATTEMPT", attempt);
    if let Some(ordinal) = label.ordinal {
        match unit.job().map(|job| job.mode) {
            Some(CompletionMode::Indexed) => push("JOB_COMPLETION_INDEX", &ordinal),
            None if unit.kind() == Kind::Service => push("SUPD_REPLICA", &ordinal),
            _ => {}
        }
    }
    if let Some(slot) = label.scheduled {
        push("SUPD_SCHEDULED_TIME", &rfc3339(slot));
    }
}

pub(super) fn expand(text: &Text, start: &Start<'_>) -> String {
    text.expand(&|variable| match variable {
        Variable::Unit => start.unit.name.to_string(),
        Variable::Pod => start.label.pod.clone(),
        Variable::Replica | Variable::Index => {
            start.label.ordinal.map(|ordinal| ordinal.to_string()).unwrap_or_default()
        }
        Variable::Attempt => start.attempt.to_string(),
        Variable::ScheduledTime => start.label.scheduled.map(rfc3339).unwrap_or_default(),
    })
}

/// A slot of a calendar, a whole second: `2026-11-23T02:30:00Z`.
fn rfc3339(at: Wall) -> String {
    jiff::Timestamp::from_second(at.seconds()).map(|time| time.to_string()).unwrap_or_default()
}

/// Where it says a newline, if it is to say one. An init step is done when it has ended.
fn readiness_fd(process: &Process) -> Option<u32> {
    let mut handlers = [ProbeKind::Startup, ProbeKind::Readiness].into_iter();
    handlers.find_map(|kind| match handler(process, kind)? {
        Handler::Fd(number) => u32::try_from(*number).ok(),
        _ => None,
    })
}

fn handler(process: &Process, kind: ProbeKind) -> Option<&Handler> {
    process.probe(kind).map(|probe| &probe.handler)
}

fn account(account: &Account) -> plan::Account {
    match account {
        Account::Id(id) => plan::Account::Id(*id),
        Account::Name(name) => plan::Account::Name(name.clone().into_bytes()),
    }
}

#[cfg(test)]
mod tests;
