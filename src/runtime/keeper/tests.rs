//! A keeper and a spawner made of this test's own hands.

use super::*;
use crate::engine::event::Label;
use crate::limits::LABEL_BYTES_MAX;
use crate::unit::name::UnitName;
use crate::wire::message::Death;
use crate::wire::run::{Fault, Step};

const EPOCH: u64 = 3;
const AT: Instant = Instant { mono: 5, wall: 7 };

fn run(pod: u64, class: Class) -> RunId {
    RunId { pod: PodUid(pod), class, process: 0, attempt: 0 }
}

fn label(pod: &str) -> Vec<u8> {
    let label = Label {
        unit: UnitName::parse("web").unwrap(),
        job: None,
        pod: pod.into(),
        ordinal: Some(0),
        scheduled: None,
        template_hash: 1,
        restarts: 0,
    };
    let mut out = Vec::new();
    assert!(label::encode(&label, &mut out));
    out
}

/// The other ends.
struct World {
    keeper: Channel,
    spawner: Channel,
    buffer: Vec<u8>,
}

impl World {
    fn tell(&mut self, message: &KeeperToManager<'_>) {
        message.encode(&mut self.buffer);
        self.keeper.send(&self.buffer, &[]).unwrap();
    }

    fn started(&mut self, slot: u16, run: RunId) {
        let run = wire_run(run);
        let message = FromSpawner::Started { slot, run, pid: 42, at: AT, readiness: false, capture: false };
        message.encode(&mut self.buffer);
        self.spawner.send(&self.buffer, &[]).unwrap();
    }

    fn exited(&mut self, seq: u64, slot: u16, run: RunId, ending: Ending<'_>) {
        let never = matches!(ending, Ending::NotStarted(_));
        self.tell(&KeeperToManager::Exited(Exited {
            seq,
            slot,
            run: wire_run(run),
            pid: if never { 0 } else { 42 },
            ending,
            usage: crate::wire::run::Usage::default(),
            started: if never { Instant::default() } else { AT },
            at: AT,
            limits_refused: 0,
            out_of_memory: false,
        }));
    }

    /// What the manager has told the keeper.
    fn heard(&self) -> Vec<String> {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let mut heard = Vec::new();
        while let Ok(received) = self.keeper.try_receive(&mut buffer) {
            heard.push(format!("{:?}", ManagerToKeeper::decode(&buffer[..received.length]).unwrap()));
        }
        heard
    }

    /// The slot and the ticket of the next Spawn.
    fn ordered(&self) -> (u16, u32) {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let received = self.spawner.try_receive(&mut buffer).unwrap();
        let ToSpawner::Spawn(spawn) = ToSpawner::decode(&buffer[..received.length]).unwrap() else {
            panic!("no start")
        };
        assert_eq!(spawn.epoch, EPOCH);
        (spawn.slot, spawn.ticket)
    }
}

/// A manager that has seen the snapshot `told`, and what it made of it.
fn connected<T>(
    told: impl FnOnce(&mut World),
    then: impl FnOnce(&mut Keeper, &mut World, Snapshot) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (channel, keeper) = Channel::pair().unwrap();
        let (queue, spawner) = Channel::pair().unwrap();
        let mut world = World { keeper, spawner, buffer: Vec::new() };
        let welcome = KeeperToManager::Welcome {
            epoch: EPOCH,
            pod_highest: 9,
            deaths: 1,
            deaths_unready: 0,
            last_death: Death::Silent,
            since: AT,
            replaced: 0,
            faults: Default::default(),
        };
        world.tell(&welcome);
        told(&mut world);
        world.tell(&KeeperToManager::SnapshotEnd);
        let mut keeper = Keeper::new(channel, queue).unwrap();
        let snapshot = keeper.snapshot(true).await.unwrap();
        then(&mut keeper, &mut world, snapshot)
    })
}

/// News in short.
fn told(keeper: &mut Keeper) -> Vec<String> {
    let mut news = Vec::new();
    keeper.receive(&mut news).unwrap();
    news.iter()
        .map(|news| match news {
            News::Started { run, pid, .. } => format!("started {} {pid}", run.pod.0),
            News::Exited { run, exit, .. } => format!("exited {} {:?}", run.pod.0, exit.outcome),
            other => format!("{other:?}"),
        })
        .collect()
}

fn known(slot: u16, run: RunId, label: &[u8]) -> KeeperToManager<'_> {
    KeeperToManager::Known { slot, run: wire_run(run), pid: 42, started: AT, asked: true, label, group: b"" }
}

#[test]
fn a_snapshot_becomes_adopted_runs_and_ends_what_nobody_waits_for() {
    let (main, init) = (run(1, Class::Main), run(2, Class::Init));
    let (probe, odd) = (run(3, Class::Probe), run(4, Class::Main));
    let snapshot = |world: &mut World| {
        world.tell(&known(10, main, &label("web-0")));
        world.tell(&known(11, init, &label("web-1")));
        world.exited(7, 11, init, Ending::Exited(1));
        world.tell(&known(12, probe, &label("web-0")));
        world.tell(&known(13, odd, b"from the future"));
    };
    connected(snapshot, |keeper, world, snapshot| {
        let adopted: Vec<_> = snapshot.adopted.iter().map(|one| (one.run, one.exit.is_some())).collect();
        assert_eq!(adopted, [(main, false), (init, true)]);
        assert_eq!((snapshot.adopted[0].pid, snapshot.adopted[0].label.pod.as_str()), (Some(42), "web-0"));
        assert_eq!((snapshot.pod_highest, snapshot.deaths), (9, 1));
        assert_eq!(snapshot.orphans, [probe, odd]);
        assert_eq!(snapshot.exits.get(&init), Some(&keeper.last_exit()));
        keeper.acknowledge(keeper.last_exit()).unwrap();
        keeper.acknowledge(keeper.last_exit()).unwrap();
        let heard = world.heard();
        assert!(
            heard[0].contains("Signal { slot: 12") && heard[1].contains("Signal { slot: 13"),
            "{heard:?}"
        );
        assert_eq!(heard[2..], ["Ack { seq: 7 }"], "once, and only what is new");
        world.exited(8, 10, main, Ending::Signaled { signal: 9, core: false });
        assert_eq!(told(keeper), ["exited 1 Signaled { signal: 9, core: false }"]);
    });
}

#[test]
fn a_run_lives_from_spawn_to_free() {
    connected(
        |_| {},
        |keeper, world, _| {
            let run = run(10, Class::Main);
            assert!(keeper.spawn(run, &label("web-0"), "", &Plan::default(), Vec::new()).unwrap().is_none());
            let (slot, ticket) = world.ordered();
            assert_eq!(ticket, 0);
            world.started(slot, run);
            assert_eq!(told(keeper), ["started 10 42"]);
            keeper.signal(run, 15, false).unwrap();
            assert!(world.heard()[0].contains("signal: 15, all: false"));
            world.exited(1, slot, run, Ending::Exited(0));
            assert_eq!(told(keeper), ["exited 10 Exited(0)"]);
            keeper.signal(run, 15, false).unwrap();
            assert!(world.heard().is_empty(), "what has ended is not signalled");
            world.tell(&KeeperToManager::Free { slot, ticket: 1 });
            assert!(told(keeper).is_empty());
            keeper.spawn(run, &label("web-0"), "", &Plan::default(), Vec::new()).unwrap();
            assert_eq!(world.ordered(), (slot, 1));
        },
    );
}

#[test]
fn an_end_that_is_read_first_brings_its_start_along() {
    connected(
        |_| {},
        |keeper, world, _| {
            let run = run(10, Class::Main);
            keeper.spawn(run, &label("web-0"), "", &Plan::default(), Vec::new()).unwrap();
            let (slot, _) = world.ordered();
            world.exited(1, slot, run, Ending::Exited(0));
            assert_eq!(told(keeper), ["started 10 42", "exited 10 Exited(0)"]);
            world.started(slot, run);
            world.exited(2, slot, run, Ending::Exited(0));
            assert!(told(keeper).is_empty(), "each is told once");
        },
    );
}

#[test]
fn a_start_that_failed_or_was_refused_is_an_end() {
    connected(
        |_| {},
        |keeper, world, _| {
            let (one, two) = (run(10, Class::Main), run(11, Class::Main));
            for run in [one, two] {
                keeper.spawn(run, &label("web-0"), "", &Plan::default(), Vec::new()).unwrap();
            }
            let (first, _) = world.ordered();
            let (second, _) = world.ordered();
            let fault = Fault { step: Step::Exec, errno: libc::ENOENT, detail: b"/x" };
            world.exited(1, first, one, Ending::NotStarted(fault));
            FromSpawner::Refused { slot: second, run: wire_run(two) }.encode(&mut world.buffer);
            world.spawner.send(&world.buffer, &[]).unwrap();
            let told = told(keeper);
            assert!(
                told[0].starts_with("exited 11 NotStarted") && told[0].contains("exhausted: true"),
                "{told:?}"
            );
            assert!(told[1].contains("exec /x: no such file (ENOENT)"), "{told:?}");
        },
    );
}

#[test]
fn what_a_dying_spawner_may_have_read_is_sent_again_and_told_once() {
    connected(
        |world| world.tell(&KeeperToManager::Busy { slot: 0 }),
        |keeper, world, _| {
            let (begun, lost) = (run(10, Class::Main), run(11, Class::Main));
            for run in [begun, lost] {
                keeper.spawn(run, &label("web-0"), "", &Plan::default(), Vec::new()).unwrap();
            }
            assert_eq!((world.ordered(), world.ordered()), ((1, 0), (2, 0)), "0 is still being drained");
            world.tell(&KeeperToManager::SpawnerGone);
            assert!(told(keeper).is_empty());
            assert_eq!((world.ordered(), world.ordered()), ((1, 0), (2, 0)));
            FromSpawner::Refused { slot: 1, run: wire_run(begun) }.encode(&mut world.buffer);
            world.spawner.send(&world.buffer, &[]).unwrap();
            world.started(2, lost);
            assert_eq!(told(keeper), ["started 11 42"]);
            world.exited(1, 1, begun, Ending::Exited(0));
            assert_eq!(told(keeper), ["started 10 42", "exited 10 Exited(0)"]);
        },
    );
}

#[test]
fn a_long_plan_travels_in_a_memfd_and_one_that_is_too_long_not_at_all() {
    connected(
        |_| {},
        |keeper, world, _| {
            let plan = |length: usize| Plan { argv: vec![vec![b'x'; length]], ..Plan::default() };
            let mut order = |pod, length| {
                keeper.spawn(run(pod, Class::Main), &label("web-0"), "", &plan(length), Vec::new()).unwrap()
            };
            assert!(order(1, PLAN_INLINE_BYTES_MAX).is_none());
            let mut buffer = vec![0; MESSAGE_BYTES_MAX];
            let received = world.spawner.try_receive(&mut buffer).unwrap();
            let ToSpawner::Spawn(spawn) = ToSpawner::decode(&buffer[..received.length]).unwrap() else {
                panic!("no start")
            };
            assert!(matches!(spawn.plan, PlanAt::Attached) && received.fds[0].is_some());
            assert!(order(2, PLAN_BYTES_MAX).is_some_and(|failure| !failure.exhausted));
        },
    );
}

#[test]
fn the_longest_label_fits_into_a_message_with_the_longest_plan() {
    // What `Spawn` adds to a plan: numbers, label, log path.
    let envelope = 64 + LABEL_BYTES_MAX + crate::limits::LOG_PATH_BYTES_MAX;
    assert!(PLAN_INLINE_BYTES_MAX + envelope <= MESSAGE_BYTES_MAX);
}
