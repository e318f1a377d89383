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
