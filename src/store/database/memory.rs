//! The thread that owns the memfd, in which the state lies while the disk takes none.

use std::fs::File;
use std::sync::Arc;

use super::record::Batch;
use super::stored::Stored;

/// What the owner asks for.
pub(super) enum Order {
    /// Write a batch; a whole one starts anew where the old content is of no use.
    Write(Arc<Batch>),
    /// The disk has it all: be empty.
    Empty,
}

/// The memfd's side.
pub(super) struct Memory {
    file: File,
    open: Option<Stored>,
}

impl Memory {
    /// Of this memfd: empty, or with a state that was read and found in order.
    pub(super) fn new(file: File) -> Self {
        let open = file.metadata().is_ok_and(|about| about.len() > 0).then(|| opened(&file)).flatten();
        Self { file, open }
    }

    /// Carries out an order.
    pub(super) fn work(&mut self, order: Order) -> Result<(), String> {
        match order {
            Order::Write(batch) => self.write(&batch),
            Order::Empty => self.empty(),
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), String> {
        // In one transaction over what is there: if we die meanwhile, that is still there.
        let written = match &mut self.open {
            Some(open) => open.write(batch),
            None => Err("the memory's content is not in order".into()),
        };
        if written.is_ok() || !batch.whole {
            return written;
        }
        // It failed, so there is nothing to lose by it.
        self.empty()?;
        let medium = self.file.try_clone().map_err(|error| error.to_string())?;
        match Stored::create(medium, batch) {
            Ok(stored) => self.open = Some(stored),
            Err(why) => {
                // What is left of it would be taken for the newest state.
                self.empty()?;
                return Err(why);
            }
        }
        Ok(())
    }

    fn empty(&mut self) -> Result<(), String> {
        // It must not write to it while it goes.
        if let Some(open) = self.open.take() {
            open.give_up();
        }
        self.file.set_len(0).map_err(|error| format!("the memory cannot be emptied: {error}"))
    }
}

fn opened(file: &File) -> Option<Stored> {
    Stored::open(file.try_clone().ok()?).ok()
}
