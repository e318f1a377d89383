//! Templates and what kubectl makes of them.

use serde_json::{Value, json};

use super::*;

fn object() -> Value {
    json!({
        "kind": "List",
        "items": [
            {"kind": "Pod", "metadata": {"name": "web-0", "labels": {"app": "web", "example.org/tier": "front"}},
             "status": {"phase": "Running", "containerStatuses": [{"name": "main", "restartCount": 2, "ready": true}]}},
            {"kind": "Pod", "metadata": {"name": "db-0", "labels": {"app": "db"}},
             "status": {"phase": "Pending", "containerStatuses": [{"name": "main", "restartCount": 0, "ready": false}]}},
            {"kind": "Pod", "metadata": {"name": "job-0"}, "status": {"phase": "Succeeded", "reason": "x y"}}
        ],
        "users": [{"name": "a", "age": 5.5}, {"name": "b", "age": 7}],
        "empty": [], "nothing": null
    })
}

fn render(template: &str) -> Result<String, String> {
    let template = Template::parse(template).map_err(|error| format!("parse: {error}"))?;
    template.render(&object()).map_err(|error| error.to_string())
}

#[test]
fn templates_come_to_what_kubectl_prints() {
    let table = [
        ("", ""),
        ("hello", "hello"),
        ("{.kind}", "List"),
        ("kind is {.kind}!", "kind is List!"),
        (".kind", "List"),
        ("{$.kind}", "List"),
        ("{@.kind}", "List"),
        ("{['kind']}", "List"),
        ("{[\"kind\"]}", "List"),
        ("{.items[0].metadata.name}", "web-0"),
        ("{.items[-1].metadata.name}", "job-0"),
        ("{.items[0:2].metadata.name}", "web-0 db-0"),
        ("{.items[1:].metadata.name}", "db-0 job-0"),
        ("{.items[:-1].metadata.name}", "web-0 db-0"),
        ("{.items[0:3:2].metadata.name}", "web-0 job-0"),
        ("{.items[0,2].metadata.name}", "web-0 job-0"),
        ("{.items[*].metadata.name}", "web-0 db-0 job-0"),
        ("{.items[*].status['phase','reason']}", "Running Pending Succeeded x y"),
        ("{.items[*]['metadata.name', 'status.phase']}", "web-0 Running db-0 Pending job-0 Succeeded"),
        ("{.items[0].metadata.labels.example\\.org/tier}", "front"),
        ("{.items[0].metadata.labels['example\\.org/tier']}", "front"),
        ("{.items[0].metadata.labels}", r#"{"app":"web","example.org/tier":"front"}"#),
        ("{.items[0].metadata.labels.*}", "web front"),
        ("{..name}", "web-0 main db-0 main job-0 a b"),
        ("{.items..restartCount}", "2 0"),
        ("{.users[*].age}", "5.5 7"),
        ("{.missing.further[3]}", ""),
        ("{.kind[0]}", ""),
        ("{.nothing}", ""),
        ("{.empty[*]}", ""),
        ("{.empty[0:0]}", ""),
        ("{\"a\\tb\\n\"}", "a\tb\n"),
        ("{'it\\'s'}", "it's"),
        ("{3}{true}{-1.5}", "3true-1.5"),
        ("{\"}\"}", "}"),
        ("{.items[?(@.status.phase==\"Running\")].metadata.name}", "web-0"),
        ("{.items[?(@.status.phase == 'Running')].metadata.name}", "web-0"),
        ("{.items[?(@.status.phase!=\"Running\")].metadata.name}", "db-0 job-0"),
        ("{.items[?(@.metadata.labels)].metadata.name}", "web-0 db-0"),
        ("{.items[?(@.status.containerStatuses[0].restartCount>1)].metadata.name}", "web-0"),
        ("{.items[?(@.status.containerStatuses[0].restartCount<=0)].metadata.name}", "db-0"),
        ("{.items[?(@.status.containerStatuses[0].ready==true)].metadata.name}", "web-0"),
        ("{.items[?(@.metadata.labels['example\\.org/tier']==\"front\")].metadata.name}", "web-0"),
        ("{.users[?(@.age>6)].name}", "b"),
        ("{.users[?(@.name==\"a==b\")].name}", ""),
        ("{range .items[*]}{.metadata.name}{\"\\n\"}{end}", "web-0\ndb-0\njob-0\n"),
        ("{range .items[*]}{.metadata.name}\\t{end}", "web-0\\tdb-0\\tjob-0\\t"),
        (
            "{range .items[*]}{.metadata.name}:{range .status.containerStatuses[*]} {.name}={.restartCount}{end};{end}",
            "web-0: main=2;db-0: main=0;job-0:;",
        ),
        ("<{range .empty[*]}x{end}>", "<>"),
        ("{range.users[*]}{.name}{end}", "ab"),
    ];
    for (template, text) in table {
        assert_eq!(render(template).as_deref(), Ok(text), "{template}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (template, part) in [
        ("{.kind", "not closed"),
        ("{range .items[*]}x", "no `{end}`"),
        ("x{end}", "without a `{range}`"),
        ("{.items[}", "`]` is missing"),
        ("{.items[x]}", "no index, slice or key"),
        ("{.items[]}", "no index, slice or key"),
        ("{.items[0:1:2:3]}", "no index, slice or key"),
        ("{.items[?(@.a==\"x)]}", "not closed"),
        ("{hello}", "no part of a path"),
        ("{.items[3].kind}", "index 3 is out of bounds, the length is 3"),
        ("{.items[-4].kind}", "out of bounds"),
        ("{.items[0:9]}", "out of bounds"),
        ("{.items[0:2:0]}", "more than 0"),
        ("{\"a\\qb\"}", "an escape is"),
        ("{.items[?(@..name==\"x\")]}", "one value with one"),
    ] {
        let error = render(template).unwrap_err();
        assert!(error.contains(part), "{template}: {error}");
    }
}

#[test]
fn hostile_templates_are_bounded() {
    let deep = "{range .a}".repeat(1_000);
    assert!(render(&deep).unwrap_err().contains("deep"));
    let nested = format!("{{{}", ".a[?(@".repeat(1_000));
    assert!(render(&nested).is_err());
    assert!(render(&"x".repeat(1 << 20)).unwrap_err().contains("bytes"));
    let many = format!("{{.{}}}", ".".repeat(2_000));
    assert!(render(&many).is_ok() || render(&many).is_err());
    for c in ["{", "}", "[", "]", "'", "\"", "\\", "?", "(", ")", "..", ",", ":", "é", "{é}", "{.é[é]}"] {
        for template in [c.to_owned(), format!("{{.a{c}}}"), format!("{{{c}"), format!("{{.items[{c}]}}")] {
            let _ = render(&template);
        }
    }
}

#[test]
fn paths_in_all_of_kubectls_forms() {
    let object = object();
    for text in [
        "{.items[1].metadata.name}",
        ".items[1].metadata.name",
        "items[1].metadata.name",
        " {.items[1]['metadata.name']} ",
    ] {
        let path = Path::parse(text).unwrap();
        let found: Vec<String> = path.find(&object).unwrap().iter().map(|value| cell(value)).collect();
        assert_eq!(found, ["db-0"], "{text}");
    }
    for text in ["", "{}", "{.a}{.b}", "x{.a}"] {
        assert!(Path::parse(text).is_err(), "{text}");
    }
}

#[test]
fn cells_have_kubectls_words_for_what_has_parts() {
    assert_eq!(cell(&json!({"b": [1, true, null], "a": "x"})), "map[a:x b:[1 true <none>]]");
}

#[test]
fn sorted_as_people_count() {
    let mut names: Vec<Option<Value>> =
        vec![Some(json!("web-10")), Some(json!("web-2")), None, Some(json!("web-02b")), Some(json!("api"))];
    names.sort_by(|one, other| order(one.as_ref(), other.as_ref()));
    let names: Vec<String> = names.iter().map(|name| name.as_ref().map_or_else(String::new, cell)).collect();
    assert_eq!(names, ["", "api", "web-2", "web-02b", "web-10"]);
    assert_eq!(order(Some(&json!(2)), Some(&json!(10.5))), std::cmp::Ordering::Less);
    assert_eq!(order(Some(&json!(true)), Some(&json!(false))), std::cmp::Ordering::Greater);
}
