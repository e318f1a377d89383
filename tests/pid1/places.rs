//! Places that lack something: supd starts in each of them, runs what it is told, and ends with its code.
#![allow(clippy::disallowed_types)] // A test has children of its own.

use std::process::Command;

use super::space::{Output, Space, output};

/// The essential unit of a container: says something, and ends with a code that nothing else ends with.
const ESSENTIAL: &str = "exec = ['/bin/sh', '-c', 'echo hello; exit 33']\nessential = true\n\
                         [logs]\nstdout = 'inherit'";

const NAMESPACE: &str = "unshare --fork --pid --mount-proc --kill-child";

/// Ids that no account has.
const NOBODYS: &str = "setpriv --reuid=4242 --regid=4242 --clear-groups";

#[track_caller]
fn says_hello(out: &Output) {
    assert_eq!(out.code, 33, "{out:#?}");
    assert!(out.stdout.contains("hello"), "{out:#?}");
}

/// Starts supd behind these words; all its directories are where it may write, whoever it is.
#[track_caller]
fn starts_behind(space: Space, words: &str) -> Output {
    let words: Vec<&str> = words.split_whitespace().collect();
    let out = space.wrap(&words).unit("main", ESSENTIAL).supd_output();
    says_hello(&out);
    out
}

/// Starts supd after a shell script has made the place at /mnt, on its own defaults but the units.
#[track_caller]
fn starts_after(script: &str, user: &str) -> Output {
    let space = Space::new().unit("main", ESSENTIAL);
    let script = format!("set -e; mount --bind / /mnt; {script}; exec chroot /mnt \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--fork", "--pid", "--mount", "--mount-proc", "--kill-child", "sh", "-c", &script, "sh"]);
    command.args(user.split_whitespace()).arg(env!("CARGO_BIN_EXE_supd"));
    command.arg("--units").arg(space.path().join("units")).env_clear().env("PATH", env!("PATH"));
    let out = output(&mut command);
    says_hello(&out);
    out
}

/// /dev as container managers make it, as far as it matters.
const DEV: &str = "mount -t tmpfs d /mnt/dev; for n in null zero urandom; do touch /mnt/dev/$n; \
                   mount --bind /dev/$n /mnt/dev/$n; done; mkdir -m 1777 /mnt/dev/shm";

/// A root that can only be read, with nothing of this machine's own below /run and /var.
const READ_ONLY: &str =
    "mount -t tmpfs -o ro t /mnt/var; mount -o remount,bind,ro /mnt; mount -t proc p /mnt/proc";

#[test]
fn a_bare_namespace() {
    starts_behind(Space::new(), NAMESPACE);
}

#[test]
fn without_a_pid_namespace_of_our_own() {
    starts_behind(Space::new().arg("--exit-when-done"), "env --");
}

/// As `--pid=host` and `shareProcessNamespace` have it: whoever has started supd is in another mount namespace, and a
/// container manager has left its mark. All is as it would be as PID 1.
#[test]
fn the_main_process_of_a_container_that_shares_a_pid_namespace() {
    let unit = "shell = 'echo $PLACE; exit 7'\nrestart_policy = 'Never'\nessential = true\n";
    let of = |words: &[&str]| {
        Space::new().wrap(words).env("container", "podman").env("PLACE", "passed").unit("app", unit)
    };
    let out = of(&["unshare", "--mount"]).supd_output();
    assert_eq!(out.code, 7, "{}", out.stderr);
    assert!(out.stderr.contains("runs as the main process of a container (podman)"), "{}", out.stderr);
    assert!(out.stdout.contains("passed"), "{}", out.stdout);

    // By hand, from a shell in there, it is what it is elsewhere.
    let supd = of(&["env"]).supd();
    assert_eq!(supd.ended("app-0")["exitCode"], 7);
    let told = supd.own_output();
    assert!(told.contains("runs as a subreaper (podman)"), "{told}");
    assert_eq!(supd.stop(), 0);
}

#[test]
fn an_id_that_no_account_has() {
    starts_behind(Space::new().with_user(4242), &format!("{NAMESPACE} {NOBODYS}"));
}

#[test]
fn no_capabilities() {
    let words = "setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs";
    starts_behind(Space::new(), &format!("{NAMESPACE} {words}"));
}

#[test]
fn a_user_namespace() {
    starts_behind(Space::new(), "unshare --user --map-root-user --fork --pid --mount-proc --kill-child");
}

#[test]
fn nothing_below_proc_dev_and_sys() {
    let script = "mount -t tmpfs t /proc; mount -t tmpfs t /dev; mount -t tmpfs t /sys; exec \"$@\"";
    let space = Space::new().unit("main", ESSENTIAL);
    let words = ["unshare", "--fork", "--pid", "--mount", "--kill-child", "sh", "-c", script, "sh"];
    says_hello(&space.wrap(&words).supd_output());
}

#[test]
fn no_cgroup_that_can_be_written() {
    let script = "mount -t tmpfs -o ro t /sys/fs/cgroup; exec \"$@\"";
    let space = Space::new().unit("main", ESSENTIAL);
    let words = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child", "sh", "-c", script, "sh"];
    says_hello(&space.wrap(&words).supd_output());
}

#[test]
fn a_root_that_can_only_be_read_with_a_tmpfs_for_run() {
    let out = starts_after(&format!("mount -t tmpfs t /mnt/run; {DEV}; {READ_ONLY}"), "");
    assert!(out.stderr.contains("/var/lib/supd"), "it says what is not kept: {out:#?}");
}

#[test]
fn a_root_that_can_only_be_read_with_nothing_for_run() {
    let out = starts_after(&format!("mount -t tmpfs -o ro t /mnt/run; {DEV}; {READ_ONLY}"), "");
    assert!(out.stderr.contains("/dev/shm/supd-0"), "it says what it uses: {out:#?}");
}

#[test]
fn an_id_that_no_account_has_on_a_root_that_can_only_be_read() {
    starts_after(&format!("mount -t tmpfs t /mnt/run; {DEV}; {READ_ONLY}"), NOBODYS);
}
