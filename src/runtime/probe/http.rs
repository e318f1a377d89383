//! A GET, as small as a probe needs it: one request, the head of one answer (PRB-013).
//!
//! An answer of 200 to 399 is a success. A redirect to the same host is followed; one to another host is a
//! success that is worth a warning. Nothing behind the head is read: a body may be endless.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Answer, connect, tls};
use crate::limits::{PROBE_HEAD_BYTES_MAX, PROBE_REDIRECTS_MAX};

mod head;
mod location;

use head::Head;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// By TLS.
    pub tls: bool,
    /// Whom, as written.
    pub host: String,
    /// See `host`.
    pub port: u16,
    /// Path with query.
    pub path: String,
    /// Further headers; `Host` and `User-Agent` replace ours.
    pub headers: Vec<(String, String)>,
}

/// Asks, follows redirects to the same host, and judges the last answer.
pub async fn ask(get: &Get) -> Answer {
    let mut place = get.clone();
    for _ in 0..=PROBE_REDIRECTS_MAX {
        let head = match exchange(&place).await {
            Ok(head) => head,
            Err(answer) => return answer,
        };
        let said = format!("GET {}: {}", get.path, head.code);
        let next = match (head.code, &head.location) {
            (200..=299, _) => return Answer::Success(said),
            (300..=399, None) => return Answer::Warning(format!("{said}, a redirect to nowhere")),
            (301 | 302 | 303 | 307 | 308, Some(location)) => location::resolve(&place, location),
            (300..=399, Some(_)) => return Answer::Warning(said),
            _ => return Answer::Failure(said),
        };
        match next {
            Some(next) if next.host.eq_ignore_ascii_case(&get.host) => place = next,
            _ => {
                let elsewhere = head.location.unwrap_or_default();
                return Answer::Warning(format!(
                    "{said}, a redirect elsewhere that is not followed: {elsewhere}"
                ));
            }
        }
    }
    Answer::Failure(format!("GET {}: more than {PROBE_REDIRECTS_MAX} redirects", get.path))
}

/// Asks once. Any answer in HTTP is one, whatever its code.
pub async fn exchange(get: &Get) -> Result<Head, Answer> {
    let stream = connect(&get.host, get.port).await?;
    if !get.tls {
        return talk(stream, get).await;
    }
    let failed = |error| Answer::Failure(format!("GET {}: TLS: {error}", get.path));
    let stream = tls::wrap(stream, get.server_name()).await.map_err(failed)?;
    talk(stream, get).await
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, get: &Get) -> Result<Head, Answer> {
    let failed = |error| Answer::Failure(format!("GET {}: {error}", get.path));
    stream.write_all(get.request().as_bytes()).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 512];
        let length = stream.read(&mut chunk).await;
        let ended = match length {
            Ok(length) => {
                answer.extend_from_slice(&chunk[..length]);
                length == 0
            }
            // What came before counts: some servers close at once behind their answer.
            Err(_) if !answer.is_empty() => true,
            Err(error) => return Err(failed(error)),
        };
        if ended || answer.len() >= PROBE_HEAD_BYTES_MAX || head::is_whole(&answer) {
            let not_http = || Answer::Failure(format!("GET {}: the answer is not HTTP", get.path));
            return Head::parse(&answer).ok_or_else(not_http);
        }
    }
}

impl Get {
    /// Whom the server is to be: as `Host` says, where that is written.
    fn server_name(&self) -> &str {
        let written = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = written.map_or(self.host.as_str(), |(_, host)| host.as_str());
        host.rsplit_once(':').filter(|_| !self.host.contains(':')).map_or(host, |(name, _)| name)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn get(headers: &[(&str, &str)]) -> Get {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Get { tls: false, host: "127.0.0.1".into(), port: 8080, path: "/healthz?full".into(), headers }
    }

    #[test]
    fn asks_in_http() {
        let request = get(&[("X-Probe", "1")]).request();
        assert!(request.starts_with("GET /healthz?full HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"), "{request}");
        assert!(request.ends_with("Connection: close\r\nX-Probe: 1\r\n\r\n"), "{request}");
    }

    #[test]
    fn a_written_host_replaces_ours_and_no_header_ends_its_line() {
        let get = get(&[("host", "example.org:444"), ("X", "a\r\nEvil: 1")]);
        let request = get.request();
        assert!(request.contains("host: example.org:444\r\n") && !request.contains("Host: 127"), "{request}");
        assert!(!request.contains("Evil"), "{request}");
        assert_eq!(get.server_name(), "example.org");
    }
}
