//! The real spawner and slot table, with the test as keeper and manager.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use supd::settings::{Invocation, Place, Role, Settings};
use supd::sys::memory::sealed;
use supd::sys::process::{How, Image, Inheritance, Which, kill, pidfd_open, start_role, wait};
use supd::wire::channel::{Channel, Received};
use supd::wire::message::{FromSpawner, PlanAt, Spawn, SpawnerToKeeper, ToSpawner};
use supd::wire::plan::{Output, Plan};
use supd::wire::run::{Run, Step};
use supd::wire::table::Table;
use supd::wire::{fd, own_log};

/// A spawner, and the three who talk to it.
pub(crate) struct Bed {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) table: Table,
    table_fd: OwnedFd,
    pub(crate) epoch: u64,
    queue: Channel,
    queue_of_spawners: Channel,
    own_log: (OwnedFd, OwnedFd),
    spawners: Vec<(i32, Channel)>,
    pub(crate) next: u16,
}

/// What became of a start.
#[derive(Debug)]
pub(crate) enum Outcome {
    Started { slot: u16, pid: i32, fds: Vec<OwnedFd> },
    Failed { step: Step, errno: i32, detail: String },
    Refused,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let (table_fd, table) = Table::create().unwrap();
        let epoch = table.next_epoch();
        let (queue, queue_of_spawners) = Channel::pair().unwrap();
        let mut bed = Self {
            dir: tempfile::tempdir().unwrap(),
            table,
            table_fd,
            epoch,
            queue,
            queue_of_spawners,
            own_log: own_log::pipe().unwrap(),
            spawners: Vec::new(),
            next: 0,
        };
        bed.start_spawner(false);
        bed
    }

    pub(crate) fn start_spawner(&mut self, stand_in: bool) {
        let path = env!("CARGO_BIN_EXE_supd");
        let number = u8::try_from(self.spawners.len() + 1).unwrap();
        let arguments = settings().to_args(Role::Spawner { number, stand_in });
        let words = std::iter::once("supd".into()).chain(arguments);
        let words = words.map(|word| std::ffi::CString::new(word.into_encoded_bytes()).unwrap()).collect();
        let image = Image::new(File::open(path).unwrap().into(), c"".into(), words);
        let (keeper, theirs) = Channel::pair().unwrap();
        let fds = [
            (theirs.as_fd(), fd::CHANNEL),
            (self.queue_of_spawners.as_fd(), fd::QUEUE),
            (self.table_fd.as_fd(), fd::TABLE),
            (self.own_log.1.as_fd(), fd::OWN_LOG),
        ];
        let pid = start_role(&image, &Inheritance { fds: &fds, nofile: None, ends_with_us: true }).unwrap();
        self.spawners.push((pid, keeper));
    }

    /// Sends a Spawn; gives its slot.
    pub(crate) fn send(&mut self, plan: &Plan) -> u16 {
        self.send_with(plan, &[], false)
    }

    pub(crate) fn send_with(&mut self, plan: &Plan, given: &[OwnedFd], attach: bool) -> u16 {
        let slot = self.next;
        self.next += 1;
        let mut bytes = Vec::new();
        plan.encode(&mut bytes);
        let attached = attach.then(|| sealed(c"plan", &bytes).unwrap());
        let plan = if attach { PlanAt::Attached } else { PlanAt::Inline(&bytes) };
        let fds: Vec<_> = attached.iter().chain(given).map(AsFd::as_fd).collect();
        self.send_message(&self.spawn(slot, plan), &fds);
        slot
    }

    pub(crate) fn spawn<'a>(&self, slot: u16, plan: PlanAt<'a>) -> Spawn<'a> {
        let run = Run { pod: 7, class: 0, process: 1, attempt: u32::from(slot) };
        Spawn { epoch: self.epoch, slot, ticket: 0, run, label: b"test", log_path: b"test.log", plan }
    }

    pub(crate) fn send_message(&self, spawn: &Spawn<'_>, fds: &[std::os::fd::BorrowedFd<'_>]) {
        let mut out = Vec::new();
        ToSpawner::Spawn(*spawn).encode(&mut out);
        self.queue.send(&out, fds).unwrap();
    }

    /// What a spawner says next, to the manager or (with its index) to the keeper.
    pub(crate) fn hear(&self) -> (Option<usize>, Vec<u8>, Received) {
        let channels: Vec<&Channel> =
            self.spawners.iter().map(|(_, channel)| channel).chain([&self.queue]).collect();
        let mut fds: Vec<PollFd<'_>> =
            channels.iter().map(|channel| PollFd::new(channel.as_fd(), PollFlags::POLLIN)).collect();
        assert!(poll(&mut fds, PollTimeout::from(20_000u16)).unwrap() > 0, "no answer from a spawner");
        let index = fds.iter().position(|fd| fd.any() == Some(true)).unwrap();
        let mut buffer = vec![0; 4096];
        let received = channels[index].receive(&mut buffer).unwrap();
        buffer.truncate(received.length);
        ((index < self.spawners.len()).then_some(index), buffer, received)
    }

    /// Waits for what becomes of a slot's start.
    pub(crate) fn outcome(&self, slot: u16) -> Outcome {
        loop {
            let (from, bytes, received) = self.hear();
            if from.is_some() {
                match SpawnerToKeeper::decode(&bytes).unwrap() {
                    SpawnerToKeeper::Pipes { .. } => {}
                    SpawnerToKeeper::StillBorn { slot: other } => {
                        assert_eq!(other, slot);
                        return self.failure(slot);
                    }
                    SpawnerToKeeper::Born { slot: other } => {
                        assert_eq!(other, slot);
                        if self.table.fault(slot).is_some() {
                            assert_eq!(self.reap(self.table.pid(slot)), How::Exited(127));
                            return self.failure(slot);
                        }
                    }
                }
                continue;
            }
            match FromSpawner::decode(&bytes).unwrap() {
                FromSpawner::Started { slot: other, pid, .. } => {
                    assert_eq!(other, slot);
                    return Outcome::Started { slot, pid, fds: received.fds.into_iter().flatten().collect() };
                }
                FromSpawner::Refused { .. } => return Outcome::Refused,
            }
        }
    }

    pub(crate) fn failure(&self, slot: u16) -> Outcome {
        let (step, errno, detail) = self.table.fault(slot).unwrap();
        Outcome::Failed { step, errno, detail: String::from_utf8_lossy(detail.as_slice()).into_owned() }
    }

    pub(crate) fn start(&mut self, plan: &Plan) -> Outcome {
        let slot = self.send(plan);
        self.outcome(slot)
    }

    /// The step, errno and detail of a start that must fail.
    pub(crate) fn fails(&mut self, plan: &Plan) -> (Step, i32, String) {
        match self.start(plan) {
            Outcome::Failed { step, errno, detail } => (step, errno, detail),
            other => panic!("{other:?}"),
        }
    }

    /// What a command prints, and how it ends.
    pub(crate) fn output(&mut self, plan: &Plan) -> (String, How) {
        let plan = Plan { stdout: Output::Capture, stderr: Output::Capture, ..plan.clone() };
        let outcome = self.start(&plan);
        let Outcome::Started { pid, fds, .. } = outcome else { panic!("{outcome:?}") };
        let text = read_all(fds.into_iter().next_back().unwrap());
        (text, self.reap(pid))
    }

    pub(crate) fn shell(&mut self, script: &str) -> String {
        self.output(&shell(script)).0
    }

    pub(crate) fn reap(&self, pid: i32) -> How {
        reap(pid)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for (pid, _) in &self.spawners {
            let _ = kill(*pid, libc::SIGKILL);
            self.reap(*pid);
        }
    }
}

pub(crate) fn settings() -> Settings {
    let place =
        Place { variable: &|_| None, root: true, container: false, process_one: false, foreground: false };
    match Invocation::parse(Vec::new(), &place) {
        Ok(Invocation::Start(settings)) => settings,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn command(words: &[&str]) -> Plan {
    Plan { argv: words.iter().map(|word| word.as_bytes().to_vec()).collect(), ..Plan::default() }
}

pub(crate) fn shell(script: &str) -> Plan {
    command(&["/bin/sh", "-c", script])
}

pub(crate) fn program(path: &Path) -> Plan {
    command(&[path.to_str().unwrap()])
}

/// Waits for one child. By number, as the tests of this file are threads of one parent.
pub(crate) fn reap(pid: i32) -> How {
    let pidfd = pidfd_open(pid).unwrap();
    poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::from(20_000u16)).unwrap();
    wait(Which::Pid(pid), true).unwrap().expect("it has ended in time").how
}

/// Reads to the end of a pipe that does not block.
pub(crate) fn read_all(fd: OwnedFd) -> String {
    let mut text = Vec::new();
    let mut file = File::from(fd);
    loop {
        match file.read_to_end(&mut text) {
            Ok(_) => return String::from_utf8(text).unwrap(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], PollTimeout::from(20_000u16))
                    .unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}
