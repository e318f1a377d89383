//! Goal: a manifest that is wrong changes nothing, however it is wrong, and what is said names the file, the
//! line and the column. Time and memory are bounded, whatever is in it.
//! Method: one mistake each, through the real supctl, beside a job that is there; the peak of the manager's memory from /proc, a
//! limit on that of supctl.
//! The words of more mistakes: `tests/golden/manifests/bad`.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};

use super::space::{Output, Space, Supd, output};

/// A job that is well, and stays as it is.
const GOOD: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: good}\nspec:\n  suspend: true\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: main, command: [/bin/true]}]\n";

/// More than supctl and the manager ever take for a manifest, and far less than what is thrown at them.
const PEAK_KILOBYTES_MAX: u64 = 160 * 1024;

/// A job's manifest with some lines in its spec.
fn job(spec: &str) -> String {
    let head = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: bad}\nspec:\n";
    let template = "  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: main, command: [/bin/true]}]\n";
    format!("{head}{spec}{template}")
}

/// A supd with something in it.
fn place() -> Supd {
    let supd = Space::new().unit("plain", "exec = ['/bin/sleep', 'infinity']\n").supd();
    supd.wait("plain", "ready");
    let path = supd.path().join("good.yaml");
    fs::write(&path, GOOD).unwrap();
    supd.ctl(&format!("apply -f {}", path.display())).ok().stdout_is("job.batch/good created\n");
    supd
}

/// What supd has: its units, its objects, and the files it keeps.
fn inventory(supd: &Supd) -> String {
    let names =
        ["jobs", "pods", "cronjobs", "services"].map(|noun| supd.ctl(&format!("get {noun} -o name")).stdout);
    let mut kept: Vec<_> = fs::read_dir(supd.path().join("state/units"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    kept.sort();
    let text =
        kept.iter().map(|name| fs::read_to_string(supd.path().join("state/units").join(name)).unwrap());
    format!(
        "{names:?} {kept:?} {:?} {} {}",
        text.collect::<Vec<_>>(),
        supd.uid("unit/good"),
        supd.pid("plain-0")
    )
}

/// The most memory a process has had, in kilobytes.
fn peak(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The command line of a supctl that can have no more memory than that.
fn bounded(supd: &Supd, words: &[&str]) -> Command {
    let supctl = supd.space().supctl_command(words);
    let mut command = Command::new("prlimit");
    command.arg(format!("--data={}", PEAK_KILOBYTES_MAX * 1024)).arg(supctl.get_program());
    command.args(supctl.get_args()).env_remove("SUPD_SOCKET");
    command
}

/// `apply -f` refuses a file, and nothing else happens.
#[track_caller]
fn refused(supd: &Supd, name: &str, content: &[u8]) -> Output {
    let path = supd.path().join(name);
    fs::write(&path, content).unwrap();
    refused_path(supd, path.to_str().unwrap())
}

#[track_caller]
fn refused_path(supd: &Supd, path: &str) -> Output {
    let (before, manager) = (inventory(supd), supd.role("manager"));
    let said = output(&mut bounded(supd, &["apply", "-f", path])).code(78).stdout_is("");
    assert_eq!(inventory(supd), before, "{path}");
    assert_eq!(supd.role("manager"), manager, "{path}");
    assert!(peak(manager) < PEAK_KILOBYTES_MAX, "{} kB for {path}", peak(manager));
    said
}

/// Refused at this place of the file, which is told once, in these words.
#[track_caller]
fn refused_at(supd: &Supd, name: &str, content: &str, place: &str, words: &[&str]) {
    let said = refused(supd, name, content.as_bytes());
    let place = format!("{}:{place}", supd.path().join(name).display());
    assert_eq!(said.stderr.matches(&place).count(), 1, "{}", said.stderr);
    words.iter().fold(said, |said, words| said.stderr_has(words));
}

#[test]
fn mistakes_are_named_with_their_places() {
    let supd = place();
    let version = job("").replace("batch/v1", "batch/v2alpha1");
    refused_at(
        &supd,
        "version.yaml",
        &version,
        "1:13",
        &["there is no `Job` of `batch/v2alpha1`", "`apiVersion: batch/v1`"],
    );
    refused_at(
        &supd,
        "misspelt.yaml",
        &job("  paralelism: 2\n"),
        "5:3",
        &["unknown field `paralelism`", "did you mean `parallelism`?"],
    );
    refused_at(
        &supd,
        "type.yaml",
        &job("  completions: \"3\"\n"),
        "5:16",
        &["`completions` takes an integer", "without quotes"],
    );
    refused_at(
        &supd,
        "twice.yaml",
        &job("  completions: 3\n  completions: 4\n"),
        "6:3",
        &["`completions` is written twice"],
    );
    refused_at(
        &supd,
        "large.yaml",
        &job("  completions: 2147483648\n"),
        "5:16",
        &["out of range", "0 to 2147483647"],
    );
    refused_at(&supd, "syntax.yaml", &job("  completions: [3\n"), "6:11", &["this is no YAML"]);
    let image = job("").replace("command: [/bin/true]", "image: busybox");
    refused_at(&supd, "image.yaml", &image, "8:27", &["has no `command`"]);
    let other = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: web}\n";
    refused_at(&supd, "claim.yaml", other, "2:7", &["`PersistentVolumeClaim` cannot be honoured here"]);
    let other = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: web}\n";
    refused_at(&supd, "widget.yaml", other, "2:7", &["unknown kind `Widget`", "supd runs Pod, Job"]);
}

#[test]
fn jvl_001_a_job_that_is_always_restarted() {
    let always = job("").replace("Never", "Always");
    refused_at(
        &place(),
        "always.yaml",
        &always,
        "7:22",
        &["`restartPolicy: Always` in a Job", "`OnFailure` runs a failed pod again"],
    );
}

#[test]
fn jvl_003_and_004_more_indexes_than_can_be_counted() {
    let supd = place();
    let many =
        "  completionMode: Indexed\n  completions: 100001\n  parallelism: 2\n  backoffLimitPerIndex: 1\n";
    refused_at(
        &supd,
        "many.yaml",
        &job(many),
        "6:16",
        &["so many indexes need `maxFailedIndexes`", "JVL-004"],
    );
    let wide = "  completionMode: Indexed\n  completions: 200000\n  parallelism: 100001\n";
    refused_at(
        &supd,
        "wide.yaml",
        &job(wide),
        "7:16",
        &["`parallelism: 100001` is out of range", "0 to 100000"],
    );
    // As many of them are Kubernetes' own limit; so they are taken.
    let most =
        job("  suspend: true\n  completionMode: Indexed\n  completions: 100001\n  parallelism: 100000\n");
    let path = supd.path().join("most.yaml");
    fs::write(&path, most).unwrap();
    supd.ctl(&format!("apply -f {} --dry-run=server", path.display())).ok();
}

#[test]
fn crn_a_zone_within_a_schedule() {
    let spec = "    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          containers: [{name: main, command: [/bin/true]}]\n";
    let cron = |schedule: &str| {
        format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: bad}}\nspec:\n  schedule: \"{schedule}\"\n  jobTemplate:\n{spec}"
        )
    };
    let supd = place();
    for zone in ["TZ", "CRON_TZ"] {
        let text = cron(&format!("{zone}=UTC 0 0 * * *"));
        refused_at(&supd, "zone.yaml", &text, "5:13", &["a schedule has no zone within it", "timeZone: UTC"]);
    }
    refused_at(&supd, "fields.yaml", &cron("0 0 * *"), "5:", &["cannot be read"]);
}

#[test]
fn what_is_for_more_than_one_host_is_named_and_changes_nothing() {
    let supd = place();
    let before = inventory(&supd);
    for (version, kind) in [
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
        ("v1", "Namespace"),
        ("policy/v1", "PodDisruptionBudget"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("networking.k8s.io/v1", "Ingress"),
    ] {
        let path = supd.path().join("other.yaml");
        fs::write(
            &path,
            format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web}}\nspec: {{}}\n"),
        )
        .unwrap();
        let said = supd.ctl(&format!("apply -f {}", path.display())).ok();
        let said = said.stderr_has(&format!("warning[W0209]: a `{kind}` has no meaning here"));
        assert_eq!(said.stderr.matches("other.yaml:2:7").count(), 1, "{}", said.stderr);
    }
    assert_eq!(inventory(&supd), before);
}

#[test]
fn bombs_take_no_time_and_no_memory() {
    let supd = place();
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let row = format!("*a{}, ", level - 1).repeat(10);
        aliases += &format!("a{level}: &a{level} [{row}]\n");
    }
    let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: bomb}}\n{aliases}");
    refused_at(&supd, "aliases.yaml", &text, "", &["more than 550000 values"]);
    let deep = format!("apiVersion: v1\nkind: Pod\nmetadata: {}", "[".repeat(500_000));
    refused_at(&supd, "deep.yaml", &deep, "3:", &["more than 40 levels"]);
    let nested: String = (0..700).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    refused_at(&supd, "nested.yaml", &nested, "", &["more than 40 levels"]);
    let long = format!("kind: {}\n", "x".repeat(1_000_000));
    let said = refused(&supd, "long.yaml", long.as_bytes());
    assert!(said.stderr.len() < 10_000, "a fault is short: {} bytes", said.stderr.len());
    let wrong: String = (0..50_000).map(|n| format!("f{n}: {n}\n")).collect();
    let said = refused(&supd, "wrong.yaml", format!("{}{wrong}", job("")).as_bytes());
    assert!(said.stderr.len() < 1_000_000, "so many faults are not told: {} bytes", said.stderr.len());
}

#[test]
fn a_file_of_a_hundred_megabytes_is_not_read() {
    let supd = place();
    // Holes take no room on the disk, and are read as zeros.
    let path = supd.path().join("huge.yaml");
    File::create(&path).unwrap().set_len(100 << 20).unwrap();
    refused_path(&supd, path.to_str().unwrap())
        .stderr_has("huge.yaml")
        .stderr_has("longer than a unit file may be");
    refused_path(&supd, "/dev/zero").stderr_has("longer than");
    // By standard input, as well.
    let mut command = bounded(&supd, &["apply", "-f", "-"]);
    let said = output(command.stdin(Stdio::from(File::open(&path).unwrap()))).code(78);
    said.stderr_has("longer than");
    // Each may pass; all together are more than one request takes.
    let many = supd.path().join("many");
    fs::create_dir(&many).unwrap();
    for number in 0..40 {
        fs::write(many.join(format!("{number}.yaml")), "# padding\n".repeat(100_000)).unwrap();
    }
    refused_path(&supd, many.to_str().unwrap()).stderr_has("bytes in all");
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let supd = place();
    let at = |name: &str| supd.path().join(name);
    nix::unistd::mkfifo(&at("fifo.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let fifo = at("fifo.yaml").to_str().unwrap().to_owned();
    refused_path(&supd, &fifo).stderr_has("fifo.yaml").stderr_has("a FIFO that nobody writes to");
    fs::create_dir(at("folder.yaml")).unwrap();
    refused_path(&supd, at("folder.yaml").to_str().unwrap()).stderr_has("has no unit files and no manifests");
    refused_path(&supd, at("none.yaml").to_str().unwrap()).stderr_has("none.yaml").stderr_has("no such file");
    let _listener = std::os::unix::net::UnixListener::bind(at("socket.yaml")).unwrap();
    refused_path(&supd, at("socket.yaml").to_str().unwrap()).stderr_has("socket.yaml");
    // A FIFO that somebody writes to is a file like others: the shell's `<(…)`.
    let writer = std::thread::spawn(move || {
        let mut fifo = File::options().write(true).open(fifo).unwrap();
        fifo.write_all(GOOD.replace("good", "piped").as_bytes()).unwrap();
    });
    let said = supd.ctl_args(&["apply", "-f", at("fifo.yaml").to_str().unwrap()]).ok();
    said.stdout_is("job.batch/piped created\n");
    writer.join().unwrap();
}

#[test]
fn bytes_that_are_no_text() {
    let supd = place();
    let latin = b"apiVersion: batch/v1\nkind: Job\nmetadata: {name: caf\xe9}\n";
    refused(&supd, "latin.yaml", latin).stderr_has("latin.yaml:3:21: this is not UTF-8");
    refused(&supd, "nul.yaml", b"apiVersion: batch/v1\nkind: Job\0\n")
        .stderr_has("nul.yaml")
        .stderr_has("NUL");
    refused(&supd, "utf16.yaml", b"\xff\xfea\0p\0i\0").stderr_has("utf16.yaml");
    let noise: Vec<u8> = (0..64 * 1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    refused(&supd, "noise.yaml", &noise).stderr_has("noise.yaml");
}

#[test]
fn the_second_document_spoils_the_first() {
    let supd = place();
    let changed = GOOD.replace("suspend: true", "suspend: false");
    let text = format!("{}---\n{changed}---\n{}", GOOD.replace("good", "first"), job("  paralelism: 2\n"));
    refused_at(&supd, "two.yaml", &text, "25:3", &["unknown field `paralelism`"]);
    // The same, where only all of it together is wrong.
    let text = format!("{}---\n{}", job(""), job(""));
    refused_at(&supd, "same.yaml", &text, "12:18", &["there are two units `bad`"]);
    // The same of two files.
    let (good, bad) = (supd.path().join("a.yaml"), supd.path().join("b.yaml"));
    fs::write(&good, GOOD.replace("good", "first")).unwrap();
    fs::write(&bad, job("  paralelism: 2\n")).unwrap();
    let before = inventory(&supd);
    let said = supd.ctl(&format!("apply -f {} -f {}", good.display(), bad.display())).code(78);
    said.stderr_has("b.yaml:5:3");
    assert_eq!(inventory(&supd), before);
}
