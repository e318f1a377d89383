//! How a probe asks: one method for each handler, with its short form (PRB-003).

use super::diagnostic::Code;
use super::keys::{self, TableSpec};
use super::model::{Handler, Http, ProbeKind};
use super::probe::PERIOD_MIN;
use super::reader::{Reader, short};
use super::text::Text;
use super::tree::{Entry, Table, Value};
use crate::limits::SOCKET_PATH_BYTES_MAX;

impl Reader<'_> {
    /// The handler that an entry of a probe's table is.
    pub(super) fn handler(&mut self, entry: &Entry, kind: ProbeKind, unit: &Table) -> Option<Handler> {
        let key = entry.key.as_str();
        if kind == ProbeKind::Liveness && ["notify", "fd", "log"].contains(&key) {
            self.fault(entry.key_span, Code::NoEffect, format!("`{key}` in [liveness] could never fail"))
                .label("it is said once, for good")
                .help("a process that is to say again and again that it lives has `watchdog = \"30s\"`");
            return None;
        }
        match key {
            "notify" => self.notify(entry),
            "fd" => self.fd(entry),
            "tcp" => {
                let (host, port) = self.endpoint(entry, &keys::TCP, unit)?;
                Some(Handler::Tcp { host, port })
            }
            "grpc" => self.grpc(entry, unit),
            "http" => self.http(entry, unit).map(Handler::Http),
            "unix" => {
                let path = self.path(entry)?;
                let length = path.to_string().len();
                if length > SOCKET_PATH_BYTES_MAX && path.variables().next().is_none() {
                    self.fault(entry.node.span, Code::OutOfRange, format!("a path of {length} bytes"))
                        .label(format!("the path of a socket has at most {SOCKET_PATH_BYTES_MAX}"));
                }
                Some(Handler::Unix(path))
            }
            "file" => self.path(entry).map(Handler::File),
            "log" => self.pattern(entry).map(Handler::Log),
            "watchdog" => self.watchdog(entry),
            _ => self.exec(entry).map(Handler::Exec),
        }
    }

    fn notify(&mut self, entry: &Entry) -> Option<Handler> {
        match entry.node.value {
            Value::Boolean(true) => Some(Handler::Notify),
            Value::Boolean(false) => {
                self.fault(entry.node.span, Code::NoEffect, "`notify = false` asks nothing")
                    .label("leave out the table: a process is ready once it has started");
                None
            }
            _ => {
                self.wrong_type(entry, &entry.node, "`true`");
                None
            }
        }
    }

    fn fd(&mut self, entry: &Entry) -> Option<Handler> {
        let Value::Integer(number, _) = entry.node.value else {
            self.wrong_type(entry, &entry.node, "the number of a descriptor");
            return None;
        };
        let fd = number.and_then(|n| i32::try_from(n).ok()).filter(|fd| (3..=1023).contains(fd));
        if fd.is_none() {
            let message = format!("`fd = {}` is out of range", short(self.sources.slice(entry.node.span)));
            self.fault(entry.node.span, Code::OutOfRange, message).label("it is 3 to 1023");
        }
        fd.map(Handler::Fd)
    }

    /// How often `WATCHDOG=1` is to come.
    fn watchdog(&mut self, entry: &Entry) -> Option<Handler> {
        let alone = Table { entries: vec![entry.clone()] };
        self.duration(&alone, "watchdog", PERIOD_MIN).map(Handler::Watchdog)
    }

    fn path(&mut self, entry: &Entry) -> Option<Text> {
        let Value::String(path) = &entry.node.value else {
            self.wrong_type(entry, &entry.node, "a path");
            return None;
        };
        if !path.starts_with(['/', '$']) {
            let message = format!("`{}` is an absolute path", entry.key);
            self.fault(entry.node.span, Code::OutOfRange, message).label("this one is relative");
            return None;
        }
        self.text(path, entry.node.span)
    }

    /// A regular expression that can be compiled.
    fn pattern(&mut self, entry: &Entry) -> Option<String> {
        let Value::String(pattern) = &entry.node.value else {
            self.wrong_type(entry, &entry.node, "a regular expression");
            return None;
        };
        match regex_lite::Regex::new(pattern) {
            Ok(_) if pattern.is_empty() => {
                self.fault(entry.node.span, Code::OutOfRange, "the regular expression is empty")
                    .label("every line would match");
                None
            }
            Ok(_) => Some(pattern.clone()),
            Err(error) => {
                let message =
                    format!("{} is no regular expression", short(self.sources.slice(entry.node.span)));
                self.fault(entry.node.span, Code::OutOfRange, message).label(error.to_string());
                None
            }
        }
    }

    fn grpc(&mut self, entry: &Entry, unit: &Table) -> Option<Handler> {
        let (host, port) = self.endpoint(entry, &keys::GRPC, unit)?;
        let table = entry.node.as_table();
        let service = table.and_then(|table| self.string(table, "service"));
        let service = service.map(|(service, _)| service.to_owned()).unwrap_or_default();
        Some(Handler::Grpc { host, port, service })
    }

    /// A GET: of a probe, or of a hook.
    pub(super) fn http(&mut self, entry: &Entry, unit: &Table) -> Option<Http> {
        let endpoint = self.endpoint(entry, &keys::HTTP, unit);
        let Some(table) = entry.node.as_table() else {
            let (host, port) = endpoint?;
            return Some(Http { tls: false, host, port, path: Text::literal("/"), headers: Vec::new() });
        };
        let tls = self.scheme(table);
        let mut path = Some(Text::literal("/"));
        if let Some((written, span)) = self.string(table, "path") {
            if !written.starts_with(['/', '$']) {
                let meant = format!("did you mean \"/{}\"?", short(written));
                self.fault(span, Code::OutOfRange, "the path of a probe begins with `/`").help(meant);
            }
            if written.contains(['\r', '\n', ' ']) {
                self.fault(span, Code::OutOfRange, "the path of a probe has no spaces and no line breaks");
            }
            path = self.text(written, span);
        }
        let mut headers = Vec::new();
        for (header, value) in self.string_map(table, "headers") {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if header.key.is_empty() || !header.key.chars().all(token) || value.contains(['\r', '\n']) {
                let message = format!("`{}` is no header", short(&header.key));
                self.fault(header.key_span, Code::OutOfRange, message);
            }
            headers.extend(self.text(value, header.node.span).map(|value| (header.key.clone(), value)));
        }
        let (host, port) = endpoint?;
        Some(Http { tls, host, port, path: path?, headers })
    }

    /// Whether it is by TLS. Kubernetes writes it in capitals.
    fn scheme(&mut self, table: &Table) -> bool {
        let Some((scheme, span)) = self.string(table, "scheme") else { return false };
        match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => {
                self.fault(span, Code::NotAWord, format!("`{}` is no scheme", short(scheme)))
                    .label("it is \"http\" or \"https\"");
                false
            }
        }
    }

    /// Where a probe asks: `8080`, `{ port = 8080, host = "…" }`.
    fn endpoint(&mut self, entry: &Entry, spec: &TableSpec, unit: &Table) -> Option<(Text, Text)> {
        let local = Text::literal("127.0.0.1");
        let Some(table) = entry.node.as_table() else {
            return self.port(entry).map(|port| (local, port));
        };
        self.check_keys(table, spec, unit);
        let host = match self.string(table, "host") {
            Some((host, span)) if !host.is_empty() => self.text(host, span)?,
            Some((_, span)) => {
                self.fault(span, Code::OutOfRange, "`host` is empty");
                local
            }
            None => local,
        };
        let Some(port) = table.get("port") else {
            self.fault(entry.node.span, Code::MissingKey, format!("`{}` needs a `port`", entry.key));
            return None;
        };
        self.port(port).map(|port| (host, port))
    }

    fn port(&mut self, entry: &Entry) -> Option<Text> {
        let span = entry.node.span;
        let text = match &entry.node.value {
            Value::Integer(Some(number), _) => Text::literal(number.to_string()),
            Value::Integer(None, _) => Text::literal("beyond"),
            Value::String(text) => self.text(text, span)?,
            _ => {
                self.wrong_type(entry, &entry.node, "a port");
                return None;
            }
        };
        let known = text.variables().next().is_none();
        if known && !text.to_string().parse::<u16>().is_ok_and(|port| port > 0) {
            let message = format!("{} is no port", short(self.sources.slice(span)));
            self.fault(span, Code::OutOfRange, message).label("a port is 1 to 65535");
            return None;
        }
        Some(text)
    }
}
