//! The command: where units come from, which image they run, what goes to which stream.

use std::path::Path;
use std::process::Command;

/// A directory of unit files.
struct Units(tempfile::TempDir);

/// What a call has printed, and how it has ended.
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Units {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn export(&self, arguments: &[&str]) -> Said {
        let supctl = env!("CARGO_BIN_EXE_supctl");
        let mut command = Command::new(supctl);
        command.arg("export").args(arguments).arg("--units").arg(self.path());
        let done = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: done.status.code().unwrap(), stdout: text(done.stdout), stderr: text(done.stderr) }
    }
}

fn two() -> Units {
    let web = "exec = ['/bin/web']\nrequires = ['db']";
    let db = "exec = ['/bin/db']\nannotations = { 'supd.io/image' = 'postgres:17' }";
    Units::new(&[("web.toml", web), ("db.toml", db)])
}

#[test]
fn every_container_needs_an_image() {
    let said = two().export(&[]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert_eq!(
        said.stderr,
        "error: which image do `web` run?\n  --image IMAGE for all, --image web=IMAGE for one,\n  \
         or in the unit: annotations = { \"supd.io/image\" = \"IMAGE\" }\n"
    );
    let images = |arguments: &[&str]| {
        let said = two().export(arguments);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let lines = said.stdout.lines().filter(|line| line.trim().starts_with("image: "));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(images(&["--image", "debian:12"]), "image: postgres:17, image: debian:12");
    assert_eq!(images(&["--image", "d", "--image", "db=mine:1"]), "image: mine:1, image: d");
    assert_eq!(images(&["db"]), "image: postgres:17");
    let said = two().export(&["--image", "nothing=x", "db"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
}

#[test]
fn losses_go_to_standard_error_and_strict_makes_them_an_error() {
    let said = two().export(&["--image", "debian:12"]);
    let loss = "web: requires: `db`: everything starts at once there; wait for it in an init container\n";
    assert_eq!((said.code, said.stderr.as_str()), (0, loss));
    assert_eq!(said.stdout.matches("kind: Deployment").count(), 2);
    assert!(said.stdout.contains("\n---\n"));
    let said = two().export(&["--image", "debian:12", "--strict"]);
    assert_eq!((said.code, said.stdout.as_str()), (78, ""));
    assert!(said.stderr.starts_with(loss), "{}", said.stderr);
}

#[test]
fn names_kinds_and_patterns_choose() {
    let kinds = |arguments: &[&str]| {
        let said = two().export(&[&["--image", "x"], arguments].concat());
        (said.code, said.stdout.matches("kind: Deployment").count())
    };
    assert_eq!(kinds(&["db"]), (0, 1));
    assert_eq!(kinds(&["service/web", "web"]), (0, 1));
    assert_eq!(kinds(&["*"]), (0, 2));
    assert_eq!(kinds(&["job/web"]), (4, 0));
    let said = two().export(&["--image", "x", "wbe"]);
    assert_eq!(said.stderr, "error: there is no unit `wbe`\n  did you mean `web`?\n");
}

#[test]
fn json_is_one_object_or_a_list_and_a_namespace_is_named() {
    let said = two().export(&["db", "-o", "json", "-n", "prod"]);
    let object: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&object["kind"], &object["metadata"]["namespace"]), (&"Deployment".into(), &"prod".into()));
    let said = two().export(&["--image", "x", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&list["kind"], list["items"].as_array().unwrap().len()), (&"List".into(), 2));
    assert_eq!(two().export(&["db", "-n", "No"]).code, 2);
}

#[test]
fn nothing_is_exported_of_what_is_invalid_or_would_have_one_name() {
    let said = Units::new(&[("web.toml", "exce = ['/bin/web']")]).export(&["--image", "x"]);
    assert_eq!((said.code, said.stdout.as_str()), (78, ""));
    assert!(said.stderr.contains("unknown key `exce`"), "{}", said.stderr);
    let twins = [
        ("all.toml", "wants = ['a@b', 'a-b']"),
        ("a@.toml", "exec = ['/bin/x']"),
        ("a-b.toml", "exec = ['/bin/x']"),
    ];
    let said = Units::new(&twins).export(&["--image", "x"]);
    assert_eq!((said.code, said.stdout.as_str()), (78, ""));
    assert!(said.stderr.contains("two units would be the Deployment a-b"), "{}", said.stderr);
}
