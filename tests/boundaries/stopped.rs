//! What goes on where it was when the manager, or all of supd, was away for a while.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::record::{PROGRAM, ask, runs};
use super::space::{Space, Supd, Watch};

#[test]
fn f36_back_off_goes_on_over_the_managers_death() {
    let unit =
        "shell = 'echo \"S $SUPD_RUN - - -\" >> @/record; exit 3'\n[backoff]\ninitial = '4s'\nmax = '4s'\n";
    let supd = Space::new().unit("crashing", unit).supd();
    let waiting = |supd: &Supd| {
        supd.until_pod("crashing-0", |main| {
            main["restartCount"] == 1 && main["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        })
    };
    let before = waiting(&supd);
    supd.kill_role("manager");
    let after = waiting(&supd);
    assert_eq!(before["status"]["nextRestartTime"], after["status"]["nextRestartTime"], "{after:#}");
    assert_eq!(runs(&supd, "after the manager's death").len(), 2);
    let main = "containerStatuses";
    assert_eq!(before["status"][main][0]["lastState"], after["status"][main][0]["lastState"]);
    // The next one is the third run, and it comes.
    supd.until_pod("crashing-0", |main| main["restartCount"] == 2);
    assert_eq!(runs(&supd, "after the back-off").len(), 3);
}

#[test]
fn f94_supd_is_away_at_a_time_of_the_calendar() {
    for how in [Signal::SIGTERM, Signal::SIGKILL] {
        let clock = "exec = ['@/program']\n[cron]\nschedule = '* * * * * *'\nconcurrency_policy = 'Forbid'\n\
                     successful_history = 1000\n[job]\nbackoff_limit = 0\n[stop]\ngrace = '1s'\n";
        let mut supd = Space::new().fifo("gate").script("program", PROGRAM).unit("clock", clock).supd();
        let ended = |supd: &Supd| runs(supd, "so far").iter().filter(|run| run.ended).count();
        let more = |supd: &Supd, count: usize| Watch::new(supd.path()).until(|| ended(supd) >= count);
        more(&supd, 2);
        // One is cut off in the middle.
        std::fs::write(supd.path().join("hold"), "").unwrap();
        let holds = Watch::new(supd.path());
        holds.until(|| !supd.path().join("hold").exists());
        match how {
            Signal::SIGKILL => supd.kill_keeper(),
            _ => {
                kill(Pid::from_raw(supd.keeper), how).unwrap();
                supd.wait_end();
            }
        }
        let before = ended(&supd);
        supd.start_again();
        if how == Signal::SIGKILL {
            // It has outlived its keeper, and is taken over.
            supd.release("gate");
        }
        more(&supd, before + 3);
        let runs = runs(&supd, "in the end");
        let mut slots: Vec<&str> = runs.iter().map(|run| run.slot.as_str()).collect();
        slots.dedup();
        let all = slots.len();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!((slots.len(), all), (runs.len(), runs.len()), "each time at most once: {runs:#?}");
        ask(&supd, "status").ok();
    }
}
