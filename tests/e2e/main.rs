//! End to end: the real binaries in a temporary directory, their output compared, waits on events only.
// A test has no public face, and fails by panic.
#![allow(unreachable_pub, clippy::unwrap_used)]

mod bad_input;
mod bad_manifests;
mod cgroup;
mod complete_logs;
mod confined;
mod cron;
mod environment;
mod faults;
mod history;
mod hooks;
mod jobs;
mod keeper_death;
mod kubectl;
mod kubernetes_jobs;
mod last_good;
mod logger_death;
mod logs;
mod manager_death;
mod manifests;
mod memory;
mod pid_one;
mod policies;
mod postgresql;
mod probes;
mod reexec;
mod roles;
mod rollout;
mod shipped;
mod skipped;
mod software;
mod space;
mod transient;
mod verbs;
mod waiting;
