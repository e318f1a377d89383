//! What is worth a warning in a schedule that is in order.

use super::fields::{Fields, Unit};

/// The warnings about what the fields say.
pub(super) fn warnings(fields: &Fields) -> Vec<String> {
    let mut found = Vec::new();
    if fields.never() {
        let day = fields.day_of_month.values.first();
        found.push(format!("this schedule never comes: no month of it has a day {day}"));
    }
    found.extend(day_fields(fields));
    found
}

/// Two day fields: that either is enough surprises many, and Vixie cron has another rule.
///
/// There a star is whatever begins with `*`, here (CRN-009) what has a `*` without a step in its list.
fn day_fields(fields: &Fields) -> Option<String> {
    let (date, day) = (&fields.day_of_month, &fields.day_of_week);
    if date.values.is_full(Unit::DayOfMonth) && day.values.is_full(Unit::DayOfWeek) {
        return None;
    }
    let vixie_either = !date.opens_with_star && !day.opens_with_star;
    match (fields.either_day(), vixie_either) {
        (true, true) => Some(
            "day of month and day of week are both set: it runs on days that match either of them".to_owned(),
        ),
        (true, false) => Some(
            "day of month and day of week are both set: it runs on days that match either of them, as in \
             Kubernetes; Vixie cron counts a step of `*` as a star and runs on days that match both"
                .to_owned(),
        ),
        (false, true) => Some(
            "a list with a `*` in it is a star, as in Kubernetes, so it runs on days that match both day \
             fields; Vixie cron runs on days that match either of them"
                .to_owned(),
        ),
        (false, false) => None,
    }
}
