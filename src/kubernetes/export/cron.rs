//! Cronjobs.

use serde_json::{Map, Value, json};

use super::Writer;
use crate::unit::model::{CatchUp, ConcurrencyPolicy, CronJob};

/// CJB-001.
const SUCCESSFUL_HISTORY: u32 = 3;
const FAILED_HISTORY: u32 = 1;

impl Writer<'_> {
    pub(super) fn cron_object(&mut self, cron: &CronJob) -> Value {
        let name = self.unit.name.pod_stem();
        let metadata = self.metadata(&name, None);
        let mut spec = Map::new();
        self.schedule(cron, &mut spec);
        let policy = match cron.concurrency_policy {
            ConcurrencyPolicy::Allow => None,
            ConcurrencyPolicy::Forbid => Some("Forbid"),
            ConcurrencyPolicy::Replace => Some("Replace"),
        };
        if let Some(policy) = policy {
            spec.insert("concurrencyPolicy".to_owned(), policy.into());
        }
        if let Some(deadline) = cron.starting_deadline {
            let seconds = self.seconds("cron.starting_deadline", deadline, 0);
            spec.insert("startingDeadlineSeconds".to_owned(), seconds.into());
        }
        if cron.suspend {
            spec.insert("suspend".to_owned(), true.into());
        }
        let histories = [
            ("successful_history", "successfulJobsHistoryLimit", cron.successful_history, SUCCESSFUL_HISTORY),
            ("failed_history", "failedJobsHistoryLimit", cron.failed_history, FAILED_HISTORY),
        ];
        for (ours, theirs, kept, default) in histories {
            let kept = self.number(&format!("cron.{ours}"), kept, u32::MAX);
            if kept != default {
                spec.insert(theirs.to_owned(), kept.into());
            }
        }
        let mut template = Map::new();
        if let Some(metadata) = self.job_metadata() {
            template.insert("metadata".to_owned(), metadata);
        }
        template.insert("spec".to_owned(), self.job_spec(&cron.job));
        spec.insert("jobTemplate".to_owned(), Value::Object(template));
        json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec })
    }

    fn schedule(&mut self, cron: &CronJob, spec: &mut Map<String, Value>) {
        let schedule = &cron.schedule;
        let (expression, lost) = schedule.for_kubernetes();
        if let Some(lost) = lost {
            self.lose("cron.schedule", lost);
        }
        spec.insert("schedule".to_owned(), expression.into());
        if let Some(zone) = schedule.zone() {
            spec.insert("timeZone".to_owned(), zone.into());
        } else if schedule.heeds_zone() {
            let why = "not written, so this machine's: there it is the controller's, mostly UTC";
            self.lose("cron.time_zone", why);
        }
        if schedule.heeds_dst() {
            let why =
                "\"once\": there a time that the clock skips is skipped, one that it repeats runs twice";
            self.lose("cron.dst", why);
        }
        match cron.catch_up {
            CatchUp::Last => {}
            CatchUp::None => {
                self.lose(
                    "cron.catch_up",
                    "\"none\": the last missed time runs there; see starting_deadline",
                );
            }
            CatchUp::All => self.lose("cron.catch_up", "\"all\": only the last missed time runs there"),
        }
        if !cron.jitter.is_zero() {
            self.lose("cron.jitter", "no such field: all runs come at their time");
        }
    }
}
