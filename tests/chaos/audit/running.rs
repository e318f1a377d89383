//! The process table: nobody alive whom supd doesn't know, nobody missing, no zombie.

use std::collections::BTreeSet;

use super::{Account, items};
use crate::processes::{members, zombies};
use crate::promised::Part;

/// Looks, until the two agree: programs come and go between two looks.
const LOOKS: usize = 40;

impl Account<'_> {
    pub(super) fn who_is_alive(&mut self) {
        let mut wrong: Option<BTreeSet<String>> = None;
        let mut alive = 0;
        for _ in 0..LOOKS {
            let now = self.differences(&mut alive);
            // Only what is wrong each time.
            let still: BTreeSet<String> = match &wrong {
                Some(before) => before.intersection(&now).cloned().collect(),
                None => now,
            };
            let agreed = still.is_empty();
            wrong = Some(still);
            if agreed {
                break;
            }
        }
        self.count("processes alive", alive);
        self.fault(Part::Processes, wrong.unwrap_or_default());
    }

    fn differences(&self, alive: &mut usize) -> BTreeSet<String> {
        let pods = self.supd.json("get pods");
        let told: BTreeSet<i64> =
            items(&pods).iter().filter_map(|pod| pod["status"]["pid"].as_i64()).collect();
        let mut faults = BTreeSet::new();
        let there = members();
        *alive = there.len();
        for member in &there {
            if !told.contains(&i64::from(member.pid)) {
                faults.insert(format!("{} (pid {}) is alive and unknown", member.run, member.pid));
            }
            if member.parent != self.supd.keeper {
                faults.insert(format!("{} has the parent {}", member.run, member.parent));
            }
        }
        let there: BTreeSet<i64> = there.iter().map(|member| i64::from(member.pid)).collect();
        faults.extend(told.difference(&there).map(|pid| format!("pid {pid} is told of and not there")));
        faults.extend(zombies().into_iter().map(|(pid, parent)| format!("{pid} is a zombie of {parent}")));
        faults
    }
}
