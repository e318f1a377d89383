//! `delete`: an object of the API is to go.
//!
//! What belongs to an object goes with it. A pod that somebody owns is replaced by its owner; a manifest's
//! Pod has none, so its unit goes, and the file that `apply -f` has kept of it.

use std::fs;
use std::io;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::control::objects::{Status, StatusReason};
use crate::control::request::{Answer, Collection, Reply};
use crate::engine::event::{Command, Event, OpId};
use crate::engine::id::PodUid;
use crate::engine::view::PodView;
use crate::unit::manifest::{Kind, file_name};
use crate::unit::name::UnitName;

use super::Manager;
use super::answer::{Then, is_final};
use super::look::not_found;

impl Manager {
    /// `grace`: a pod gets no longer than this to end.
    pub(super) fn delete(
        &mut self,
        collection: Collection,
        name: String,
        grace: Option<Duration>,
        answer: oneshot::Sender<Answer>,
    ) -> io::Result<()> {
        let told = match collection {
            Collection::Pods => match self.newest_pod(&name) {
                Some(pod) if self.is_bare(&pod) => match self.forget_manifest(&pod) {
                    Ok(()) => {
                        self.wish(Command::DeleteUnit(pod.unit), Then::Say, answer)?;
                        return self.hasten(pod.uid, grace);
                    }
                    Err(status) => Err(status),
                },
                Some(pod) if is_final(pod.phase) => {
                    self.forget_pod(pod.uid, &pod.unit, &pod.name)?;
                    Ok(Reply::Status(Status::success(format!("pod {name} deleted"))))
                }
                Some(pod) => {
                    self.wish(Command::StopPod(pod.uid), Then::Say, answer)?;
                    return self.hasten(pod.uid, grace);
                }
                None => Err(not_found(collection, &name)),
            },
            Collection::Jobs => return self.wish(Command::DeleteJob(name), Then::Say, answer),
            Collection::Units | Collection::Deployments | Collection::CronJobs => {
                match self
                    .get(collection, &name)
                    .and(UnitName::parse(&name).map_err(|_| not_found(collection, &name)))
                {
                    Ok(unit) => return self.wish(Command::DeleteUnit(unit), Then::Say, answer),
                    Err(status) => Err(status),
                }
            }
            Collection::Events | Collection::Runs | Collection::History => {
                let message = format!(
                    "nothing is deleted from {}: what is old makes room by itself",
                    collection.as_str()
                );
                Err(Status::failure(StatusReason::MethodNotAllowed, message))
            }
        };
        self.respond(answer, told, false);
        Ok(())
    }

    /// Whether a pod is a manifest's, which nobody owns.
    fn is_bare(&self, pod: &PodView) -> bool {
        self.engine.unit(&pod.unit).is_some_and(|unit| unit.is_bare_pod())
    }

    /// What `apply -f` has kept of a manifest's Pod goes, so that nothing brings it back.
    fn forget_manifest(&mut self, pod: &PodView) -> Result<(), Status> {
        let file = file_name(Kind::Pod, pod.unit.as_str());
        match fs::remove_file(self.sources.applied.join(&file)) {
            Ok(()) => {
                // Faults that are left are of others.
                let _ = self.reload(false);
                Ok(())
            }
            // Its file stands where its user keeps it, and stays.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => {
                let message = format!("`{file}` cannot be removed: {error}");
                Err(Status::failure(StatusReason::InternalError, message))
            }
        }
    }

    /// What was asked to end gets less time. The first wish was answered; nobody waits for this one.
    fn hasten(&mut self, pod: PodUid, grace: Option<Duration>) -> io::Result<()> {
        let Some(grace) = grace else { return Ok(()) };
        self.last_op += 1;
        let op = OpId(self.last_op);
        self.take_in(Event::Command { op, command: Command::HastenPod { pod, grace } });
        self.settle()
    }
}
