//! The manual's picture, on a terminal and in a pipe.

use super::super::fixture::{LOOK, NOW, info, unit, units};
use super::*;
use crate::control::objects::Time;

fn headline<'a>(info: &'a Info, units: &'a [Unit]) -> Headline<'a> {
    let last_line = Some("cannot bind 0.0.0.0:25".to_owned());
    Headline { info, units: units.iter().collect(), last_line, headers: true }
}

fn terminal(width: usize) -> Screen {
    Screen { terminal: true, width: Some(width), ..Screen::pipe() }
}

#[test]
fn on_a_terminal() {
    insta::assert_snapshot!(headline(&info(), &units()).render(terminal(120), LOOK), @r#"
    supd 0.3.1 on host7 · running · up 4d 3h · PID 1 · 7 units, 8 pods

      UNIT     KIND     READY  STATUS                         RESTARTS      CPU  MEMORY  AGE
    ◐ api      service  0/2    Waiting for db (ready)         0               –       –  8s
    ● db       service  1/1    Running                        0              2%   312Mi  4d3h
    × mailer   service  0/1    CrashLoopBackOff, next in 37s  12 (37s ago)    –       –  22m
    ● web      service  3/3    Running                        1 (3h ago)    11%    96Mi  4d3h
      ├ web-0           1/1    Running  pid 4711              0                          4d3h
      ├ web-1           1/1    Running  pid 4712              1 (3h ago)                 4d3h
      └ web-2           1/1    Running  pid 4713              0                          4d3h
    ◐ import   job      7/10   Running, 3 active              0             88%   240Mi  2m
    ✓ migrate  job      1/1    Complete                       0               –       –  4d3h
    ○ backup   cronjob  –      Next 02:30 (in 13h)            –               –       –  30d

    1 unit is failing: mailer, exit 3 (37s ago): "cannot bind 0.0.0.0:25"    supctl logs mailer
    web.toml changed on disk                                                 supctl apply
    "#);
}

#[test]
fn state_that_is_not_saved_is_told_at_the_head() {
    let mut info = info();
    info.status.state_not_saved = Some(StateNotSaved {
        since: Time(NOW.0 - 4_978),
        reason: "`/var/lib/supd/state.redb` cannot be written: No space left on device (os error 28)"
            .to_owned(),
        lost_with: LostWith::Supd,
    });
    let text = headline(&info, &units()).render(terminal(120), LOOK);
    insta::assert_snapshot!(text.lines().take(3).collect::<Vec<_>>().join("\n"), @r"
    supd 0.3.1 on host7 · running · up 4d 3h · PID 1 · 7 units, 8 pods
    state not saved since 12:03:04 (no space left on device); kept in memory until supd ends
    ");
    let color = headline(&info, &[]).render(Screen { color: true, ..terminal(120) }, LOOK);
    assert!(color.contains("\u{1b}[1m\u{1b}[31mstate not saved"), "{color:?}");
    // In a pipe the rows stand alone.
    assert!(!headline(&info, &units()).render(Screen::pipe(), LOOK).contains("state not saved"));
    if let Some(not_saved) = &mut info.status.state_not_saved {
        (not_saved.lost_with, not_saved.reason) = (LostWith::Manager, "a\u{1b}[2J".to_owned());
    }
    let words = headline(&info, &[]).not_saved(LOOK).unwrap();
    assert_eq!(words, "state not saved since 12:03:04 (a\\x1b[2J); kept in memory until supd's manager ends");
}

#[test]
fn in_a_pipe() {
    insta::assert_snapshot!(headline(&info(), &units()).render(Screen::pipe(), LOOK), @r"
    api      service  0/2   Waiting for db (ready)         0               –       –  8s
    db       service  1/1   Running                        0              2%   312Mi  4d3h
    mailer   service  0/1   CrashLoopBackOff, next in 37s  12 (37s ago)    –       –  22m
    web      service  3/3   Running                        1 (3h ago)    11%    96Mi  4d3h
    import   job      7/10  Running, 3 active              0             88%   240Mi  2m
    migrate  job      1/1   Complete                       0               –       –  4d3h
    backup   cronjob  –     Next 02:30 (in 13h)            –               –       –  30d
    ");
}

#[test]
fn in_ascii_on_a_narrow_terminal() {
    let screen = Screen { unicode: false, ..terminal(72) };
    let look = Look { unicode: false, ..LOOK };
    let text = headline(&info(), &units()).render(screen, look);
    assert!(text.is_ascii());
    insta::assert_snapshot!(text, @r#"
    supd 0.3.1 on host7 - running - up 4d 3h - PID 1 - 7 units, 8 pods

      UNIT      KIND     READY  STATUS                         RESTARTS
    ~ api       service  0/2    Waiting for db (ready)         0
    * db        service  1/1    Running                        0
    x mailer    service  0/1    CrashLoopBackOff, next in 37s  12 (37s ago)
    * web       service  3/3    Running                        1 (3h ago)
      |- web-0           1/1    Running  pid 4711              0
      |- web-1           1/1    Running  pid 4712              1 (3h ago)
      `- web-2           1/1    Running  pid 4713              0
    ~ import    job      7/10   Running, 3 active              0
    + migrate   job      1/1    Complete                       0
    o backup    cronjob  -      Next 02:30 (in 13h)            -

    1 unit is failing: mailer, exit 3 (37s ago): "cannot bind 0.0.0.0:25"
        supctl logs mailer
    web.toml changed on disk
        supctl apply
    "#);
}

#[test]
fn a_wide_service_shows_ten_pods() {
    let pods: Vec<_> = (0..30)
        .map(|n| super::super::fixture::unit_pod(&format!("web-{n}"), n, 60, serde_json::json!({})))
        .collect();
    let web = unit("web", 60, serde_json::json!({"ready": 40, "desired": 40, "pods": pods, "podCount": 40}));
    let text = headline(&info(), std::slice::from_ref(&web)).render(terminal(120), LOOK);
    assert_eq!(text.matches("├ web-").count(), 10);
    assert!(text.contains("└ 30 more\n"), "{text}");
}

#[test]
fn nothing_is_said_where_nothing_is_wrong() {
    let db = unit("db", 60, serde_json::json!({}));
    let text = headline(&info(), std::slice::from_ref(&db)).render(terminal(120), LOOK);
    assert_eq!(text.lines().count(), 4, "{text}");
    let empty = headline(&info(), &[]).render(terminal(120), LOOK);
    assert!(empty.ends_with("no units in /etc/supd/units\n"), "{empty}");
}

#[test]
fn colour_stands_beside_the_word() {
    let text = headline(&info(), &units()).render(Screen { color: true, ..terminal(120) }, LOOK);
    assert!(text.contains("\u{1b}[1m\u{1b}[31mCrashLoopBackOff, next in 37s\u{1b}[0m"), "{text:?}");
    let plain = headline(&info(), &units()).render(terminal(120), LOOK);
    assert_eq!(anstream::adapter::strip_str(&text).to_string(), plain);
}
