//! The manager dies, in every way and at every moment, and nothing is lost.

use std::fs::OpenOptions;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::faults::program;
use super::space::{Death, Space, Supd};

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Ends a manager that is stopped, so that it does nothing more.
fn kill_stopped(supd: &Supd, manager: i32) {
    let death = Death::of(manager);
    signal(manager, Signal::SIGKILL);
    death.wait();
    assert_ne!(supd.role("manager"), manager);
}

#[test]
fn ready_is_heard_whenever_it_is_said() {
    let notify = format!("{}[readiness]\nnotify = true\n[service]\nreplicas = 20\n", program("ready"));
    let newline = "shell = 'echo >&3; exec sleep infinity'\n[readiness]\nfd = 3\n[service]\nreplicas = 20\n";
    let supd = Space::new().unit("notify", &notify).unit("newline", newline).supd();
    for _ in 0..10 {
        supd.kill_role("manager");
        // One that dies before it was ready would have to wait.
        supd.ctl("status").ok();
    }
    supd.wait("notify", "ready");
    supd.wait("newline", "ready");
    // Each was started once.
    for number in 0..20 {
        for unit in ["notify", "newline"] {
            let pod = supd.json(&format!("get pod {unit}-{number}"));
            assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "{pod:#}");
        }
    }
}

#[test]
fn ready_that_is_said_while_the_manager_is_stopped_and_killed_is_not_lost() {
    let notify = format!("{}[readiness]\nnotify = true\n", program("ready-at-gate"));
    let newline = "shell = 'read l < @/newline; echo >&3; echo > @/newline-said; exec sleep infinity'\n\
                   [readiness]\nfd = 3\n";
    let supd =
        Space::new().fifo("ready").fifo("newline").unit("notify", &notify).unit("newline", newline).supd();
    // Opened for both, so that nobody waits.
    let open = |name: &str| OpenOptions::new().read(true).write(true).open(supd.path().join(name)).unwrap();
    let _fifos = [open("newline")];
    let pids = ["notify-0", "newline-0"].map(|pod| {
        supd.until_pod(pod, |main| main["state"]["running"].is_object());
        supd.pid(pod)
    });
    // A manager that finds them must not take them for ready.
    supd.kill_role("manager");
    for unit in ["notify", "newline"] {
        supd.ctl(&format!("is-ready {unit}")).code(3);
    }
    let manager = supd.role("manager");
    signal(manager, Signal::SIGSTOP);
    supd.release("ready");
    supd.release("newline");
    supd.wait_file("said", "");
    supd.wait_file("newline-said", "");
    kill_stopped(&supd, manager);
    supd.wait("notify", "ready");
    supd.wait("newline", "ready");
    // And the next one knows it still.
    supd.kill_role("manager");
    for unit in ["notify", "newline"] {
        supd.ctl(&format!("is-ready {unit}")).ok();
    }
    assert_eq!(["notify-0", "newline-0"].map(|pod| supd.pid(pod)), pids);
}
