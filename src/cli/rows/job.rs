//! Jobs, as `kubectl get jobs` shows them (OUT-007 to OUT-010).

use super::super::style::Tone;
use super::super::table::Cell;
use super::super::{age, name};
use super::{Look, Tabular};
use crate::control::objects::Job;

impl Tabular for Job {
    const NOUN: name::Noun = name::Noun::Job;
    const HEADERS: (&'static [&'static str], usize) =
        (&["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE", "ACTIVE", "FAILED", "POLICY"], 5);

    fn cells(&self, look: Look) -> Vec<Cell> {
        let duration = self.status.start_time.map(|start| {
            // A failed job has no end, so that its duration grows: as in Kubernetes (OUT-010).
            age::since(start, self.status.completion_time.unwrap_or(look.now))
        });
        vec![
            self.metadata.name.as_str().into(),
            Cell::toned(self.state(), self.tone()),
            completions(self).into(),
            duration.unwrap_or_default().into(),
            look.age(self.metadata.creation_timestamp).into(),
            self.status.active.to_string().into(),
            self.status.failed.to_string().into(),
            self.spec.template.spec.restart_policy.as_str().into(),
        ]
    }

    /// The first that holds (OUT-008).
    fn state(&self) -> String {
        let word = match () {
            () if self.is("Complete") => "Complete",
            () if self.is("Failed") => "Failed",
            () if self.metadata.deletion_timestamp.is_some() => "Terminating",
            () if self.is("Suspended") || self.spec.suspend => "Suspended",
            () if self.is("FailureTarget") => "FailureTarget",
            () if self.is("SuccessCriteriaMet") => "SuccessCriteriaMet",
            () if self.status.stopped => "Stopped",
            () => "Running",
        };
        word.to_owned()
    }

    fn tone(&self) -> Tone {
        match self.state().as_str() {
            "Complete" => Tone::Complete,
            "Failed" | "FailureTarget" => Tone::Failing,
            "Suspended" => Tone::Suspended,
            "Stopped" => Tone::Rest,
            _ => Tone::Moving,
        }
    }
}

/// Successes, and how many are wanted (OUT-009).
fn completions(job: &Job) -> String {
    let succeeded = job.status.succeeded;
    match (job.spec.completions, job.spec.parallelism) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}
