//! A thread that does one thing after another, and says so.
//!
//! It sleeps while there is nothing to do. One order at a time: the next one is given when the answer to the
//! last one has been taken in.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Wakes the loop that waits for answers.
pub(super) struct Bell(EventFd);

impl Bell {
    /// A silent one.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?))
    }

    /// Rings.
    pub(super) fn ring(&self) {
        // It fails only when it has rung 2^64 times unheard.
        let _ = self.0.write(1);
    }

    /// Makes it silent. `WouldBlock` if it was.
    pub(super) fn hush(&self) -> io::Result<()> {
        Ok(self.0.read().map(drop)?)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The owner's end.
pub(super) struct Link<Order, Answer> {
    /// Gone once the thread was told to end.
    orders: Option<SyncSender<Order>>,
    answers: Receiver<Answer>,
    /// Orders without an answer: none or one.
    waiting: bool,
}

impl<Order: Send + 'static, Answer: Send + 'static> Link<Order, Answer> {
    /// Starts a thread that carries out orders one by one.
    pub(super) fn start<W: FnMut(Order) -> Answer>(
        name: &str,
        bell: Arc<Bell>,
        worker: impl FnOnce() -> W + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, inbox) = sync_channel::<Order>(1);
        let (outbox, answers) = sync_channel(1);
        let builder = thread::Builder::new().name(name.into());
        let started = builder.spawn(move || {
            let mut work = worker();
            for order in inbox {
                let answer = work(order);
                let heard = outbox.send(answer).is_ok();
                bell.ring();
                if !heard {
                    break;
                }
            }
            // What the worker holds is put away before the answers end: the end of the answers is the end.
            drop(work);
            drop(outbox);
        });
        started
            .map_err(|error| io::Error::new(error.kind(), format!("no thread can be started: {error}")))?;
        Ok(Self { orders: Some(orders), answers, waiting: false })
    }

    /// Whether an answer is due.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Gives an order; only while no answer is due. False: the thread has ended.
    pub(super) fn order(&mut self, order: Order) -> bool {
        debug_assert!(!self.waiting, "one order at a time");
        self.waiting = self.orders.as_ref().is_some_and(|orders| orders.try_send(order).is_ok());
        self.waiting
    }

    /// The answer, if there is one.
    pub(super) fn answer(&mut self) -> Result<Option<Answer>, Ended> {
        match self.answers.try_recv() {
            Ok(answer) => {
                self.waiting = false;
                Ok(Some(answer))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Ended),
        }
    }

    /// Waits for the answer, so long at most.
    pub(super) fn wait(&mut self, within: Duration) -> Option<Answer> {
        let answer = self.answers.recv_timeout(within).ok();
        self.waiting &= answer.is_none();
        answer
    }

    /// Lets the thread finish what it has begun, put away what it holds, and end. Waits for that, until
    /// then at most, and says whether it has come to it.
    pub(super) fn end(&mut self, until: Instant) -> bool {
        self.orders = None;
        let next = || self.answers.recv_timeout(until.saturating_duration_since(Instant::now()));
        // Two rounds: an answer that nobody has taken yet, then the end.
        (0..2).any(|_| matches!(next(), Err(RecvTimeoutError::Disconnected)))
    }
}

/// The thread is no more.
pub(super) struct Ended;
