//! `[service]`: how many pods, and how a changed template comes to them.

use std::time::Duration;

use super::diagnostic::Code;
use super::keys::{ROLLOUT, SERVICE};
use super::model::{PodTemplate, Rollout, Service, Share, Strategy};
use super::reader::{Reader, short};
use super::tree::{Table, Value};
use crate::limits::{REPLICAS_MAX, REVISIONS_MAX};

const STRATEGIES: [(&str, Strategy); 2] =
    [("RollingUpdate", Strategy::RollingUpdate), ("Recreate", Strategy::Recreate)];

impl Rollout {
    /// How many pods may be too many, and how many may be missing, of so many that are wanted (DEP-001).
    pub fn bounds(&self, wanted: u32) -> (u32, u32) {
        if self.strategy == Strategy::Recreate {
            return (0, wanted);
        }
        let (surge, unavailable) = (self.max_surge.of(wanted, true), self.max_unavailable.of(wanted, false));
        match (surge, unavailable) {
            // Parts of a pod that came to nothing: one by one.
            (0, 0) => (0, 1.min(wanted)),
            _ => (surge, unavailable.min(wanted)),
        }
    }
}

impl Reader<'_> {
    /// A service.
    pub(super) fn service(&mut self, unit: &Table, pod: Option<PodTemplate>) -> Option<Service> {
        let Some(table) = self.table(unit, "service") else {
            return Some(Service { pod: pod?, replicas: 1, rollout: Rollout::default() });
        };
        self.check_keys(table, &SERVICE, unit);
        let replicas = self.integer(table, "replicas", 0..=REPLICAS_MAX).unwrap_or(1);
        let rollout = self.rollout(table, unit);
        Some(Service { pod: pod?, replicas, rollout })
    }

    fn rollout(&mut self, service: &Table, unit: &Table) -> Rollout {
        let default = Rollout::default();
        let Some(table) = self.table(service, "rollout") else { return default };
        self.check_keys(table, &ROLLOUT, unit);
        let strategy = self.word(table, "strategy", &STRATEGIES).map_or(default.strategy, |(word, _)| word);
        let unavailable = self.share(table, "max_unavailable", 100);
        let surge = self.share(table, "max_surge", u32::MAX);
        self.check_bounds(table, strategy, unavailable, surge);
        let min_ready = self.duration(table, "min_ready", Duration::ZERO).unwrap_or(default.min_ready);
        let progress_deadline = match table.get("progress_deadline") {
            None => default.progress_deadline,
            Some(_) => self.deadline(table, "progress_deadline").unwrap_or(Duration::MAX),
        };
        if let Some(entry) = table.get("progress_deadline").or(table.get("min_ready"))
            && progress_deadline <= min_ready
        {
            self.fault(
                entry.node.span,
                Code::OutOfRange,
                "`progress_deadline` is not longer than `min_ready`",
            )
            .label("no rollout could ever be done in time");
        }
        let history = self.integer(table, "history", 0..=REVISIONS_MAX).unwrap_or(default.history);
        Rollout {
            strategy,
            max_unavailable: unavailable.unwrap_or(default.max_unavailable),
            max_surge: surge.unwrap_or(default.max_surge),
            min_ready,
            progress_deadline,
            history,
            surplus: default.surplus,
        }
    }

    /// A number of pods, or a part of them: `2`, `"25%"`.
    fn share(&mut self, table: &Table, key: &str, percent_max: u32) -> Option<Share> {
        let entry = table.get(key)?;
        let Value::String(text) = &entry.node.value else {
            return self.integer(table, key, 0..=REPLICAS_MAX).map(Share::Number);
        };
        let number = text.strip_suffix('%').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let percent = number.and_then(|digits| digits.parse::<u32>().ok());
        if let Some(percent) = percent.filter(|percent| *percent <= percent_max) {
            return Some(Share::Percent(percent));
        }
        let message =
            format!("`{key} = {}` is no number of pods", short(self.sources.slice(entry.node.span)));
        let fault = self.fault(entry.node.span, Code::OutOfRange, message);
        match percent {
            Some(_) => fault.label("not more than all of them: 100%"),
            None => fault.label("it is a number, or a part of them: `\"25%\"`"),
        };
        None
    }

    /// What makes a rollout impossible, or says what `Recreate` does anyway.
    fn check_bounds(
        &mut self,
        table: &Table,
        strategy: Strategy,
        unavailable: Option<Share>,
        surge: Option<Share>,
    ) {
        if strategy == Strategy::Recreate {
            for key in ["max_unavailable", "max_surge"] {
                if let Some(entry) = table.get(key) {
                    let message = format!("`{key}` has no effect with `strategy = \"Recreate\"`");
                    self.fault(entry.key_span, Code::NoEffect, message)
                        .label("all old pods are gone before the first new one comes")
                        .help("leave it out, or write `strategy = \"RollingUpdate\"`");
                }
            }
            return;
        }
        let default = Rollout::default();
        let nothing = |share: Share| matches!(share, Share::Number(0) | Share::Percent(0));
        if nothing(unavailable.unwrap_or(default.max_unavailable))
            && nothing(surge.unwrap_or(default.max_surge))
            && let Some(entry) = table.get("max_unavailable")
        {
            self.fault(entry.node.span, Code::OutOfRange, "`max_unavailable` and `max_surge` are both 0")
                .label("no pod could ever be replaced")
                .help("write `max_surge = 1`: a new pod is there before an old one goes");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolling(unavailable: Share, surge: Share) -> Rollout {
        Rollout { max_unavailable: unavailable, max_surge: surge, ..Rollout::default() }
    }

    #[test]
    fn dep_001_parts_are_rounded_up_for_surge_and_down_for_unavailable() {
        let quarter = rolling(Share::Percent(25), Share::Percent(25));
        let all = [1, 2, 3, 4, 10].map(|wanted| quarter.bounds(wanted));
        assert_eq!(all, [(1, 0), (1, 0), (1, 0), (1, 1), (3, 2)]);
        assert_eq!(rolling(Share::Percent(10), Share::Number(0)).bounds(3), (0, 1));
        assert_eq!(rolling(Share::Number(7), Share::Number(0)).bounds(3), (0, 3));
        assert_eq!(Rollout::default().bounds(3), (0, 1));
    }
}
