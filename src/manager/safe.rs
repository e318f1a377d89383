//! Safe mode: managers before this one died at their start, time and again.
//!
//! Whatever they died of is not done again: no unit is read, nothing is started, stopped or adopted, and no
//! end of a run is acknowledged: all of it waits with the keeper for a manager that can. What this one does
//! is to say why, to end supd when that is wished, and to make room for an ordinary manager when an operator
//! asks for another try.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::control::objects::{Info, InfoStatus, Status, StatusReason, SystemState};
use crate::control::request::{Answer, Call, Reply, Request};
use crate::control::server::CALLS_MAX;
use crate::runtime::keeper::{Keeper, News, Snapshot};
use crate::settings::{Settings, exit};
use crate::wire::after::After;
use crate::wire::note::Note;

use super::ending::unmanaged_end;
use super::hand::words;
use super::place;
use super::start::serve_on;

/// The server's task, the connection's, and each of them once more.
const TURNS_FOR_THE_ANSWER: u32 = 16;

/// Until supd ends, or another manager is to try; gives the exit code.
pub(super) async fn serve(
    settings: Settings,
    mut keeper: Keeper,
    listener: OwnedFd,
    note: Option<OwnedFd>,
) -> io::Result<u8> {
    let snapshot = keeper.snapshot(false).await?;
    let safe = Safe { reason: reason(&snapshot, note), settings, snapshot };
    tracing::error!("{}", safe.reason);
    let (sender, mut calls) = mpsc::channel(CALLS_MAX);
    let mut server = serve_on(listener, sender.clone())?;
    let mut news = Vec::new();
    let mut replacing = None;
    loop {
        let call = tokio::select! {
            ready = keeper.ready() => ready.map(|()| None)?,
            call = calls.recv() => call,
        };
        keeper.flush()?;
        let call = match call {
            // Another program may do better.
            Some(Call { request: Request::Reexec(options), answer, .. }) => {
                keeper.reexec(options.binary.as_deref().unwrap_or_default().as_bytes())?;
                replacing = Some(answer);
                None
            }
            call => call,
        };
        if let Some(ControlFlow::Break(then)) = call.map(|call| safe.answer(call)) {
            // The answer is with the server, whose task sends it when it is its turn.
            for _ in 0..TURNS_FOR_THE_ANSWER {
                tokio::task::yield_now().await;
            }
            match then {
                Then::TryAgain => return Ok(exit::AGAIN),
                // The keeper ends everything by itself where there is no manager.
                Then::End(after, within) => {
                    keeper.ending(after, u64::try_from(within.as_millis()).unwrap_or(u64::MAX))?;
                    return Ok(0);
                }
            }
        }
        while keeper.receive(&mut news)? {}
        for one in news.drain(..) {
            match one {
                // The keeper ends everything by itself where there is no manager.
                News::StopRequest(_) => return Ok(0),
                News::Reload => return Ok(exit::AGAIN),
                News::ShowState => tracing::error!("{}", safe.reason),
                News::Listener(listener) => {
                    server.abort();
                    server = serve_on(listener, sender.clone())?;
                }
                News::NotReplaced(reason) => {
                    if let Some(answer) = replacing.take() {
                        // Nobody listens any more if the client has gone.
                        let _ = answer.send(Err(Status::failure(StatusReason::Conflict, reason)));
                    }
                }
                News::Started { .. } | News::Exited { .. } | News::Lingers { .. } | News::Kept(..) => {}
            }
        }
    }
}

/// Why there is safe mode, and what to do.
fn reason(snapshot: &Snapshot, note: Option<OwnedFd>) -> String {
    // Left where it is: the message is the next one's, too.
    let panic = note.and_then(|fd| Note::open(fd.as_fd()).ok()).map_or_else(String::new, |note| {
        let message = note.take_panic();
        note.set_panic(&message);
        message
    });
    format!(
        "safe mode: supd's manager died {} times in a row before it was ready, the last time of: {}; nothing is \
         started or stopped, and what runs goes on; to try again: supctl daemon-reload; with another supd: supctl reexec",
        snapshot.deaths_unready,
        words(snapshot.last_death, &panic)
    )
}

/// What follows an answer.
enum Then {
    /// Another manager.
    TryAgain,
    /// The end of supd, within this time.
    End(After, Duration),
}

struct Safe {
    settings: Settings,
    snapshot: Snapshot,
    reason: String,
}

impl Safe {
    /// Answers, and says what is to follow when that is sent, if anything is.
    fn answer(&self, call: Call) -> ControlFlow<Then> {
        let Call { request, peer, answer } = call;
        let mut then = ControlFlow::Continue(());
        let told: Answer = match request {
            Request::Info => Ok(Reply::Object(self.info().into())),
            Request::Reload { apply: false } => {
                tracing::info!(uid = peer.uid, "asked to try again");
                then = ControlFlow::Break(Then::TryAgain);
                Ok(Reply::Status(Status::success("supd tries again; `supctl status` shows how that went")))
            }
            Request::Shutdown(options) => {
                unmanaged_end(&self.settings, &options).map(|(said, after, within)| {
                    then = ControlFlow::Break(Then::End(after, within));
                    Reply::Status(Status::success(said))
                })
            }
            Request::List { .. }
            | Request::Get { .. }
            | Request::Watch { .. }
            | Request::GetScale(_)
            | Request::Health(_)
            | Request::Logs
            | Request::Log { .. } => {
                Err(Status::failure(StatusReason::ServiceUnavailable, self.reason.clone()))
            }
            _ => Err(Status::failure(StatusReason::Conflict, self.reason.clone())),
        };
        // Nobody listens any more if the client has gone.
        let _ = answer.send(told);
        then
    }

    fn info(&self) -> Info {
        let living = self.snapshot.adopted.iter().filter(|adopted| adopted.exit.is_none()).count();
        Info::new(InfoStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: nix::unistd::getppid().as_raw().unsigned_abs(),
            pid1: self.settings.process_one,
            container: self.settings.container,
            host_name: nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned(),
            started_at: self.snapshot.since.into(),
            replaced: self.snapshot.replaced,
            state: SystemState::Safe,
            units: 0,
            failed_units: 0,
            pods: u32::try_from(living).unwrap_or(u32::MAX),
            unit_directories: self.settings.units.clone(),
            log_directory: self.settings.log_dir.clone(),
            state_directory: None,
            state_not_saved: None,
            keeper_faults: self.snapshot.faults.count,
            planned_shutdown: None,
            warnings: vec![self.reason.clone()],
            place: Some(place::look(&self.settings)),
        })
    }
}
