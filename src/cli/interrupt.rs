//! Ctrl-C while supctl waits: it leaves the wait and says so; what was asked for goes on.
//!
//! Threads are the client's affair alone: the daemon has none.

use std::io::Read;
use std::os::unix::net::UnixStream;

/// Calls `then` when SIGINT or SIGTERM comes, on a thread of its own. Where the signals cannot be had, they
/// end the program as they always do.
pub fn on_interrupt(then: impl FnOnce() + Send + 'static) {
    if let Ok(mut signals) = listen() {
        let wait = move || {
            let mut byte = [0; 1];
            if matches!(signals.read(&mut byte), Ok(1..)) {
                then();
            }
        };
        // Without a thread the signals would be lost: then they had better not be caught.
        let _ = std::thread::Builder::new().name("interrupt".to_owned()).spawn(wait);
    }
}

fn listen() -> std::io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::low_level::pipe::register(signal, theirs.try_clone()?)?;
    }
    Ok(ours)
}
