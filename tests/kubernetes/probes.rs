//! PRB: what is read of probes. How they are asked is in `src/runtime/probe`, what follows in `sidecars`.

use crate::load;

fn probe(table: &str, keys: &str) -> bool {
    load("a", &format!("exec = ['/x']\n[{table}]\n{keys}")).is_ok()
}

#[test]
fn prb_002_liveness_and_startup_need_one_success() {
    for (table, allowed) in [("liveness", false), ("startup", false), ("readiness", true)] {
        assert!(probe(table, "tcp = 80\nsuccess_threshold = 1"), "{table}");
        assert_eq!(probe(table, "tcp = 80\nsuccess_threshold = 2"), allowed, "{table}");
    }
}

#[test]
fn prb_003_one_way_to_ask() {
    for table in ["liveness", "startup", "readiness"] {
        assert!(!probe(table, "tcp = 80\nexec = ['/x']"), "{table}");
        assert!(!probe(table, "http = { port = 80 }\ngrpc = { port = 81 }"), "{table}");
    }
    assert!(!probe("liveness", "period = '5s'"));
}
