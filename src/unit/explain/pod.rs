//! Keys of what runs: a unit's own, those of steps and processes beside, and the tables of a process.

use super::super::keys;
use super::{Key, Table};

macro_rules! key {
    ($name:literal $takes:literal $default:literal $kubernetes:literal $text:literal) => {
        $crate::unit::explain::Key {
            name: $name,
            takes: $takes,
            default: $default,
            kubernetes: $kubernetes,
            text: $text,
        }
    };
}
pub(super) use key;

const EXEC: Key = key! { "exec" "array of text" "" "containers[].command, args"
"Program and arguments, without a shell. A bare program name is looked up in the pod's PATH. Variables like ${index} are replaced." };
const SHELL: Key = key! { "shell" "text" "" ""
"A text for `/bin/sh -c`, instead of `exec`. Nothing is replaced in it: the shell has the variables in its environment." };
const ENV: Key = key! { "env" "table of text" "" "containers[].env"
"Variables of the environment, on top of those of `env_file`." };
const ENV_FILE: Key = key! { "env_file" "array of paths" "[]" "containers[].envFrom"
"Files of NAME=value lines, in order. A `?` before the path: it may be missing." };
const ENV_PASS: Key = key! { "env_pass" "array of names" "[]" ""
"Variables of supd's own environment that are passed on. In a container all are." };
const USER: Key = key! { "user" "name or integer" "supd's own" "securityContext.runAsUser"
"The user to become. A name is looked up at each start." };
const GROUP: Key = key! { "group" "name or integer" "the user's own" "securityContext.runAsGroup"
"The group to become." };
const GROUPS: Key = key! { "supplementary_groups" "array of names or integers" "the user's own" "securityContext.supplementalGroups"
"Further groups." };
const UMASK: Key = key! { "umask" "octal text" "supd's own" ""
"The mask of permissions that new files do not get: \"027\"." };
const WORKING_DIR: Key = key! { "working_dir" "path" "/ (an ordinary user: the home directory)" "containers[].workingDir"
"Where the process starts." };
const SUCCESS_EXIT: Key = key! { "success_exit" "array of integers" "[0]" ""
"Exit codes that count as success." };
const RESOURCES: Key = key! { "resources" "table" "" "containers[].resources"
"Limits of the process; see `supctl explain resources`." };
const SANDBOX: Key = key! { "sandbox" "table" "" "containers[].securityContext"
"What the process may not do or see." };
const RESTART_RULES: Key = key! { "restart_rules" "array of tables" "[]" "containers[].restartPolicyRules"
"Exits that are treated otherwise than the policy says: `exit_codes` and an `action`, Restart or RestartAllContainers. The first that matches counts." };
const STARTUP: Key = key! { "startup" "table" "" "containers[].startupProbe"
"Holds readiness and liveness back until its first success; see `supctl explain startup`." };
const READINESS: Key = key! { "readiness" "table" "ready as soon as started" "containers[].readinessProbe"
"When the process is ready; see `supctl explain readiness`." };
const LIVENESS: Key = key! { "liveness" "table" "" "containers[].livenessProbe"
"Failing it restarts the process; see `supctl explain liveness`." };
const STOP: Key = key! { "stop" "table" "" "containers[].lifecycle"
"How the process is stopped; see `supctl explain stop`." };
const NAME: Key = key! { "name" "text" "" "containers[].name"
"Its name within the pod: a DNS label, not `main`." };

const MOUNT: Key = key! { "mount" "array of tables" "[]" "containers[].volumeMounts"
"Where the process finds volumes of the pod; see `supctl explain mount`." };

pub(super) const OPERATOR: Key =
    key! { "operator" "one of \"In\", \"NotIn\"" "" "operator" "These codes, or all others but 0." };
pub(super) const VALUES: Key =
    key! { "values" "array of integers" "" "values" "Exit codes, at most 255 of them." };

/// Of a step, a sidecar, or a process beside main.
const BESIDE: &[Key] = &[
    NAME,
    EXEC,
    SHELL,
    ENV,
    ENV_FILE,
    ENV_PASS,
    USER,
    GROUP,
    GROUPS,
    UMASK,
    WORKING_DIR,
    SUCCESS_EXIT,
    RESOURCES,
    key! { "restart_policy" "one of \"Always\", \"OnFailure\", \"Never\"" "the pod's" "containers[].restartPolicy"
    "When this process runs again, where that is not the pod's policy. `Always` makes an init step a sidecar." },
    RESTART_RULES,
    STARTUP,
    READINESS,
    LIVENESS,
    STOP,
    MOUNT,
    SANDBOX,
];

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "",
        written: "a unit",
        kubernetes: "Pod, and the pod template of a Job, CronJob or Deployment",
        text: "What runs stands at the top of a unit file; a table says how often. With [job] it is a job, with [cron] a cronjob, with [service] or neither a service, with nothing to run a target.",
        spec: Some(&keys::UNIT),
        keys: &[
            key! { "description" "text" "" "" "One line for people." },
            key! { "labels" "table of text" "" "metadata.labels" "For `-l`. The pods get them, too." },
            key! { "annotations" "table of text" "" "metadata.annotations" "For tools; supd does not look at them." },
            key! { "job_labels" "table of text" "labels" "jobTemplate.metadata.labels" "Of a cronjob's jobs, instead of `labels`." },
            key! { "job_annotations" "table of text" "annotations" "jobTemplate.metadata.annotations" "Of a cronjob's jobs, instead of `annotations`." },
            key! { "pod_labels" "table of text" "labels" "template.metadata.labels" "Of the pods, instead of `labels`." },
            key! { "pod_annotations" "table of text" "annotations" "template.metadata.annotations" "Of the pods, instead of `annotations`." },
            EXEC,
            SHELL,
            ENV,
            ENV_FILE,
            ENV_PASS,
            USER,
            GROUP,
            GROUPS,
            UMASK,
            WORKING_DIR,
            key! { "restart_policy" "one of \"Always\", \"OnFailure\", \"Never\"" "service: \"Always\"; job, cronjob: \"Never\"" "spec.restartPolicy"
            "When a process that has ended runs again in its pod. A job with `Never` makes a new pod for each failure, with `OnFailure` runs again in the same pod." },
            SUCCESS_EXIT,
            key! { "active_deadline" "duration" "infinity" "spec.activeDeadlineSeconds"
            "The pod fails with DeadlineExceeded after this time. A job's own limit stands in [job]." },
            key! { "requires" "array of units" "[]" ""
            "Started with this unit and waited for: \"db\" or \"db:ready\". Conditions: started, ready, completed, succeeded. It must exist. Where it has failed for good, this unit has too (DependencyFailed), until it is started again." },
            key! { "wants" "array of units" "[]" ""
            "Started with this unit and waited for, unless they have failed or do not exist." },
            key! { "after" "array of units" "[]" "" "Waited for if they are to be started too." },
            key! { "before" "array of units" "[]" "" "The same, seen from the other side." },
            key! { "essential" "boolean" "false" ""
            "In a container or under --exit-when-done the end of this unit's pod ends supd, with its exit code." },
            key! { "service" "table" "" "Deployment" "A number of pods that is kept; see `supctl explain service`." },
            key! { "job" "table" "" "Job" "Pods until enough have succeeded; see `supctl explain job`." },
            key! { "cron" "table" "" "CronJob" "A job at times of a calendar; see `supctl explain cron`." },
            key! { "init" "array of tables" "[]" "spec.initContainers" "Steps before, in order; see `supctl explain init`." },
            key! { "sidecar" "array of tables" "[]" "spec.initContainers with restartPolicy Always"
            "Processes beside the application, started after the init steps and stopped after it; see `supctl explain sidecar`." },
            key! { "process" "array of tables" "[]" "spec.containers" "Further processes of the application; see `supctl explain process`." },
            key! { "backoff" "table" "" "" "Delays of restarts in the same pod; see `supctl explain backoff`." },
            RESTART_RULES,
            STARTUP,
            READINESS,
            LIVENESS,
            STOP,
            key! { "termination_grace_period" "duration" "\"30s\"" "spec.terminationGracePeriodSeconds"
            "Kubernetes' name for `grace` in [stop]." },
            RESOURCES,
            SANDBOX,
            key! { "logs" "table" "" "" "Where output goes; see `supctl explain logs`." },
            key! { "volume" "array of tables" "[]" "spec.volumes" "Files and directories of the pod; see `supctl explain volume`." },
            MOUNT,
            key! { "container" "text" "\"main\"" "containers[0].name" "What the main process is called: a manifest's container keeps its name." },
            key! { "manifest" "kind" "" "kind"
            "The kind of the manifest that the unit came from: `supctl export` writes that kind again, and Kubernetes' defaults hold where they differ from ours." },
            key! { "binds_to" "array of units" "[]" "" "As `requires`, and stopped when they stop." },
            key! { "part_of" "array of units" "[]" "" "Stopped and restarted with them." },
            key! { "conflicts" "array of units" "[]" "" "Never runs beside them." },
        ],
    },
    Table {
        path: "init",
        written: "[[init]]",
        kubernetes: "spec.initContainers",
        text: "A step before the application. Steps run one after the other, each to its success, before the application starts; again when the pod is made anew, not on a restart in place.",
        spec: Some(&keys::INIT),
        keys: BESIDE,
    },
    Table {
        path: "sidecar",
        written: "[[sidecar]]",
        kubernetes: "spec.initContainers with restartPolicy Always",
        text: "A process beside the application, started after all init steps and stopped after the application. It is always restarted, and never keeps a job from completing.",
        spec: Some(&keys::SIDECAR),
        keys: BESIDE,
    },
    Table {
        path: "process",
        written: "[[process]]",
        kubernetes: "spec.containers",
        text: "A further process of the application, as a second container is. The pod is done when all of them are.",
        spec: Some(&keys::PROCESS),
        keys: BESIDE,
    },
    Table {
        path: "restart_rules",
        written: "[[restart_rules]]",
        kubernetes: "containers[].restartPolicyRules",
        text: "An exit that is treated otherwise than the policy says. The first rule that matches counts.",
        spec: Some(&keys::RESTART_RULE),
        keys: &[
            key! { "exit_codes" "table" "" "exitCodes" "Which exits: `{ operator = \"In\", values = [42] }`, or NotIn." },
            key! { "action" "one of \"Restart\", \"RestartAllContainers\"" "" "action" "The process runs again, or all of the pod does, steps included." },
        ],
    },
    Table {
        path: "restart_rules.exit_codes",
        written: "`exit_codes`",
        kubernetes: "exitCodes",
        text: "Codes that a rule is about.",
        spec: Some(&keys::EXIT_CODES),
        keys: &[OPERATOR, VALUES],
    },
    Table {
        path: "backoff",
        written: "[backoff]",
        kubernetes: "the kubelet's CrashLoopBackOff",
        text: "Delays of restarts in the same pod. The first restart is immediate, the second waits `initial`, each further one `factor` times longer, up to `max`.",
        spec: Some(&keys::BACKOFF),
        keys: &[
            key! { "initial" "duration" "\"10s\"" "" "The second restart waits this long." },
            key! { "factor" "number" "2.0" "" "Each further one waits this many times longer." },
            key! { "max" "duration" "\"5m\"" "crashLoopBackOff.maxContainerRestartPeriod" "The longest delay. Below `initial` it lowers that, too." },
            key! { "jitter" "number from 0 to 1" "0.0" "" "A fraction of the delay that is added at random." },
            key! { "reset_after" "duration" "\"10m\"" "" "A run that lasted this long starts the series anew." },
        ],
    },
    Table {
        path: "stop",
        written: "[stop]",
        kubernetes: "spec.containers[].lifecycle",
        text: "How a process is stopped: what runs first, a signal, and after the grace KILL to its whole tree.",
        spec: Some(&keys::STOP),
        keys: &[
            key! { "signal" "name or number" "\"TERM\"" "lifecycle.stopSignal" "What asks the process to end." },
            key! { "grace" "duration" "\"30s\"" "spec.terminationGracePeriodSeconds"
            "From the wish to stop it to KILL, what runs first included. At least 2 seconds lie between the signal and KILL." },
            key! { "pre" "array of text, or table" "" "lifecycle.preStop"
            "Runs before the signal, where supd stops the process: a command, `{ sleep = \"5s\" }` or `{ http = … }`. The grace has begun." },
        ],
    },
    Table {
        path: "hook",
        written: "a hook",
        kubernetes: "lifecycle.postStart, lifecycle.preStop",
        text: "What runs right after a start (`post` in [startup]) or before a stop (`pre` in [stop]). One of the keys, or the command alone.",
        spec: Some(&keys::HOOK),
        keys: &[
            key! { "exec" "array of text" "" "exec.command" "A command, as the process's own user and with its environment." },
            key! { "http" "table" "" "httpGet" "A GET that answers 200 to 399: `{ port = 8080, path = \"/drain\" }`." },
            key! { "sleep" "duration" "" "sleep.seconds" "A pause." },
        ],
    },
    Table {
        path: "resources",
        written: "[resources]",
        kubernetes: "spec.containers[].resources.limits",
        text: "Limits of a process. Those of the whole tree (the process and all that it starts, wherever that goes) need cgroups of version 2 with their controllers; where they are not there, supd warns of it by name.",
        spec: Some(&keys::RESOURCES),
        keys: &[
            key! { "rlimits" "table" "" "" "Limits by setrlimit(2): `{ nofile = 65536, core = 0 }`. \"infinity\" is none." },
            key! { "memory_max" "size" "" "limits.memory" "Memory of the whole tree: \"64Mi\"; beyond it all of it is ended, OOMKilled." },
            key! { "memory_high" "size" "" "" "Memory of the whole tree beyond which it is slowed down, and has to give back." },
            key! { "cpu_max" "text or number" "" "limits.cpu" "CPUs of the whole tree: \"1500m\" or 1.5." },
            key! { "cpu_weight" "integer" "100" "" "Its share of CPU beside others that want it, 1 to 10000." },
            key! { "pids_max" "integer" "" "" "Processes and threads of the whole tree." },
        ],
    },
    Table {
        path: "logs",
        written: "[logs]",
        kubernetes: "",
        text: "Where output goes.",
        spec: Some(&keys::LOGS),
        keys: &[
            key! { "stdout" "one of \"log\", \"inherit\", \"both\", \"null\"" "\"both\" in a container and in the foreground, else \"log\"" ""
            "Standard output: to the log files, to supd's own output, to both, or nowhere." },
            key! { "stderr" "one of \"log\", \"inherit\", \"both\", \"null\"" "as stdout" "" "Standard error, in the same words." },
        ],
    },
    Table {
        path: "bundle",
        written: "a bundle",
        kubernetes: "",
        text: "Several units in one file, `supd.toml`.",
        spec: Some(&keys::BUNDLE),
        keys: &[
            key! { "unit" "table of units" "" "" "The units, each under its name: `[unit.web]`." },
            key! { "defaults" "table" "" "" "Keys that hold for every unit that does not say otherwise: the weakest layer." },
        ],
    },
];
