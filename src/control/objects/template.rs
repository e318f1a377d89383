//! What pods are made from, in Kubernetes' shape: from the unit that was written, as far as it can be shown.
//!
//! Values of environment variables and of headers are left out: they may be secrets. What Kubernetes has no word for stands
//! beside its words.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::is_default;
use crate::unit::model;
use crate::unit::text::Text;

/// What the pods of a job or a deployment are made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplate {
    /// Of the pods.
    pub metadata: TemplateMetadata,
    /// Of the pods.
    pub spec: PodSpec,
}

/// See [`PodTemplate`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TemplateMetadata {
    /// Of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What a pod is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// `Always`, `OnFailure`, `Never`.
    pub restart_policy: String,
    /// From the wish to stop it to KILL (TRM-001).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<Seconds>,
    /// It fails after this time (PHS-009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<Seconds>,
    /// Steps before main and sidecars, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
    /// Main, and those beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
}

/// What a process is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// `main`, or the name that was written.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The names alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Files of environment variables, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_files: Vec<String>,
    /// Its own policy, where that is not the pod's: `Always` makes an init container a sidecar (SID-001).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<String>,
    /// Holds the other two back (PRB-009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Box<Probe>>,
    /// When it is ready (PRB-008).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Box<Probe>>,
    /// Failing it restarts the process (PRB-007).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Box<Probe>>,
    /// What runs at moments of its life (HOK-001ff).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Box<Lifecycle>>,
}

/// A variable of the environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
}

/// What runs at moments of a process's life.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    /// Right after its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_start: Option<Action>,
    /// Before it is asked to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_stop: Option<Action>,
    /// What asks it to end, where that is not TERM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

/// A repeated question to a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// How it is asked.
    #[serde(flatten)]
    pub action: Action,
    /// First question this long after the start.
    #[serde(default)]
    pub initial_delay_seconds: Seconds,
    /// An answer later than this is a failure.
    #[serde(default)]
    pub timeout_seconds: Seconds,
    /// From one question to the next.
    #[serde(default)]
    pub period_seconds: Seconds,
    /// Successes in a row that make the verdict good.
    #[serde(default)]
    pub success_threshold: u32,
    /// Failures in a row that make it bad.
    #[serde(default)]
    pub failure_threshold: u32,
    /// Instead of the pod's, where this probe stops the process (PRB-015).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<Seconds>,
}

/// How a probe asks, or what a hook does: one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// A command that exits 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecAction>,
    /// A GET that answers 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGet>,
    /// A connection that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<HostPort>,
    /// gRPC's health check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Grpc>,
    /// Nothing but time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep: Option<Sleep>,
    /// Ours: `READY=1` on `$NOTIFY_SOCKET`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub notify: bool,
    /// Ours: a newline on this descriptor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<i32>,
    /// Ours: a connection to this unix socket that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix: Option<String>,
    /// Ours: a line of output that matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Ours: a file that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Ours: `WATCHDOG=1` at least this often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog_seconds: Option<Seconds>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecAction {
    /// Program and arguments.
    pub command: Vec<String>,
}

/// A GET.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGet {
    /// `HTTP` or `HTTPS`.
    pub scheme: String,
    /// Host name or address.
    pub host: String,
    /// A number; text where a variable is in it.
    pub port: Port,
    /// With its query.
    pub path: String,
    /// Further headers; the names alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_headers: Vec<HttpHeader>,
}

/// A header of a GET.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpHeader {
    /// Its name.
    pub name: String,
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostPort {
    /// Host name or address.
    pub host: String,
    /// A number; text where a variable is in it.
    pub port: Port,
}

/// gRPC's health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grpc {
    /// A number; text where a variable is in it.
    pub port: Port,
    /// Whose health; empty: the server's.
    pub service: String,
}

/// Nothing but time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sleep {
    /// How much.
    pub seconds: Seconds,
}

/// A port: a number, or a text with a variable in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Port {
    /// As nearly always.
    Number(u16),
    /// `${env:PORT}0`
    Text(String),
}

/// A span in seconds: a whole number where it is one, as Kubernetes has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Seconds(pub f64);

impl PodTemplate {
    /// What the pods of a unit are made from.
    pub(super) fn new(unit: &model::Unit, template: &model::PodTemplate) -> Self {
        let metadata = TemplateMetadata {
            labels: unit.pod_labels().clone(),
            annotations: unit.pod_annotations().clone(),
        };
        Self { metadata, spec: template.into() }
    }
}

impl From<&model::PodTemplate> for PodSpec {
    fn from(template: &model::PodTemplate) -> Self {
        let policy = policy(template.restart_policy);
        let container = |process| Container::new(process, template.restart_policy);
        Self {
            restart_policy: policy.to_owned(),
            termination_grace_period_seconds: Some(template.grace.into()),
            active_deadline_seconds: template.active_deadline.map(Into::into),
            init_containers: template.init.iter().map(container).collect(),
            containers: std::iter::once(&template.main).chain(&template.beside).map(container).collect(),
        }
    }
}

impl Container {
    fn new(process: &model::Process, of_pod: model::RestartPolicy) -> Self {
        // What a step makes of its pod's policy is no policy of its own (INI-002).
        let own = match process.part {
            model::Part::Sidecar => true,
            model::Part::Init => false,
            model::Part::Application => process.restart_policy != of_pod,
        };
        let probe = |probe: &Option<Box<model::Probe>>| probe.as_deref().map(|probe| Box::new(probe.into()));
        Self {
            name: process.name.clone(),
            command: process.exec.iter().map(ToString::to_string).collect(),
            working_dir: process.working_dir.as_ref().map(ToString::to_string),
            env: process.env.iter().map(|(name, _)| EnvVar { name: name.clone() }).collect(),
            env_files: process.env_file.iter().map(|file| file.path.to_string()).collect(),
            restart_policy: own.then(|| policy(process.restart_policy).to_owned()),
            startup_probe: probe(&process.startup),
            readiness_probe: probe(&process.readiness),
            liveness_probe: probe(&process.liveness),
            lifecycle: Lifecycle::new(process).map(Box::new),
        }
    }
}

impl Lifecycle {
    fn new(process: &model::Process) -> Option<Self> {
        let signal = nix::sys::signal::Signal::try_from(process.stop.signal).ok();
        let lifecycle = Self {
            post_start: process.post_start.as_deref().map(Into::into),
            pre_stop: process.stop.pre.as_deref().map(Into::into),
            stop_signal: signal
                .filter(|signal| *signal != nix::sys::signal::Signal::SIGTERM)
                .map(|signal| signal.as_str().to_owned()),
        };
        (lifecycle != Self::default()).then_some(lifecycle)
    }
}

impl From<&model::Probe> for Probe {
    fn from(probe: &model::Probe) -> Self {
        Self {
            action: (&probe.handler).into(),
            initial_delay_seconds: probe.initial_delay.into(),
            timeout_seconds: probe.timeout.into(),
            period_seconds: probe.period.into(),
            success_threshold: probe.success_threshold,
            failure_threshold: probe.failure_threshold,
            termination_grace_period_seconds: probe.grace.map(Into::into),
        }
    }
}

impl From<&model::Handler> for Action {
    fn from(handler: &model::Handler) -> Self {
        use model::Handler;
        let nothing = Self::default();
        match handler {
            Handler::Notify => Self { notify: true, ..nothing },
            Handler::Fd(fd) => Self { fd: Some(*fd), ..nothing },
            Handler::Tcp { host, port } => {
                Self { tcp_socket: Some(HostPort { host: host.to_string(), port: port.into() }), ..nothing }
            }
            Handler::Http(http) => Self { http_get: Some(http.into()), ..nothing },
            Handler::Exec(command) => Self { exec: Some(command.as_slice().into()), ..nothing },
            Handler::Unix(path) => Self { unix: Some(path.to_string()), ..nothing },
            Handler::Log(pattern) => Self { log: Some(pattern.clone()), ..nothing },
            Handler::File(path) => Self { file: Some(path.to_string()), ..nothing },
            Handler::Grpc { port, service, .. } => {
                Self { grpc: Some(Grpc { port: port.into(), service: service.clone() }), ..nothing }
            }
            Handler::Watchdog(period) => Self { watchdog_seconds: Some((*period).into()), ..nothing },
        }
    }
}

impl From<&model::Hook> for Action {
    fn from(hook: &model::Hook) -> Self {
        let nothing = Self::default();
        match hook {
            model::Hook::Exec(command) => Self { exec: Some(command.as_slice().into()), ..nothing },
            model::Hook::Http(http) => Self { http_get: Some(http.into()), ..nothing },
            model::Hook::Sleep(time) => Self { sleep: Some(Sleep { seconds: (*time).into() }), ..nothing },
        }
    }
}

impl From<&[Text]> for ExecAction {
    fn from(command: &[Text]) -> Self {
        Self { command: command.iter().map(ToString::to_string).collect() }
    }
}

impl From<&model::Http> for HttpGet {
    fn from(http: &model::Http) -> Self {
        Self {
            scheme: (if http.tls { "HTTPS" } else { "HTTP" }).to_owned(),
            host: http.host.to_string(),
            port: (&http.port).into(),
            path: http.path.to_string(),
            http_headers: http.headers.iter().map(|(name, _)| HttpHeader { name: name.clone() }).collect(),
        }
    }
}

impl From<&Text> for Port {
    fn from(port: &Text) -> Self {
        let text = port.to_string();
        text.parse().map_or(Self::Text(text), Self::Number)
    }
}

/// As Kubernetes writes it.
pub(super) fn policy(policy: model::RestartPolicy) -> &'static str {
    match policy {
        model::RestartPolicy::Always => "Always",
        model::RestartPolicy::OnFailure => "OnFailure",
        model::RestartPolicy::Never => "Never",
    }
}

impl From<Duration> for Seconds {
    fn from(span: Duration) -> Self {
        Self(span.as_secs_f64())
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Whole numbers up to 2^53 are exact.
        if self.0.fract() == 0.0 && self.0 >= 0.0 && self.0 < 9.0e15 {
            serializer.serialize_u64(self.0 as u64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self)
    }
}
