//! Probes and hooks.
//!
//! supd's own ways of asking that need nothing but a file are asked by `test`; those in which the process
//! speaks of itself have no counterpart. An address of this machine is left out: there the kubelet asks, from
//! outside, and the pod's own address is its default.

use serde_json::{Map, Value, json};

use super::Writer;
use super::container::Place;
use super::text::{Names, Reader};
use crate::unit::model::{Handler, Hook, HookKind, Http, Probe, ProbeKind};
use crate::unit::text::Text;

/// Kubernetes' defaults (PRB-001).
const PERIOD_S: u64 = 10;
const TIMEOUT_S: u64 = 1;
const SUCCESSES: u32 = 1;
const FAILURES: u32 = 3;
/// The least grace that a probe may have (PRB-015).
const GRACE_S_MIN: u64 = 1;

impl Writer<'_> {
    /// A probe; nothing where Kubernetes cannot ask so.
    pub(super) fn probe(&mut self, place: &Place<'_>, kind: ProbeKind, probe: &Probe) -> Option<Value> {
        let table = place.key(match kind {
            ProbeKind::Startup => "startup",
            ProbeKind::Readiness => "readiness",
            ProbeKind::Liveness => "liveness",
        });
        let (key, action) = self.handler(&table, &probe.handler)?;
        let mut written = Map::new();
        written.insert(key.to_owned(), action);
        let times = [
            ("initial_delay", "initialDelaySeconds", probe.initial_delay, 0, 0),
            ("period", "periodSeconds", probe.period, 1, PERIOD_S),
            ("timeout", "timeoutSeconds", probe.timeout, 1, TIMEOUT_S),
        ];
        for (ours, theirs, time, least, default) in times {
            let seconds = self.seconds(&format!("{table}.{ours}"), time, least);
            if seconds != default {
                written.insert(theirs.to_owned(), seconds.into());
            }
        }
        let counts = [
            ("success_threshold", "successThreshold", probe.success_threshold, SUCCESSES),
            ("failure_threshold", "failureThreshold", probe.failure_threshold, FAILURES),
        ];
        for (ours, theirs, count, default) in counts {
            let count = self.number(&format!("{table}.{ours}"), count, u32::MAX);
            if count != default {
                written.insert(theirs.to_owned(), count.into());
            }
        }
        if let Some(grace) = probe.grace {
            let seconds = self.seconds(&format!("{table}.grace"), grace, GRACE_S_MIN);
            written.insert("terminationGracePeriodSeconds".to_owned(), seconds.into());
        }
        Some(Value::Object(written))
    }

    fn handler(&mut self, table: &str, handler: &Handler) -> Option<(&'static str, Value)> {
        match handler {
            Handler::Exec(exec) => {
                let key = format!("{table}.exec");
                let command = self.words(&key, exec, Reader::Probe, &mut Names::default())?;
                Some(("exec", json!({ "command": command })))
            }
            Handler::Http(http) => Some(("httpGet", self.http(&format!("{table}.http"), http)?)),
            Handler::Tcp { host, port } => {
                let key = format!("{table}.tcp");
                let port = self.port(&key, port)?;
                let mut action = json!({ "port": port });
                if let Some(host) = self.host(&key, host)? {
                    action["host"] = host.into();
                }
                Some(("tcpSocket", action))
            }
            Handler::Grpc { host, port, service } => {
                let key = format!("{table}.grpc");
                let mut action = json!({ "port": self.port(&key, port)? });
                if !service.is_empty() {
                    action["service"] = service.as_str().into();
                }
                if let Some(host) = self.host(&key, host)? {
                    self.lose(key, format!("the pod itself is asked there, not `{host}`"));
                }
                Some(("grpc", action))
            }
            Handler::Unix(path) => {
                let key = format!("{table}.unix");
                self.lose(
                    key.as_str(),
                    "asked by `test -S` there: that the socket exists, not that it accepts",
                );
                self.test(&key, "-S", path)
            }
            Handler::File(path) => {
                let key = format!("{table}.file");
                self.lose(key.as_str(), "asked by `test -e` there, which the image must have");
                self.test(&key, "-e", path)
            }
            Handler::Notify => self.unasked(table, "notify"),
            Handler::Fd(_) => self.unasked(table, "fd"),
            Handler::Log(_) => self.unasked(table, "log"),
            Handler::Watchdog(_) => self.unasked(table, "watchdog"),
        }
    }

    fn test(&mut self, key: &str, flag: &str, path: &Text) -> Option<(&'static str, Value)> {
        let path = self.text(key, path, Reader::Probe, &mut Names::default())?;
        Some(("exec", json!({ "command": ["test", flag, path] })))
    }

    fn unasked(&mut self, table: &str, handler: &str) -> Option<(&'static str, Value)> {
        let why = "a process cannot speak of itself there: no such probe; give it `http`, `tcp` or `exec`";
        self.lose(format!("{table}.{handler}"), why);
        None
    }

    /// A hook; nothing where Kubernetes cannot do so.
    pub(super) fn hook(&mut self, place: &Place<'_>, kind: HookKind, hook: &Hook) -> Option<Value> {
        let key = place.key(match kind {
            HookKind::PostStart => "startup.post",
            HookKind::PreStop => "stop.pre",
        });
        match hook {
            Hook::Exec(exec) => {
                // The kubelet runs a hook as it is written: no variables, no doubled dollars.
                let command = self.words(&key, exec, Reader::Nobody, &mut Names::default())?;
                Some(json!({ "exec": { "command": command } }))
            }
            Hook::Http(http) => Some(json!({ "httpGet": self.http(&key, http)? })),
            Hook::Sleep(time) => Some(json!({ "sleep": { "seconds": self.seconds(&key, *time, 0) } })),
        }
    }

    fn http(&mut self, key: &str, http: &Http) -> Option<Value> {
        let mut names = Names::default();
        let mut action = json!({ "port": self.port(key, &http.port)? });
        let path = self.text(key, &http.path, Reader::Nobody, &mut names)?;
        if path != "/" {
            action["path"] = path.into();
        }
        if http.tls {
            action["scheme"] = "HTTPS".into();
        }
        if let Some(host) = self.host(key, &http.host)? {
            action["host"] = host.into();
        }
        let mut headers = Vec::new();
        for (name, value) in &http.headers {
            let value = self.text(key, value, Reader::Nobody, &mut names)?;
            headers.push(json!({ "name": name, "value": value }));
        }
        if !headers.is_empty() {
            action["httpHeaders"] = headers.into();
        }
        Some(action)
    }

    /// A host that is not this machine: that one is the pod there, which nobody has to name.
    #[allow(clippy::option_option)] // Not known there; known and left out; known and written.
    fn host(&mut self, key: &str, host: &Text) -> Option<Option<String>> {
        let host = self.text(key, host, Reader::Nobody, &mut Names::default())?;
        let here = ["127.0.0.1", "localhost", "::1", "0.0.0.0", ""].contains(&host.as_str());
        Some((!here).then_some(host))
    }

    fn port(&mut self, key: &str, port: &Text) -> Option<u16> {
        let written = self.text(key, port, Reader::Nobody, &mut Names::default())?;
        let port = written.parse().ok().filter(|port| *port > 0);
        if port.is_none() {
            self.lose(key, format!("`{written}` is no port: left out"));
        }
        port
    }
}
