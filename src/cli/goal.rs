//! When is it done? What a verb or `wait` waits for, and whether that has come, may come, or cannot.

use super::exit::Failure;
use super::rows::ending;
use super::style::Tone;
use super::subject::{Active, Subject};
use crate::control::objects::{Lingering, Unit};
use crate::engine::view::{Phase, UnitState};
use crate::unit::model::Kind;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// After `start`, `restart`, `scale`: it does what it is for. A back-off is a failure of the verb.
    Up,
    /// After `stop`: its processes are gone.
    Down,
    /// After `delete`, and `--for=deleted`: it is gone.
    Deleted,
    /// `--for=ready`
    Ready,
    /// `--for=active`
    Active,
    /// `--for=inactive`
    Inactive,
    /// `--for=complete`
    Complete,
    /// `--for=failed`
    Failed,
    /// `--for=exited`: complete or failed.
    Exited,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not yet.
    Pending,
    /// It has come, in one word or two: `running`.
    Reached(String),
    /// It can no longer come, for this reason.
    Missed(String),
}

impl Goal {
    /// Reads one of our words for what `--for=` names.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.to_ascii_lowercase();
        Ok(match text.as_str() {
            "ready" | "available" | "running" => Self::Ready,
            "active" | "started" => Self::Active,
            "inactive" | "stopped" => Self::Inactive,
            "complete" | "completed" | "succeeded" => Self::Complete,
            "failed" => Self::Failed,
            "exited" | "finished" => Self::Exited,
            "delete" | "deleted" => Self::Deleted,
            _ => {
                return Err(Failure::usage(format!("there is no condition `{text}`"))
                    .hint("conditions: ready, active, inactive, complete, failed, exited, delete, create")
                    .hint("or of the API's objects: condition=TYPE, jsonpath=PATH=VALUE"));
            }
        })
    }

    /// Whether `subject` is there.
    pub fn judge(self, subject: &Subject) -> Verdict {
        match self {
            Self::Up => up(subject),
            Self::Down => down(subject),
            Self::Deleted => Verdict::Pending,
            Self::Ready if subject.is_ready() => Verdict::Reached("ready".to_owned()),
            Self::Active if subject.active() == Active::Active => Verdict::Reached("active".to_owned()),
            Self::Ready | Self::Active => unless(ended(subject), subject),
            Self::Inactive => match subject.active() {
                Active::Inactive | Active::Failed if !subject.has_processes() => {
                    Verdict::Reached("inactive".to_owned())
                }
                _ => Verdict::Pending,
            },
            Self::Complete => match ended(subject) {
                Some(End::Well) => Verdict::Reached("complete".to_owned()),
                end => unless(end, subject),
            },
            Self::Failed if ended(subject) == Some(End::Badly) => Verdict::Reached("failed".to_owned()),
            // A service in a crash loop has failed; a job tries again by itself until its limit.
            Self::Failed if subject.active() == Active::Failed && !is_job(subject) => {
                Verdict::Reached("failed".to_owned())
            }
            Self::Failed => unless(ended(subject), subject),
            Self::Exited => match ended(subject) {
                Some(End::Well) => Verdict::Reached("complete".to_owned()),
                Some(End::Badly) => Verdict::Reached("failed".to_owned()),
                None => Verdict::Pending,
            },
        }
    }

    /// What it means that the object is gone.
    pub fn judge_gone(self) -> Verdict {
        match self {
            Self::Deleted => Verdict::Reached("deleted".to_owned()),
            Self::Down | Self::Inactive => Verdict::Reached("stopped".to_owned()),
            _ => Verdict::Missed("was deleted".to_owned()),
        }
    }
}

/// How a subject has ended for good, as far as it goes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    Badly,
}

fn ended(subject: &Subject) -> Option<End> {
    match subject {
        Subject::Unit(unit) => match unit.status.state {
            UnitState::Complete => Some(End::Well),
            UnitState::Failed => Some(End::Badly),
            _ => None,
        },
        Subject::Job(job) if job.is("Complete") => Some(End::Well),
        Subject::Job(job) if job.is("Failed") => Some(End::Badly),
        Subject::Job(_) => None,
        Subject::Pod(pod) => match pod.status.phase {
            Phase::Succeeded => Some(End::Well),
            Phase::Failed => Some(End::Badly),
            Phase::Pending | Phase::Running => None,
        },
    }
}

fn is_job(subject: &Subject) -> bool {
    match subject {
        Subject::Unit(unit) => unit.status.kind == Kind::Job,
        Subject::Job(_) => true,
        Subject::Pod(pod) => pod.status.job.is_some(),
    }
}

fn unless(end: Option<End>, subject: &Subject) -> Verdict {
    match end {
        None => Verdict::Pending,
        Some(End::Well) => Verdict::Missed("is complete".to_owned()),
        Some(End::Badly) => Verdict::Missed(cause(subject)),
    }
}

fn up(subject: &Subject) -> Verdict {
    match subject {
        Subject::Unit(unit) => unit_up(unit, subject),
        Subject::Job(job) if job.spec.suspend => Verdict::Reached("suspended".to_owned()),
        Subject::Job(_) => Goal::Complete.judge(subject),
        Subject::Pod(_) => Goal::Ready.judge(subject),
    }
}

fn unit_up(unit: &Unit, subject: &Subject) -> Verdict {
    let reached = |word: &str| Verdict::Reached(word.to_owned());
    let job = unit.status.kind == Kind::Job;
    match unit.status.state {
        _ if unit.status.in_progress => Verdict::Pending,
        UnitState::Running if !job => reached("running"),
        UnitState::Armed => reached("armed"),
        UnitState::Complete => reached("complete"),
        UnitState::Suspended => reached("suspended"),
        UnitState::Stopped if unit.status.desired == Some(0) => reached("stopped, with 0 replicas"),
        UnitState::Stopped | UnitState::Disabled => Verdict::Missed("was stopped".to_owned()),
        // A job tries again by itself until its limit; that is what it is for.
        UnitState::CrashLoopBackOff if job => Verdict::Pending,
        UnitState::CrashLoopBackOff | UnitState::Failed => Verdict::Missed(cause(subject)),
        UnitState::Running
        | UnitState::Starting
        | UnitState::Waiting
        | UnitState::Degraded
        | UnitState::Stopping => Verdict::Pending,
    }
}

fn down(subject: &Subject) -> Verdict {
    let stopped = Verdict::Reached("stopped".to_owned());
    match subject {
        Subject::Unit(unit) => match unit.status.state {
            // A cronjob's running jobs go on.
            UnitState::Stopped | UnitState::Disabled => stopped,
            UnitState::Complete | UnitState::Failed | UnitState::Suspended if unit.status.pod_count == 0 => {
                stopped
            }
            _ => unit
                .status
                .pods
                .iter()
                .find_map(|pod| left(&pod.name, &pod.lingering))
                .unwrap_or(Verdict::Pending),
        },
        Subject::Job(job) if job.is_finished() || !subject.has_processes() => stopped,
        Subject::Job(_) => Verdict::Pending,
        Subject::Pod(pod) => match ended(subject) {
            Some(_) => stopped,
            None => left(&pod.metadata.name, &pod.status.lingering).unwrap_or(Verdict::Pending),
        },
    }
}

/// What KILL does not end may never end, and nobody is to wait for that.
fn left(pod: &str, lingering: &Option<Lingering>) -> Option<Verdict> {
    lingering.as_ref().map(|left| Verdict::Missed(format!("cannot be stopped: {pod}: {}", left.message)))
}

/// Why a subject has failed: `failed: exit 3`.
pub fn cause(subject: &Subject) -> String {
    debug_assert!(subject.tone() != Tone::Complete, "what is complete has not failed");
    match subject {
        Subject::Unit(unit) => {
            let exit = unit.status.last_exit.as_ref().filter(|exit| exit.failed);
            let exit = exit.map(|exit| {
                let ending = ending(exit.exit_code, exit.exit_signal);
                if !exit.message.is_empty() {
                    exit.message.clone()
                } else if matches!(exit.reason.as_str(), "Error" | "") {
                    ending
                } else {
                    format!("{ending}, {}", exit.reason)
                }
            });
            let reason = Some(unit.status.reason.clone()).filter(|reason| !reason.is_empty());
            let parts: Vec<String> = reason.into_iter().chain(exit).collect();
            let comes_again = unit.status.state == UnitState::CrashLoopBackOff;
            if parts.is_empty() && comes_again && unit.status.last_exit.is_some() {
                return "does not stay up: it ends with exit 0, and is restarted".to_owned();
            }
            if parts.is_empty() { "failed".to_owned() } else { format!("failed: {}", parts.join(", ")) }
        }
        Subject::Job(job) => {
            let failed = job.status.conditions.iter().find(|c| c.kind == "Failed" && c.status == "True");
            failed.map_or_else(|| "failed".to_owned(), |c| format!("failed: {}, {}", c.reason, c.message))
        }
        Subject::Pod(pod) => {
            let end = pod.main().and_then(super::rows::pod::last_end);
            end.map_or_else(
                || "failed".to_owned(),
                |end| format!("failed: {}", ending(end.exit_code, end.exit_signal)),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::unit;
    use super::*;

    fn subject(changes: Value) -> Subject {
        Subject::Unit(Box::new(unit("a", 60, changes)))
    }

    fn reached(word: &str) -> Verdict {
        Verdict::Reached(word.to_owned())
    }

    #[test]
    fn a_start_is_done_when_the_unit_does_what_it_is_for() {
        let judge = |changes| Goal::Up.judge(&subject(changes));
        assert_eq!(judge(json!({})), reached("running"));
        assert_eq!(judge(json!({"inProgress": true})), Verdict::Pending);
        assert_eq!(judge(json!({"state": "Waiting"})), Verdict::Pending);
        assert_eq!(judge(json!({"kind": "job"})), Verdict::Pending);
        assert_eq!(judge(json!({"kind": "job", "state": "Complete"})), reached("complete"));
        assert_eq!(judge(json!({"kind": "cronjob", "state": "Armed"})), reached("armed"));
        assert_eq!(judge(json!({"state": "Stopped"})), Verdict::Missed("was stopped".to_owned()));
        let exit = json!({"pod": "a-0", "exitCode": 3, "reason": "Error", "failed": true,
            "finishedAt": "2026-11-23T00:00:00Z",
            "usage": {"userCpuSeconds": 0.0, "systemCpuSeconds": 0.0, "maxRssBytes": 0}});
        let crashed = judge(json!({"state": "CrashLoopBackOff", "lastExit": exit}));
        assert_eq!(crashed, Verdict::Missed("failed: exit 3".to_owned()));
    }

    #[test]
    fn a_stop_is_done_when_the_processes_are_gone() {
        let judge = |changes| Goal::Down.judge(&subject(changes));
        assert_eq!(judge(json!({"state": "Stopping"})), Verdict::Pending);
        assert_eq!(judge(json!({"state": "Stopped", "podCount": 0})), reached("stopped"));
        assert_eq!(judge(json!({"kind": "job", "state": "Failed", "podCount": 1})), Verdict::Pending);
    }

    #[test]
    fn waits_end_when_the_condition_can_no_longer_come() {
        let complete = json!({"kind": "job", "state": "Complete", "podCount": 0});
        assert_eq!(Goal::Failed.judge(&subject(complete.clone())), Verdict::Missed("is complete".to_owned()));
        assert_eq!(Goal::Exited.judge(&subject(complete.clone())), reached("complete"));
        assert_eq!(Goal::Ready.judge(&subject(complete)), reached("ready"));
        assert_eq!(
            Goal::Complete.judge(&subject(json!({"state": "Failed"}))),
            Verdict::Missed("failed".to_owned())
        );
        assert_eq!(Goal::Complete.judge_gone(), Verdict::Missed("was deleted".to_owned()));
        assert_eq!(Goal::Deleted.judge_gone(), reached("deleted"));
    }

    #[test]
    fn words_of_conditions() {
        assert_eq!(Goal::parse("Complete"), Ok(Goal::Complete));
        assert_eq!(Goal::parse("available"), Ok(Goal::Ready));
        assert_eq!(Goal::parse("delete"), Ok(Goal::Deleted));
        assert!(Goal::parse("happy").is_err());
    }
}
