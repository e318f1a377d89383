//! The heart alone, measured: the real keeper, spawner, slot table and messages under the simplest of
//! managers, beside a single process that does the same by itself.
//!
//! ```text
//! cargo run --release --example spike
//! ```
//!
//! Restart: from `kill -9` to the first instruction of the replacement, median and quartiles. Jobs:
//! completions a second. Both in turns within one run, so that a busy machine hits both alike; what counts is
//! the ratio. `SPIKE_ROUNDS` and `SPIKE_JOBS` make it longer.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::disallowed_types,
    missing_docs
)]

use std::collections::VecDeque;
use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use supd::limits::MESSAGE_BYTES_MAX;
use supd::settings::{Invocation, Place, Role};
use supd::sys::process::{Which, adopt, kill, wait};
use supd::wire::channel::Channel;
use supd::wire::message::{FromSpawner, KeeperToManager, ManagerToKeeper, PlanAt, Spawn, ToSpawner};
use supd::wire::plan::{Output, Plan};
use supd::wire::run::{Ending, Run};
use supd::{keeper, spawner, sys, wire};

/// The service: stamps the clock as the first thing it does, and waits.
const SERVICE: &str = r"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int fd = open(argv[1], O_RDWR), place = atoi(argv[2]);
    char *map = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    __atomic_store_n((int *)(map + 32768) + place, getpid(), __ATOMIC_RELEASE);
    __atomic_store_n((long *)map + place, now.tv_sec * 1000000000L + now.tv_nsec, __ATOMIC_RELEASE);
    for (;;) pause();
}";
const TRUE: &str = "int main(void) { return 0; }";
const PLACES: usize = 4096;

fn main() -> ExitCode {
    let place = Place {
        variable: &|name| std::env::var_os(name),
        root: true,
        container: false,
        process_one: false,
        foreground: false,
    };
    let first = std::env::args().nth(1);
    let code = match first.as_deref() {
        None | Some("--bench") => return bench(),
        Some("single") => single(),
        _ => match Invocation::parse(std::env::args_os().skip(1), &place) {
            Ok(Invocation::Start(settings)) => keeper::boot::start(&settings).report(),
            Ok(Invocation::Role(Role::Keeper { before }, settings)) => keeper::run(settings, before).report(),
            Ok(Invocation::Role(Role::Spawner { number, stand_in }, settings)) => {
                spawner::run(&settings, number, stand_in)
            }
            Ok(Invocation::Role(Role::Manager { .. }, _)) => manager(),
            Ok(Invocation::Role(Role::Logger, _)) => logger(),
            other => {
                eprintln!("{other:?}");
                64
            }
        },
    };
    ExitCode::from(code)
}

// ---- what is to be done, told through the environment ------------------------------------------------

enum Work {
    Services(u32),
    Jobs { count: u32, parallelism: u32 },
}

struct Task {
    work: Work,
    program: String,
    events: String,
}

impl Task {
    fn read() -> Self {
        let get = |name: &str| std::env::var(name).unwrap();
        let number = |name: &str| get(name).parse().unwrap();
        let work = match get("SPIKE_WORK").as_str() {
            "services" => Work::Services(number("SPIKE_COUNT")),
            _ => Work::Jobs { count: number("SPIKE_COUNT"), parallelism: number("SPIKE_PARALLELISM") },
        };
        Self { work, program: get("SPIKE_PROGRAM"), events: get("SPIKE_EVENTS") }
    }

    /// Runs at the beginning, and in all.
    fn counts(&self) -> (u32, u32) {
        match self.work {
            Work::Services(count) => (count, u32::MAX),
            Work::Jobs { count, parallelism } => (parallelism.min(count), count),
        }
    }

    fn argv(&self, place: u32) -> Vec<Vec<u8>> {
        [&self.program, &self.events, &place.to_string()].map(|word| word.clone().into_bytes()).to_vec()
    }

    fn is_service(&self) -> bool {
        matches!(self.work, Work::Services(_))
    }
}

// ---- the simplest manager ----------------------------------------------------------------------------

struct Trivial {
    task: Task,
    keeper: Channel,
    queue: Channel,
    epoch: u64,
    free: Vec<(u16, u32)>,
    /// Places (or job numbers) by slot.
    places: Vec<u32>,
    /// Starts that nobody has answered: (slot, message).
    unanswered: Vec<(u16, Vec<u8>)>,
    begun: u32,
    ended: u32,
    attempt: u32,
    out: Vec<u8>,
    plan: Vec<u8>,
}

fn manager() -> u8 {
    let [Some(keeper), Some(queue)] = [wire::fd::CHANNEL, wire::fd::QUEUE].map(adopt) else { return 64 };
    let mut trivial = Trivial {
        task: Task::read(),
        keeper: keeper.into(),
        queue: queue.into(),
        epoch: 0,
        free: (0..8_192).rev().map(|slot| (slot, 0)).collect(),
        places: vec![0; 16_384],
        unanswered: Vec::new(),
        begun: 0,
        ended: 0,
        attempt: 0,
        out: Vec::new(),
        plan: Vec::new(),
    };
    trivial.serve()
}

impl Trivial {
    fn serve(&mut self) -> u8 {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        loop {
            let mut fds = [
                PollFd::new(self.keeper.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.queue.as_fd(), PollFlags::POLLIN),
            ];
            poll(&mut fds, PollTimeout::NONE).unwrap();
            let ready = fds.map(|fd| fd.any() == Some(true));
            if ready[1] {
                self.take_answers();
            }
            if !ready[0] {
                continue;
            }
            let length = self.keeper.receive(&mut buffer).unwrap().length;
            if length == 0 {
                return 0;
            }
            match KeeperToManager::decode(&buffer[..length]).unwrap() {
                KeeperToManager::Welcome { epoch, .. } => self.epoch = epoch,
                KeeperToManager::Known { slot, run, .. } => {
                    // A manager before us started it.
                    self.places[usize::from(slot)] = run.process.into();
                    self.attempt = self.attempt.max(run.attempt + 1);
                    self.free.retain(|(free, _)| *free != slot);
                    self.begun += 1;
                }
                KeeperToManager::SnapshotEnd => {
                    self.tell(&ManagerToKeeper::Ready);
                    for place in self.begun..self.task.counts().0 {
                        self.spawn(place);
                    }
                }
                KeeperToManager::SpawnerGone => {
                    let again = std::mem::take(&mut self.unanswered);
                    for (slot, message) in again {
                        self.send(slot, message);
                    }
                }
                KeeperToManager::Exited(exited) => {
                    self.unanswered.retain(|(slot, _)| *slot != exited.slot);
                    self.ended += 1;
                    if let Ending::NotStarted(fault) = exited.ending {
                        eprintln!("run {} was not started: {fault:?}", self.places[usize::from(exited.slot)]);
                    }
                    let (_, all) = self.task.counts();
                    if self.task.is_service() {
                        self.spawn(self.places[usize::from(exited.slot)]);
                    } else if self.begun < all {
                        self.spawn(self.begun);
                    }
                    self.tell(&ManagerToKeeper::Ack { seq: exited.seq });
                    if self.ended == all {
                        self.tell(&ManagerToKeeper::End { code: 0 });
                        return 0;
                    }
                }
                KeeperToManager::Free { slot, ticket } => self.free.push((slot, ticket)),
                KeeperToManager::StopRequest { .. } => self.tell(&ManagerToKeeper::End { code: 0 }),
                _ => {}
            }
        }
    }

    fn spawn(&mut self, place: u32) {
        let (slot, ticket) = self.free.pop().unwrap();
        self.places[usize::from(slot)] = place;
        self.attempt += 1;
        self.begun += 1;
        let plan = Plan {
            argv: self.task.argv(place),
            stdout: Output::Inherit,
            stderr: Output::Inherit,
            ..Plan::default()
        };
        plan.encode(&mut self.plan);
        let run = Run { pod: 1, class: 0, process: place as u16, attempt: self.attempt };
        let spawn = Spawn {
            epoch: self.epoch,
            slot,
            ticket,
            run,
            label: b"spike",
            log_path: b"",
            plan: PlanAt::Inline(&self.plan),
        };
        let mut message = Vec::new();
        ToSpawner::Spawn(spawn).encode(&mut message);
        self.send(slot, message);
    }

    fn send(&mut self, slot: u16, message: Vec<u8>) {
        // The spawner may be waiting for room to tell us about a start.
        while self.queue.try_send(&message, &[]).is_err() {
            let events = PollFlags::POLLIN | PollFlags::POLLOUT;
            poll(&mut [PollFd::new(self.queue.as_fd(), events)], PollTimeout::NONE).unwrap();
            self.take_answers();
        }
        self.unanswered.push((slot, message));
    }

    fn take_answers(&mut self) {
        let mut buffer = [0; 256];
        while let Ok(received) = self.queue.try_receive(&mut buffer) {
            if received.length == 0 {
                return;
            }
            if let Ok(FromSpawner::Started { slot, .. }) = FromSpawner::decode(&buffer[..received.length]) {
                self.unanswered.retain(|(other, _)| *other != slot);
            }
        }
    }

    fn tell(&mut self, message: &ManagerToKeeper<'_>) {
        message.encode(&mut self.out);
        let _ = self.keeper.send(&self.out, &[]);
    }
}

/// Copies supd's own messages to standard error.
fn logger() -> u8 {
    let Some(channel) = adopt(wire::fd::CHANNEL).map(Channel::from) else { return 64 };
    let mut own_log: Option<OwnedFd> = None;
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    loop {
        let mut fds = vec![PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
        fds.extend(own_log.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
        poll(&mut fds, PollTimeout::NONE).unwrap();
        let ready = fds[0].any() == Some(true);
        if let Some(fd) = &own_log
            && let Ok(count) = nix::unistd::read(fd, &mut buffer)
        {
            let _ = sys::write_once(2, &buffer[..count]);
        }
        if ready {
            match channel.receive(&mut buffer) {
                Ok(received) if received.length > 0 => {
                    own_log = received.fds.into_iter().flatten().next().or(own_log)
                }
                _ => return 0,
            }
        }
    }
}

// ---- the single process that does the same -----------------------------------------------------------

struct Start {
    program: CString,
    argv: [*const libc::c_char; 4],
    envp: [*const libc::c_char; 1],
}

extern "C" fn start_child(start: *mut libc::c_void) -> libc::c_int {
    let start = unsafe { &*start.cast::<Start>() };
    unsafe {
        libc::setsid();
        libc::execve(start.program.as_ptr(), start.argv.as_ptr(), start.envp.as_ptr());
        libc::_exit(127)
    }
}

fn single() -> u8 {
    let task = Task::read();
    sys::process::become_subreaper().unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let mut stack = vec![0u8; 64 * 1024];
    let top = unsafe { stack.as_mut_ptr().add(stack.len() & !15) };
    let mut children: Vec<Option<OwnedFd>> = Vec::new();
    let mut free: VecDeque<usize> = VecDeque::new();
    let mut places = Vec::new();
    let spawn = |place: u32,
                 children: &mut Vec<Option<OwnedFd>>,
                 free: &mut VecDeque<usize>,
                 places: &mut Vec<u32>| {
        let words: Vec<CString> =
            task.argv(place).into_iter().map(|word| CString::new(word).unwrap()).collect();
        let mut argv = [std::ptr::null(); 4];
        for (pointer, word) in argv.iter_mut().zip(&words) {
            *pointer = word.as_ptr();
        }
        let start = Start { program: words[0].clone(), argv, envp: [std::ptr::null()] };
        let mut pidfd: libc::c_int = -1;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        let pid = unsafe {
            let argument = (&raw const start).cast_mut().cast();
            libc::clone(start_child, top.cast(), flags, argument, &mut pidfd)
        };
        assert!(pid > 0);
        let index = free.pop_front().unwrap_or_else(|| {
            children.push(None);
            places.push(0);
            children.len() - 1
        });
        let fd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        epoll.add(&fd, EpollEvent::new(EpollFlags::EPOLLIN, index as u64)).unwrap();
        children[index] = Some(fd);
        places[index] = place;
    };
    let (first, all) = task.counts();
    for place in 0..first {
        spawn(place, &mut children, &mut free, &mut places);
    }
    let (mut begun, mut ended) = (first, 0);
    let mut events = [EpollEvent::empty(); 64];
    while ended < all {
        let count = epoll.wait(&mut events, EpollTimeout::NONE).unwrap();
        for event in &events[..count] {
            let index = event.data() as usize;
            let Some(pidfd) = children[index].take() else { continue };
            wait(Which::Pidfd(pidfd.as_fd()), true).unwrap();
            drop(pidfd);
            free.push_back(index);
            ended += 1;
            if task.is_service() {
                let place = places[index];
                spawn(place, &mut children, &mut free, &mut places);
            } else if begun < all {
                spawn(begun, &mut children, &mut free, &mut places);
                begun += 1;
            }
        }
    }
    0
}

// ---- the measurement ---------------------------------------------------------------------------------

struct Bench {
    dir: PathBuf,
    events: &'static [AtomicU64],
    pids: &'static [AtomicI32],
}

fn bench() -> ExitCode {
    let dir = std::env::temp_dir().join(format!("supd-spike-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for (name, source) in [("service", SERVICE), ("true", TRUE)] {
        let file = dir.join(format!("{name}.c"));
        std::fs::write(&file, source).unwrap();
        let built = Command::new("cc").args(["-O2", "-static", "-o"]).arg(dir.join(name)).arg(&file).status();
        if !built.is_ok_and(|status| status.success()) {
            eprintln!("spike: cannot build the test programs: is `cc` there, with a static C library?");
            return ExitCode::FAILURE;
        }
    }
    let file =
        std::fs::File::options().read(true).write(true).create(true).truncate(true).open(dir.join("events"));
    let file = file.unwrap();
    file.set_len(65_536).unwrap();
    let map = unsafe {
        let flags = libc::PROT_READ | libc::PROT_WRITE;
        libc::mmap(std::ptr::null_mut(), 65_536, flags, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    let bench = unsafe {
        Bench {
            dir: dir.clone(),
            events: std::slice::from_raw_parts(map.cast(), PLACES),
            pids: std::slice::from_raw_parts(map.cast::<AtomicI32>().add(8_192), PLACES),
        }
    };
    let number = |name: &str, default: u32| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (rounds, jobs) = (number("SPIKE_ROUNDS", 200), number("SPIKE_JOBS", 5_000));
    for services in [10, 1_000] {
        bench.restarts(services, rounds);
    }
    for parallelism in [1, 2, 8] {
        bench.jobs(jobs, parallelism);
    }
    let _ = std::fs::remove_dir_all(&dir);
    ExitCode::SUCCESS
}

impl Bench {
    /// First the single process, then supd.
    fn restarts(&self, services: u32, rounds: u32) {
        let mut samples = [Vec::new(), Vec::new()];
        for (kind, samples) in ["single", "supd"].into_iter().zip(&mut samples) {
            for event in self.events {
                event.store(0, Ordering::Release);
            }
            let mut child = self.launch(kind, "services", services, 0);
            let begun = Instant::now();
            while (0..services as usize).any(|place| self.events[place].load(Ordering::Acquire) == 0) {
                assert!(begun.elapsed() < Duration::from_secs(60), "services did not start");
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(300));
            for round in 0..rounds {
                let place = (round * 7 % services) as usize;
                self.events[place].store(0, Ordering::Release);
                let pid = self.pids[place].load(Ordering::Acquire);
                let killed = wire::run::Instant::now().mono;
                kill(pid, libc::SIGKILL).unwrap();
                let stamp = loop {
                    std::thread::sleep(Duration::from_millis(12));
                    match self.events[place].load(Ordering::Acquire) {
                        0 => {}
                        stamp => break stamp,
                    }
                };
                samples.push(stamp - killed);
            }
            self.stop(&mut child);
        }
        let [single, supd] = samples.map(|mut samples| {
            samples.sort_unstable();
            [1, 2, 3].map(|quarter| samples[samples.len() * quarter / 4] / 1_000)
        });
        let ratio = supd[1] as f64 / single[1] as f64;
        println!(
            "restart of 1 of {services}: single {single:?} µs, supd {supd:?} µs (quartiles), ratio {ratio:.2}"
        );
    }

    fn jobs(&self, count: u32, parallelism: u32) {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..3 {
            for (kind, rates) in ["single", "supd"].into_iter().zip(&mut rates) {
                let begun = Instant::now();
                self.launch(kind, "jobs", count, parallelism).wait().unwrap();
                rates.push(f64::from(count) / begun.elapsed().as_secs_f64());
            }
        }
        let [single, supd] = rates.map(|mut rates| {
            rates.sort_unstable_by(f64::total_cmp);
            rates[1]
        });
        let ratio = supd / single;
        println!(
            "jobs at parallelism {parallelism}: single {single:.0}/s, supd {supd:.0}/s, ratio {ratio:.2}"
        );
    }

    fn launch(&self, kind: &str, work: &str, count: u32, parallelism: u32) -> Child {
        let path = |name: &str| self.dir.join(name);
        let mut command = Command::new(std::env::current_exe().unwrap());
        if kind == "single" {
            command.arg("single");
        } else {
            command.args(directories(&self.dir)).arg("-q");
        }
        let program = if work == "services" { "service" } else { "true" };
        command
            .env("SPIKE_WORK", work)
            .env("SPIKE_PROGRAM", path(program))
            .env("SPIKE_EVENTS", path("events"));
        command.env("SPIKE_COUNT", count.to_string()).env("SPIKE_PARALLELISM", parallelism.to_string());
        command.stdin(Stdio::null()).spawn().unwrap()
    }

    fn stop(&self, child: &mut Child) {
        let pid = i32::try_from(child.id()).unwrap();
        if child.try_wait().unwrap().is_none() {
            let _ = kill(pid, libc::SIGTERM);
        }
        child.wait().unwrap();
        for pid in self.pids {
            let pid = pid.swap(0, Ordering::AcqRel);
            // The single process leaves its services behind.
            if pid > 0
                && std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "service\n")
            {
                let _ = kill(pid, libc::SIGKILL);
            }
        }
    }
}

fn directories(dir: &Path) -> Vec<OsString> {
    ["--runtime-dir", "--state-dir", "--log-dir"]
        .into_iter()
        .flat_map(|option| [option.into(), dir.join(&option[2..]).into_os_string()])
        .collect()
}
