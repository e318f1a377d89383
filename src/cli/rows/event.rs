//! Events, as `kubectl get events` shows them.

use super::super::name;
use super::super::style::Tone;
use super::super::table::Cell;
use super::{Look, Tabular};
use crate::control::objects::Event;

impl Tabular for Event {
    const NOUN: name::Noun = name::Noun::Event;
    const HEADERS: (&'static [&'static str], usize) =
        (&["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE", "SEQUENCE", "UNIT"], 5);

    fn cells(&self, look: Look) -> Vec<Cell> {
        let object =
            format!("{}/{}", self.involved_object.kind.to_ascii_lowercase(), self.involved_object.name);
        vec![
            look.age(Some(self.last_timestamp)).into(),
            Cell::toned(self.severity.as_ref(), self.tone()),
            self.reason.as_str().into(),
            object.into(),
            self.message.as_str().into(),
            self.sequence.to_string().into(),
            self.unit.as_str().into(),
        ]
    }

    fn state(&self) -> String {
        self.severity.to_string()
    }

    fn tone(&self) -> Tone {
        if self.severity == "Warning" { Tone::Failing } else { Tone::Plain }
    }
}
