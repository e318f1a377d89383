use std::os::fd::AsFd;

use super::*;

fn describe(table: &Table, slot: u16, run: Run) {
    let sinks = Sinks(Sinks::STDOUT | Sinks::STDOUT_BOTH);
    table.describe(
        slot,
        &Description { run, label: b"unit=web", log_path: b"web/main/0.log", sinks, group: b"" },
    );
}

#[test]
fn a_slot_is_claimed_once() {
    let (fd, keeper) = Table::create().unwrap();
    let epoch = keeper.next_epoch();
    let spawner = Table::map(fd.as_fd()).unwrap();
    assert!(spawner.claim(7, epoch, 0, 1));
    assert!(!spawner.claim(7, epoch, 0, 2), "a second start of a slot in use");
    assert!(spawner.set_running(7));
    assert!(!spawner.claim(7, epoch, 0, 1));
    keeper.set_ended(7);
    assert!(!spawner.claim(7, epoch, 0, 1), "an exit is kept until it is acknowledged");
    assert!(!spawner.set_running(7), "what has ended does not run again");
    let ticket = keeper.set_free(7);
    assert!(!spawner.claim(7, epoch, 0, 1), "the same Spawn, read late");
    assert!(spawner.claim(7, epoch, ticket, 1));
}

#[test]
fn a_new_epoch_ends_the_claims_of_the_old_one() {
    let (_fd, table) = Table::create().unwrap();
    let old = table.next_epoch();
    assert!(table.claim(1, old, 0, 1));
    let new = table.next_epoch();
    assert!(!table.claim(2, old, 0, 1), "a Spawn of a manager that is gone");
    assert!(table.claim(2, new, 0, 1));
    let taken: Vec<_> = table.taken().collect();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0], (1, State { epoch: old, ticket: 0, owner: 1, phase: Phase::Starting }));
    table.set_ended(1);
    assert_eq!(table.set_free(1), 0, "the first ticket that the new manager knows");
}

#[test]
fn a_claim_without_a_record_is_taken_back() {
    let (_fd, table) = Table::create().unwrap();
    let epoch = table.next_epoch();
    assert!(table.claim(5, epoch, 0, 1));
    assert!(!table.described(5), "whatever the record says is of an earlier run");
    table.unclaim(5);
    assert!(table.claim(5, epoch, 0, 2), "the same Spawn, sent again");
    describe(&table, 5, Run::default());
    assert!(table.described(5));
    assert!(table.set_running(5) && table.described(5));
}

#[test]
fn claims_and_epochs_race_without_a_double_start() {
    let (fd, table) = Table::create().unwrap();
    let epoch = table.next_epoch();
    let other = Table::map(fd.as_fd()).unwrap();
    let won: usize = std::thread::scope(|scope| {
        let claims =
            |table: &Table, owner| (0..1_000).filter(|slot| table.claim(*slot, epoch, 0, owner)).count();
        let (one, two) = (&table, &other);
        let first = scope.spawn(move || claims(one, 1));
        let second = scope.spawn(move || claims(two, 2));
        table.next_epoch();
        first.join().unwrap() + second.join().unwrap()
    });
    assert_eq!(won, table.taken().count(), "each claim that was won is in the snapshot, and no other");
}

#[test]
fn what_is_written_reads_back_in_the_other_mapping() {
    let (fd, table) = Table::create().unwrap();
    let other = Table::map(fd.as_fd()).unwrap();
    let last = u16::try_from(SLOTS - 1).unwrap();
    let run = Run { pod: u64::MAX, class: 2, process: 65_535, attempt: u32::MAX };
    describe(&table, last, run);
    assert_eq!(other.run(last), run);
    assert_eq!(other.label(last).as_slice(), b"unit=web");
    assert_eq!(other.log_path(last).as_slice(), b"web/main/0.log");
    assert!(other.sinks(last).has(Sinks::STDOUT_BOTH) && !other.sinks(last).has(Sinks::STDERR));
    assert!(other.fault(last).is_none());
    table.set_fault(last, Step::Exec, libc::ENOENT, b"/usr/bin/web");
    let (step, errno, detail) = other.fault(last).unwrap();
    assert_eq!((step, errno, detail.as_slice()), (Step::Exec, libc::ENOENT, b"/usr/bin/web".as_slice()));
    assert_eq!(other.label(last).as_slice(), b"unit=web", "the detail leaves the label alone");
    let at = Instant { mono: 5, wall: -1 };
    table.set_started(last, at);
    assert_eq!(other.started(last), at);
    describe(&table, last, run);
    assert!(other.fault(last).is_none(), "the next run of a slot begins without the fault of the last");
}

#[test]
fn texts_fill_their_room_exactly() {
    let (_fd, table) = Table::create().unwrap();
    let (label, path) = ([b'l'; LABEL_BYTES_MAX], [b'p'; LOG_PATH_BYTES_MAX]);
    let about =
        Description { run: Run::default(), label: &label, log_path: &path, sinks: Sinks(0), group: b"" };
    table.describe(3, &about);
    table.set_fault_detail(3, &[b'd'; 999]);
    assert_eq!(table.label(3).as_slice(), label);
    assert_eq!(table.log_path(3).as_slice(), path);
    assert_eq!(table.label(4).as_slice(), b"");
}

#[test]
fn a_pid_leads_to_its_slot() {
    let (_fd, table) = Table::create().unwrap();
    table.pid_cell(9_000).store(42, Ordering::Release);
    assert_eq!(table.slot_of(42), Some(9_000));
    assert_eq!(table.slot_of(0), None);
    assert_eq!(table.slot_of(43), None);
}

#[test]
fn an_end_reads_back_and_is_gone_with_the_next_run() {
    use crate::sys::process::How;
    use crate::wire::run::Usage;
    let (fd, table) = Table::create().unwrap();
    let other = Table::map(fd.as_fd()).unwrap();
    describe(&table, 5, Run::default());
    assert_eq!(other.end(5), None);
    let usage = Usage { user_us: 1, system_us: u64::MAX, max_rss_bytes: 3, read_bytes: 4, written_bytes: 5 };
    let at = Instant { mono: 4, wall: -5 };
    for how in [
        None,
        Some(How::Exited(0)),
        Some(How::Exited(255)),
        Some(How::Signaled(9, false)),
        Some(How::Signaled(11, true)),
    ] {
        let end = end::End { how, pid: 4_194_303, usage, at };
        table.set_end(5, &end);
        assert_eq!(other.end(5), Some(end));
    }
    table.set_acknowledged(5);
    table.set_identity(5, 77);
    assert!(other.acknowledged(5) && other.identity(5) == 77);
    describe(&table, 5, Run::default());
    assert!(other.end(5).is_none() && !other.acknowledged(5) && other.identity(5) == 0);
    table.set_owner(255, 12, 34);
    assert_eq!((other.owner(255), other.owner(0)), ((12, 34), (0, 0)));
}
