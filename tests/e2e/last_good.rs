//! A unit whose file has a fault keeps its last good version, and its pods; so do those that require it.

use super::space::{Space, Supd};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

fn uids(supd: &Supd) -> Vec<String> {
    ["pod db-0", "pod web-0"].map(|pod| supd.uid(pod)).into()
}

#[test]
fn a_broken_file_changes_nothing_until_it_is_mended() {
    let web = format!("{SLEEPER}requires = ['db']\n");
    let supd = Space::new().unit("db", SLEEPER).unit("web", &web).supd();
    supd.wait("web", "ready");
    let before = uids(&supd);
    for broken in
        ["exec = [\n", "exce = ['/bin/true']\n", "exec = ['/bin/sleep', 'infinity']\nrequires = ['web']\n"]
    {
        supd.space().write_unit("db", broken);
        for verb in ["apply", "daemon-reload"] {
            supd.ctl(verb).code(78).stderr_has("db.toml").stderr_has("left as it was");
            assert_eq!(uids(&supd), before, "{verb} {broken:?}");
            for unit in ["db", "web"] {
                assert!(
                    supd.json(&format!("get unit {unit}"))["status"]["stale"].is_null(),
                    "{unit} {broken:?}"
                );
                supd.ctl(&format!("is-active {unit}")).ok();
            }
        }
    }
    supd.space().write_unit("db", "exec = ['/bin/sleep', '1000000']\n");
    supd.ctl("daemon-reload").ok();
    assert_eq!(supd.json("get unit db")["status"]["stale"], "Changed");
    supd.ctl("apply").ok();
    supd.wait("db", "ready");
    let after = uids(&supd);
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1]);
    std::fs::remove_file(supd.path().join("units/web.toml")).unwrap();
    supd.ctl("daemon-reload").ok();
    assert_eq!(supd.json("get unit web")["status"]["stale"], "Removed");
    assert_eq!(uids(&supd), after);
}

#[test]
fn a_file_that_is_broken_when_the_manager_dies_ends_nothing() {
    let web = format!("{SLEEPER}requires = ['db']\nenv = {{ A = '1' }}\n[service]\nreplicas = 1\n");
    let supd = Space::new().unit("db", SLEEPER).unit("web", &web).supd();
    supd.wait("web", "ready");
    let before = uids(&supd);
    supd.space().write_unit("db", "exec = [\n");
    for _ in 0..2 {
        supd.kill_role("manager");
        assert_eq!(uids(&supd), before);
        supd.wait("web", "ready");
        supd.ctl("apply").code(78);
    }
    assert_eq!(uids(&supd), before);
    supd.space().write_unit("db", SLEEPER);
    supd.ctl("apply").ok();
    assert_eq!(uids(&supd), before, "it is what it was");
    supd.ctl("restart db").ok();
    // What has no file any more runs on until somebody says otherwise: a death is no reload.
    let before = uids(&supd);
    std::fs::remove_file(supd.path().join("units/web.toml")).unwrap();
    supd.kill_role("manager");
    supd.wait("web", "ready");
    assert_eq!(uids(&supd), before);
    supd.ctl("daemon-reload").ok();
    supd.kill_role("manager");
    assert_eq!(supd.json("get unit web")["status"]["stale"], "Removed");
    supd.ctl("stop web").ok();
    supd.ctl("status web").code(4);
}

#[test]
fn an_instance_that_was_started_by_hand_outlives_the_manager() {
    let supd = Space::new().unit("worker@", SLEEPER).supd();
    supd.ctl("start worker@eu").ok();
    let pid = supd.pid("worker-eu-0");
    for _ in 0..2 {
        supd.kill_role("manager");
        supd.wait("worker@eu", "ready");
        assert_eq!(supd.pid("worker-eu-0"), pid);
    }
    std::fs::remove_file(supd.path().join("units/worker@.toml")).unwrap();
    supd.kill_role("manager");
    supd.wait("worker@eu", "ready");
    supd.ctl("delete worker@eu --yes").ok();
    supd.kill_role("manager");
    supd.ctl("status worker@eu").code(4);
    assert!(!supd.own_output().contains("ERROR"), "{}", supd.own_output());
}
