//! Which part of the history is asked for: about whom, since when, how many. As parameters of a query, for
//! both ends.

use super::client::escape;
use super::objects::{HistoryEntry, Time};
use crate::limits::HISTORY_NAMES_MAX;

/// A part of the history. The default is all of it. There is no `limit`: in Kubernetes' words that is the size
/// of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// `about=`: entries of any of these; none: of all.
    pub about: Vec<About>,
    /// `sinceTime=`: not older.
    pub since: Option<Time>,
    /// `untilTime=`: not newer.
    pub until: Option<Time>,
    /// `after=`: only those with a higher sequence number.
    pub after: Option<u64>,
    /// `tail=`: of all these the newest so many.
    pub tail: Option<usize>,
}

/// Whom an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// `NAME`: a unit, a job or a pod.
    Any(String),
    /// `unit/NAME`
    Unit(String),
    /// `job/NAME`
    Job(String),
    /// `pod/NAME`
    Pod(String),
}

/// What of an entry decides whether it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Mention<'a> {
    /// Its sequence number.
    pub sequence: u64,
    /// When it happened.
    pub time: Time,
    /// Its unit.
    pub unit: &'a str,
    /// Its job.
    pub job: Option<&'a str>,
    /// Its pod.
    pub pod: Option<&'a str>,
}

impl Past {
    /// Whether an entry belongs to it. How many there may be is another matter.
    pub fn includes(&self, entry: Mention<'_>) -> bool {
        self.after.is_none_or(|after| entry.sequence > after)
            && self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time <= until)
            && (self.about.is_empty() || self.about.iter().any(|about| about.is(entry)))
    }

    /// Drops what does not belong to it. Entries are in the order in which they happened.
    pub fn cut(&self, entries: &mut Vec<HistoryEntry>) {
        entries.retain(|entry| self.includes(entry.mention()));
        let surplus = entries.len().saturating_sub(self.tail.unwrap_or(usize::MAX));
        entries.drain(..surplus);
    }

    /// Takes a parameter of a query. False: it is none of these.
    pub(super) fn take(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let no_time = || format!("{key}: `{}` is no time of RFC 3339", value.escape_debug());
        let no_number = || format!("{key}: `{}` is no number", value.escape_debug());
        match key {
            "about" if self.about.len() >= HISTORY_NAMES_MAX => {
                return Err(format!("about: {HISTORY_NAMES_MAX} names are the most"));
            }
            "about" => self.about.push(About::parse(value)?),
            "sinceTime" => self.since = Some(value.parse().map_err(|_| no_time())?),
            "untilTime" => self.until = Some(value.parse().map_err(|_| no_time())?),
            "after" => self.after = Some(value.parse().map_err(|_| no_number())?),
            "tail" => self.tail = Some(value.parse().map_err(|_| no_number())?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The parameters of a query, each `KEY=VALUE`. More names than may be asked for are left out: then the
    /// answer is too much, and whoever asked chooses from it. `tail` is left out with them.
    pub(super) fn parameters(&self) -> Vec<String> {
        let fits = self.about.len() <= HISTORY_NAMES_MAX;
        let about = self.about.iter().filter(|_| fits);
        let about = about.map(|about| format!("about={}", escape(&about.to_string())));
        let time = |key: &str, time: Time| format!("{key}={}", escape(&time.to_string()));
        about
            .chain(self.since.map(|since| time("sinceTime", since)))
            .chain(self.until.map(|until| time("untilTime", until)))
            .chain(self.after.map(|after| format!("after={after}")))
            .chain(self.tail.filter(|_| fits).map(|tail| format!("tail={tail}")))
            .collect()
    }
}

impl About {
    fn parse(text: &str) -> Result<Self, String> {
        let (make, name): (fn(String) -> Self, &str) = match text.split_once('/') {
            None => (Self::Any, text),
            Some(("unit", name)) => (Self::Unit, name),
            Some(("job", name)) => (Self::Job, name),
            Some(("pod", name)) => (Self::Pod, name),
            Some((kind, _)) => {
                return Err(format!("about: `{}` is none of unit, job, pod", kind.escape_debug()));
            }
        };
        if name.is_empty() { Err("about: a name is needed".to_owned()) } else { Ok(make(name.to_owned())) }
    }

    fn is(&self, entry: Mention<'_>) -> bool {
        match self {
            Self::Any(name) => entry.unit == name || entry.job == Some(name) || entry.pod == Some(name),
            Self::Unit(name) => entry.unit == name,
            Self::Job(name) => entry.job == Some(name),
            Self::Pod(name) => entry.pod == Some(name),
        }
    }
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any(name) => f.write_str(name),
            Self::Unit(name) => write!(f, "unit/{name}"),
            Self::Job(name) => write!(f, "job/{name}"),
            Self::Pod(name) => write!(f, "pod/{name}"),
        }
    }
}

impl HistoryEntry {
    /// What of it decides whether it is asked for.
    pub fn mention(&self) -> Mention<'_> {
        let status = &self.status;
        Mention {
            sequence: status.sequence,
            time: status.time,
            unit: status.unit.as_str(),
            job: status.job.as_deref(),
            pod: status.pod.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(query: &str) -> Result<Past, String> {
        let mut past = Past::default();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap();
            assert!(past.take(key, value)?, "{key}");
        }
        Ok(past)
    }

    #[test]
    fn what_is_included() {
        let run = Mention {
            sequence: 7,
            time: Time(100),
            unit: "backup",
            job: Some("backup-29301"),
            pod: Some("backup-29301-1"),
        };
        let decision = Mention { job: None, pod: None, ..run };
        for (query, of_run, of_decision) in [
            ("about=backup", true, true),
            ("about=unit/backup", true, true),
            ("about=backup-29301", true, false),
            ("about=job/backup", false, false),
            ("about=job/backup-29301", true, false),
            ("about=pod/backup-29301-1", true, false),
            ("about=web&about=backup", true, true),
            ("about=web", false, false),
            ("sinceTime=1970-01-01T00:01:40Z&untilTime=1970-01-01T00:01:40Z", true, true),
            ("sinceTime=1970-01-01T00:01:41Z", false, false),
            ("untilTime=1970-01-01T00:01:39Z", false, false),
            ("after=6", true, true),
            ("after=7", false, false),
            ("tail=0", true, true),
        ] {
            let past = past(query).unwrap();
            assert_eq!((past.includes(run), past.includes(decision)), (of_run, of_decision), "{query}");
        }
    }

    #[test]
    fn a_query_is_read_as_it_was_written() {
        let asked = Past {
            about: vec![About::Unit("worker@eu".to_owned()), About::Any("x".to_owned())],
            since: Some(Time(100)),
            until: Some(Time(200)),
            after: Some(3),
            tail: Some(4),
        };
        assert_eq!(
            asked.parameters().join("&"),
            "about=unit%2Fworker%40eu&about=x&sinceTime=1970-01-01T00%3A01%3A40Z\
             &untilTime=1970-01-01T00%3A03%3A20Z&after=3&tail=4"
        );
        let many = Past { about: vec![About::Any("x".to_owned()); HISTORY_NAMES_MAX + 1], ..asked };
        assert!(many.parameters().iter().all(|one| !one.starts_with("about") && !one.starts_with("tail")));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in ["about=", "about=unit/", "about=event/x", "sinceTime=5m", "after=-1", "tail=all"] {
            assert!(past(bad).is_err(), "{bad}");
        }
        let many = vec!["about=x"; HISTORY_NAMES_MAX + 1].join("&");
        assert!(past(&many).is_err());
    }
}
