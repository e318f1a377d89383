//! Which keys there are, which of them this build honours, and what people may have meant by others.

/// The keys of one table.
pub(super) struct TableSpec {
    /// How people call it: `[cron]`; the unit itself has no header.
    pub(super) name: &'static str,
    /// Keys that are read.
    pub(super) built: &'static [&'static str],
    /// Keys that the format has and this build refuses.
    pub(super) later: &'static [&'static str],
}

macro_rules! table {
    ($id:ident $name:literal [$($built:literal)*] [$($later:literal)*]) => {
        pub(super) static $id: TableSpec =
            TableSpec { name: $name, built: &[$($built,)*], later: &[$($later,)*] };
    };
}

table! { UNIT "a unit" [
    "description" "labels" "annotations" "job_labels" "job_annotations" "pod_labels" "pod_annotations" "exec" "shell" "env" "env_file" "env_pass" "user" "group"
    "supplementary_groups" "umask" "working_dir" "restart_policy" "success_exit" "active_deadline" "requires"
    "wants" "after" "before" "essential" "service" "init" "sidecar" "process" "backoff" "restart_rules" "startup"
    "readiness" "liveness" "stop" "resources" "logs" "job" "cron" "termination_grace_period" "manifest" "container"
    "volume" "mount"
] ["sandbox" "binds_to" "part_of" "conflicts"] }
table! { SERVICE "[service]" ["replicas" "rollout"] [] }
table! { ROLLOUT "`rollout`" [
    "strategy" "max_unavailable" "max_surge" "min_ready" "progress_deadline" "history"
] [] }
table! { INIT "[[init]]" [
    "name" "exec" "shell" "env" "env_file" "env_pass" "user" "group" "supplementary_groups" "umask" "working_dir"
    "success_exit" "resources" "restart_policy" "restart_rules" "startup" "readiness" "liveness" "stop" "mount"
] ["sandbox"] }
table! { SIDECAR "[[sidecar]]" [
    "name" "exec" "shell" "env" "env_file" "env_pass" "user" "group" "supplementary_groups" "umask" "working_dir"
    "success_exit" "resources" "restart_policy" "restart_rules" "startup" "readiness" "liveness" "stop" "mount"
] ["sandbox"] }
table! { PROCESS "[[process]]" [
    "name" "exec" "shell" "env" "env_file" "env_pass" "user" "group" "supplementary_groups" "umask" "working_dir"
    "success_exit" "resources" "restart_policy" "restart_rules" "startup" "readiness" "liveness" "stop" "mount"
] ["sandbox"] }
table! { RESTART_RULE "[[restart_rules]]" ["exit_codes" "action"] [] }
table! { EXIT_CODES "`exit_codes`" ["operator" "values"] [] }
table! { BACKOFF "[backoff]" ["initial" "factor" "max" "jitter" "reset_after"] [] }
table! { STARTUP "[startup]" [
    "http" "tcp" "exec" "fd" "notify" "unix" "log" "file" "grpc" "initial_delay" "period" "timeout"
    "success_threshold" "failure_threshold" "grace" "termination_grace_period" "deadline" "post"
] [] }
// A grace of readiness is refused in words of its own (PRB-015).
table! { READINESS "[readiness]" [
    "http" "tcp" "exec" "fd" "notify" "unix" "log" "file" "grpc" "initial_delay" "period" "timeout"
    "success_threshold" "failure_threshold" "grace" "termination_grace_period"
] [] }
table! { LIVENESS "[liveness]" [
    "watchdog" "http" "tcp" "exec" "fd" "notify" "unix" "log" "file" "grpc" "initial_delay" "period" "timeout"
    "success_threshold" "failure_threshold" "grace" "termination_grace_period"
] [] }
table! { HTTP "`http`" ["host" "port" "path" "scheme" "headers"] [] }
table! { TCP "`tcp`" ["host" "port"] [] }
table! { GRPC "`grpc`" ["host" "port" "service"] [] }
table! { HOOK "a hook" ["exec" "http" "sleep"] [] }
table! { STOP "[stop]" ["signal" "grace" "pre"] [] }
table! { RESOURCES "[resources]" [
    "rlimits" "memory_max" "memory_high" "cpu_max" "cpu_weight" "pids_max"
] [] }
table! { LOGS "[logs]" ["stdout" "stderr"] [] }
table! { JOB "[job]" [
    "completions" "parallelism" "completion_mode" "backoff_limit" "active_deadline" "suspend" "keep_pods" "backoff"
    "ttl_after_finished" "durable" "at_boot" "backoff_limit_per_index" "max_failed_indexes"
    "pod_replacement_policy" "success_policy" "failure_policy"
] [] }
table! { JOB_BACKOFF "[job.backoff]" ["initial" "factor" "max"] [] }
table! { FAILURE_RULE "[[job.failure_policy]]" ["exit_codes" "signal" "oom" "deleted" "action"] [] }
table! { FAILURE_CODES "`exit_codes`" ["operator" "values" "process"] [] }
table! { SUCCESS_RULE "`success_policy`" ["succeeded_indexes" "succeeded_count"] [] }
table! { CRON "[cron]" [
    "schedule" "time_zone" "concurrency_policy" "starting_deadline" "suspend" "successful_history"
    "failed_history" "catch_up" "dst" "jitter"
] [] }
table! { VOLUME "[[volume]]" ["name" "file" "empty" "host" "type" "group"] [] }
table! { VOLUME_FILE "[[volume.file]]" ["path" "text" "template" "base64" "mode"] [] }
table! { MOUNT "[[mount]]" ["volume" "path" "sub_path" "read_only"] [] }
table! { BUNDLE "a bundle" ["unit" "defaults"] [] }

/// Tables whose keys are the user's own words: no spelling of theirs is touched.
pub(super) const FREE_TABLES: [&str; 9] = [
    "env",
    "labels",
    "annotations",
    "job_labels",
    "job_annotations",
    "pod_labels",
    "pod_annotations",
    "headers",
    "rlimits",
];

/// Tables that a misplaced key may belong to.
static PLACES: [&TableSpec; 10] =
    [&SERVICE, &JOB, &CRON, &BACKOFF, &STOP, &READINESS, &LIVENESS, &STARTUP, &RESOURCES, &LOGS];

/// Kubernetes' names that are more than another spelling of ours: theirs in snake_case, ours, and whether
/// the name says that the value is a number of seconds.
const KUBERNETES: [(&str, &str, bool); 15] = [
    ("active_deadline_seconds", "active_deadline", true),
    ("starting_deadline_seconds", "starting_deadline", true),
    ("termination_grace_period_seconds", "termination_grace_period", true),
    ("initial_delay_seconds", "initial_delay", true),
    ("period_seconds", "period", true),
    ("timeout_seconds", "timeout", true),
    ("ttl_seconds_after_finished", "ttl_after_finished", true),
    ("successful_jobs_history_limit", "successful_history", false),
    ("failed_jobs_history_limit", "failed_history", false),
    ("min_ready_seconds", "min_ready", true),
    ("progress_deadline_seconds", "progress_deadline", true),
    ("revision_history_limit", "history", false),
    ("pod_failure_policy", "failure_policy", false),
    ("on_exit_codes", "exit_codes", false),
    ("restart_policy_rules", "restart_rules", false),
];

/// Words of other systems, in snake_case, with what to write here.
const FOREIGN: [(&str, &str); 92] = [
    // our own bundles
    ("unit", "tables of units stand in a bundle: a file `supd.toml`"),
    ("defaults", "`[defaults]` stands in a bundle: a file `supd.toml`"),
    // supervisord
    ("autorestart", "did you mean `restart_policy`? supervisord's `unexpected` is `OnFailure`"),
    (
        "autostart",
        "every unit is started unless there is a `default` unit; list in its `wants` what is to start",
    ),
    ("numprocs", "did you mean `replicas` in [service]?"),
    ("startsecs", "did you mean `[readiness]`, or `reset_after` in [backoff]?"),
    (
        "startretries",
        "a service is retried for ever, ever slower: see [backoff]; a job has `backoff_limit` in [job]",
    ),
    ("stopwaitsecs", "did you mean `grace` in [stop]? it takes a unit: `grace = \"10s\"`"),
    ("stopsignal", "did you mean `signal` in [stop]?"),
    ("stopasgroup", "leave it out: the whole tree is stopped always"),
    ("killasgroup", "leave it out: the whole tree is stopped always"),
    ("exitcodes", "did you mean `success_exit = [0]`?"),
    ("directory", "did you mean `working_dir`?"),
    ("environment", "did you mean the table `[env]`?"),
    ("redirect_stderr", "leave it out: both streams go into one log, each line marked"),
    ("stdout_logfile", "did you mean `stdout` in [logs]? `supctl logs` shows what was written"),
    ("stderr_logfile", "did you mean `stderr` in [logs]? `supctl logs` shows what was written"),
    ("priority", "did you mean `requires` or `after`? order follows from relations"),
    ("process_name", "leave it out: pods are named after the unit"),
    // systemd
    ("exec_start", "did you mean `exec = [\"/path/to/program\", \"argument\"]`, or `shell = \"…\"`?"),
    ("exec_start_pre", "did you mean a step before: `[[init]]` with `exec`?"),
    ("exec_start_post", "did you mean `post` in [startup]?"),
    ("exec_stop", "did you mean `signal` in [stop]? what is to run first is `pre` there"),
    ("exec_reload", "did you mean `supctl kill -s HUP NAME`?"),
    ("restart", "did you mean `restart_policy`? it is \"Always\", \"OnFailure\" or \"Never\""),
    ("restart_sec", "did you mean `initial` in [backoff]?"),
    ("start_limit_burst", "a service is retried for ever, ever slower: see [backoff]"),
    ("start_limit_interval_sec", "did you mean `reset_after` in [backoff]?"),
    (
        "type",
        "the tables say the kind: `[job]`, `[cron]`, `[service]` or none; for `notify` write `[readiness]` with `notify = true`",
    ),
    ("working_directory", "did you mean `working_dir`?"),
    ("root_directory", "did you mean `working_dir`? there is no change of root"),
    ("environment_file", "did you mean `env_file = [\"/path\"]`? a `?` before the path is systemd's `-`"),
    ("pass_environment", "did you mean `env_pass`?"),
    ("wanted_by", "write it the other way round: `wants` in the other unit"),
    ("required_by", "write it the other way round: `requires` in the other unit"),
    ("requisite", "did you mean `requires`?"),
    ("timeout_start_sec", "did you mean `deadline` in [startup]?"),
    ("timeout_stop_sec", "did you mean `grace` in [stop]? it takes a unit: `grace = \"30s\"`"),
    ("runtime_max_sec", "did you mean `active_deadline`?"),
    ("kill_signal", "did you mean `signal` in [stop]?"),
    ("kill_mode", "leave it out: the whole tree is stopped always"),
    ("success_exit_status", "did you mean `success_exit`?"),
    ("remain_after_exit", "did you mean `[job]`? a job that has succeeded stays so"),
    ("on_calendar", "did you mean `schedule` in [cron]? it is cron's: `\"30 2 * * *\"`"),
    ("persistent", "did you mean `catch_up` in [cron]?"),
    ("u_mask", "did you mean `umask`?"),
    ("limit_nofile", "did you mean `[resources]` with `rlimits = { nofile = 65536 }`?"),
    ("limit_nproc", "did you mean `[resources]` with `rlimits = { nproc = 1024 }`?"),
    ("limit_core", "did you mean `[resources]` with `rlimits = { core = 0 }`?"),
    ("memory_max", "did you mean `memory_max` in [resources]?"),
    ("watchdog_sec", "did you mean `watchdog` in [liveness]?"),
    ("notify_access", "leave it out: each process of the unit may notify"),
    ("documentation", "did you mean `annotations`?"),
    ("standard_output", "did you mean `stdout` in [logs]?"),
    ("standard_error", "did you mean `stderr` in [logs]?"),
    // compose
    ("depends_on", "did you mean `requires`? a condition is written `requires = [\"db:ready\"]`"),
    ("image", "supd runs programs of this machine: `exec = [\"/path/to/program\"]`"),
    ("ports", "leave it out: a native process listens on what it likes"),
    ("volumes", "a native process sees the files of this machine; more are `[[volume]]` and `[[mount]]`"),
    ("healthcheck", "did you mean `[readiness]`?"),
    ("stop_grace_period", "did you mean `grace` in [stop]?"),
    ("stop_signal", "did you mean `signal` in [stop]?"),
    ("entrypoint", "did you mean `exec`?"),
    ("container_name", "leave it out: a unit is named after its file"),
    ("deploy", "did you mean `replicas` in [service]?"),
    ("logging", "did you mean `[logs]`?"),
    ("ulimits", "did you mean `[resources]` with `rlimits = { nofile = 65536 }`?"),
    // Kubernetes
    ("command", "did you mean `exec = [\"/path/to/program\", \"argument\"]`?"),
    ("args", "arguments stand in `exec`, behind the program"),
    ("containers", "the keys of the main container stand at the top; further ones are `[[process]]`"),
    ("init_containers", "did you mean `[[init]]`?"),
    ("env_from", "did you mean `env_file`?"),
    ("template", "leave it out: the keys of the pod stand at the top"),
    (
        "spec",
        "leave it out: its keys stand at the top, those of a Job in [job], those of a CronJob in [cron]",
    ),
    ("metadata", "a unit is named after its file; `labels` and `annotations` stand at the top"),
    ("job_template", "leave it out: the keys of the Job stand in [job]"),
    ("readiness_probe", "did you mean `[readiness]`?"),
    ("liveness_probe", "did you mean `[liveness]`?"),
    ("startup_probe", "did you mean `[startup]`?"),
    ("http_get", "did you mean `http`?"),
    ("tcp_socket", "did you mean `tcp`?"),
    ("http_headers", "did you mean `headers = { NAME = \"value\" }`?"),
    ("post_start", "did you mean `post` in [startup]?"),
    ("pre_stop", "did you mean `pre` in [stop]?"),
    ("ephemeral_containers", "leave it out: `supctl exec` runs a command beside a pod's processes"),
    ("lifecycle", "did you mean `[stop]` with `pre`, or `[startup]` with `post`?"),
    ("security_context", "did you mean `user` and `group`, or `[sandbox]`?"),
    ("name", "leave it out: a unit is named after its file"),
    // cron, runit, dinit, OpenRC
    ("timezone", "did you mean `time_zone`?"),
    ("respawn", "did you mean `restart_policy`?"),
    ("smooth_recovery", "did you mean `restart_policy`?"),
    ("restart_delay", "did you mean `initial` in [backoff]?"),
];

/// A key as it is read: in our spelling.
pub(super) struct Canonical {
    /// Our spelling.
    pub(super) key: String,
    /// The name itself says that the value is a number of seconds.
    pub(super) seconds: bool,
}

/// Our spelling of a key: `restartPolicy`, `restart-policy` → `restart_policy`.
pub(super) fn canonical(written: &str) -> Canonical {
    let pasted = written.starts_with(|c: char| c.is_ascii_lowercase());
    let snake = if pasted { snake_case(written) } else { written.to_owned() };
    match KUBERNETES.iter().find(|(theirs, ..)| *theirs == snake) {
        Some((_, ours, seconds)) => Canonical { key: (*ours).to_owned(), seconds: *seconds },
        None => Canonical { key: snake, seconds: false },
    }
}

fn snake_case(written: &str) -> String {
    let mut snake = String::with_capacity(written.len() + 4);
    let mut lower_before = false;
    for c in written.chars() {
        if c.is_ascii_uppercase() && lower_before {
            snake.push('_');
        }
        lower_before = c.is_ascii_lowercase() || c.is_ascii_digit();
        snake.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
    }
    snake
}

/// Whether the table has the key, built or not.
pub(super) fn has(spec: &TableSpec, key: &str) -> bool {
    spec.built.contains(&key) || spec.later.contains(&key)
}

/// What somebody may have meant by a key that the table does not have.
pub(super) fn meant(spec: &TableSpec, written: &str) -> Option<String> {
    let snake = snake_case(written);
    if has(spec, &snake) {
        return Some(format!("did you mean `{snake}`?"));
    }
    if let Some((_, help)) = FOREIGN.iter().find(|(word, _)| *word == snake) {
        return Some((*help).to_owned());
    }
    if let Some(place) = PLACES.iter().find(|place| place.name != spec.name && has(place, &snake)) {
        return Some(format!("`{snake}` is a key of {}", place.name));
    }
    let known = spec.built.iter().chain(spec.later).copied();
    nearest(&snake, known).map(|key| format!("did you mean `{key}`?"))
}

/// The word that a misspelt one is nearest to, if it is near at all.
pub(super) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    // Longer ones are not worth the time: hostile keys may have a megabyte.
    if word.len() > 40 {
        return None;
    }
    let limit = (word.chars().count() / 3).max(1);
    known
        .map(|candidate| (distance(&word.to_ascii_lowercase(), &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replace = last[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_spellings() {
        for (written, key, seconds) in [
            ("restartPolicy", "restart_policy", false),
            ("restart-policy", "restart_policy", false),
            ("restart_policy", "restart_policy", false),
            ("activeDeadlineSeconds", "active_deadline", true),
            ("ttlSecondsAfterFinished", "ttl_after_finished", true),
            ("failedJobsHistoryLimit", "failed_history", false),
            ("Exec", "Exec", false),
        ] {
            let read = canonical(written);
            assert_eq!((read.key.as_str(), read.seconds), (key, seconds), "{written}");
        }
    }

    #[test]
    fn guesses_what_was_meant() {
        assert_eq!(meant(&CRON, "concurency_policy").as_deref(), Some("did you mean `concurrency_policy`?"));
        assert_eq!(meant(&UNIT, "Exec").as_deref(), Some("did you mean `exec`?"));
        assert_eq!(meant(&UNIT, "schedule").as_deref(), Some("`schedule` is a key of [cron]"));
        assert!(meant(&UNIT, "ExecStart").is_some_and(|help| help.contains("`exec = [")));
        assert!(meant(&UNIT, "autorestart").is_some_and(|help| help.contains("restart_policy")));
        assert_eq!(meant(&UNIT, "zzzz"), None);
        assert_eq!(meant(&UNIT, &"restart_policy".repeat(10_000)), None);
    }

    #[test]
    fn distances() {
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn no_foreign_word_hides_a_key_of_ours() {
        for (word, _) in FOREIGN {
            assert!(!has(&UNIT, word), "{word} is a key of a unit");
        }
    }
}
