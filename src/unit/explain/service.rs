//! Keys of services.

use super::super::keys;
use super::Table;
use super::pod::key;

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "service",
        written: "[service]",
        kubernetes: "apps/v1 Deployment",
        text: "A number of pods that is kept. A unit without [job] and [cron] is a service, with or without this table.",
        spec: Some(&keys::SERVICE),
        keys: &[
            key! { "replicas" "integer" "1" "spec.replicas" "How many pods: web-0, web-1, … Scaling down removes the highest." },
            key! { "rollout" "table" "" "spec.strategy" "How a changed template comes to the pods; see `supctl explain rollout`." },
        ],
    },
    Table {
        path: "service.rollout",
        written: "`rollout`",
        kubernetes: "spec.strategy",
        text: "How a changed template comes to the pods of a service.",
        spec: Some(&keys::ROLLOUT),
        keys: &[
            key! { "strategy" "one of \"RollingUpdate\", \"Recreate\"" "\"RollingUpdate\"" "spec.strategy.type" "Side by side, or all old ones gone before the first new one comes." },
            key! { "max_unavailable" "integer or percentage" "1" "spec.strategy.rollingUpdate.maxUnavailable" "Pods that may be missing meanwhile; a percentage is rounded down." },
            key! { "max_surge" "integer or percentage" "0" "spec.strategy.rollingUpdate.maxSurge" "Pods that may be too many meanwhile; a percentage is rounded up." },
            key! { "min_ready" "duration" "\"0s\"" "spec.minReadySeconds" "A pod is available once it has been ready for so long." },
            key! { "progress_deadline" "duration" "\"10m\"" "spec.progressDeadlineSeconds" "Without any progress for so long the rollout is said to have failed; it goes on." },
            key! { "history" "integer" "10" "spec.revisionHistoryLimit" "Old revisions that are kept, for `rollout undo`." },
        ],
    },
];
