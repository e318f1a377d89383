//! A logger whose keeper is gone: it reads on, so that nothing that still runs meets a broken pipe, and gives its
//! pipes to the next keeper that asks at the socket which was left with it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use crate::logs::intake::Intake;
use crate::sys::message;
use crate::wire::channel::Channel;
use crate::wire::handover::{Handover, TAKEN};

/// Takes the connection of a keeper. `None`: there is none, or it is a stranger's.
pub(super) fn accept(listener: BorrowedFd<'_>) -> Option<Channel> {
    let connection = message::accept(listener).ok()?;
    let peer = getsockopt(&connection, PeerCredentials).ok()?;
    // The socket lets in nobody else; root may look everywhere.
    let allowed = [0, nix::unistd::geteuid().as_raw()].contains(&peer.uid());
    allowed.then(|| Channel::from(connection))
}

/// Gives all pipes away. False: the other side has not said that it has them, and they are read here as before.
/// Nothing is read meanwhile, however long that takes: the other side gives up, or dies, and both end this.
pub(super) fn hand_over(intake: &mut Intake, keeper: &Channel) -> bool {
    match give_all(intake, keeper).and_then(|()| is_taken(keeper)) {
        Ok(taken) => taken,
        Err(_) => {
            let mut message = Vec::new();
            Handover::Keep.encode(&mut message);
            // If nobody hears it, nobody has the pipes either.
            let _ = keeper.send(&message, &[]);
            false
        }
    }
}

fn give_all(intake: &mut Intake, keeper: &Channel) -> io::Result<()> {
    let mut message = Vec::new();
    for number in intake.run_streams() {
        if let Some((handed, pipe)) = intake.give(number) {
            Handover::Pipe(handed).encode(&mut message);
            keeper.send(&message, &[pipe.as_fd()])?;
        }
    }
    Handover::End.encode(&mut message);
    keeper.send(&message, &[])
}

fn is_taken(keeper: &Channel) -> io::Result<bool> {
    let mut answer = [0; TAKEN.len()];
    let received = keeper.receive(&mut answer)?;
    Ok(answer.get(..received.length) == Some(TAKEN))
}
