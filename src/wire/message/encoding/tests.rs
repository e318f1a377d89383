//! Every message, there and back.

use super::*;
use crate::wire::run::{Fault, Step};

const RUN: Run = Run { pod: u64::MAX, class: 3, process: 7, attempt: 9 };
const AT: Instant = Instant { mono: 1 << 60, wall: -5 };

/// Encodes, decodes and compares; then every shorter message and one longer must be refused.
macro_rules! both_ways {
    ($type:ident, $($message:expr),+ $(,)?) => {{
        let mut out = Vec::new();
        $(
            let message = $message;
            message.encode(&mut out);
            assert_eq!($type::decode(&out), Ok(message));
            for length in 0..out.len() {
                assert_eq!($type::decode(&out[..length]), Err(Malformed), "cut at {length}");
            }
            out.push(0);
            assert_eq!($type::decode(&out), Err(Malformed));
        )+
    }};
}

#[test]
fn all_messages_read_back() {
    let spawn =
        |plan| Spawn { epoch: 2, slot: 16_383, ticket: 8, run: RUN, label: b"l", log_path: b"", plan };
    both_ways!(
        ToSpawner,
        ToSpawner::Spawn(spawn(PlanAt::Inline(b"plan"))),
        ToSpawner::Spawn(spawn(PlanAt::Attached)),
        ToSpawner::Discard { pod: 7 },
        ToSpawner::Leave { group: b"web/web-0" },
    );
    both_ways!(
        FromSpawner,
        FromSpawner::Started { slot: 1, run: RUN, pid: 4_194_304, at: AT, readiness: true, capture: false },
        FromSpawner::Refused { slot: 1, run: RUN },
    );
    both_ways!(
        SpawnerToKeeper,
        SpawnerToKeeper::Pipes { slot: 5, stdout: true, stderr: false, readiness: true },
        SpawnerToKeeper::Born { slot: 6 },
        SpawnerToKeeper::StillBorn { slot: 7 },
    );
    both_ways!(
        ManagerToKeeper,
        ManagerToKeeper::Ready,
        ManagerToKeeper::Ack { seq: 77 },
        ManagerToKeeper::Signal { slot: 3, run: RUN, signal: 15, all: true, stop: true },
        ManagerToKeeper::NeedSpawner,
        ManagerToKeeper::Logger(b"opaque"),
        ManagerToKeeper::End { code: 137 },
        ManagerToKeeper::Alive,
        ManagerToKeeper::Ending { after: After::PowerOff, within_ms: 90_000 },
        ManagerToKeeper::Ending { after: After::Reboot, within_ms: 0 },
        ManagerToKeeper::Ending { after: After::Halt, within_ms: 1 },
        ManagerToKeeper::Ending { after: After::Kexec, within_ms: 1 },
        ManagerToKeeper::Ending { after: After::SoftReboot, within_ms: 1 },
        ManagerToKeeper::Ending { after: After::Rescue, within_ms: u64::MAX },
        ManagerToKeeper::Ending { after: After::Exit(255), within_ms: 1 },
        ManagerToKeeper::Tell { text: b"going down" },
        ManagerToKeeper::Ending { after: After::Reboot, within_ms: 0 },
        ManagerToKeeper::Ending { after: After::Halt, within_ms: u64::MAX },
        ManagerToKeeper::Reexec { path: b"/sbin/supd" },
        ManagerToKeeper::Keep { kind: Kept::NotifySocket, run: RUN },
        ManagerToKeeper::LetGo { kind: Kept::Readiness, run: RUN },
    );
    let exited = |ending| {
        KeeperToManager::Exited(Exited {
            seq: 1,
            slot: 2,
            run: RUN,
            pid: 3,
            ending,
            usage: Usage { user_us: 4, system_us: 5, max_rss_bytes: 6, read_bytes: 7, written_bytes: 8 },
            started: AT,
            at: AT,
            limits_refused: 1 << 7,
            out_of_memory: true,
        })
    };
    let welcome = |last_death| {
        let (deaths, deaths_unready) = (3, 1);
        KeeperToManager::Welcome {
            epoch: 1,
            pod_highest: 2,
            deaths,
            deaths_unready,
            last_death,
            since: AT,
            replaced: 4,
            faults: Faults { count: 5, last: Cause::Signal(11), at: AT },
        }
    };
    both_ways!(
        KeeperToManager,
        welcome(Death::Exited(101)),
        welcome(Death::Signaled(11)),
        welcome(Death::Silent),
        KeeperToManager::Known {
            slot: 1,
            run: RUN,
            pid: 2,
            started: AT,
            asked: true,
            label: b"unit=web",
            group: b"web/web-0",
        },
        KeeperToManager::SnapshotEnd,
        KeeperToManager::Running { slot: 1, run: RUN, pid: 2, at: AT },
        exited(Ending::Exited(255)),
        exited(Ending::Signaled { signal: 9, core: true }),
        exited(Ending::NotStarted(Fault { step: Step::Exec, errno: 2, detail: b"/usr/bin/web" })),
        exited(Ending::Unknown),
        KeeperToManager::Free { slot: 9, ticket: 10 },
        KeeperToManager::StopRequest { signal: 37, count: 2 },
        KeeperToManager::Lingers { slot: 1, run: RUN, left: 2, pid: 77, state: b'D' },
        KeeperToManager::Reload,
        KeeperToManager::ShowState,
        KeeperToManager::Listener,
        KeeperToManager::Busy { slot: 8 },
        KeeperToManager::SpawnerGone,
        KeeperToManager::NotReplaced { reason: b"it is older" },
        KeeperToManager::Kept { kind: Kept::Readiness, run: RUN },
    );
    both_ways!(
        KeeperToLogger,
        KeeperToLogger::Pipe { slot: 1, stream: 2, both: true, run: RUN, log_path: b"a/b", label: b"l" },
        KeeperToLogger::Ended { slot: 1 },
        KeeperToLogger::OwnLog,
        KeeperToLogger::Relay(b"forget"),
        KeeperToLogger::Leave,
    );
    both_ways!(LoggerToKeeper, LoggerToKeeper::Drained { slot: 4 });
}

#[test]
fn every_step_has_a_number_of_its_own() {
    for step in Step::ALL {
        assert_eq!(Step::from_wire(step as u8), Some(step));
    }
    assert_eq!(Step::from_wire(0), None);
}
