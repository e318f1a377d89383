//! The head of an answer: its code, and where it sends us.

/// What of an answer's head matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// 100 to 999.
    pub code: u16,
    /// `Location`, made fit to print.
    pub location: Option<String>,
}

/// Whether the empty line has come, or the answer is one that has no `Location` to wait for.
pub(super) fn is_whole(answer: &[u8]) -> bool {
    let redirect = match status(answer) {
        Some(code) => (300..=399).contains(&code),
        None => false,
    };
    let line_ended = answer.contains(&b'\n');
    if !redirect {
        return line_ended;
    }
    answer.windows(4).any(|window| window == b"\r\n\r\n") || answer.windows(2).any(|window| window == b"\n\n")
}

impl Head {
    /// Reads it, as much as has come.
    pub(super) fn parse(answer: &[u8]) -> Option<Self> {
        let code = status(answer)?;
        let lines = answer.split(|byte| *byte == b'\n').skip(1);
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut headers = lines.take_while(|line| !line.is_empty());
        let location = headers.find_map(|line| {
            let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            let is_location = name.trim().eq_ignore_ascii_case("location");
            is_location.then(|| value.trim().chars().filter(|c| !c.is_control()).collect())
        });
        Some(Self { code, location })
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

    #[test]
    fn reads_a_status_line() {
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

    #[test]
    fn the_location_of_a_redirect_is_waited_for() {
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n") && !is_whole(b"HTTP/1.1 302 Found\r\nDate: x\r\n"));
        let answer = b"HTTP/1.1 302 Found\r\nDate: x\r\nLOCATION:  /login\r\n\r\nLocation: /body";
        assert!(is_whole(answer));
        assert_eq!(Head::parse(answer), Some(Head { code: 302, location: Some("/login".into()) }));
        let none = b"HTTP/1.1 304 Not Modified\r\n\r\nLocation: /body";
        assert_eq!(Head::parse(none), Some(Head { code: 304, location: None }));
    }
}
