//! Cronjobs, as `kubectl get cronjobs` shows them (OUT-011).

use super::super::style::Tone;
use super::super::table::Cell;
use super::super::{age, name};
use super::{Look, Tabular};
use crate::control::objects::CronJob;

impl Tabular for CronJob {
    const NOUN: name::Noun = name::Noun::CronJob;
    const HEADERS: (&'static [&'static str], usize) =
        (&["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST SCHEDULE", "AGE", "NEXT", "MISSED"], 7);

    fn cells(&self, look: Look) -> Vec<Cell> {
        let last = self.status.last_schedule_time.map(|last| age::since(last, look.now));
        let next = self.status.next_schedule_time;
        vec![
            self.metadata.name.as_str().into(),
            self.spec.schedule.as_str().into(),
            self.spec.time_zone.clone().unwrap_or_else(|| "<none>".to_owned()).into(),
            (if self.spec.suspend { "True" } else { "False" }).into(),
            self.status.active.len().to_string().into(),
            last.unwrap_or_else(|| "<none>".to_owned()).into(),
            look.age(self.metadata.creation_timestamp).into(),
            next.map_or_else(|| "<none>".to_owned(), |next| look.clock(next)).into(),
            self.status.missed.to_string().into(),
        ]
    }

    fn state(&self) -> String {
        (if self.spec.suspend { "Suspended" } else { "Next" }).to_owned()
    }

    fn tone(&self) -> Tone {
        if self.spec.suspend { Tone::Suspended } else { Tone::Rest }
    }
}
