//! A GET, as small as a probe needs it: one request, the status line of one answer (PRB-013).
//!
//! An answer of 200 to 399 is a success; a redirect is an answer like any other and is not followed, since
//! a server that redirects is there. Nothing behind the status line is read: a body may be endless.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Answer;
use crate::limits::PROBE_STATUS_LINE_BYTES_MAX;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// For the `Host` header, as written.
    pub host: String,
    /// See `host`.
    pub port: u16,
    /// Path with query.
    pub path: String,
    /// Further headers; `Host` and `User-Agent` replace ours.
    pub headers: Vec<(String, String)>,
}

/// Asks over a connection that stands, and judges the answer.
pub async fn ask(mut stream: TcpStream, get: &Get) -> Answer {
    if let Err(error) = stream.write_all(get.request().as_bytes()).await {
        return Answer::Failure(format!("GET {}: {error}", get.path));
    }
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < PROBE_STATUS_LINE_BYTES_MAX {
        let mut chunk = [0; 512];
        match stream.read(&mut chunk).await {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&chunk[..length]),
            Err(error) => return Answer::Failure(format!("GET {}: {error}", get.path)),
        }
    }
    match status(&answer) {
        Some(code @ 200..=399) => Answer::Success(format!("GET {}: {code}", get.path)),
        Some(code) => Answer::Failure(format!("GET {}: {code}", get.path)),
        None => Answer::Failure(format!("GET {}: the answer is not HTTP", get.path)),
    }
}

impl Get {
    /// The bytes of the request. A header that would end its own line is left out: it could only be read
    /// as something nobody wrote.
    fn request(&self) -> String {
        let clean = |text: &str| !text.contains(['\r', '\n', '\0']);
        let path = if clean(&self.path) && self.path.starts_with('/') { self.path.as_str() } else { "/" };
        let mut request = format!("GET {path} HTTP/1.1\r\n");
        let mut line = |name: &str, value: &str| {
            if clean(name) && clean(value) {
                request.push_str(&format!("{name}: {value}\r\n"));
            }
        };
        let written = |name: &str| self.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
        if !written("host") {
            let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
            line("Host", &format!("{host}:{}", self.port));
        }
        if !written("user-agent") {
            line("User-Agent", concat!("supd-probe/", env!("CARGO_PKG_VERSION")));
        }
        if !written("accept") {
            line("Accept", "*/*");
        }
        line("Connection", "close");
        for (name, value) in &self.headers {
            line(name, value);
        }
        request.push_str("\r\n");
        request
    }
}

/// The code of a status line: `HTTP/1.1 200 OK`.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line.get(..line.len().min(32))?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let code = rest.get(..3)?;
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    let ends = rest[3..].chars().next().is_none_or(char::is_whitespace);
    (version.starts_with("HTTP/1.") && digits && ends).then(|| code.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(headers: &[(&str, &str)]) -> Get {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Get { host: "127.0.0.1".into(), port: 8080, path: "/healthz?full".into(), headers }
    }

    #[test]
    fn asks_in_http() {
        let request = get(&[("X-Probe", "1")]).request();
        assert!(request.starts_with("GET /healthz?full HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"), "{request}");
        assert!(request.ends_with("Connection: close\r\nX-Probe: 1\r\n\r\n"), "{request}");
    }

    #[test]
    fn a_written_host_replaces_ours_and_no_header_ends_its_line() {
        let request = get(&[("host", "example.org"), ("X", "a\r\nEvil: 1")]).request();
        assert!(request.contains("host: example.org\r\n") && !request.contains("Host: 127"), "{request}");
        assert!(!request.contains("Evil"), "{request}");
    }

    #[test]
    fn reads_a_status_line_and_nothing_else() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\nDate: x\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        for bad in [
            &b""[..],
            b"\n",
            b"HTTP/2 200 OK\r\n",
            b"HTTP/1.1 20 OK\r\n",
            b"SSH-2.0-x\r\n",
            b"HTTP/1.1 2000\r\n",
        ] {
            assert_eq!(status(bad), None, "{bad:?}");
        }
        assert_eq!(status(&[0xff; 100]), None);
    }
}
