//! Goal: Kubernetes' manifests run as they are: `apply -f` makes of each object what kubectl says it makes,
//! `diff -f` and `delete -f` know the same objects, and nothing is half applied.
//! Method: manifests for programs that every Debian has, through the real supctl; what ran is read from the
//! files that it wrote.

use std::fs;

use super::space::{Space, Supd};

/// A manifest in the place's directory; `@` stands for that directory.
fn write(supd: &Supd, name: &str, text: &str) -> String {
    let path = supd.path().join(name);
    fs::write(&path, text.replace('@', supd.path().to_str().unwrap())).unwrap();
    path.to_str().unwrap().to_owned()
}

const PI: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: pi
spec:
  backoffLimit: 4
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: pi
        image: perl:5.34.0
        command: ["/bin/sh", "-c", "echo 3.$(DIGITS) of $(POD) > @/pi"]
        env:
        - {name: DIGITS, value: "14"}
        - name: POD
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
"#;

#[test]
fn a_job_is_applied_runs_to_its_end_and_is_deleted() {
    let supd = Space::new().supd();
    let pi = write(&supd, "pi.yaml", PI);
    supd.ctl(&format!("diff -f {pi}"))
        .code(1)
        .stdout_has("job.batch/pi created")
        .stdout_has("+manifest = \"Job\"");
    supd.ctl(&format!("apply -f {pi} --dry-run=server"))
        .ok()
        .stdout_is("job.batch/pi created (server dry run)\n");
    supd.ctl("get job pi").code(4);
    supd.ctl(&format!("apply -f {pi}")).ok().stdout_is("job.batch/pi created\n");
    supd.wait("job/pi", "condition=complete");
    assert_eq!(supd.wait_file("pi", "of"), "3.14 of pi-0\n");
    let pod = supd.json("get pod pi-0");
    assert_eq!(pod["status"]["containerStatuses"][0]["name"], "pi");
    supd.ctl(&format!("diff -f {pi}")).ok().stdout_is("");
    supd.ctl(&format!("apply -f {pi}")).ok().stdout_is("job.batch/pi unchanged\n");
    supd.ctl(&format!("delete -f {pi}")).ok();
    supd.ctl("get job pi").code(4);
    assert_eq!(fs::read_dir(supd.path().join("state/units")).unwrap().count(), 0);
    supd.ctl(&format!("delete -f {pi}")).code(5).stderr_has("job.batch \"pi\" not found");
    supd.ctl(&format!("delete -f {pi} --ignore-not-found")).ok();
}

#[test]
fn what_is_kept_comes_back_with_supd() {
    let supd = Space::new().supd();
    let text = "kind: List\napiVersion: v1\nitems:\n- apiVersion: batch/v1\n  kind: CronJob\n  metadata: {name: hello}\n  spec:\n    schedule: '0 3 * * *'\n    jobTemplate:\n      spec:\n        template:\n          spec:\n            restartPolicy: OnFailure\n            containers:\n            - name: hello\n              command: [/bin/true]\n              envFrom: [{configMapRef: {name: words}}]\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: words}, data: {A: b}}\n";
    let list = write(&supd, "list.yaml", text);
    let said = supd.ctl(&format!("apply -f {list}")).ok();
    assert_eq!(said.stdout, "cronjob.batch/hello created\nconfigmap/words created\n");
    let mut kept: Vec<_> =
        fs::read_dir(supd.path().join("state/units")).unwrap().map(|e| e.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["configmap.words.yaml", "cronjob.hello.yaml"]);
    let cron = supd.json("get cronjob hello");
    assert_eq!(cron["spec"]["schedule"], "0 3 * * *");
    supd.ctl("daemon-reload").ok();
    supd.ctl("create job by-hand --from=cronjob/hello").ok();
    supd.wait("job/by-hand", "condition=complete");
    let changed = write(
        &supd,
        "words.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\ndata: {A: c}\n",
    );
    supd.ctl(&format!("apply -f {changed}")).ok().stdout_is("configmap/words configured\n");
    supd.ctl(&format!("delete -f {list}")).ok().stdout_has("configmap \"words\" deleted");
}

#[test]
fn nothing_is_half_applied() {
    let supd = Space::new().supd();
    let bad = format!(
        "{PI}---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: typo}}\nspec:\n  compeltions: 3\n"
    );
    let path = write(&supd, "bad.yaml", &bad);
    let said = supd.ctl(&format!("apply -f {path}")).code(78);
    let said = said.stderr_has("unknown field `compeltions`").stderr_has("did you mean `completions`?");
    said.stderr_has(&format!("{path}:24:3"));
    supd.ctl("get job pi").code(4);
    assert_eq!(fs::read_dir(supd.path().join("state/units")).unwrap().count(), 0);
    let big = write(&supd, "big.yaml", &"# padding\n".repeat(200_000));
    supd.ctl(&format!("apply -f {big}")).code(78).stderr_has("longer than");
}

#[test]
fn ten_thousand_documents_are_read_in_bounded_time() {
    let supd = Space::new().supd();
    let one = |n: usize| {
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\ndata: {{a: b}}\n")
    };
    let path = write(&supd, "many.yaml", &(0..10_000).map(one).collect::<String>());
    let said = supd.ctl(&format!("apply -f {path} --dry-run")).ok();
    assert_eq!(said.stdout.lines().count(), 10_000);
}

#[test]
fn a_pod_keeps_its_name_and_gets_variables_from_configs() {
    let supd = Space::new().supd();
    let text = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {COLOUR: "blue$", other.key: x}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
data: {password: aHVudGVyMg==}
---
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  restartPolicy: Never
  containers:
  - name: reader
    image: busybox
    command: [/bin/sh, -c, 'echo "$0 $PASSWORD $COLOUR" > @/out', $(COLOUR)]
    envFrom: [{configMapRef: {name: settings}}]
    env:
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: keys, key: password}}}
"#;
    let path = write(&supd, "reader.yaml", text);
    let said = supd.ctl(&format!("apply -f {path}")).ok();
    assert_eq!(said.stdout, "configmap/settings created\nsecret/keys created\npod/reader created\n");
    assert_eq!(supd.wait_file("out", "hunter2"), "blue$ hunter2 blue$\n");
    assert_eq!(supd.ended("reader")["exitCode"], 0);
}

#[test]
fn manifests_stand_beside_unit_files() {
    let space = Space::new().unit("plain", "exec = ['sleep', 'inf']");
    fs::write(
        space.path().join("units/beside.yaml"),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: beside}\nspec: {containers: [{name: main, command: [/bin/sleep, inf]}]}\n",
    )
    .unwrap();
    let supd = space.supd();
    supd.wait("beside", "ready");
    supd.wait("plain", "ready");
    assert!(supd.pid("beside") > 0);
}
