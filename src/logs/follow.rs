//! Following logs: what is there, then whatever comes, woken by the kernel and never by a clock.
//!
//! Watches directories, not files: the log directory for pods that begin, a pod's for its processes, a
//! process's for its files. A watch is set before the directory is read, so that nothing falls between.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use crate::logs::discover::{self, Attempts, Wanted};
use crate::logs::path::{PodDir, RunPath, parse_any_file_name};
use crate::logs::read::{Entries, Entry, LogQuery};

/// Entries that are given out before the kernel is asked again what has happened elsewhere.
const ENTRIES_A_LOOK: usize = 256;

/// A reader that goes on. Give out entries with [`Follow::next`]; when there is none, [`Follow::wait`].
pub struct Follow {
    root: PathBuf,
    wanted: Vec<Wanted>,
    entries: Entries,
    inotify: Inotify,
    watches: HashMap<WatchDescriptor, Watched>,
    numbers: HashMap<RunPath, usize>,
    /// Runs that were there at the beginning and not asked for.
    ignored: HashSet<RunPath>,
    /// Runs whose directory is gone: dropped when they have no more to say.
    leaving: Vec<usize>,
    given: usize,
}

enum Watched {
    /// While there is no log directory: the nearest directory above it that there is.
    Above,
    Root,
    Pod(PodDir),
    Process(PodDir, String),
}

impl Follow {
    /// Begins with the runs that are there, as the query says; runs that begin later are shown whole.
    pub fn open(root: &Path, wanted: Vec<Wanted>, query: LogQuery) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let mut follow = Self {
            root: root.to_owned(),
            entries: Entries::open(root, Vec::new(), LogQuery::default(), true)?,
            wanted,
            inotify,
            watches: HashMap::new(),
            numbers: HashMap::new(),
            ignored: HashSet::new(),
            leaving: Vec::new(),
            given: 0,
        };
        let everything = |wanted: &Wanted| Wanted { attempts: Attempts::All, ..wanted.clone() };
        let everything: Vec<_> = follow.wanted.iter().map(everything).collect();
        // Watched first and looked at then; a run that begins in between is met again by its events.
        follow.watch_directories()?;
        let runs = discover::runs(root, &follow.wanted)?;
        follow.ignored = discover::runs(root, &everything)?.into_iter().collect();
        follow.entries = Entries::open(root, runs, query, true)?;
        follow.numbers = follow.entries.runs().map(|(number, run)| (run.clone(), number)).collect();
        for run in follow.numbers.keys() {
            follow.ignored.remove(run);
        }
        follow.look_everywhere()?;
        Ok(follow)
    }

    /// The next entry; nothing, if there is no more at present.
    #[expect(clippy::should_implement_trait, reason = "the end of this one is not the end")]
    pub fn next(&mut self) -> io::Result<Option<Entry>> {
        self.given += 1;
        if self.given.is_multiple_of(ENTRIES_A_LOOK) {
            self.take_events()?;
        }
        if let Some(entry) = self.entries.next()? {
            return Ok(Some(entry));
        }
        self.take_events()?;
        let entry = self.entries.next()?;
        if entry.is_none() {
            for number in std::mem::take(&mut self.leaving) {
                self.entries.remove(number);
                self.numbers.retain(|_, other| *other != number);
            }
        }
        Ok(entry)
    }

    /// Waits until something has happened; says no if `reader`, where the entries go, is gone.
    pub fn wait(&self, reader: Option<BorrowedFd<'_>>) -> io::Result<bool> {
        let mut fds = vec![PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
        // Without asking for anything one is told of errors only.
        fds.extend(reader.map(|reader| PollFd::new(reader, PollFlags::empty())));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(errno) => return Err(errno.into()),
        }
        let gone = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| events.contains(PollFlags::POLLERR));
        Ok(!fds.get(1).is_some_and(gone))
    }

    fn take_events(&mut self) -> io::Result<()> {
        loop {
            match self.inotify.read_events() {
                Ok(events) => events.iter().try_for_each(|event| self.on_event(event))?,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => (),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn on_event(&mut self, event: &InotifyEvent) -> io::Result<()> {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return self.look_everywhere();
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            return match self.watches.remove(&event.wd) {
                Some(Watched::Root | Watched::Above) => self.look_everywhere(),
                // Late: the kernel says so when the last file in it was closed, perhaps by us. Another may
                // have its name by now.
                _ => Ok(()),
            };
        }
        let name = event.name.as_ref().and_then(|name| name.to_str());
        match (self.watches.get(&event.wd), name) {
            (Some(Watched::Above), _) => self.look_everywhere(),
            (Some(Watched::Root), Some(name)) => {
                self.watch_pod(name)?;
                self.look_into(name)
            }
            (Some(Watched::Pod(dir)), Some(process)) => {
                let dir = dir.clone();
                if event.mask.intersects(AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM) {
                    return self.leave(&dir, process);
                }
                self.watch_process(&dir, process)?;
                self.look_into_process(&dir, process)
            }
            (Some(Watched::Process(dir, process)), Some(name)) => {
                let run = parse_any_file_name(name).and_then(|attempt| RunPath::new(dir, process, attempt));
                run.map_or(Ok(()), |run| self.meet(run))
            }
            // The log directory was moved or removed.
            (Some(Watched::Root), None) => self.look_everywhere(),
            _ => Ok(()),
        }
    }

    /// At the beginning, and after anything that leaves us unsure.
    fn look_everywhere(&mut self) -> io::Result<()> {
        self.watch_directories()?;
        for name in discover::names(&self.root)? {
            self.look_into(&name)?;
        }
        self.wake_all()
    }

    fn look_into(&mut self, name: &str) -> io::Result<()> {
        let Some(dir) = self.wanted_pod(name) else { return Ok(()) };
        let processes = discover::names(&self.root.join(name))?;
        processes.iter().try_for_each(|process| self.look_into_process(&dir, process))
    }

    fn look_into_process(&mut self, dir: &PodDir, process: &str) -> io::Result<()> {
        for attempt in discover::attempts(&self.root, dir, process)? {
            RunPath::new(dir, process, attempt).map_or(Ok(()), |run| self.meet(run))?;
        }
        Ok(())
    }

    fn wake_all(&mut self) -> io::Result<()> {
        let numbers: Vec<_> = self.entries.runs().map(|(number, _)| number).collect();
        numbers.into_iter().try_for_each(|number| self.entries.wake(number))
    }

    fn watch_directories(&mut self) -> io::Result<()> {
        self.watch_root()?;
        discover::names(&self.root)?.iter().try_for_each(|name| self.watch_pod(name))
    }

    /// Watches the log directory; where there is none yet, the nearest directory above it.
    fn watch_root(&mut self) -> io::Result<()> {
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let mut place = self.root.clone();
        loop {
            match self.inotify.add_watch(&place, flags) {
                Ok(watch) if place == self.root => {
                    self.watches.insert(watch, Watched::Root);
                    return self.unwatch_above();
                }
                Ok(watch) => {
                    self.watches.insert(watch, Watched::Above);
                    // It may have been made just before this watch was set.
                    if !self.root.is_dir() {
                        return Ok(());
                    }
                    place.clone_from(&self.root);
                }
                Err(Errno::ENOENT | Errno::ENOTDIR) if place.pop() => {
                    if place.as_os_str().is_empty() {
                        place.push(".");
                    }
                }
                Err(errno) => return Err(self.explain(errno, &place)),
            }
        }
    }

    fn unwatch_above(&mut self) -> io::Result<()> {
        let inotify = &self.inotify;
        self.watches.retain(|watch, watched| match watched {
            Watched::Above => inotify.rm_watch(*watch).is_err(),
            _ => true,
        });
        Ok(())
    }

    fn watch_pod(&mut self, name: &str) -> io::Result<()> {
        let Some(dir) = self.wanted_pod(name) else { return Ok(()) };
        let path = self.root.join(name);
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM;
        let Some(watch) = self.watch_dir(&path, flags)? else { return Ok(()) };
        self.watches.insert(watch, Watched::Pod(dir.clone()));
        discover::names(&path)?.iter().try_for_each(|process| self.watch_process(&dir, process))
    }

    fn watch_process(&mut self, dir: &PodDir, process: &str) -> io::Result<()> {
        if self.wanted.iter().any(|wanted| wanted.wants_process(dir, process)) {
            let path = self.root.join(dir.as_str()).join(process);
            let flags = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_MODIFY;
            let watch = self.watch_dir(&path, flags)?;
            let watched = || Watched::Process(dir.clone(), process.to_owned());
            self.watches.extend(watch.map(|watch| (watch, watched())));
        }
        Ok(())
    }

    fn wanted_pod(&self, name: &str) -> Option<PodDir> {
        PodDir::parse(name).filter(|dir| self.wanted.iter().any(|wanted| wanted.wants_pod(dir)))
    }

    fn watch_dir(&self, path: &Path, flags: AddWatchFlags) -> io::Result<Option<WatchDescriptor>> {
        let flags = flags | AddWatchFlags::IN_ONLYDIR | AddWatchFlags::IN_DONT_FOLLOW;
        match self.inotify.add_watch(path, flags) {
            Ok(watch) => Ok(Some(watch)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(self.explain(errno, path)),
        }
    }

    /// A run that has a file: woken if it is known, else taken in.
    fn meet(&mut self, run: RunPath) -> io::Result<()> {
        if let Some(number) = self.numbers.get(&run).copied() {
            self.leaving.retain(|other| *other != number);
            return self.entries.wake(number);
        }
        if !self.ignored.contains(&run) && self.wanted.iter().any(|wanted| wanted.wants_new(&run)) {
            let number = self.entries.add(run.clone())?;
            self.numbers.insert(run, number);
            self.entries.wake(number)?;
        }
        Ok(())
    }

    fn leave(&mut self, dir: &PodDir, process: &str) -> io::Result<()> {
        let is_in = |run: &RunPath| run.process() == process && run.pod_dir() == *dir;
        let numbers: Vec<_> =
            self.numbers.iter().filter(|(run, _)| is_in(run)).map(|(_, number)| *number).collect();
        for number in numbers {
            self.entries.wake(number)?;
            self.leaving.push(number);
        }
        Ok(())
    }

    fn explain(&self, errno: Errno, path: &Path) -> io::Error {
        match errno {
            Errno::ENOSPC => io::Error::other(format!(
                "cannot follow `{}`: too many watches (fs.inotify.max_user_watches); name fewer pods",
                path.display()
            )),
            _ => {
                let kind = io::Error::from(errno).kind();
                io::Error::new(kind, format!("cannot follow `{}`: {}", path.display(), errno.desc()))
            }
        }
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
