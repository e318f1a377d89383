//! Where a redirect leads: `Location`, seen from what was asked.

use super::Get;

/// The next question; nothing where it is none by http or https.
pub(super) fn resolve(from: &Get, location: &str) -> Option<Get> {
    let location = location.split('#').next().unwrap_or_default();
    if let Some((scheme, rest)) = location.split_once("://") {
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        return elsewhere(from, tls, rest);
    }
    if let Some(rest) = location.strip_prefix("//") {
        return elsewhere(from, from.tls, rest);
    }
    let path = match location {
        "" => from.path.clone(),
        path if path.starts_with('/') => path.to_owned(),
        // Relative to the directory of what was asked.
        path => {
            let asked = from.path.split('?').next().unwrap_or("/");
            let directory = asked.rsplit_once('/').map_or("", |(directory, _)| directory);
            format!("{directory}/{path}")
        }
    };
    Some(Get { path, ..from.clone() })
}

/// `host:port/path`. The header `Host` was for the place before.
fn elsewhere(from: &Get, tls: bool, rest: &str) -> Option<Get> {
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let bracket = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority.rfind(':').filter(|at| *at >= bracket) {
        Some(at) => (&authority[..at], authority[at + 1..].parse().ok()?),
        None => (authority, if tls { 443 } else { 80 }),
    };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let mut headers = from.headers.clone();
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
    Some(Get { tls, host, port, path, headers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(location: &str) -> Option<String> {
        let headers = vec![("Host".to_owned(), "web".to_owned())];
        let from = Get { tls: false, host: "127.0.0.1".into(), port: 80, path: "/a/b?c/d".into(), headers };
        let to = resolve(&from, location)?;
        Some(format!("{} {}:{} {} {}", to.tls, to.host, to.port, to.path, to.headers.len()))
    }

    #[test]
    fn locations_of_every_shape() {
        for (location, to) in [
            ("/x", "false 127.0.0.1:80 /x 1"),
            ("x?y", "false 127.0.0.1:80 /a/x?y 1"),
            ("http://127.0.0.1:8080", "false 127.0.0.1:8080 / 0"),
            ("HTTPS://127.0.0.1/x#top", "true 127.0.0.1:443 /x 0"),
            ("//[::1]:81?q", "false ::1:81 /?q 0"),
            ("http://user@[::1]/", "false ::1:80 / 0"),
        ] {
            assert_eq!(lead(location).as_deref(), Some(to), "{location}");
        }
        assert_eq!(lead("ftp://127.0.0.1/"), None);
        assert_eq!(lead("http://127.0.0.1:99999/"), None);
    }
}
