//! More that a scenario of a rule looks at.

use supd::engine::view::PodView;

use crate::world::World;

impl World {
    /// The last state of a pod that is done.
    #[track_caller]
    pub fn finished(&self, pod: &str) -> &PodView {
        let found = self.finished.values().rfind(|view| view.name == pod);
        found.unwrap_or_else(|| panic!("{}: {pod} is not done", self.title))
    }

    /// There is an event with this reason about this object.
    #[track_caller]
    pub fn told(self, reason: &str, about: &str) -> Self {
        let about = format!("{about}: ");
        let found = self.reports.iter().any(|(r, words)| r == reason && words.starts_with(&about));
        assert!(found, "{}: no {reason} of {about}in {:#?}", self.title, self.reports);
        self
    }
}
