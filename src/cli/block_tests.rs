//! Blocks of hand-made objects.

use serde_json::json;

use super::super::fixture::{LOOK, ago, unit, units};
use super::*;

fn render_unit(unit: Unit) -> String {
    render(&Subject::Unit(Box::new(unit)), &[], Screen::pipe(), LOOK)
}

fn named(name: &str) -> Unit {
    units().into_iter().find(|unit| unit.metadata.name == name).expect("the fixture has it")
}

#[test]
fn a_service_that_runs() {
    let mut web = named("web");
    web.spec.description = "Public web front end".to_owned();
    web.spec.drop_ins = vec!["/etc/supd/units/web.toml.d/10-limits.toml".into()];
    insta::assert_snapshot!(render_unit(web), @r"
    ● web – Public web front end
        Loaded: /etc/supd/units/web.toml (enabled; drop-ins: 10-limits.toml; changed on disk: supctl apply)
        Active: Running since Thu 2026-11-19 10:26:02 UTC; 4d 3h ago
         Ready: 3/3
          Pods: web-0 pid 4711 · web-1 pid 4712 · web-2 pid 4713
      Restarts: 1
        Memory: 96Mi   CPU: 11%
    ");
}

#[test]
fn a_service_that_fails() {
    insta::assert_snapshot!(render_unit(named("mailer")), @r"
    × mailer
        Loaded: /etc/supd/units/mailer.toml (enabled)
        Active: CrashLoopBackOff since Mon 2026-11-23 13:04:02 UTC; 22min ago
          Next: attempt in 37s
         Ready: 0/1
      Restarts: 12 (last: exit 3, 37s ago)
    ");
}

#[test]
fn a_cronjob() {
    insta::assert_snapshot!(render_unit(named("backup")), @r"
    ○ backup
        Loaded: /etc/supd/units/backup.toml (cronjob; enabled)
        Active: Armed since Sat 2026-10-24 13:26:02 UTC; 30d ago
          Next: Tue 2026-11-24 02:30:00 UTC (in 13h)
    ");
}

#[test]
fn a_service_that_waits_in_ascii() {
    let screen = Screen { unicode: false, ..Screen::pipe() };
    let api = named("api");
    let text = render(&Subject::Unit(Box::new(api)), &[], screen, Look { unicode: false, ..LOOK });
    assert!(text.is_ascii() && text.contains(" Waits for: db (ready)\n"), "{text}");
}

#[test]
fn what_a_service_says_moves_no_cursor() {
    let mut evil = unit("evil", 60, json!({"state": "Failed", "reason": "\u{1b}[2Jgone", "since": ago(5)}));
    evil.spec.description = "\u{7}bell".to_owned();
    let text = render_unit(evil);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
    assert!(text.contains("\\x1b[2Jgone"), "{text}");
}

#[test]
fn a_pod_in_back_off() {
    let state = json!({"waiting": {"reason": "CrashLoopBackOff", "nextRestartTime": ago(-37)}});
    let mut pod = super::super::ps::tests::pod("web-0", state, false);
    pod.status.container_statuses[0].last_state = super::super::fixture::read(json!({"terminated": {
        "exitCode": 3, "reason": "Error", "finishedAt": ago(3),
        "usage": {"userCpuSeconds": 0.0, "systemCpuSeconds": 0.0, "maxRssBytes": 0}}}));
    insta::assert_snapshot!(render(&Subject::Pod(Box::new(pod)), &[], Screen::pipe(), LOOK), @r"
    × web-0 – pod of web
        Active: CrashLoopBackOff since Mon 2026-11-23 11:24:22 UTC; 2h 1min ago
          main: CrashLoopBackOff, next in 37s (last: exit 3)
         Ready: no
      Restarts: 2 (3s ago)
    ");
}
