//! Who watches what: the manager publishes a change once, and each watcher has a bounded queue.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::vec;

use hyper::body::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::objects::{Change, Object, Status, StatusReason, WatchEvent};
use super::request::{Collection, Filter};
use crate::limits::WATCH_QUEUE_MAX;

/// All watchers, and the number of the last change. The manager owns it.
#[derive(Debug)]
pub struct Watchers {
    version: u64,
    watchers: Vec<Watcher>,
    /// Changes that are told only once what they rest upon is stored, in their order.
    held: VecDeque<(u64, Told)>,
}

/// A change, ready to be told.
#[derive(Debug)]
struct Told {
    collection: Collection,
    change: Change,
    object: Object,
}

/// One watcher, as the manager sees it.
#[derive(Debug)]
struct Watcher {
    collection: Collection,
    filter: Filter,
    queue: mpsc::Sender<Bytes>,
}

/// One watcher, as the server sees it: what is there, then what changes.
#[derive(Debug)]
pub struct WatchStream {
    version: u64,
    present: vec::IntoIter<Object>,
    changes: mpsc::Receiver<Bytes>,
    ended: bool,
}

impl Watchers {
    /// Nobody watches. `version`: where the count of changes goes on; after a restart it must not go back.
    pub fn new(version: u64) -> Self {
        Self { version, watchers: Vec::new(), held: VecDeque::new() }
    }

    /// The number of the last change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Begins a watch. `present` is what there is now of the collection; the filter is applied here.
    pub fn subscribe(
        &mut self,
        collection: Collection,
        filter: Filter,
        mut present: Vec<Object>,
    ) -> WatchStream {
        self.forget_gone();
        present.retain(|object| filter.matches(object));
        let (queue, changes) = mpsc::channel(WATCH_QUEUE_MAX);
        self.watchers.push(Watcher { collection, filter, queue });
        WatchStream { version: self.version, present: present.into_iter(), changes, ended: false }
    }

    /// Whether anybody watches the collection.
    pub fn is_watched(&self, collection: Collection) -> bool {
        self.watchers.iter().any(|w| w.collection == collection && !w.queue.is_closed())
    }

    /// Tells of a change. `build` makes the object as it is now (a deleted one: as it was last), and is
    /// called only if somebody watches; the text is made once for all.
    ///
    /// A watcher whose queue is full loses the rest of its watch: it reads what is queued, then an `ERROR`.
    pub fn publish(
        &mut self,
        collection: Collection,
        change: Change,
        build: impl FnOnce() -> Option<Object>,
    ) {
        if let Some(told) = self.prepare(collection, change, build) {
            self.tell(&told);
        }
    }

    /// The same, but it is told only when the store has this batch ([`Watchers::release`]): nobody sees what
    /// a death of the manager could take back. The object is made now.
    pub fn publish_after(
        &mut self,
        batch: u64,
        collection: Collection,
        change: Change,
        build: impl FnOnce() -> Option<Object>,
    ) {
        let told = self.prepare(collection, change, build);
        self.held.extend(told.map(|told| (batch, told)));
    }

    /// All batches up to this one are stored.
    pub fn release(&mut self, batch: u64) {
        while self.held.front().is_some_and(|(after, _)| *after <= batch) {
            if let Some((_, told)) = self.held.pop_front() {
                self.tell(&told);
            }
        }
    }

    fn prepare(
        &mut self,
        collection: Collection,
        change: Change,
        build: impl FnOnce() -> Option<Object>,
    ) -> Option<Told> {
        self.version = self.version.saturating_add(1);
        self.forget_gone();
        let mut object = if self.is_watched(collection) { build()? } else { return None };
        stamp(&mut object, self.version);
        Some(Told { collection, change, object })
    }

    fn tell(&mut self, Told { collection, change, object }: &Told) {
        let mut text = None;
        self.watchers.retain(|watcher| {
            if watcher.collection != *collection || !watcher.filter.matches(object) {
                return true;
            }
            let text = text.get_or_insert_with(|| json_line(&WatchEvent { change: *change, object }));
            match watcher.queue.try_send(text.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => false,
            }
        });
    }

    /// How many watch.
    pub fn count(&self) -> usize {
        self.watchers.iter().filter(|watcher| !watcher.queue.is_closed()).count()
    }

    fn forget_gone(&mut self) {
        self.watchers.retain(|watcher| !watcher.queue.is_closed());
    }
}

impl WatchStream {
    /// The next line; after the last one, which says why the watch ended, nothing.
    pub(super) fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(mut object) = self.present.next() {
            stamp(&mut object, self.version);
            return Poll::Ready(Some(json_line(&WatchEvent { change: Change::Added, object })));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        match self.changes.poll_recv(cx) {
            Poll::Ready(None) => {
                // The manager let go of its end: the queue had been full.
                self.ended = true;
                Poll::Ready(Some(too_slow()))
            }
            other => other,
        }
    }
}

/// Says as of which change the object is.
fn stamp(object: &mut Object, version: u64) {
    if let Some(metadata) = object.metadata_mut() {
        metadata.resource_version = version.to_string();
    }
}

fn too_slow() -> Bytes {
    let message =
        format!("the watch has ended: {WATCH_QUEUE_MAX} changes were waiting to be read; begin anew");
    let object = Status::failure(StatusReason::Expired, message);
    json_line(&WatchEvent { change: Change::Error, object })
}

/// Objects have text keys and finite numbers only, so that writing them cannot fail; if it does, it is an
/// empty line, which readers pass over.
fn json_line(value: &impl serde::Serialize) -> Bytes {
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
