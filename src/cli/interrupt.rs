//! Ctrl-C while supctl waits: it leaves the wait and says so; what was asked for goes on.

use std::os::unix::net::UnixStream as StdStream;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

/// Tells of SIGINT and SIGTERM from when it is made.
#[derive(Debug)]
pub struct Interrupt {
    signals: Option<UnixStream>,
}

impl Interrupt {
    /// From now on. Where the signals cannot be had, they end the program as they always do.
    pub fn listen() -> Self {
        Self { signals: listen().ok() }
    }

    /// Ends when a signal has come.
    pub async fn wait(&mut self) {
        let Some(signals) = &mut self.signals else { return std::future::pending().await };
        let mut byte = [0; 1];
        if !matches!(signals.read(&mut byte).await, Ok(1..)) {
            std::future::pending::<()>().await;
        }
    }
}

fn listen() -> std::io::Result<UnixStream> {
    let (ours, theirs) = StdStream::pair()?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::low_level::pipe::register(signal, theirs.try_clone()?)?;
    }
    ours.set_nonblocking(true)?;
    UnixStream::from_std(ours)
}
