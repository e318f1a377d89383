//! The pod: what all kinds have in common.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Writer;
use super::container::{Place, policy, stops_otherwise};
use crate::unit::model::{Backoff, PodTemplate, RestartPolicy, Sink};

/// Kubernetes' own delays between restarts in a pod (RST-006, RST-008, RST-009).
const RESTART_BACKOFF: Backoff = Backoff {
    initial: Duration::from_secs(10),
    factor: 2.0,
    max: Duration::from_secs(300),
    jitter: 0.0,
    reset_after: Duration::from_secs(600),
};
/// TRM-001.
const GRACE_S: u64 = 30;

impl Writer<'_> {
    /// `spec` of a pod. `endless`: it is a Deployment's, which may have no deadline.
    pub(super) fn pod_spec(&mut self, pod: &PodTemplate, endless: bool) -> Value {
        let mut spec = Map::new();
        let mut init = Vec::new();
        let mut containers = Vec::new();
        for (place, process) in pod.processes().enumerate() {
            let is_main = place == pod.main_place();
            let container = self.container(&Place::new(process, is_main), pod.restart_policy);
            if place < pod.init.len() { &mut init } else { &mut containers }.push(container);
        }
        if !init.is_empty() {
            spec.insert("initContainers".to_owned(), init.into());
        }
        spec.insert("containers".to_owned(), containers.into());
        spec.insert("restartPolicy".to_owned(), policy(pod.restart_policy).into());
        let grace = self.seconds("stop.grace", pod.grace, 0);
        if grace != GRACE_S {
            spec.insert("terminationGracePeriodSeconds".to_owned(), grace.into());
        }
        match pod.active_deadline {
            Some(_) if endless => self.lose("active_deadline", "a Deployment's pods have none"),
            Some(deadline) => {
                let seconds = self.seconds("active_deadline", deadline, 1);
                spec.insert("activeDeadlineSeconds".to_owned(), seconds.into());
            }
            None => {}
        }
        let mut context = Map::new();
        if let Some(groups) = self.groups(pod) {
            context.insert("supplementalGroups".to_owned(), groups.into());
        }
        if let Some(group) = self.volume_group(pod) {
            context.insert("fsGroup".to_owned(), group.into());
        }
        if !context.is_empty() {
            spec.insert("securityContext".to_owned(), Value::Object(context));
        }
        let volumes = self.volumes(pod);
        if !volumes.is_empty() {
            spec.insert("volumes".to_owned(), volumes.into());
        }
        if pod.processes().any(stops_otherwise) {
            // A signal of its own needs to know whose signals they are.
            spec.insert("os".to_owned(), json!({ "name": "linux" }));
        }
        self.restarts_and_logs(pod);
        Value::Object(spec)
    }

    /// Kubernetes has one list for all containers of a pod.
    fn groups(&mut self, pod: &PodTemplate) -> Option<Vec<u32>> {
        let key = "supplementary_groups";
        let groups = &pod.main.supplementary_groups;
        if pod.processes().any(|process| process.supplementary_groups != *groups) {
            self.lose(key, "all containers of a pod have the same there: those at the top are written");
        }
        let groups = groups.as_ref()?;
        if groups.is_empty() {
            self.lose(key, "`[]` cannot be said there: the image's groups of the user are added");
        }
        let ids: Vec<u32> = groups.iter().filter_map(|group| self.account(key, group)).collect();
        (!ids.is_empty()).then_some(ids)
    }

    fn restarts_and_logs(&mut self, pod: &PodTemplate) {
        let restarts = pod.processes().any(|process| process.restart_policy != RestartPolicy::Never);
        if restarts && pod.backoff != RESTART_BACKOFF {
            self.lose(
                "backoff",
                "the kubelet's delays are not settable: at once, then 10 s doubling to 5 min",
            );
        }
        for (key, sink) in [("logs.stdout", pod.logs.stdout), ("logs.stderr", pod.logs.stderr)] {
            if sink == Sink::Null {
                self.lose(key, "what is written is always kept there; redirect it in the command");
            }
        }
    }
}
