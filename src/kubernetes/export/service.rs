//! Services: a Deployment, or Pods that nobody replaces.

use serde_json::{Map, Value, json};

use super::Writer;
use crate::unit::model::{RestartPolicy, Rollout, Service, Share, Strategy};

/// Kubernetes' defaults (DEP-004, DEP-005).
const PROGRESS_S: u64 = 600;
const HISTORY: u32 = 10;

impl Writer<'_> {
    /// RS-002: only pods that are always restarted can be a Deployment's; a Pod of a manifest stays one.
    pub(super) fn service(&mut self, service: &Service) -> Vec<Value> {
        let was_pod = self.unit.is_bare_pod();
        if service.pod.restart_policy == RestartPolicy::Always && !was_pod {
            return vec![self.deployment(service)];
        }
        if service.replicas == 0 {
            self.lose("service.replicas", "0: there is no pod to write");
        }
        (0..service.replicas).map(|replica| self.bare_pod(service, replica)).collect()
    }

    fn deployment(&mut self, service: &Service) -> Value {
        let name = self.unit.name.pod_stem();
        let selector = self.selector(&name);
        let metadata = self.metadata(&name, Some(selector));
        let template = json!({
            "metadata": self.template_metadata(Some((selector, &name))),
            "spec": self.pod_spec(&service.pod, true),
        });
        let mut spec = Map::new();
        spec.insert("replicas".to_owned(), service.replicas.into());
        spec.insert("selector".to_owned(), json!({ "matchLabels": { selector: name } }));
        spec.insert("template".to_owned(), template);
        self.rollout(&service.rollout, &mut spec);
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec })
    }

    /// Ours differs from Kubernetes' in its defaults, so it is always written out (DEP-001).
    fn rollout(&mut self, rollout: &Rollout, spec: &mut Map<String, Value>) {
        let strategy = match rollout.strategy {
            Strategy::Recreate => json!({ "type": "Recreate" }),
            Strategy::RollingUpdate => json!({
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": share(rollout.max_surge),
                    "maxUnavailable": share(rollout.max_unavailable),
                },
            }),
        };
        spec.insert("strategy".to_owned(), strategy);
        let min_ready = self.seconds("service.rollout.min_ready", rollout.min_ready, 0);
        if min_ready > 0 {
            spec.insert("minReadySeconds".to_owned(), min_ready.into());
        }
        // Kubernetes refuses one that is over before a pod can be available.
        let key = "service.rollout.progress_deadline";
        let progress = self.seconds(key, rollout.progress_deadline, min_ready + 1);
        if progress != PROGRESS_S {
            spec.insert("progressDeadlineSeconds".to_owned(), progress.into());
        }
        let history = self.number("service.rollout.history", rollout.history, u32::MAX);
        if history != HISTORY {
            spec.insert("revisionHistoryLimit".to_owned(), history.into());
        }
    }

    /// A pod by itself: its name and number are known already.
    fn bare_pod(&mut self, service: &Service, replica: u32) -> Value {
        let stem = self.unit.name.pod_stem();
        let name = if service.replicas == 1 { stem } else { format!("{stem}-{replica}") };
        self.pod_name = Some((name.clone(), replica));
        let metadata = self.metadata(&name, None);
        let spec = self.pod_spec(&service.pod, false);
        self.pod_name = None;
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
    }
}

fn share(share: Share) -> Value {
    match share {
        Share::Number(number) => number.into(),
        Share::Percent(percent) => format!("{percent}%").into(),
    }
}
