//! Units that `supctl run` made outlive the manager, as all others do; and are not started twice.

use super::space::{Death, Space};

#[test]
fn a_run_service_is_untouched_by_the_managers_death() {
    let supd = Space::new().supd();
    supd.ctl("run --name nap -- /bin/sleep infinity").ok();
    supd.ctl("run -- /bin/sleep 1000000").ok();
    let pods = ["nap-0", "sleep-0"];
    let before = pods.map(|pod| supd.pid(pod));
    for _ in 0..3 {
        supd.kill_role("manager");
        assert_eq!(pods.map(|pod| supd.pid(pod)), before);
    }
    supd.wait("nap", "ready");
    supd.ctl("status nap").ok().stdout_has("Loaded: transient");
    supd.ctl("run --name nap -- /bin/true").code(1).stderr_has("already");
    for verb in ["daemon-reload", "apply"] {
        supd.ctl(verb).ok();
    }
    assert_eq!(pods.map(|pod| supd.pid(pod)), before);
    // One that ends is started again by the manager that found it.
    let death = Death::of(before[0]);
    supd.ctl("kill nap -s KILL").ok();
    death.wait();
    supd.wait("nap", "ready");
    assert_ne!(supd.pid("nap-0"), before[0]);
    assert_eq!(supd.stop(), 0);
}

#[test]
fn what_was_deleted_or_stopped_does_not_come_back() {
    let supd = Space::new().supd();
    for name in ["gone", "stopped"] {
        supd.ctl(&format!("run --name {name} -- /bin/sleep infinity")).ok();
    }
    let death = Death::of(supd.pid("gone-0"));
    supd.ctl("delete gone").ok();
    death.wait();
    supd.ctl("stop stopped").ok();
    supd.kill_role("manager");
    supd.ctl("status gone").code(4);
    supd.ctl("is-active stopped").code(3);
    supd.ctl("start stopped").ok();
    supd.kill_role("manager");
    supd.wait("stopped", "ready");
}

#[test]
fn a_finished_job_is_not_run_again() {
    let supd = Space::new().script("once", "#!/bin/sh\necho once >> @/ran\n").supd();
    let program = supd.path().join("once");
    supd.ctl_args(&["run", "--name", "once", "--wait", "--", program.to_str().unwrap()]).ok();
    for _ in 0..2 {
        supd.kill_role("manager");
        supd.ctl("status").ok().stdout_has("once");
    }
    assert_eq!(std::fs::read_to_string(supd.path().join("ran")).unwrap(), "once\n");
    let death = Death::of(supd.keeper);
    assert_eq!(supd.stop(), 0);
    death.wait();
}
