//! Keys of jobs and cronjobs.

use super::super::keys;
use super::Table;
use super::pod::{OPERATOR, VALUES, key};

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "job",
        written: "[job]",
        kubernetes: "batch/v1 Job",
        text: "Pods until enough have succeeded.",
        spec: Some(&keys::JOB),
        keys: &[
            key! { "completions" "integer" "1; with `parallelism` alone: a work queue" "spec.completions"
            "Successes wanted. Without it and with `parallelism` the job is a work queue: the first success is enough, and no new pod starts after it." },
            key! { "parallelism" "integer" "1" "spec.parallelism" "Pods at once. 0 pauses the job." },
            key! { "completion_mode" "one of \"NonIndexed\", \"Indexed\"" "\"NonIndexed\"" "spec.completionMode"
            "Indexed: each completion has a number of its own, ${index} and $JOB_COMPLETION_INDEX." },
            key! { "backoff_limit" "integer" "6" "spec.backoffLimit"
            "Failures allowed. With the policy Never N allows N+1 failed pods; with OnFailure the restarts of the running pods are summed, and the job fails when they reach N." },
            key! { "backoff_limit_per_index" "integer" "" "spec.backoffLimitPerIndex" "Failures allowed of each index; beyond it the index fails, and the others go on." },
            key! { "max_failed_indexes" "integer" "" "spec.maxFailedIndexes" "Indexes that may fail before the job does." },
            key! { "active_deadline" "duration" "infinity" "spec.activeDeadlineSeconds" "The job fails this long after its start, back-off included." },
            key! { "ttl_after_finished" "duration" "" "spec.ttlSecondsAfterFinished" "A finished job goes after this time, with its pods and records." },
            key! { "suspend" "boolean" "false" "spec.suspend" "Created at rest; `supctl resume` starts it." },
            key! { "pod_replacement_policy" "one of \"TerminatingOrFailed\", \"Failed\"" "\"TerminatingOrFailed\"; with a failure policy \"Failed\"" "spec.podReplacementPolicy"
            "When a pod that was asked to end is replaced: at once, or when it is gone." },
            key! { "failure_policy" "array of tables" "[]" "spec.podFailurePolicy" "What failures of which kind mean; see `supctl explain job.failure_policy`." },
            key! { "success_policy" "array of tables" "[]" "spec.successPolicy"
            "Which successes are enough: rules with `succeeded_indexes` (\"0-8\") and `succeeded_count`. Only for indexed jobs." },
            key! { "at_boot" "one of \"keep\", \"again\"" "\"keep\"" "" "What a finished job does when supd comes up anew: it stays finished, or runs again." },
            key! { "keep_pods" "integer" "100" "" "Finished pods that are kept for a look, with their logs; failed ones longest." },
            key! { "durable" "boolean" "false" "" "A completion is on disk before the next pod starts." },
            key! { "backoff" "table" "" "" "Delays before a new pod after a failed one; see `supctl explain job.backoff`." },
        ],
    },
    Table {
        path: "job.backoff",
        written: "[job.backoff]",
        kubernetes: "the Job controller's back-off",
        text: "Delays before a new pod after a failed one (policy Never). They are the job's, not an index's, and a success lifts them.",
        spec: Some(&keys::JOB_BACKOFF),
        keys: &[
            key! { "initial" "duration" "\"10s\"" "" "The delay after the first failure." },
            key! { "factor" "number" "2.0" "" "After each further one it is this many times longer." },
            key! { "max" "duration" "\"10m\"" "" "The longest delay." },
        ],
    },
    Table {
        path: "job.failure_policy",
        written: "[[job.failure_policy]]",
        kubernetes: "spec.podFailurePolicy.rules",
        text: "What a failure of a pod means. The first rule that matches counts; one that no rule matches is counted.",
        spec: Some(&keys::FAILURE_RULE),
        keys: &[
            key! { "exit_codes" "table" "" "onExitCodes" "Ends with these codes: `{ operator = \"In\", values = [42] }`, or NotIn; `process` names one process." },
            key! { "signal" "array of names" "" "" "A signal that supd did not send has ended a process." },
            key! { "oom" "boolean" "" "" "The kernel ended it for want of memory. Its log tells, which root can read outside of containers." },
            key! { "deleted" "boolean" "" "onPodConditions DisruptionTarget" "An operator has deleted the pod, or supd has ended under it." },
            key! { "action" "one of \"FailJob\", \"FailIndex\", \"Ignore\", \"Count\"" "" "action" "What follows: the job fails, its index fails, it is not counted, or it is." },
        ],
    },
    Table {
        path: "job.failure_policy.exit_codes",
        written: "`exit_codes`",
        kubernetes: "onExitCodes",
        text: "Codes that a rule is about.",
        spec: Some(&keys::FAILURE_CODES),
        keys: &[
            OPERATOR,
            VALUES,
            key! { "process" "text" "any" "containerName" "Only ends of this process of the pod." },
        ],
    },
    Table {
        path: "job.success_policy",
        written: "`success_policy`",
        kubernetes: "spec.successPolicy.rules",
        text: "Which successes are enough. The job is complete as soon as one rule holds; pods that still run are ended.",
        spec: Some(&keys::SUCCESS_RULE),
        keys: &[
            key! { "succeeded_indexes" "text" "all" "succeededIndexes" "Indexes that count: \"0-3,7\"." },
            key! { "succeeded_count" "integer" "all of them" "succeededCount" "So many of them are enough." },
        ],
    },
    Table {
        path: "cron",
        written: "[cron]",
        kubernetes: "batch/v1 CronJob",
        text: "A job at times of a calendar. What the job needs beside stands in [job].",
        spec: Some(&keys::CRON),
        keys: &[
            key! { "schedule" "text" "" "spec.schedule" "Minute, hour, day, month, weekday as Kubernetes reads them, or @daily; six fields: seconds first. `supctl calendar` shows its times." },
            key! { "time_zone" "name" "the host's" "spec.timeZone" "A name of the time zone database: \"Europe/Berlin\"." },
            key! { "concurrency_policy" "one of \"Allow\", \"Forbid\", \"Replace\"" "\"Allow\"" "spec.concurrencyPolicy"
            "A run that is due while another is active: runs beside it, waits for its end, or ends it first." },
            key! { "starting_deadline" "duration" "" "spec.startingDeadlineSeconds" "A run later than this is missed." },
            key! { "suspend" "boolean" "false" "spec.suspend" "Created at rest; running jobs are not touched." },
            key! { "successful_history" "integer" "3" "spec.successfulJobsHistoryLimit" "Complete jobs that are kept." },
            key! { "failed_history" "integer" "1" "spec.failedJobsHistoryLimit" "Failed jobs that are kept." },
            key! { "catch_up" "one of \"last\", \"none\", \"all\"" "\"last\"" "" "What happens to times that passed while nobody could start them: the latest of them runs once, none does, or all do." },
            key! { "dst" "one of \"once\", \"literal\"" "\"once\"" "" "How daylight saving is read: a fixed time runs once a day whatever the clock does, or as Kubernetes has it, skipped in the gap and twice in the repeated hour." },
            key! { "jitter" "duration" "\"0s\"" "" "A random delay of each run, less than this. The scheduled time stays what it is." },
        ],
    },
];
