//! `docker stop`, and what else asks a container to end: in order, and in time.

use std::fs;

use super::solo::send;
use super::space::Space;

const UNSHARE: &[&str] = &["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"];

/// A service that tells in a file that it was asked to end.
fn service(name: &str, more: &str) -> String {
    let script =
        format!("trap 'echo {name} >>@/order; exit 0' TERM; echo up; while :; do sleep 1000 & wait; done");
    format!("exec = ['/bin/sh', '-c', \"{script}\"]\n{more}\n[readiness]\nlog = '^up$'\n")
}

#[test]
fn each_stop_signal_ends_services_against_the_order_of_their_start() {
    for signal in [15, 2, 3, 37] {
        let mut supd = Space::new()
            .wrap(UNSHARE)
            .unit("store", &service("store", ""))
            .unit("shop", &service("shop", "requires = ['store']"))
            .unit("front", &service("front", "requires = ['shop']"))
            .supd();
        supd.wait("front", "ready");
        send(supd.keeper, signal);
        assert_eq!(supd.wait_end(), 0, "signal {signal}");
        let order = fs::read_to_string(supd.path().join("order")).unwrap();
        assert_eq!(order, "front\nshop\nstore\n", "signal {signal}");
    }
}

#[test]
fn what_does_not_listen_is_killed_when_the_time_is_over() {
    let deaf = "exec = ['/bin/sh', '-c', \"trap '' TERM; echo up; while :; do sleep 1000 & wait; done\"]\n\
                [readiness]\nlog = '^up$'\n[stop]\ngrace = '1h'";
    let mut supd = Space::new()
        .wrap(UNSHARE)
        .arg("--shutdown-timeout=1s")
        .unit("deaf", deaf)
        .unit("after", &service("after", "requires = ['deaf']"))
        .supd();
    supd.wait("after", "ready");
    send(supd.keeper, 15);
    assert_eq!(supd.wait_end(), 0);
    assert_eq!(fs::read_to_string(supd.path().join("order")).unwrap(), "after\n");
}

#[test]
fn a_second_request_changes_nothing() {
    let mut supd = Space::new().wrap(UNSHARE).unit("a", &service("a", "")).supd();
    supd.wait("a", "ready");
    send(supd.keeper, 15);
    send(supd.keeper, 2);
    send(supd.keeper, 1);
    assert_eq!(supd.wait_end(), 0);
    assert_eq!(fs::read_to_string(supd.path().join("order")).unwrap(), "a\n");
}
