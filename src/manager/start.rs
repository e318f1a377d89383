//! From a process that the keeper has started to a manager at work.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};

use crate::control::request::Call;
use crate::control::server::{CALLS_MAX, Server};
use crate::control::watch::Watchers;
use crate::engine::action::Actions;
use crate::engine::event::{Adopted, Begin, Event, Exit, Label};
use crate::engine::id::{Class, PodUid, RunId};
use crate::engine::{Engine, EngineOptions};
use crate::limits::NOTES_PER_TURN_MAX;
use crate::runtime::clock::{self, DeadlineTimer, StepWatch};
use crate::runtime::keeper::{Keeper, News, Snapshot};
use crate::runtime::notify::Tellers;
use crate::runtime::plan::{Planner, Surroundings};
use crate::settings::{Settings, exit};
use crate::store::{ReadyMarks, Recalled, Store};
use crate::sys::process::{adopt, set_name};
use crate::sys::signal;
use crate::unit::load::Loaded;
use crate::unit::model::{ProbeKind, Unit};
use crate::unit::name::UnitName;
use crate::wire::cgroup::Tree;
use crate::wire::channel::Channel;
use crate::wire::fd;
use crate::wire::message::{Death, Faults};
use crate::wire::own_log::{OwnLog, mark};

use super::change::{Sources, log_faults};
use super::commands::Commands;
use super::commit::Commits;
use super::facts::{PodFacts, Running, process_of, speaks};
use super::groups::Groups;
use super::hand::{self, Hand};
use super::publish::Seen;
use super::{Inbox, Manager, fault, own_log, place, planned, safe, usage};

/// Probes that leave marks.
const PROBES: [ProbeKind; 2] = [ProbeKind::Startup, ProbeKind::Readiness];

/// Runs the role, until the keeper is gone; gives the exit code.
pub fn run(settings: Settings, safe: bool) -> i32 {
    set_name(c"supd-manager");
    // Before there are threads.
    signal::leave_to_keeper();
    let [Some(channel), Some(queue), Some(listener)] = [fd::CHANNEL, fd::QUEUE, fd::LISTENER].map(adopt)
    else {
        eprintln!("supd manager: this is a part of supd, started by it; run `supd` instead");
        return i32::from(exit::USAGE);
    };
    // Kept open for as long as the process lives: the log writes to its number.
    let _own_log = adopt(fd::OWN_LOG);
    let log = OwnLog::of_role();
    own_log::begin(&settings, &log);
    let note = adopt(fd::NOTE);
    hand::on_panic(note.as_ref());
    fault::begin(&settings.runtime_dir);
    let serve = async {
        if safe {
            return safe::serve(settings, Keeper::new(channel.into(), queue.into())?, listener, note).await;
        }
        let memory = adopt(fd::STATE);
        let (store, recalled) = Store::open(&settings.state_dir, memory, clock::now())?;
        let mut manager = Manager::connect(settings, channel.into(), queue.into(), store).await?;
        manager.begin(recalled, &log, note).await?;
        manager.listen(listener);
        manager.serve().await.map(|()| 0)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| LocalSet::new().block_on(&runtime, serve)) {
        // The keeper closes its end when it is done with us.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
        Err(error) => {
            tracing::error!("cannot go on: {error}");
            i32::from(exit::INTERNAL)
        }
        Ok(code) => i32::from(code),
    }
}

impl Manager {
    /// A manager with all it needs, that knows nothing yet.
    async fn connect(settings: Settings, channel: Channel, queue: Channel, store: Store) -> io::Result<Self> {
        let (notes_sender, notes) = mpsc::channel(NOTES_PER_TURN_MAX);
        let (calls_sender, calls) = mpsc::channel(CALLS_MAX);
        let inbox = Inbox {
            timer: DeadlineTimer::new()?,
            steps: StepWatch::new()?,
            notes,
            notes_sender,
            calls,
            calls_sender,
            note: None,
            call: None,
            stepped: false,
        };
        let sources = Sources::new(&settings);
        let marks = ReadyMarks::open(settings.runtime_dir.join("ready"))
            .inspect_err(|error| tracing::warn!("the runtime directory cannot be written: {error}"))
            .ok();
        let tree = settings.tree.as_ref().and_then(|top| Tree::open(top).ok());
        let options = EngineOptions {
            end_when_done: settings.exit_when_done || settings.container,
            shutdown_timeout: settings.shutdown_timeout,
        };
        Ok(Self {
            engine: Engine::new(options),
            actions: Actions::new(),
            performed: 0,
            keeper: Keeper::new(channel, queue)?,
            planner: Planner::new(Surroundings {
                container: settings.container,
                foreground: settings.foreground,
                environment: std::env::vars_os().collect(),
                controllers: tree.as_ref().map(Tree::controllers).unwrap_or_default(),
            }),
            tree,
            groups: Groups::default(),
            tellers: Tellers::new(settings.runtime_dir.join("notify"))?,
            watched: Default::default(),
            commands: Commands::default(),
            pods: Default::default(),
            store,
            commits: Commits::default(),
            marks,
            sources,
            usage: usage::Meter::new(),
            // The number of the last change must not go back when the manager is started again.
            watchers: Watchers::new(clock::wall().0.unsigned_abs() / 1_000),
            seen: Seen::default(),
            pending: Default::default(),
            last_op: 0,
            held: Default::default(),
            server: None,
            inbox,
            since: clock::now(),
            replaced: 0,
            keeper_faults: Faults::default(),
            reexec: None,
            ending: false,
            planned: planned::Planned::open(&settings.runtime_dir),
            hand: Hand::open(None, Death::None),
            place: place::look(&settings),
            settings,
        })
    }

    /// Takes in what lives, what is stored and what is written, and reconciles it for the first time.
    async fn begin(&mut self, mut recalled: Recalled, log: &OwnLog, note: Option<OwnedFd>) -> io::Result<()> {
        let mut snapshot = self.keeper.snapshot(true).await?;
        self.hand = Hand::open(note.as_ref(), snapshot.last_death);
        self.since = snapshot.since;
        self.replaced = snapshot.replaced;
        self.keeper_faults = snapshot.faults;
        for finding in &recalled.findings {
            tracing::warn!("{finding}");
        }
        let continuity = self.continuity(&mut recalled, &snapshot);
        let loaded = match Self::goes_on(continuity, &recalled) {
            true => {
                tracing::warn!(
                    "the manager was started again; living or newly ended: {}; deaths so far: {}",
                    snapshot.adopted.len(),
                    snapshot.deaths
                );
                self.sources.recall(self.commits.mark.unit_faults.clone(), &recalled.saved.units);
                None
            }
            false => {
                let loaded = self.sources.load();
                log_faults(&loaded.faults);
                if self.settings.strict && !loaded.faults.is_empty() && snapshot.adopted.is_empty() {
                    tracing::error!("there are faults, and supd was started with --strict");
                    return self.keeper.end(exit::CONFIGURATION);
                }
                // Nothing would come of waiting: who looks after a container is to see that it fails.
                let is_vain = self.settings.container && loaded.units.is_empty() && loaded.has_errors();
                if is_vain && snapshot.adopted.is_empty() {
                    tracing::error!("there is nothing to run: all units have faults");
                    return self.keeper.end(exit::CONFIGURATION);
                }
                self.greet(&loaded, log);
                place::tell(&self.place, &self.settings.log_dir);
                self.note_loaded(&loaded);
                self.warn_of_unenforced(loaded.units.iter().map(AsRef::as_ref));
                self.tell_who_was_killed();
                Some(loaded)
            }
        };
        let mut begin = self.first_event(continuity, recalled, loaded, &mut snapshot);
        self.find(&mut snapshot, &mut begin)?;
        begin.adopted = self.hand.hold_back(std::mem::take(&mut begin.adopted));
        begin.quarantined = self.hand.quarantined();
        let mut ends = self.take_ends(&mut begin.adopted);
        // Nothing is started in a shutdown, and nothing that has ended meanwhile starts again.
        if let Some(count) = snapshot.stop {
            self.stop(count)?;
        }
        self.take_in(Event::Begin(Box::new(begin)));
        // Each end by itself: one that the manager dies of must be known.
        self.take_in_news(&mut ends)?;
        // What was said while there was no manager comes before any deadline is judged.
        self.hear_all()?;
        self.settle()?;
        self.let_go_of_gone()?;
        self.discard_lost_volumes()?;
        self.store.keep_versions(&self.engine.versions());
        fault::point("begin", "");
        self.keeper.say_ready()
    }

    /// Becomes ready to hear of what lives.
    fn find(&mut self, snapshot: &mut Snapshot, begin: &mut Begin) -> io::Result<()> {
        for (kind, run, fd) in snapshot.kept.drain(..) {
            self.take_kept(kind, run, fd)?;
        }
        let living = || begin.adopted.iter().filter(|adopted| adopted.exit.is_none());
        if let Some(marks) = &self.marks {
            let names: std::collections::HashSet<String> =
                living().flat_map(|adopted| PROBES.map(|kind| ReadyMarks::name(adopted.run, kind))).collect();
            marks.keep_only(|name| names.contains(name))?;
        }
        for (run, path) in &snapshot.groups {
            // Where a run has ended its cgroup is empty, and may be another pod's by now.
            let lives = |adopted: &&Adopted| adopted.run == *run && adopted.exit.is_none();
            if let Some(adopted) = begin.adopted.iter().find(lives) {
                self.groups.recall(run.pod, &adopted.label, path);
            }
        }
        for path in self.tree.iter().flat_map(Tree::pods) {
            self.groups.leave_waiting(&path, clock::mono());
        }
        let units: HashMap<&UnitName, &Arc<Unit>> =
            begin.units.iter().map(|unit| (&unit.name, unit)).collect();
        for adopted in &mut begin.adopted {
            if let Some(unit) = units.get(&adopted.label.unit) {
                let run = adopted.run;
                let asks = process_of(unit, run).is_some_and(|process| process.readiness.is_some());
                adopted.ready = !asks || self.was_good(run, ProbeKind::Readiness);
                self.find_one(adopted, unit)?;
            }
        }
        Ok(())
    }

    /// The ends of runs that are to be adopted, to be told after them, in their order. An end that another
    /// run of the pod followed is none of them, nor is one of an indexed job, whose index another pod may
    /// have by now: what these led to has happened.
    fn take_ends(&self, adopted: &mut [Adopted]) -> Vec<News> {
        let mut newest: HashMap<(PodUid, u16), u32> = HashMap::new();
        let mut furthest: HashMap<PodUid, u16> = HashMap::new();
        for RunId { pod, process, attempt, .. } in adopted.iter().map(|found| found.run) {
            let newest = newest.entry((pod, process)).or_default();
            *newest = (*newest).max(attempt);
            let furthest = furthest.entry(pod).or_default();
            *furthest = (*furthest).max(process);
        }
        // The same process again; behind a step whatever came after it.
        let is_last = |run: RunId| {
            let again = newest.get(&(run.pod, run.process)) != Some(&run.attempt);
            let passed = run.class == Class::Init && furthest.get(&run.pod) != Some(&run.process);
            !again && !passed
        };
        let is_indexed = |label: &Label| label.job.is_some() && label.ordinal.is_some();
        let known = |found: &&mut Adopted| {
            self.pods.contains_key(&found.run.pod) && is_last(found.run) && !is_indexed(&found.label)
        };
        let ended = adopted.iter_mut().filter(known);
        let mut ends: Vec<(RunId, Exit)> =
            ended.filter_map(|found| found.exit.take().map(|exit| (found.run, exit))).collect();
        ends.sort_by_key(|(run, exit)| (exit.at.mono, *run));
        let news = |(run, exit)| News::Exited { run, exit, limits_refused: 0 };
        ends.into_iter().map(news).collect()
    }

    fn find_one(&mut self, adopted: &Adopted, unit: &Arc<Unit>) -> io::Result<()> {
        let Adopted { run, label, pid, started, exit, .. } = adopted;
        let facts = self.pods.entry(run.pod);
        let facts = facts.or_insert_with(|| Box::new(PodFacts::new(unit.clone(), label.clone())));
        if exit.is_some() {
            return Ok(());
        }
        if let Some(pid) = *pid {
            let started = started.mono;
            facts.add(Running { run: *run, pid, started, adopted: true, said_ready: false });
        }
        if process_of(unit, *run).is_some_and(speaks) {
            self.notify_socket(*run)?;
        }
        match pid {
            Some(pid) => self.tellers.started(*run, *pid),
            None => Ok(()),
        }
    }

    /// The first lines: what was found, and what to type next.
    fn greet(&self, loaded: &Loaded, log: &OwnLog) {
        let places: Vec<String> = self.settings.units.iter().map(|path| path.display().to_string()).collect();
        let (count, places) = (loaded.units.len(), places.join(", "));
        let units = if count == 1 { "1 unit".to_owned() } else { format!("{count} units") };
        let (version, keeper) = (env!("CARGO_PKG_VERSION"), nix::unistd::getppid());
        if !self.settings.foreground {
            tracing::info!("supd {version}: {units} from {places}");
        } else if !self.settings.quiet {
            let (mark, program) = (mark::NOTICE, self.control_program());
            let hello =
                format!("{mark}supd {version}: {units} from {places}, pid {keeper}; Ctrl-C ends all\n");
            log.line(hello.as_bytes());
            log.line(format!("{mark}{program} status\n").as_bytes());
        }
    }

    /// How to call supctl from another terminal: as short as it works there.
    fn control_program(&self) -> String {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let in_path = std::env::split_paths(&path).any(|directory| directory.join("supctl").is_file());
        let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("supctl")));
        let program = match beside {
            Some(beside) if !in_path && beside.is_file() => beside.display().to_string(),
            _ => "supctl".to_owned(),
        };
        let socket = self.settings.control_socket();
        match is_default_socket(&socket) {
            true => program,
            false => format!("{program} --socket {}", socket.display()),
        }
    }

    /// Serves the control API on this listener, and on no other any more.
    pub(super) fn listen(&mut self, listener: OwnedFd) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
        match serve_on(listener, self.inbox.calls_sender.clone()) {
            Ok(server) => self.server = Some(server),
            Err(error) => tracing::error!("the control socket cannot be served: {error}"),
        }
    }
}

/// Serves the control API, in a task of its own.
pub(super) fn serve_on(listener: OwnedFd, calls: mpsc::Sender<Call>) -> io::Result<JoinHandle<Infallible>> {
    let listener = StdListener::from(listener);
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    Ok(tokio::task::spawn_local(Server::new(calls).serve(listener)))
}

/// Whether supctl finds this socket without being told.
fn is_default_socket(socket: &Path) -> bool {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| !nix::unistd::geteuid().is_root());
    match runtime {
        Some(directory) => socket == Path::new(&directory).join("supd/control.sock"),
        None => socket == Path::new("/run/supd/control.sock"),
    }
}
