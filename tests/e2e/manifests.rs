//! Goal: Kubernetes' manifests run as they are: `apply -f` makes of each object what kubectl says it makes,
//! `diff -f` and `delete -f` know the same objects, and nothing is half applied.
//! Method: manifests for programs that every Debian has, through the real supctl; what ran is read from the
//! files that it wrote.

use std::fs;

use super::rollout::versions;
use super::space::{Space, Supd, repository};

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
fn configs_are_files_and_volumes_go_with_their_pod() {
    let supd = Space::new().fifo("go").supd();
    let text = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {app.conf: "listen 80\n", other: x}
binaryData: {raw: AP8=}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: hunter2}
---
apiVersion: v1
kind: Pod
metadata: {name: files}
spec:
  restartPolicy: OnFailure
  containers:
  - name: files
    image: busybox
    command:
    - /bin/sh
    - -c
    - |
      [ "$SUPD_ATTEMPT" = 0 ] && { echo kept > @/scratch/left; exit 1; }
      cd @/etc
      { cat app.conf; od -An -tx1 raw; cat @/one.conf; stat -c %a @/all/deep/password; cat @/all/deep/password
        echo; cat @/all/name; echo; cat @/scratch/left; ls @/host
        touch @/etc/new 2>&1 | grep -c Read-only; } > @/out
      cat @/go
    volumeMounts:
    - {name: settings, mountPath: @/etc}
    - {name: settings, mountPath: @/one.conf, subPath: app.conf}
    - {name: all, mountPath: @/all}
    - {name: scratch, mountPath: @/scratch}
    - {name: host, mountPath: @/host, readOnly: true}
  volumes:
  - {name: settings, configMap: {name: settings}}
  - name: all
    projected:
      sources:
      - {secret: {name: keys, items: [{key: password, path: deep/password, mode: 0400}]}}
      - {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
  - {name: scratch, emptyDir: {}}
  - {name: host, hostPath: {path: @/units, type: Directory}}
"#;
    fs::write(supd.path().join("units/note"), "").unwrap();
    let path = write(&supd, "files.yaml", text);
    supd.ctl(&format!("apply -f {path}")).ok();
    let out = supd.wait_file("out", "1\n");
    assert_eq!(out, "listen 80\n 00 ff\nlisten 80\n400\nhunter2\nfiles\nkept\nnote\n1\n");
    // Nobody else sees them, and they are there for as long as the pod is.
    assert_eq!(fs::read_dir(supd.path().join("etc")).unwrap().count(), 0);
    let volumes = supd.path().join("run/volumes");
    assert_eq!(fs::read_dir(&volumes).unwrap().count(), 1);
    supd.release("go");
    supd.ended("files");
    supd.until_gone(&volumes);
}

#[test]
fn volumes_that_cannot_be_mounted_are_refused_in_words() {
    let supd = Space::new().with_user(12_345).supd();
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: files}\nspec:\n  restartPolicy: Never\n  containers:\n  - {name: main, command: [/bin/true], volumeMounts: [{name: scratch, mountPath: @/home/scratch}]}\n  volumes: [{name: scratch, emptyDir: {}}]\n";
    let path = write(&supd, "files.yaml", text);
    supd.ctl(&format!("apply -f {path}")).ok();
    let end = supd.ended("files");
    assert!(end["message"].as_str().unwrap().contains("only root may mount volumes"), "{end}");
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

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: sleeper
        image: busybox
        command: [/bin/sleep, infinity]
        env: [{name: VERSION, value: one}]
        readinessProbe: {exec: {command: [/bin/test, -e, @/one]}, periodSeconds: 1}
"#;

#[test]
fn a_deployment_rolls_out_is_scaled_and_is_deleted() {
    let supd = Space::new().supd();
    fs::write(supd.path().join("one"), "").unwrap();
    let done = "deployment \"web\" successfully rolled out\n";
    let web = write(&supd, "web.yaml", WEB);
    supd.ctl(&format!("apply -f {web}")).ok().stdout_is("deployment.apps/web created\n");
    supd.ctl("rollout status deployment/web").ok().stdout_has(done);
    assert_eq!(versions(&supd), ["one"; 3]);
    supd.ctl(&format!("apply -f {web}")).ok().stdout_is("deployment.apps/web unchanged\n");

    // Of three a quarter may be missing: none. A quarter may be too many: one (DEP-001). So no old pod goes
    // before a new one is ready.
    let web = write(&supd, "web.yaml", &WEB.replace("one", "two"));
    supd.ctl(&format!("diff -f {web}")).code(1).stdout_has("two");
    supd.ctl(&format!("apply -f {web}")).ok().stdout_is("deployment.apps/web configured\n");
    supd.until_pod("web-3", |main| main["state"]["running"].is_object());
    assert_eq!(versions(&supd), ["one", "one", "one", "two"]);
    fs::write(supd.path().join("two"), "").unwrap();
    supd.ctl("rollout status deployment/web").ok().stdout_has(done);
    assert_eq!(versions(&supd), ["two"; 3]);
    supd.ctl("rollout history deployment/web").ok().stdout_has("\n2 ");

    supd.ctl("scale deployment/web --replicas=5").ok();
    supd.ctl("rollout status deployment/web").ok();
    assert_eq!(versions(&supd), ["two"; 5]);
    supd.ctl("scale deployment/web --replicas=1").ok();
    supd.until("services", |web| web["status"]["replicas"] == 1);
    assert_eq!(versions(&supd), ["two"]);

    supd.ctl(&format!("delete -f {web}")).ok().stdout_is("deployment.apps \"web\" deleted\n");
    supd.ctl("get deployment web").code(4);
    assert_eq!(supd.json("get pods")["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(fs::read_dir(supd.path().join("state/units")).unwrap().count(), 0);
}

#[test]
fn a_chart_is_applied_with_all_that_stands_beside_its_workload() {
    let supd = Space::new().supd();
    let mut text = String::new();
    for (version, kind) in [
        ("v1", "Namespace"),
        ("v1", "ServiceAccount"),
        ("v1", "Service"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("policy/v1", "PodDisruptionBudget"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("networking.k8s.io/v1", "Ingress"),
    ] {
        text += &format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: web}}\n");
    }
    text += r#"---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: robot
      containers:
      - name: web
        image: nginx
        imagePullPolicy: IfNotPresent
        command: [/bin/sh, -c, 'echo "$CPUS $MEMORY $ACCOUNT" > @/out; exec sleep infinity']
        ports: [{name: http, containerPort: 80, protocol: TCP}]
        resources: {limits: {cpu: 1500m, memory: 64Mi}}
        env:
        - {name: CPUS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
        - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: requests.memory, divisor: 1Mi}}}
        - {name: ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
"#;
    let chart = write(&supd, "chart.yaml", &text);
    let said = supd.ctl(&format!("apply -f {chart}")).ok().stdout_is("deployment.apps/web created\n");
    said.stderr_has("a `Ingress` has no meaning here").stderr_has("a `Service` has no meaning here");
    assert_eq!(supd.wait_file("out", "robot"), "2 64 robot\n");
    supd.ctl(&format!("diff -f {chart}")).ok().stdout_is("");
    supd.ctl(&format!("delete -f {chart}")).ok().stdout_is("deployment.apps \"web\" deleted\n");
}

#[test]
fn cjb_020_each_level_has_its_own_labels_and_annotations() {
    let supd = Space::new().supd();
    let text = fs::read_to_string(repository("tests/golden/manifests/good/labels.yaml")).unwrap();
    let path = write(&supd, "labels.yaml", &text);
    supd.ctl(&format!("apply -f {path}")).ok();
    supd.ctl("create job by-hand --from=cronjob/nightly").ok();
    supd.wait("job/by-hand", "condition=complete");
    let cron = supd.json("get cronjob nightly");
    let job = supd.json("get job by-hand");
    let pod = supd.json("get pod by-hand-0");
    for (object, of) in [
        (&cron, "cronjob"),
        (&job, "job"),
        (&pod, "pod"),
        (&cron["spec"]["jobTemplate"], "job"),
        (&cron["spec"]["jobTemplate"]["spec"]["template"], "pod"),
        (&job["spec"]["template"], "pod"),
    ] {
        assert_eq!(object["metadata"]["labels"]["of"], of, "{object}");
        assert_eq!(object["metadata"]["annotations"]["note"], of, "{object}");
    }
    for object in [&job, &pod] {
        assert!(object["metadata"]["labels"]["team"].is_null(), "{object}");
    }
    supd.ctl("get pods -l of=pod -o name").ok().stdout_is("pod/by-hand-0\n");
}
