//! The thread that owns the disk: it opens what is there, writes batches, and tries again what failed.
//!
//! It may hang for as long as the disk does. So it touches nothing but the state directory: while it is away
//! the truth is elsewhere, and whatever it still does there is written over afterwards.

use std::fs::File;
use std::sync::Arc;

use super::directory::{self, DAMAGED, Directory, FOREIGN, Found, Identity, NEWER};
use super::medium::Medium;
use super::record::{Batch, Records};
use super::stored::{Stored, Unreadable, read};

/// What the owner asks for.
pub(super) enum Order {
    /// Read what there is.
    Open,
    /// Write a batch to the file that is open.
    Write(Arc<Batch>),
    /// Write a whole batch to a new file, which takes the place of the old one.
    WriteAnew {
        /// The batch.
        batch: Arc<Batch>,
        /// Keep the old file under a name of this kind.
        aside: Option<&'static str>,
    },
    /// Find out whether the directory would take a file of so many bytes.
    Probe(u64),
}

/// What comes of it.
pub(super) enum Answer {
    Opened(Opened),
    Wrote(Result<Option<String>, Trouble>),
    Probed(Result<(), String>),
}

/// What was there.
pub(super) struct Opened {
    pub(super) records: Records,
    /// Words for people.
    pub(super) findings: Vec<String>,
    pub(super) next: Next,
}

/// What can be done with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Batches can be written to it.
    Write,
    /// A whole batch must be written anew; the old file is kept under a name of this kind.
    Anew { aside: Option<&'static str> },
    /// Nothing can be written: why.
    Nowhere { aside: Option<&'static str>, why: String },
}

/// A batch was not written, or nobody knows.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    /// The disk is well, only the file is gone: it can be written anew at once.
    pub(super) lost: bool,
}

/// The disk's side.
pub(super) struct Disk<F> {
    directory: Directory,
    medium: F,
    open: Option<Stored>,
    /// The file that was last written or read here.
    known: Option<Identity>,
}

impl<M: Medium, F: Fn(File) -> M> Disk<F> {
    /// Nothing is touched before the first order. `medium` makes of a file what is written to.
    pub(super) fn new(directory: Directory, medium: F) -> Self {
        Self { directory, medium, open: None, known: None }
    }

    /// Carries out an order.
    pub(super) fn work(&mut self, order: Order) -> Answer {
        match order {
            Order::Open => Answer::Opened(self.look()),
            Order::Write(batch) => Answer::Wrote(self.write(&batch).map(|()| None)),
            Order::WriteAnew { batch, aside } => Answer::Wrote(self.write_anew(&batch, aside)),
            Order::Probe(bytes) => Answer::Probed(self.probe(bytes)),
        }
    }

    fn look(&mut self) -> Opened {
        let nothing = |aside, finding: Option<String>| {
            let findings = finding.into_iter().collect();
            Opened { records: Records::default(), findings, next: Next::Anew { aside } }
        };
        let path = self.directory.state();
        let path = path.display();
        let mut opened = match self.directory.find() {
            Found::Nothing => nothing(None, None),
            Found::Refused(why) => {
                nothing(Some(FOREIGN), Some(format!("`{path}` {why}; starting without it")))
            }
            Found::File { file, read_only } => {
                self.known = directory::identity(&file).ok();
                match self.read(&file) {
                    Err(Unreadable::Newer(version)) => nothing(
                        Some(NEWER),
                        Some(format!("`{path}` has format {version}, of a newer supd; starting without it")),
                    ),
                    Err(Unreadable::Empty) => nothing(
                        Some(DAMAGED),
                        Some(format!("`{path}` was never finished; starting without it")),
                    ),
                    Err(Unreadable::Damaged(why)) => nothing(
                        Some(DAMAGED),
                        Some(format!("`{path}` is damaged and cannot be read: {why}; starting without it")),
                    ),
                    Ok(read) if !read.damaged.is_empty() => {
                        let findings = read.damaged.iter().map(|what| format!("`{path}`: {what}")).collect();
                        Opened { records: read.records, findings, next: Next::Anew { aside: Some(DAMAGED) } }
                    }
                    Ok(read) => {
                        let next = match read_only {
                            Some(error) => Next::Nowhere { aside: None, why: format!("`{path}`: {error}") },
                            None => self.open(file),
                        };
                        Opened { records: read.records, findings: Vec::new(), next }
                    }
                }
            }
        };
        if let Next::Anew { aside } = opened.next
            && let Err(why) = self.probe(0)
        {
            opened.next = Next::Nowhere { aside, why };
        }
        opened
    }

    fn read(&self, file: &File) -> Result<super::stored::Read, Unreadable> {
        let file = file.try_clone().map_err(|error| Unreadable::Damaged(error.to_string()))?;
        read((self.medium)(file))
    }

    /// For writing. It was read, and is in order.
    fn open(&mut self, file: File) -> Next {
        match Stored::open((self.medium)(file)) {
            Ok(stored) => {
                self.open = Some(stored);
                Next::Write
            }
            Err(_) => Next::Anew { aside: None },
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let lost =
            |why: &str| Trouble { why: format!("`{}` {why}", self.directory.state().display()), lost: true };
        let Some(open) = &mut self.open else { return Err(lost("is not open")) };
        let written = open.write(batch).map_err(|why| self.trouble(why));
        // Written, but is it still the file that the next start will find?
        let in_place = self.known.is_some() && self.directory.identity().ok() == self.known;
        let done = written.and_then(|()| {
            in_place.then_some(()).ok_or_else(|| lost("was removed, or another file has taken its place"))
        });
        if done.is_err() {
            self.open = None;
        }
        done
    }

    /// Says the name under which the old file was kept.
    fn write_anew(&mut self, batch: &Batch, aside: Option<&'static str>) -> Result<Option<String>, Trouble> {
        self.open = None;
        let done = self.replace(batch, aside).map_err(|why| self.trouble(why));
        if done.is_err() {
            self.open = None;
            self.directory.drop_fresh();
        }
        done
    }

    fn replace(&mut self, batch: &Batch, aside: Option<&'static str>) -> Result<Option<String>, String> {
        let text = |error: std::io::Error| error.to_string();
        self.directory.make().map_err(text)?;
        let fresh = self.directory.create_fresh().map_err(text)?;
        let identity = directory::identity(&fresh).map_err(text)?;
        let stored = Stored::create((self.medium)(fresh), batch)?;
        // A file that somebody put there while we ran is not ours to remove.
        let strange =
            || self.directory.identity().is_ok_and(|there| Some(there) != self.known).then_some(FOREIGN);
        let kept = match aside.or_else(strange) {
            Some(kind) => self.directory.set_aside(kind).map_err(text)?,
            None => None,
        };
        self.directory.put_in_place().map_err(text)?;
        self.known = Some(identity);
        self.open = Some(stored);
        Ok(kept)
    }

    fn probe(&self, bytes: u64) -> Result<(), String> {
        let done = self.directory.probe().and_then(|file| {
            directory::reserve(&file, bytes)?;
            let medium = (self.medium)(file);
            medium.write(0, &[1; 512])?;
            medium.sync()
        });
        self.directory.drop_fresh();
        done.map_err(|error| self.at(&error.to_string()))
    }

    fn trouble(&self, why: String) -> Trouble {
        Trouble { why: self.at(&why), lost: false }
    }

    fn at(&self, why: &str) -> String {
        format!("`{}` cannot be written: {why}", self.directory.state().display())
    }
}
