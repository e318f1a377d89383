//! Parts of pages; whole pages are in the end-to-end tests, against real pods.

use serde_json::json;

use super::super::fixture::{LOOK, read};
use super::container::words;
use super::job::cut;
use super::page::Page;
use crate::control::objects::{Metadata, Probe};

#[test]
fn columns_end_together_where_lines_follow_each_other() {
    let mut page = Page::new(&Metadata { name: "web".to_owned(), ..Metadata::default() }, LOOK);
    page.labels(0, &[("app".to_owned(), "web".to_owned()), ("tier".to_owned(), "front".to_owned())].into());
    page.annotations(&Metadata::default());
    page.head(0, "Containers");
    page.head(1, "main");
    page.put(2, "State", "Running\u{1b}[0m");
    page.put(2, "Restart Count", "0");
    page.columns(1, &["Type", "Reason", "Message"]);
    page.row(1, &["Warning", "BackOff", "a\tb"]);
    assert_eq!(
        page.render(),
        "\
Name:         web
Labels:       app=web
              tier=front
Annotations:  <none>
Containers:
  main:
    State:          Running\\x1b[0m
    Restart Count:  0
  Type              Reason   Message
  ----              ------   -------
  Warning           BackOff  a\\tb
"
        .replace("\\t", &super::super::style::printable("\t"))
        .replace("\\x1b", &super::super::style::printable("\u{1b}"))
    );
}

#[test]
fn out_014_indexes_are_cut_at_a_comma() {
    assert_eq!(cut(""), "<none>");
    assert_eq!(cut("0-2,5"), "0-2,5");
    let many: Vec<String> = (0..40).map(|index| (index * 2).to_string()).collect();
    let many = many.join(",");
    let text = cut(&many);
    assert!(text.ends_with(",...") && text.len() > 50 && text.len() < 60, "{text}");
    assert_eq!(cut(&"1".repeat(60)), "1".repeat(60));
}

#[test]
fn out_016_probes_are_one_line() {
    let table = [
        (json!({"exec": {"command": ["cat", "/ready"]}}), "exec [cat /ready]"),
        (
            json!({"httpGet": {"scheme": "HTTP", "host": "localhost", "port": 8080, "path": "/healthz"}}),
            "http-get http://localhost:8080/healthz",
        ),
        (json!({"tcpSocket": {"host": "::1", "port": "80${replica}"}}), "tcp-socket ::1:80${replica}"),
        (json!({"grpc": {"port": 50051, "service": ""}}), "grpc <pod>:50051"),
        (json!({"unix": "/run/x.sock"}), "unix /run/x.sock"),
    ];
    for (mut probe, text) in table {
        probe.as_object_mut().unwrap().extend(
            json!({"initialDelaySeconds": 0, "timeoutSeconds": 1, "periodSeconds": 0.5,
                "successThreshold": 1, "failureThreshold": 3})
            .as_object()
            .unwrap()
            .clone(),
        );
        let probe: Probe = read(probe);
        assert_eq!(
            words(&probe),
            format!("{text} delay=0s timeout=1s period=0.5s successThreshold=1 failureThreshold=3")
        );
    }
    assert_eq!(words(&read::<Probe>(json!({"notify": true}))), "notify");
}
