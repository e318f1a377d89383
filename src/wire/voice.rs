//! Messages of keeper, spawner and logger, in the same shapes as the manager's, without allocation.

use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use super::own_log::{Line, OwnLog, mark};
use crate::settings::{LogFormat, LogLevel, Settings};

/// Writes messages of one role.
#[derive(Clone, Debug)]
pub struct Voice {
    log: OwnLog,
    role: &'static str,
    level: LogLevel,
    format: LogFormat,
    foreground: bool,
}

impl Voice {
    /// Of a role.
    pub fn new(log: OwnLog, role: &'static str, settings: &Settings) -> Self {
        let level = if settings.quiet { LogLevel::Error } else { settings.log_level };
        Self { log, role, level, format: settings.log_format, foreground: settings.foreground }
    }

    /// Somebody must look at it.
    pub fn error(&self, message: fmt::Arguments<'_>) {
        self.say(LogLevel::Error, message);
    }

    /// Somebody may want to look at it.
    pub fn warn(&self, message: fmt::Arguments<'_>) {
        self.say(LogLevel::Warn, message);
    }

    /// It happened.
    pub fn info(&self, message: fmt::Arguments<'_>) {
        self.say(LogLevel::Info, message);
    }

    /// Why it happened.
    pub fn debug(&self, message: fmt::Arguments<'_>) {
        self.say(LogLevel::Debug, message);
    }

    fn say(&self, level: LogLevel, message: fmt::Arguments<'_>) {
        if level > self.level {
            return;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = match level {
            LogLevel::Error => "ERROR",
            LogLevel::Warn => " WARN",
            LogLevel::Info => " INFO",
            LogLevel::Debug => "DEBUG",
        };
        let mut line = Line::new();
        // What does not fit is cut, and marked by `as_slice`.
        let _ = match self.format {
            LogFormat::Text if self.foreground => {
                let (mark, word) = match level {
                    LogLevel::Error => (mark::ERROR, "error: "),
                    LogLevel::Warn => (mark::WARNING, "warning: "),
                    LogLevel::Info | LogLevel::Debug => (mark::INFO, ""),
                };
                writeln!(line, "{mark}{word}{message}")
            }
            LogFormat::Text => {
                writeln!(line, "{} {name} {}: {message}", Stamp(since), self.role)
            }
            LogFormat::Json => {
                // As the manager's, whose library calls a role by its module.
                let (name, role) = (name.trim_start(), self.role);
                let mut fields = || {
                    let stamp = Stamp(since);
                    write!(
                        line,
                        "{{\"timestamp\":\"{stamp}\",\"level\":\"{name}\",\"target\":\"supd::{role}\","
                    )?;
                    line.write_str("\"message\":\"")?;
                    write!(JsonText(&mut line), "{message}")?;
                    line.write_str("\"}\n")
                };
                fields()
            }
        };
        self.log.line(line.as_slice());
    }
}

/// A time of day in UTC: `2026-11-05T09:30:00.123456Z`.
struct Stamp(std::time::Duration);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // Years that begin in March put the leap day last: then months are a linear formula.
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        let micros = self.0.subsec_micros();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{micros:06}Z", second % 60)
    }
}

/// Escapes what JSON text may not contain.
struct JsonText<'a>(&'a mut Line);

impl fmt::Write for JsonText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '"' | '\\' => write!(self.0, "\\{character}")?,
                control if control < ' ' => write!(self.0, "\\u{:04x}", control as u32)?,
                other => self.0.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn stamps() {
        let stamp = |seconds| Stamp(Duration::from_secs(seconds)).to_string();
        assert_eq!(stamp(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(stamp(951_782_400), "2000-02-29T00:00:00.000000Z");
        assert_eq!(stamp(4_107_542_399), "2100-02-28T23:59:59.000000Z");
        assert_eq!(stamp(4_107_542_400), "2100-03-01T00:00:00.000000Z");
    }

    #[test]
    fn json_stays_json() {
        let mut line = Line::new();
        write!(JsonText(&mut line), "a\"b\\c\n\u{1b}").unwrap();
        assert_eq!(line.as_slice(), b"a\\\"b\\\\c\\u000a\\u001b");
    }
}
