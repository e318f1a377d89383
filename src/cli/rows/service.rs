//! Services, as `kubectl get deployments` shows them (OUT-012).

use super::super::name;
use super::super::style::Tone;
use super::super::table::Cell;
use super::{Look, Tabular};
use crate::control::objects::Deployment;

impl Tabular for Deployment {
    const NOUN: name::Noun = name::Noun::Service;
    const HEADERS: (&'static [&'static str], usize) =
        (&["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "REPLICAS"], 5);

    fn cells(&self, look: Look) -> Vec<Cell> {
        let ready = format!("{}/{}", self.status.ready_replicas, self.spec.replicas);
        vec![
            self.metadata.name.as_str().into(),
            Cell::toned(ready, self.tone()),
            self.status.updated_replicas.to_string().into(),
            self.status.available_replicas.to_string().into(),
            look.age(self.metadata.creation_timestamp).into(),
            self.status.replicas.to_string().into(),
        ]
    }

    fn state(&self) -> String {
        let word = match (self.status.ready_replicas, self.spec.replicas) {
            (_, 0) => "Stopped",
            (ready, wanted) if ready >= wanted => "Running",
            (0, _) => "Starting",
            _ => "Degraded",
        };
        word.to_owned()
    }

    fn tone(&self) -> Tone {
        match (self.status.ready_replicas, self.spec.replicas) {
            (_, 0) => Tone::Rest,
            (ready, wanted) if ready >= wanted => Tone::Well,
            _ => Tone::Moving,
        }
    }
}
