//! A schedule for Kubernetes: its five fields, its Sunday, and what it would read otherwise.

use super::dst::Reading;
use super::fields::{Fields, Unit};
use super::{Dst, Schedule, Times};

/// 2026: a zone that has no change of its clock after this instant is one that has given them up.
const LATELY: i64 = 1_767_225_600;

impl Schedule {
    /// What a CronJob runs at the same times, as nearly as it can; and what it cannot, in words.
    pub fn for_kubernetes(&self) -> (String, Option<&'static str>) {
        let fields = match &*self.times {
            Times::Every(seconds) => {
                let often = *seconds < 60;
                return (self.expression.clone(), often.then_some("a CronJob has one run a minute at most"));
            }
            Times::Calendar { fields, .. } => fields,
        };
        if !fields.six && !fields.seven {
            return (self.expression.clone(), None);
        }
        let mut words: Vec<String> = self.expression.split_whitespace().map(str::to_owned).collect();
        let mut lost = None;
        if fields.six {
            words.remove(0);
            let at_the_minute = fields.second.values.iter().eq([0]);
            lost = (!at_the_minute)
                .then_some("no seconds there: one run in each minute that has one, at its start");
        }
        if let Some(weekday) = words.last_mut().filter(|_| fields.seven) {
            *weekday = weekdays(fields);
        }
        (words.join(" "), lost)
    }

    /// Whether it comes in other hours in another zone.
    pub fn heeds_zone(&self) -> bool {
        let Times::Calendar { fields, .. } = &*self.times else { return false };
        let Fields { hour, day_of_month, month, day_of_week, .. } = fields;
        let every_hour = hour.values.is_full(Unit::Hour) && month.values.is_full(Unit::Month);
        !(every_hour && day_of_month.star && day_of_week.star)
    }

    /// Whether its times depend on what `dst` says.
    pub fn heeds_dst(&self) -> bool {
        let fixed = matches!(&*self.times, Times::Calendar { fields, .. } if self.reading(fields) == Reading::FirstPass);
        let changes = self.zone.stretch(LATELY).is_some_and(|stretch| stretch.end < i64::MAX);
        fixed && changes && self.dst == Dst::Once
    }
}

/// The days of the week without a `7`; a star stays one, for it decides how the day fields are joined.
fn weekdays(fields: &Fields) -> String {
    if fields.day_of_week.star {
        return "*".to_owned();
    }
    let days: Vec<String> = fields.day_of_week.values.iter().map(|day| day.to_string()).collect();
    days.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_runs_is_what_ran_here() {
        for (written, five, lossy) in [
            ("30 2 * * *", "30 2 * * *", false),
            ("30 2 * * 7", "30 2 * * 0", false),
            ("30 2 * * 5-7", "30 2 * * 0,5,6", false),
            ("30 2 1 * *,7", "30 2 1 * *", false),
            ("0 30 2 * * mon", "30 2 * * mon", false),
            ("*/10 30 2 * * 7", "30 2 * * 0", true),
            ("@daily", "@daily", false),
            ("@every 90s", "@every 90s", false),
            ("@every 5s", "@every 5s", true),
        ] {
            let schedule = Schedule::parse(written, Some("UTC"), Dst::Once).unwrap();
            let (expression, lost) = schedule.for_kubernetes();
            assert_eq!((expression.as_str(), lost.is_some()), (five, lossy), "{written}");
            let there = Schedule::parse(&expression, Some("UTC"), Dst::Literal).unwrap();
            assert_eq!(there.beyond_kubernetes(), None, "{written}");
            if !lossy {
                let from = 1_800_000_000;
                assert_eq!(there.upcoming(from, 20), schedule.upcoming(from, 20), "{written}");
            }
        }
    }

    #[test]
    fn only_fixed_times_of_zones_that_change_heed_dst() {
        for (written, zone, heeds) in [
            ("30 2 * * *", "Europe/Berlin", true),
            ("30 2 * * *", "UTC", false),
            ("30 2 * * *", "Asia/Tokyo", false),
            ("*/5 * * * *", "Europe/Berlin", false),
        ] {
            let schedule = Schedule::parse(written, Some(zone), Dst::Once).unwrap();
            assert_eq!(schedule.heeds_dst(), heeds, "{written} {zone}");
            let literal = Schedule::parse(written, Some(zone), Dst::Literal).unwrap();
            assert!(!literal.heeds_dst(), "{written} {zone}");
        }
    }
}
