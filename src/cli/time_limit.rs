//! Durations as people write them on a command line: `60s`, `5m`, `1h30m`, `2d`, and bare seconds.

use std::time::Duration;

/// Reads a duration.
pub fn parse(text: &str) -> Result<Duration, String> {
    let trouble = || format!("`{text}` is no duration: write 30s, 5m or 1h30m");
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| trouble());
    }
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(trouble)?;
        let letters =
            rest[digits..].find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(rest.len() - digits);
        let count: u32 = rest[..digits].parse().map_err(|_| trouble())?;
        let unit = unit(&rest[digits..digits + letters]).ok_or_else(trouble)?;
        let part = unit.checked_mul(count).ok_or_else(trouble)?;
        total = total.checked_add(part).ok_or_else(trouble)?;
        rest = rest[digits + letters..].trim_start();
    }
    if text.trim().is_empty() { Err(trouble()) } else { Ok(total) }
}

fn unit(letters: &str) -> Option<Duration> {
    Some(match letters {
        "ms" => Duration::from_millis(1),
        "s" | "sec" => Duration::from_secs(1),
        "m" | "min" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        "d" => Duration::from_secs(86_400),
        "w" => Duration::from_secs(7 * 86_400),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in
            [("60s", 60), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("5", 5), ("1min 4s", 64)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "s", "5x", "-1s", "-1", "1.5h", "99999999999999999999s", "5 m"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
