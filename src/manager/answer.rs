//! Requests of the control API, answered from what the engine and the store know; wishes go to the engine.

use std::io;

use tokio::sync::{mpsc, oneshot};

use crate::control::health::Health;
use crate::control::objects::{ExecRequest, Status, StatusReason};
use crate::control::request::{Answer, Call, Collection, PodVerb, Reply, Request, UnitVerb};
use crate::engine::action::{Accepted, Refused};
use crate::engine::event::{Command, Event, OpId};
use crate::engine::id::{Class, PodUid};
use crate::engine::view::Phase;
use crate::limits::{COMMANDS_MAX, EXEC_FRAMES_MAX};
use crate::runtime::plan::Joined;
use crate::runtime::probe::Errand;
use crate::unit::name::UnitName;

use super::Manager;
use super::hold::About;
use super::look::not_found;
use super::probes::commands_pipe;

/// A wish that the engine was told of.
pub(super) struct Pending {
    answer: oneshot::Sender<Answer>,
    /// What is answered if it is accepted.
    then: Then,
}

/// What is answered to a wish that was accepted.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// What the engine says.
    Say,
    /// The number of a service's pods.
    Scale(UnitName),
    /// The object, as it is then.
    Show(Collection, String),
    /// The job that was made.
    ShowCreatedJob,
}

impl Manager {
    /// Answers, now or when the engine has.
    pub(super) fn answer(&mut self, call: Call) -> io::Result<()> {
        let Call { request, peer, answer } = call;
        let looks = request.only_looks();
        let verb = |what: &str| tracing::debug!(uid = peer.uid, pid = peer.pid, "asked to {what}");
        let told = match request {
            Request::List { collection, filter } => {
                let items = self.list(collection, &filter);
                Ok(Reply::List { collection, version: self.watchers.version(), items })
            }
            Request::Get { collection, name } => self.get(collection, &name).map(Reply::Object),
            Request::Watch { collection, filter } => Ok(Reply::Watch(self.watch(collection, filter))),
            Request::GetScale(unit) => self.scale_object(&unit).map(Reply::Object),
            Request::Revisions { unit, number } => self.revisions_object(&unit, number).map(Reply::Object),
            Request::Logs => {
                self.hold(About::All, answer);
                return Ok(());
            }
            Request::Log { pod } => match self.newest_pod(&pod) {
                Some(found) => {
                    self.hold(About::Pod(pod, found.uid), answer);
                    return Ok(());
                }
                None => Err(not_found(Collection::Pods, &pod)),
            },
            Request::Info => Ok(Reply::Object(self.info())),
            Request::Health(check) => {
                let health = Health::of(&self.engine.view().units, self.not_loaded(), self.ending);
                Ok(Reply::Health(health, check))
            }
            Request::Unit { unit, verb: what } => {
                verb(&format!("{what:?} {unit}"));
                if let UnitVerb::Undo(options) = what {
                    return self.undo(unit, options, answer);
                }
                if matches!(what, UnitVerb::Start | UnitVerb::Restart | UnitVerb::Enable { .. }) {
                    self.load_instance(&unit)?;
                }
                return self.wish(what.command(unit), Then::Say, answer);
            }
            Request::Pod { pod, verb: what } => {
                verb(&format!("{what:?} pod {pod}"));
                match self.pod_to_act_on(&pod, &what) {
                    Ok(uid) => return self.wish(what.command(uid), Then::Say, answer),
                    Err(status) => Err(status),
                }
            }
            Request::Scale { unit, replicas } => {
                verb(&format!("scale {unit} to {replicas}"));
                let then = Then::Scale(unit.clone());
                return self.wish(Command::Scale { unit, replicas }, then, answer);
            }
            Request::Pause { unit, paused } => {
                verb(&format!("paused={paused} {unit}"));
                let then = Then::Show(Collection::Deployments, unit.to_string());
                let command = if paused { Command::Pause(unit) } else { Command::Unpause(unit) };
                return self.wish(command, then, answer);
            }
            Request::Suspend { collection, name, suspend } => {
                verb(&format!("suspend={suspend} {name}"));
                let then = Then::Show(collection, name.clone());
                let command = if suspend { Command::Suspend(name) } else { Command::Resume(name) };
                return self.wish(command, then, answer);
            }
            Request::CreateJob { name, from } => {
                verb(&format!("create job {name} from {from}"));
                return self.wish(Command::CreateJob { name, from }, Then::ShowCreatedJob, answer);
            }
            Request::Delete { collection, name, grace } => {
                verb(&format!("delete {} {name}", collection.as_str()));
                return self.delete(collection, name, grace, answer);
            }
            Request::ResetFailed => return self.wish(Command::ResetFailed(None), Then::Say, answer),
            Request::Reload { apply } => {
                verb(if apply { "apply" } else { "reload" });
                self.reload(apply)
            }
            Request::Apply(files) => {
                verb(&format!("apply {} files", files.files.len()));
                self.apply_files(&files)
            }
            Request::Run(request) => {
                verb("run");
                return self.run_transient(&request, answer);
            }
            Request::Exec(request) => {
                verb(&format!("exec in {}", request.name));
                self.exec(&request)?
            }
            Request::Reexec(options) => {
                verb("go on as another program");
                return self.reexec(&options, answer);
            }
            Request::SwitchRoot(options) => {
                verb(&format!("switch to the root at {}", options.root));
                self.switch_root(&options)?
            }
            Request::Shutdown(options) => {
                verb("shut down");
                self.end_all(options)?
            }
        };
        self.respond(answer, told, looks);
        Ok(())
    }

    /// Tells the engine, whose answer is the answer. It is given after what it ordered was begun.
    pub(super) fn wish(
        &mut self,
        command: Command,
        then: Then,
        answer: oneshot::Sender<Answer>,
    ) -> io::Result<()> {
        self.lift(&command);
        self.last_op += 1;
        let op = OpId(self.last_op);
        self.pending.insert(op, Pending { answer, then });
        self.take_in(Event::Command { op, command });
        self.settle()
    }

    /// The engine has answered.
    pub(super) fn reply(&mut self, op: OpId, result: Result<Accepted, Refused>) {
        let Some(Pending { answer, then }) = self.pending.remove(&op) else { return };
        let told = match result {
            Err(refused) => Err(refused.into()),
            Ok(accepted) => match then {
                Then::Say => Ok(accepted.into()),
                Then::Scale(unit) => self.scale_object(&unit).map(Reply::Object),
                Then::Show(collection, name) => self.get(collection, &name).map(Reply::Object),
                Then::ShowCreatedJob => {
                    let name = accepted.job.unwrap_or_default();
                    self.get(Collection::Jobs, &name).map(Reply::Created)
                }
            },
        };
        self.respond(answer, told, false);
    }

    /// The pod that a verb is for.
    fn pod_to_act_on(&self, name: &str, verb: &PodVerb) -> Result<PodUid, Status> {
        match self.newest_pod(name) {
            Some(pod) if is_final(pod.phase) => {
                let word = match verb {
                    PodVerb::Stop => "stopped",
                    PodVerb::Restart => "restarted",
                    PodVerb::Kill(_) => "signalled",
                };
                let message = format!("pod {name} has ended ({}) and cannot be {word}", pod.phase.as_str());
                Err(Status::failure(StatusReason::Conflict, message))
            }
            Some(pod) => Ok(pod.uid),
            None => Err(not_found(Collection::Pods, name)),
        }
    }

    /// Begins a command in a pod. `name` is a pod's, or a unit's that has exactly one.
    fn exec(&mut self, request: &ExecRequest) -> io::Result<Answer> {
        let fail = |reason, message: String| Ok(Err(Status::failure(reason, message)));
        let mut pods: Vec<PodUid> = self
            .pods
            .iter()
            .filter(|(_, facts)| facts.label.pod == request.name)
            .map(|(uid, _)| *uid)
            .collect();
        if pods.is_empty() {
            let of_unit = self.pods.iter().filter(|(_, facts)| facts.unit.name.as_str() == request.name);
            pods = of_unit.map(|(uid, _)| *uid).collect();
            if pods.len() > 1 {
                let message = format!("unit {} has {} pods: name one of them", request.name, pods.len());
                return fail(StatusReason::Conflict, message);
            }
        }
        let process = request.container.as_deref();
        let running = pods.iter().filter_map(|uid| self.pods.get(uid)?.named(process));
        let Some(beside) = running.max_by_key(|run| run.pod) else {
            if let (Some(process), Some(uid)) = (process, pods.iter().max()) {
                return Ok(Err(self.no_process(*uid, process)));
            }
            return match self.newest_pod(&request.name).is_some() || self.unit_view(&request.name).is_some() {
                true => fail(StatusReason::Conflict, format!("{} is not running", request.name)),
                false => fail(StatusReason::NotFound, format!("there is no pod `{}`", request.name)),
            };
        };
        if request.command.is_empty() {
            return fail(StatusReason::BadRequest, "a command is needed".to_owned());
        }
        if self.commands.count() >= COMMANDS_MAX {
            let message = "too many commands run; try again when some have ended".to_owned();
            return fail(StatusReason::TooManyRequests, message);
        }
        let (stdout, stderr) = match (commands_pipe(), commands_pipe()) {
            (Ok(stdout), Ok(stderr)) => (stdout, stderr),
            (Err(error), _) | (_, Err(error)) => {
                return fail(
                    StatusReason::InternalError,
                    format!("no pipe for the command's output: {error}"),
                );
            }
        };
        let (frames, stream) = mpsc::channel(EXEC_FRAMES_MAX);
        let run = self.commands.new_run(beside.pod, Class::Exec, self.keeper.epoch());
        self.commands.add_exec(run, [stdout.0, stderr.0], frames, self.inbox.notes_sender.clone());
        let command = Errand::Exec(request.command.clone());
        self.join(run, beside, &command, Joined::TwoPipes, vec![stdout.1, stderr.1])?;
        Ok(Ok(Reply::Stream(stream)))
    }

    /// Why there is nothing to join of this name.
    fn no_process(&self, pod: PodUid, process: &str) -> Status {
        let facts = self.pods.get(&pod);
        let (name, template) = match facts.map(|facts| (&facts.label.pod, facts.unit.pod())) {
            Some((name, Some(template))) => (name, template),
            _ => return not_found(Collection::Pods, process),
        };
        let names: Vec<&str> = template.processes().map(|process| process.name.as_str()).collect();
        if names.contains(&process) {
            let message = format!("process {process} of pod {name} is not running");
            return Status::failure(StatusReason::Conflict, message);
        }
        let message = format!("pod {name} has no process `{process}`, but {}", names.join(", "));
        Status::failure(StatusReason::NotFound, message)
    }
}

pub(super) fn is_final(phase: Phase) -> bool {
    matches!(phase, Phase::Succeeded | Phase::Failed)
}
