//! The end of supd: how its time is shared, and that nothing starts any more.

use std::time::Duration;

use supd::engine::EngineOptions;
use supd::engine::event::{Event, Left, Outcome};
use supd::unit::model::{ExitCodes, Operator, Part, PodTemplate, ProbeKind, RestartAction, RestartRule};

use super::pods::{hook, probe, process};
use super::world::{World, world, world_with};

/// Three that need one another, the last one deaf.
fn deaf_chain(title: &'static str) -> World {
    world(title)
        .unit("db", "exec = ['/db']")
        .unit("cache", "exec = ['/cache']\nrequires = ['db']")
        .unit("web", "exec = ['/web']\nrequires = ['cache']")
        .stubborn("web-0")
        .begin()
}

#[test]
fn one_that_does_not_listen_leaves_the_others_their_share() {
    deaf_chain("deaf on top")
        .event(Event::Shutdown { within: Duration::from_secs(3) })
        .advance("833ms")
        .signalled("web-0", &[15])
        .signalled("cache-0", &[])
        .advance("1ms")
        .signalled("web-0", &[15, 9])
        .signalled("cache-0", &[15])
        .signalled("db-0", &[15])
        .reported("Killing", "web-0: its share of the shutdown's time is over, killed")
        .ends(Some(0));
}

#[test]
fn all_deaf_get_the_same_and_it_is_over_in_time() {
    deaf_chain("all deaf")
        .stubborn("cache-0")
        .stubborn("db-0")
        .event(Event::Shutdown { within: Duration::from_secs(9) })
        .advance("2833ms")
        .signalled("cache-0", &[])
        .advance("1ms")
        .signalled("cache-0", &[15])
        .advance("2833ms")
        .signalled("db-0", &[15])
        .advance("2833ms")
        .signalled("db-0", &[15, 9])
        .reported("Killing", "db-0: the shutdown's time is over, killed")
        .told_once("Killing")
        .ends(Some(0));
}

#[test]
fn nobody_is_cut_short_where_the_time_is_enough_for_all() {
    world("enough")
        .unit("db", "exec = ['/db']\n[stop]\ngrace = '3s'")
        .unit("web", "exec = ['/web']\nrequires = ['db']\n[stop]\ngrace = '25s'")
        .unit("beside", "exec = ['/x']\n[stop]\ngrace = '1h'")
        .stubborn("web-0")
        .stubborn("db-0")
        .stubborn("beside-0")
        .begin()
        .event(Event::Shutdown { within: Duration::from_secs(30) })
        .advance("24900ms")
        .signalled("web-0", &[15])
        .advance("100ms")
        .signalled("web-0", &[15, 9])
        .signalled("db-0", &[15])
        .advance("3s")
        .signalled("db-0", &[15, 9])
        .signalled("beside-0", &[15])
        .advance("1500ms")
        .signalled("beside-0", &[15, 9])
        .told_once("Killing")
        .ends(Some(0));
}

#[test]
fn a_pre_stop_has_a_part_of_the_share_and_the_signal_comes_in_time() {
    let hooked = |pod: &mut PodTemplate| pod.main.stop.pre = hook();
    world("hook")
        .unit("db", "exec = ['/db']")
        .unit_with("web", "exec = ['/web']\nrequires = ['db']", hooked)
        .stubborn("web-0")
        .begin()
        .event(Event::Shutdown { within: Duration::from_secs(4) })
        .asked(&["web-0/main PreStop"])
        .advance("800ms")
        .signalled("web-0", &[])
        .advance("100ms")
        .signalled("web-0", &[15])
        .signalled("db-0", &[])
        .advance("900ms")
        .signalled("web-0", &[15, 9])
        .signalled("db-0", &[15])
        .ends(Some(0));
}

#[test]
fn what_kill_does_not_end_holds_up_nobody() {
    let end = World::run_of;
    let w = deaf_chain("stuck")
        .unkillable("web-0")
        .event(Event::Shutdown { within: Duration::from_secs(9) })
        .advance("2834ms")
        .signalled("web-0", &[15, 9])
        .signalled("cache-0", &[]);
    let left = Left { count: 1, pid: Some(7), state: 'D' };
    let run = end(&w, "web-0");
    w.event(Event::Lingers { run, left })
        .signalled("cache-0", &[15])
        .signalled("db-0", &[15])
        .advance("9s")
        .signalled("web-0", &[15, 9])
        .runs(&["web-0"])
        .ends(None);
}

/// Nobody says that what was killed stays: the others hear the signal all the same.
#[test]
fn whoever_was_not_asked_is_asked_at_last() {
    deaf_chain("last call")
        .unkillable("web-0")
        .event(Event::Shutdown { within: Duration::from_secs(9) })
        .advance("7437ms")
        .signalled("cache-0", &[])
        .advance("1ms")
        .signalled("cache-0", &[15])
        .signalled("db-0", &[15])
        .runs(&["web-0"]);
}

#[test]
fn the_order_goes_through_targets_and_jobs_that_are_done() {
    world("through")
        .unit("db", "exec = ['/db']")
        .unit("data", "requires = ['db']")
        .unit("migrate", "exec = ['/m']\nrequires = ['data']\n[job]")
        .unit("web", "exec = ['/web']\nrequires = ['migrate']")
        .stubborn("web-0")
        .begin()
        .exit("migrate-0", 0)
        .runs(&["db-0", "web-0"])
        .event(Event::Shutdown { within: Duration::from_secs(9) })
        .signalled("db-0", &[])
        .exit("web-0", 0)
        .signalled("db-0", &[15])
        .ends(Some(0));
}

#[test]
fn a_second_request_shortens_every_share() {
    deaf_chain("shorter")
        .event(Event::Shutdown { within: Duration::from_secs(90) })
        .event(Event::Shutdown { within: Duration::from_secs(2) })
        .advance("500ms")
        .signalled("web-0", &[15, 9])
        .signalled("db-0", &[15])
        .ends(Some(0));
}

#[test]
fn a_request_that_leaves_no_time_kills_at_once() {
    deaf_chain("at once")
        .stubborn("db-0")
        .event(Event::Shutdown { within: Duration::ZERO })
        .advance("0s")
        .runs(&[])
        .told_once("Killing")
        .ends(Some(0));
}

/// F99: a manager that was held up finds that all time has passed. Whom it kills has not heard anything, is not started
/// again, and so not killed again.
#[test]
fn f99_what_is_killed_at_last_does_not_come_again() {
    deaf_chain("held up")
        .stubborn("cache-0")
        .stubborn("db-0")
        .event(Event::Shutdown { within: Duration::from_secs(3) })
        .unseen("1m")
        .event(Event::Deadline)
        .runs(&[])
        .signalled("web-0", &[15, 9])
        .signalled("db-0", &[9])
        .told_once("Killing")
        .not_reported("Restarting")
        .not_reported("BackOff")
        .spawned(3)
        .ends(Some(0));
}

/// What has ended meanwhile, what waits in back-off, what was being started: the new manager starts none of it.
#[test]
fn f99_a_new_manager_starts_nothing_while_supd_ends() {
    let w = deaf_chain("a new manager")
        .unit("waits", "exec = ['/x']")
        .unit("more", "exec = ['/x']\n[job]\ncompletions = 5")
        .reload(true)
        .exit("waits-0", 1)
        .exit("waits-0", 1)
        .stored();
    let spawned = w.spawns();
    w.event(Event::Shutdown { within: Duration::from_secs(60) })
        .runs(&["cache-0", "db-0", "web-0"])
        .manager_dies()
        .runs(&["cache-0", "db-0", "web-0"])
        .exit("cache-0", 1)
        .manager_dies()
        .exit("db-0", 1)
        .advance("1s")
        .runs(&["web-0"])
        .advance("1m")
        .spawned(spawned)
        .ends(Some(0));
}

/// An essential unit has ended, and so supd ends: every manager knows that before it starts anything.
#[test]
fn an_end_of_its_own_goes_on_under_a_new_manager() {
    let container = EngineOptions { end_when_done: true, shutdown_timeout: Duration::from_secs(9) };
    world_with("essential", container)
        .unit("main", "exec = ['/x']\nessential = true")
        .unit("quick", "exec = ['/x']")
        .unit("slow", "exec = ['/x']")
        .stubborn("slow-0")
        .begin()
        .exit("main-0", 7)
        .runs(&["slow-0"])
        .stored()
        .manager_dies()
        .runs(&["slow-0"])
        .advance("9s")
        .spawned(3)
        .ends(Some(7));
}

/// Every way in which something might follow an end, while its unit's turn has not come.
#[test]
fn f99_nothing_follows_an_end_while_supd_ends() {
    let steps = |pod: &mut PodTemplate| {
        pod.init = vec![process(pod, "step", Part::Init), process(pod, "next", Part::Init)];
    };
    let beside = |pod: &mut PodTemplate| {
        pod.init = vec![process(pod, "proxy", Part::Sidecar)];
        pod.main.liveness = probe();
    };
    let anew = |pod: &mut PodTemplate| {
        let exit_codes = ExitCodes { operator: Operator::In, values: vec![1] };
        pod.main.restart_rules =
            vec![RestartRule { exit_codes, action: RestartAction::RestartAllContainers }];
    };
    let exhausted = Outcome::NotStarted { message: "no room".into(), exhausted: true };
    let w = world("ways")
        .unit("again", "exec = ['/x']")
        .unit("waits", "exec = ['/x']")
        .unit("full", "exec = ['/x']")
        .unit_with("steps", "exec = ['/x']", steps)
        .unit_with("beside", "exec = ['/x']", beside)
        .unit_with("anew", "exec = ['/x']", anew)
        .unit("retries", "exec = ['/x']\nrestart_policy = 'OnFailure'\n[job]")
        .unit("more", "exec = ['/x']\nrestart_policy = 'Never'\n[job]\ncompletions = 5")
        .unit("tick", "exec = ['/x']\n[cron]\nschedule = '* * * * *'\n[job]")
        .unit(
            "top",
            &format!(
                "exec = ['/x']\nafter = {:?}\n[stop]\ngrace = '1h'",
                WAYS.map(|unit| format!("{unit}:started"))
            ),
        )
        .stubborn("top-0")
        .begin()
        .exit("steps-0", 0)
        .exit("steps-0", 0)
        .started("beside-0/proxy")
        .check(|w| _ = w.run_of("top-0"))
        // Its pod is made anew, and stands at its first step.
        .restart("steps")
        .exit("waits-0", 1)
        .exit("waits-0", 1);
    let spawned = w.spawns();
    w.event(Event::Shutdown { within: Duration::from_secs(600) })
        .outcome("full-0", exhausted)
        .exit("again-0", 1)
        .exit("steps-0", 0)
        .probed("beside-0/main", ProbeKind::Liveness, false)
        .signalled("beside-0", &[])
        .exit("beside-0/proxy", 1)
        .processes(&["anew-0/main", "beside-0/main", "more-0/main", "retries-0/main", "top-0/main"])
        .exit("anew-0", 1)
        .exit("retries-0", 1)
        .exit("more-0", 0)
        .advance("5m")
        .processes(&["beside-0/main", "top-0/main"])
        .exit("top-0", 0)
        .signalled("beside-0", &[15])
        .spawned(spawned)
        .ends(Some(0));
}

const WAYS: [&str; 9] = ["again", "waits", "full", "steps", "beside", "anew", "retries", "more", "tick"];
