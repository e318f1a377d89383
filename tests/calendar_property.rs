//! Promise: a cronjob's times are those of the definition, around every kind of clock change.
//!
//! Random expressions, zones and starting points near changes of the clock are held against a scan that
//! looks at every single minute (or second) and asks the definition of it: what does the wall clock show,
//! was that shown before, was something left out just now? The scan shares nothing with the code under
//! test but the zone's offsets. Far from changes, a second scan goes day by day over years, and `croner`,
//! another implementation, must agree in UTC.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use chrono::NaiveDateTime;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use supd::unit::calendar::{Dst, Schedule};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Runs compared after each starting point.
const RUNS: usize = 40;

// Expressions, with their meaning kept apart from their text.

#[derive(Clone, Debug)]
enum Item {
    Star(Option<u32>),
    From(u32, Option<u32>),
    Range(u32, u32, Option<u32>),
}

#[derive(Clone, Debug)]
struct Column {
    min: u32,
    max: u32,
    items: Vec<Item>,
}

#[derive(Clone)]
struct Expression {
    /// Second (if it has six), minute, hour, day of month, month, day of week.
    columns: Vec<Column>,
}

impl Item {
    fn has(&self, value: u32, min: u32, max: u32) -> bool {
        let every = |from: u32, to: u32, step: u32| {
            (from..=to).contains(&value) && (value - from).is_multiple_of(step)
        };
        match *self {
            Self::Star(step) => every(min, max, step.unwrap_or(1)),
            Self::From(from, None) => value == from,
            Self::From(from, Some(step)) => every(from, max.max(from), step),
            Self::Range(from, to, step) => every(from, to, step.unwrap_or(1)),
        }
    }
}

impl Column {
    fn has(&self, value: u32) -> bool {
        let sunday = self.max == 6 && value == 0;
        let has = |value| self.items.iter().any(|item| item.has(value, self.min, self.max));
        has(value) || sunday && has(7)
    }

    fn is_star(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Star(None | Some(1))))
    }
}

impl Expression {
    fn column(&self, from_the_end: usize) -> &Column {
        &self.columns[self.columns.len() - 1 - from_the_end]
    }

    fn is_wildcard(&self) -> bool {
        let begins = |column: &Column| matches!(column.items[0], Item::Star(_));
        begins(self.column(4)) || begins(self.column(3))
    }

    fn has_day(&self, wall: &Wall) -> bool {
        let (date, day) = (self.column(2), self.column(0));
        let (on_date, on_day) = (date.has(wall.day), day.has(wall.weekday));
        let days = if date.is_star() || day.is_star() { on_date && on_day } else { on_date || on_day };
        days && self.column(1).has(wall.month)
    }

    fn has_time(&self, wall: &Wall) -> bool {
        let second =
            if self.columns.len() == 6 { self.columns[0].has(wall.second) } else { wall.second == 0 };
        second && self.column(4).has(wall.minute) && self.column(3).has(wall.hour)
    }

    fn has(&self, wall: &Wall) -> bool {
        self.has_time(wall) && self.has_day(wall)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self {
            Self::Star(step) => write!(f, "*").map(|()| step),
            Self::From(from, step) => write!(f, "{from}").map(|()| step),
            Self::Range(from, to, step) => write!(f, "{from}-{to}").map(|()| step),
        }?;
        step.map_or(Ok(()), |step| write!(f, "/{step}"))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |column: &Column| column.items.iter().map(Item::to_string).collect::<Vec<_>>().join(",");
        f.write_str(&self.columns.iter().map(column).collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

fn column(min: u32, max: u32, stars: u32) -> impl Strategy<Value = Column> {
    let most = if max == 6 { 7 } else { max };
    let step = prop::option::weighted(0.3, 1..=max + 2);
    let item = prop_oneof![
        1 => prop::option::of(1..=max + 2).prop_map(Item::Star),
        4 => (min..=most, prop::option::weighted(0.2, 1..=max + 2)).prop_map(|(from, step)| Item::From(from, step)),
        3 => (min..=most, min..=most, step).prop_map(|(one, other, step)| {
            Item::Range(one.min(other), one.max(other), step)
        }),
    ];
    prop_oneof![
        stars => Just(vec![Item::Star(None)]),
        6 => prop::collection::vec(item, 1..4),
    ]
    .prop_map(move |items| Column { min, max, items })
}

/// Hours at which clocks are changed are more likely than others.
fn hours() -> impl Strategy<Value = Column> {
    let near = prop::sample::subsequence(vec![0, 1, 2, 3, 22, 23], 1..4);
    let near = near.prop_map(|hours| Column {
        min: 0,
        max: 23,
        items: hours.into_iter().map(|hour| Item::From(hour, None)).collect(),
    });
    prop_oneof![near, column(0, 23, 3)]
}

fn days_and_months(stars: u32) -> impl Strategy<Value = Vec<Column>> {
    (column(1, 31, stars), column(1, 12, stars), column(0, 6, stars))
        .prop_map(|(date, month, day)| vec![date, month, day])
}

fn five(stars: u32) -> impl Strategy<Value = Expression> {
    (column(0, 59, 3), hours(), days_and_months(stars)).prop_map(|(minute, hour, days)| {
        let mut columns = vec![minute, hour];
        columns.extend(days);
        Expression { columns }
    })
}

fn six() -> impl Strategy<Value = Expression> {
    (column(0, 59, 3), five(24)).prop_map(|(second, mut five)| {
        five.columns.insert(0, second);
        five
    })
}

// What the wall clock shows.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wall {
    month: u32,
    day: u32,
    weekday: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

fn wall(seconds: i64) -> Wall {
    let shown = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).unwrap());
    let number = |value: i8| u32::try_from(value).unwrap();
    Wall {
        month: number(shown.month()),
        day: number(shown.day()),
        weekday: number(shown.weekday().to_sunday_zero_offset()),
        hour: number(shown.hour()),
        minute: number(shown.minute()),
        second: number(shown.second()),
    }
}

/// One instant of a scan.
struct Moment {
    at: i64,
    wall: Wall,
    /// An earlier instant has shown the same.
    repeated: bool,
    /// What the clock left out just before it.
    left_out: Vec<Wall>,
}

/// All instants around one change of a clock.
struct Window {
    zone: &'static str,
    change: i64,
    step: i64,
    moments: Vec<Moment>,
}

impl Window {
    fn new(zone: &'static str, date: &str, step: i64, reach: i64) -> Self {
        let rules = TimeZone::get(zone).unwrap();
        let from = Timestamp::from_str(&format!("{date}T00:00:00Z")).unwrap();
        let change = rules.following(from).next().expect("the clock changes").timestamp().as_second();
        let shown = |at: i64| at + i64::from(rules.to_offset(Timestamp::from_second(at).unwrap()).seconds());
        assert_ne!(shown(change) - shown(change - 1), 1, "{zone} {date}: the offset changes");
        assert!(change - from.as_second() < 3 * DAY, "{zone} {date}: it changes on that day");
        let mut seen = HashSet::new();
        let mut last = shown(change - reach - step);
        let moments = (change - reach..=change + reach).step_by(usize::try_from(step).unwrap()).map(|at| {
            let now = shown(at);
            let left_out = (last + step..now).step_by(usize::try_from(step).unwrap()).map(wall).collect();
            last = now;
            Moment { at, wall: wall(now), repeated: !seen.insert(now), left_out }
        });
        let moments = moments.collect();
        Self { zone, change, step, moments }
    }

    fn end(&self) -> i64 {
        self.moments.last().unwrap().at
    }

    /// The times of the expression, by the definition in the manual.
    fn times(&self, expression: &Expression, dst: Dst) -> Vec<i64> {
        let fixed = dst == Dst::Once && !expression.is_wildcard();
        let runs = |moment: &&Moment| {
            if fixed {
                // At the first instant after a gap for what lay in it; the first time only where it repeats.
                expression.has(&moment.wall) && !moment.repeated
                    || moment.left_out.iter().any(|wall| expression.has(wall))
            } else {
                expression.has(&moment.wall)
            }
        };
        self.moments.iter().filter(runs).map(|moment| moment.at).collect()
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.zone, Timestamp::from_second(self.change).unwrap())
    }
}

/// Zones and the days before their clocks changed: by an hour, half an hour, a quarter, a day; at midnight,
/// at 02:45, across it; forward and back.
const CHANGES: [(&str, &str); 24] = [
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/Dublin", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-04-03"),
    ("Australia/Lord_Howe", "2026-10-02"),
    ("Africa/Cairo", "2026-04-22"),
    ("Africa/Cairo", "2026-10-28"),
    ("Asia/Beirut", "2026-03-27"),
    ("Asia/Beirut", "2026-10-23"),
    ("America/Santiago", "2026-09-05"),
    ("America/Santiago", "2026-04-04"),
    ("America/Havana", "2026-03-07"),
    ("America/Havana", "2026-10-31"),
    ("Asia/Kathmandu", "1985-12-30"),
    ("Pacific/Chatham", "2026-09-25"),
    ("Pacific/Chatham", "2026-04-03"),
    ("Asia/Pyongyang", "2015-08-13"),
    ("Asia/Pyongyang", "2018-05-03"),
    ("Africa/Casablanca", "2026-02-14"),
    ("Antarctica/Troll", "2026-03-28"),
    ("Pacific/Apia", "2011-12-29"),
    ("Pacific/Kwajalein", "1993-08-19"),
];

static BY_MINUTES: LazyLock<Vec<Window>> =
    LazyLock::new(|| CHANGES.iter().map(|(zone, date)| Window::new(zone, date, MINUTE, 2 * DAY)).collect());

/// Liberia's clock was 44 minutes and 30 seconds behind until 1972.
static BY_SECONDS: LazyLock<Vec<Window>> = LazyLock::new(|| {
    let odd = ("Africa/Monrovia", "1972-01-06");
    let all = CHANGES.iter().copied().chain([odd]);
    all.map(|(zone, date)| Window::new(zone, date, 1, 2 * HOUR)).collect()
});

/// Holds the schedule against the scan of one window, from one starting point in it.
fn hold(expression: &Expression, window: &Window, dst: Dst, start: i64) -> Result<(), TestCaseError> {
    let schedule = Schedule::parse(&expression.to_string(), Some(window.zone), dst).unwrap();
    let all = window.times(expression, dst);
    let expected: Vec<i64> = all.iter().copied().filter(|at| *at > start).collect();
    let case = || format!("`{expression}` {window:?} {dst:?} from {start} ({})", schedule.format(start));
    let mut after = start;
    for expected in expected.iter().take(RUNS) {
        let next = schedule.next_after(after);
        prop_assert_eq!(next, Some(*expected), "{} after {}", case(), schedule.format(after));
        after = *expected;
    }
    if expected.len() < RUNS {
        let next = schedule.next_after(after);
        prop_assert!(next.is_none_or(|next| next > window.end()), "{}: {:?} is one too many", case(), next);
    }
    let cap = 5;
    let missed = schedule.missed(start, window.end(), cap);
    prop_assert_eq!(missed.last, expected.last().copied(), "{}", case());
    prop_assert_eq!(missed.count as usize, expected.len().min(cap as usize), "{}", case());
    prop_assert_eq!(missed.capped, expected.len() > cap as usize, "{}", case());
    Ok(())
}

fn dst() -> impl Strategy<Value = Dst> {
    prop::sample::select(vec![Dst::Once, Dst::Literal])
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn five_fields_around_clock_changes(
        expression in five(12),
        place in 0..CHANGES.len(),
        dst in dst(),
        start in prop_oneof![-2 * DAY..2 * DAY, -2 * HOUR..2 * HOUR],
    ) {
        let window = &BY_MINUTES[place];
        hold(&expression, window, dst, window.change + start)?;
    }

    #[test]
    fn every_second_around_clock_changes(
        expression in prop_oneof![six(), five(24)],
        place in 0..=CHANGES.len(),
        dst in dst(),
        start in -2 * HOUR..2 * HOUR,
    ) {
        let window = &BY_SECONDS[place];
        prop_assert_eq!(window.step, 1);
        hold(&expression, window, dst, window.change + start)?;
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn day_by_day_for_years(expression in five(3), start in 0..140 * 365 * DAY) {
        let schedule = Schedule::parse(&expression.to_string(), Some("UTC"), Dst::Once).unwrap();
        let on_day = |day: &i64| expression.has_day(&wall(day * DAY));
        let on_minute = |minute: &i64| *minute > start && expression.has_time(&wall(*minute));
        let minutes = |day: i64| (day * DAY..(day + 1) * DAY).step_by(60);
        let first_day = start / DAY;
        let expected = (first_day..first_day + 8 * 366).filter(on_day).flat_map(minutes).find(on_minute);
        prop_assert_eq!(schedule.next_after(start), expected, "`{}` from {}", expression, start);
        let never = schedule.warnings().iter().any(|warning| warning.contains("never"));
        prop_assert_eq!(never, expected.is_none(), "`{}`", expression);
    }

    #[test]
    fn croner_agrees_in_utc(expression in five(4), start in 0..60 * 365 * DAY) {
        // Where the dialects part: a star in a list, `*/1`, and `n/step` in the day of week, which goes on
        // to 7 there; croner gives up after some years, and has no word for a schedule that never comes.
        let plain = expression.columns.iter().all(|column| {
            let stars = column.items.iter().filter(|item| matches!(item, Item::Star(_))).count();
            let one = column.items.iter().any(|item| matches!(item, Item::Star(Some(1))));
            let open = column.items.iter().any(|item| matches!(item, Item::From(_, Some(_))));
            (stars == 0 || column.items.len() == 1) && !one && !(open && column.max == 6)
        });
        let parser = croner::parser::CronParser::builder().sloppy_ranges(true).build();
        let theirs = parser.parse(&expression.to_string());
        prop_assume!(plain && theirs.is_ok());
        let theirs = theirs.unwrap();
        let ours = Schedule::parse(&expression.to_string(), Some("UTC"), Dst::Once).unwrap();
        let mut after = start;
        for _ in 0..5 {
            let naive: NaiveDateTime = chrono::DateTime::from_timestamp(after, 0).unwrap().naive_utc();
            let Ok(theirs) = theirs.find_next_occurrence(&naive, false) else { break };
            let next = ours.next_after(after);
            prop_assert_eq!(next, Some(theirs.and_utc().timestamp()), "`{}` after {}", expression, after);
            after = theirs.and_utc().timestamp();
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn any_text_is_read_or_refused_in_its_place(
        text in prop_oneof!["[0-9*/,?+@a-z \u{b5}\u{e9}.-]{0,24}", "([*0-9?a-z/,-]{1,5} ){4,6}", "@every [0-9.a-z]{1,9}"],
        dst in dst(),
        start in any::<i64>(),
    ) {
        match Schedule::parse(&text, Some("Europe/Berlin"), dst) {
            Ok(schedule) => {
                prop_assert!(!schedule.words().is_empty());
                let times: Vec<i64> = schedule.upcoming(start, 3).iter().map(|time| time.at).collect();
                prop_assert!(times.first().is_none_or(|first| *first > start), "`{}`", text);
                prop_assert!(times.is_sorted_by(|one, other| one < other), "`{}` {:?}", text, times);
                schedule.missed(start, i64::MAX, 3);
            }
            Err(error) => {
                let span = error.span.clone().expect("the zone is known");
                prop_assert!(text.get(span.clone()).is_some(), "`{}` {:?} {}", text, span, error);
            }
        }
    }
}
