//! Probes: the questions that tell whether a process has started, is ready, is alive.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::text::Text;

/// A repeated question to a process.
#[derive(Clone, Debug)]
pub struct Probe {
    /// How it is asked.
    pub handler: Handler,
    /// First question this long after the start.
    pub initial_delay: Duration,
    /// From one question to the next.
    pub period: Duration,
    /// An answer later than this is a failure.
    pub timeout: Duration,
    /// Successes in a row that make the verdict good.
    pub success_threshold: u32,
    /// Failures in a row that make it bad.
    pub failure_threshold: u32,
    /// Instead of the pod's, where this probe's failure stops the process (PRB-015).
    pub grace: Option<Duration>,
}

/// Which of its three probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeKind {
    /// `[startup]`
    Startup,
    /// `[readiness]`
    Readiness,
    /// `[liveness]`
    Liveness,
}

/// How a probe asks.
#[derive(Clone, Debug)]
pub enum Handler {
    /// `READY=1` on `$NOTIFY_SOCKET` (sd_notify(3)). Thresholds and times do not apply.
    Notify,
    /// A newline on this descriptor of the process (s6).
    Fd(i32),
    /// A connection that is accepted.
    Tcp {
        /// Host name or address.
        host: Text,
        /// Port, after variables.
        port: Text,
    },
    /// A GET that answers 200 to 399 (PRB-013).
    Http(Http),
    /// A command that exits 0, as the process's own user and with its environment.
    Exec(Vec<Text>),
    /// A connection to a unix socket that is accepted.
    Unix(Text),
    /// A line of its output that matches this regular expression. Thresholds and times do not apply.
    Log(String),
    /// A file that is there.
    File(Text),
    /// `grpc.health.v1.Health/Check` says SERVING (PRB-014).
    Grpc {
        /// Host name or address.
        host: Text,
        /// Port, after variables.
        port: Text,
        /// Whose health; empty: the server's.
        service: String,
    },
    /// `WATCHDOG=1` on `$NOTIFY_SOCKET` at least this often (liveness only). Thresholds and times do not
    /// apply.
    Watchdog(Duration),
}

/// A GET.
#[derive(Clone, Debug)]
pub struct Http {
    /// By TLS; the certificate is not looked at (PRB-013).
    pub tls: bool,
    /// Host name or address.
    pub host: Text,
    /// Port, after variables.
    pub port: Text,
    /// Path with query.
    pub path: Text,
    /// Further headers.
    pub headers: Vec<(String, Text)>,
}
