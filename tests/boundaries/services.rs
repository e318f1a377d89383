//! A service whose process ends, with the manager or the spawner killed at each call of its restart.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::calls::{MANAGER, SPAWNER, Victim, at_each_call};
use super::record::{begin, object, place, runs, wait};
use super::space::Supd;

#[test]
fn the_manager_dies_at_each_call_of_a_restart() {
    restart(MANAGER);
}

#[test]
fn the_spawner_dies_at_each_call_of_a_restart() {
    restart(SPAWNER);
}

/// Each end is followed by one start, and by one only.
#[track_caller]
fn restart(victim: Victim) {
    let unit = "shell = 'echo \"S $SUPD_RUN - - -\" >> @/record; echo $$ > @/pid; exec sleep infinity'\n\
                [backoff]\ninitial = '10ms'\nmax = '10ms'\n";
    let supd = place().unit("web", unit).supd();
    wait(&supd, "web", "ready", "at the start");
    let prepare = || {
        begin(&supd);
        outside(&supd)
    };
    at_each_call(&supd, victim, prepare, |before, at| {
        kill(Pid::from_raw(before), Signal::SIGKILL).unwrap();
        supd.wait_file("record", "S ");
        wait(&supd, "web", "ready", at);
        let web = object(&supd, "get pod web-0");
        assert!(web["status"]["pid"].is_u64(), "{}: {web:#}", at);
        // Whatever a second start would be, it would have been ordered by now.
        assert_eq!(runs(&supd, at).len(), 1, "{}", at);
    });
    assert_eq!(supd.stop(), 0);
}

/// The pid of the service's process, as seen from here: the one of the keeper's children that has it inside.
fn outside(supd: &Supd) -> i32 {
    let inside = object(supd, "get pod web-0")["status"]["pid"].to_string();
    let is_it = |pid: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default().to_owned();
        line.split_whitespace().last() == Some(&inside)
    };
    super::space::children(supd.keeper).into_iter().find(is_it).expect("the service runs")
}
