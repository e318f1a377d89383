//! supd's own messages: through the pipe that never blocks, for people or for machines.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{self as layer, FmtContext};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, LogLevel, Settings};
use crate::wire::own_log::{OwnLog, mark};

/// What happens to pods and units is told under this target: it is no word of supd about itself, and needs
/// none before it where a person looks on.
pub(super) const EVENTS: &str = "supd::events";

/// Begins to pass on what is said with `tracing`.
pub(super) fn begin(settings: &Settings, log: &OwnLog) {
    let level = match settings.log_level {
        _ if settings.quiet => LevelFilter::ERROR,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Others' crates have nothing to say that an operator could use.
    let filter = Targets::new().with_target("supd", level).with_default(LevelFilter::ERROR);
    let log = log.clone();
    let writer = move || log.clone();
    let registry = tracing_subscriber::registry().with(filter);
    // Set once in the life of a process: an error would mean that it is set.
    let _ = match settings.log_format {
        LogFormat::Json => {
            registry.with(layer::layer().json().flatten_event(true).with_writer(writer)).try_init()
        }
        LogFormat::Text if settings.foreground => {
            registry.with(layer::layer().event_format(Foreground).with_writer(writer)).try_init()
        }
        LogFormat::Text => registry.with(layer::layer().event_format(Plain).with_writer(writer)).try_init(),
    };
}

/// For somebody at a terminal, between the lines of pods: `web-0: exited 1, restarting in 10s`.
struct Foreground;

impl<S, N> FormatEvent<S, N> for Foreground
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (mark, word) = match *event.metadata().level() {
            Level::ERROR => (mark::ERROR, "error: "),
            Level::WARN => (mark::WARNING, "warning: "),
            Level::INFO | Level::DEBUG | Level::TRACE => (mark::INFO, ""),
        };
        to.write_str(mark)?;
        if event.metadata().target() != EVENTS {
            to.write_str(word)?;
        }
        context.format_fields(to.by_ref(), event)?;
        to.write_char('\n')
    }
}

/// As the other roles write theirs: time, level, role, message.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let micros = crate::runtime::clock::wall().0.div_euclid(1_000);
        let stamp = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
        write!(to, "{stamp:.6} {:>5} manager: ", event.metadata().level())?;
        context.format_fields(to.by_ref(), event)?;
        to.write_char('\n')
    }
}
