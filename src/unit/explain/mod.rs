//! What each key of the unit format means: for `supctl explain`, and for nothing else.
//!
//! One table of texts for each table of keys in `keys.rs`, whose spellings it shares; a test holds that every
//! key has a text. Kubernetes' paths (`job.spec.backoffLimit`, `pod.spec.containers.readinessProbe`) lead to
//! the same places.

mod job;
mod pod;
mod probe;
mod service;
mod volume;

use super::keys::{self, TableSpec};

/// A table of keys.
pub struct Table {
    /// Where it stands: `job.backoff`; empty: at the top.
    pub path: &'static str,
    /// As it is written: `[job.backoff]`.
    pub written: &'static str,
    /// Its counterpart in Kubernetes; mostly a kind or a field.
    pub kubernetes: &'static str,
    /// What it is for.
    pub text: &'static str,
    /// Its keys, in the order of the manual.
    pub keys: &'static [Key],
    /// The same keys as `keys.rs` has them; nothing where that has no table of its own yet.
    spec: Option<&'static TableSpec>,
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its canonical spelling.
    pub name: &'static str,
    /// What it takes: `integer`, `duration`, `one of "Always", "OnFailure", "Never"`.
    pub takes: &'static str,
    /// What holds without it; empty: nothing does.
    pub default: &'static str,
    /// Its counterpart in Kubernetes; empty: there is none.
    pub kubernetes: &'static str,
    /// What it means.
    pub text: &'static str,
}

/// What a path leads to.
#[derive(Clone, Copy)]
pub enum Found {
    /// A whole table.
    Table(&'static Table),
    /// One key of a table.
    Key(&'static Table, &'static Key),
}

/// All tables, those that stand at the top of a file first.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    [pod::TABLES, probe::TABLES, volume::TABLES, service::TABLES, job::TABLES].into_iter().flatten()
}

impl Table {
    /// Whether a key is part of the format, and refused by this release.
    pub fn is_later(&self, key: &Key) -> bool {
        self.spec.is_some_and(|spec| spec.later.contains(&key.name))
    }

    /// The path of one of its keys.
    pub fn path_of(&self, key: &Key) -> String {
        if self.path.is_empty() { key.name.to_owned() } else { format!("{}.{}", self.path, key.name) }
    }
}

/// Finds a path in our spelling or in Kubernetes'.
pub fn find(path: &str) -> Option<Found> {
    let (at, last) = path.rsplit_once('.').unwrap_or(("", path));
    let exact = tables().filter(|table| table.path == at).find_map(|table| {
        let key = table.keys.iter().find(|key| key.name == last)?;
        Some(Found::Key(table, key))
    });
    if exact.is_some() && !tables().any(|table| table.path == path) {
        return exact;
    }
    let steps: Vec<String> = path.split('.').filter_map(step).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    if steps.is_empty() {
        return tables().find(|table| table.path.is_empty()).map(Found::Table);
    }
    // From the right: the last step is a key, those before it lead to its table. What Kubernetes nests deeper
    // than we do has more steps than needed.
    let (last, before) = steps.split_last()?;
    let whole = steps.join(".");
    let in_table = |at: &str| {
        let table = tables().find(|table| table.path == at)?;
        table.keys.iter().find(|key| key.name == *last).map(|key| Found::Key(table, key))
    };
    let table = tables().find(|table| table.path == whole).map(Found::Table);
    let nested = (0..=before.len()).find_map(|skip| in_table(&before[skip..].join(".")));
    let alone = || tables().find(|table| table.path == *last).map(Found::Table);
    let anywhere = || {
        // Kubernetes' names say themselves where they belong: `maxSurge` is one thing only.
        let mut holders = tables().filter_map(|table| in_table(table.path));
        holders.next()
    };
    table.or(nested).or_else(alone).or_else(|| path.contains('.').then(anywhere).flatten())
}

/// A step in our spelling; nothing for those of Kubernetes' that we have no level for.
fn step(written: &str) -> Option<String> {
    let written = written.split('[').next().unwrap_or_default();
    let key = keys::canonical(written).key;
    let ours = match key.as_str() {
        "" | "spec" | "template" | "containers" | "unit" | "pod" | "pods" | "lifecycle" | "process_keys" => {
            return None;
        }
        "deployment" | "deployments" | "services" | "svc" | "deploy" => "service",
        "cronjob" | "cronjobs" | "cj" | "cron_job" => "cron",
        "jobs" | "job_template" => "job",
        "init_containers" => "init",
        "liveness_probe" => "liveness",
        "readiness_probe" => "readiness",
        "startup_probe" => "startup",
        "http_get" => "http",
        "tcp_socket" => "tcp",
        "command" | "args" => "exec",
        "env_from" => "env_file",
        "pre_stop" => "pre",
        "post_start" => "post",
        "stop_signal" => "signal",
        "strategy" => "rollout",
        "rolling_update" => return None,
        "min_ready_seconds" => "min_ready",
        "progress_deadline_seconds" => "progress_deadline",
        "revision_history_limit" => "history",
        "volumes" => "volume",
        "volume_mounts" => "mount",
        "mount_path" => "path",
        "empty_dir" => "empty",
        "host_path" => "host",
        "config_map" => "file",
        "restart_policy_rules" => "restart_rules",
        "security_context" => "sandbox",
        "run_as_user" => "user",
        "run_as_group" => "group",
        "supplemental_groups" => "supplementary_groups",
        _ => return Some(key),
    };
    Some(ours.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(found: Option<Found>) -> String {
        match found {
            None => "nothing".to_owned(),
            Some(Found::Table(table)) => table.written.to_owned(),
            Some(Found::Key(table, key)) => format!("{} {}", table.written, key.name),
        }
    }

    #[test]
    fn every_key_has_a_text() {
        let mut missing = Vec::new();
        for table in tables() {
            let Some(spec) = table.spec else { continue };
            for key in spec.built.iter().chain(spec.later) {
                if !table.keys.iter().any(|entry| entry.name == *key) {
                    missing.push(format!("{} {key}", table.written));
                }
            }
        }
        assert!(missing.is_empty(), "src/unit/explain/ has no text for: {}", missing.join(", "));
    }

    #[test]
    fn no_text_is_about_a_key_that_there_is_not() {
        for table in tables() {
            let Some(spec) = table.spec else { continue };
            for key in table.keys {
                assert!(keys::has(spec, key.name), "{} has no `{}`", table.written, key.name);
            }
        }
    }

    #[test]
    fn texts_are_sentences() {
        for table in tables() {
            assert!(table.text.ends_with('.'), "{}", table.written);
            for key in table.keys {
                assert!(key.text.ends_with('.') && !key.text.contains("  "), "{}", table.path_of(key));
                assert!(!key.takes.is_empty(), "{}", table.path_of(key));
            }
        }
    }

    #[test]
    fn every_path_leads_to_its_own_key() {
        for table in tables() {
            for key in table.keys {
                let found = name(find(&table.path_of(key)));
                // `readiness.http` is a key, and a table of its own.
                let is_table = tables().any(|other| other.path == table.path_of(key));
                assert!(
                    is_table || found == format!("{} {}", table.written, key.name),
                    "{found}: {}",
                    table.path_of(key)
                );
            }
        }
    }

    #[test]
    fn kubernetes_paths_lead_to_our_keys() {
        for (path, found) in [
            ("job.backoffLimit", "[job] backoff_limit"),
            ("job.backoff_limit", "[job] backoff_limit"),
            ("job.spec.backoffLimit", "[job] backoff_limit"),
            ("jobs.spec.template.spec.restartPolicy", "a unit restart_policy"),
            ("cronjob.spec.jobTemplate.spec.ttlSecondsAfterFinished", "[job] ttl_after_finished"),
            ("cronjob.schedule", "[cron] schedule"),
            ("cronjob.spec.failedJobsHistoryLimit", "[cron] failed_history"),
            ("pod.readiness", "[readiness]"),
            ("pod.spec.containers.livenessProbe.periodSeconds", "[liveness] period"),
            ("pod.spec.containers[0].readinessProbe.httpGet.path", "`http` path"),
            ("pod.spec.containers.lifecycle.preStop", "[stop] pre"),
            ("pod.spec.terminationGracePeriodSeconds", "a unit termination_grace_period"),
            ("deployment.spec.strategy.rollingUpdate.maxSurge", "`rollout` max_surge"),
            ("deployment.spec.replicas", "[service] replicas"),
            ("pod.spec.volumes", "[[volume]]"),
            ("pod.spec.volumes.configMap", "[[volume.file]]"),
            ("pod.spec.containers.volumeMounts.mountPath", "[[mount]] path"),
            ("job.spec.podFailurePolicy", "[[job.failure_policy]]"),
            ("service", "[service]"),
            ("exec", "a unit exec"),
            ("unit", "a unit"),
            ("job.frobnicate", "nothing"),
            ("frobnicate", "nothing"),
        ] {
            assert_eq!(name(find(path)), found, "{path}");
        }
    }
}
