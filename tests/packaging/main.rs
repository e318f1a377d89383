//! Goal: the Debian package installs, upgrades under what runs, and goes without a trace.
//! Method: two versions of it are built from the programs of this build, and used in an overlay of this system, in
//! namespaces that end with the test.

#[path = "../e2e/skipped.rs"]
mod skipped;

use std::path::{Path, PathBuf};
use std::process::Command;

use skipped::skipped;

fn build(version: &str, out: &Path) -> PathBuf {
    let programs = Path::new(env!("CARGO_BIN_EXE_supd")).parent().expect("it is in a directory");
    run_build("packaging/build-deb", &[programs, out], version)
}

fn build_init(version: &str, out: &Path) -> PathBuf {
    run_build("packaging/build-deb-init", &[out], version)
}

fn run_build(script: &str, arguments: &[&Path], version: &str) -> PathBuf {
    let built = Command::new(script)
        .args(arguments)
        .env("VERSION", version)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the script runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    PathBuf::from(String::from_utf8(built.stdout).expect("a path").trim())
}

/// In a copy of this system, which ends with the script.
fn try_out(script: &str, packages: &[PathBuf], expected: &[&str]) {
    let tried = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--", "bash", script])
        .args(packages)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&tried.stdout);
    if let Some(why) = said.strip_prefix("SKIPPED: ") {
        return skipped("the package in a copy of this system", why.trim());
    }
    let errors = String::from_utf8_lossy(&tried.stderr);
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{errors}");
    assert!(tried.status.success(), "{errors}");
}

#[test]
fn the_package_installs_upgrades_while_services_run_and_is_removed() {
    let out = tempfile::tempdir().expect("room for two packages");
    let packages = ["0.1.0~test+1", "0.1.0~test+2"].map(|version| build(version, out.path()));
    let expected = ["installed", "running", "upgraded while it ran", "removed", "purged"];
    try_out("tests/packaging/try.sh", &packages, &expected);
}

#[test]
fn the_package_that_diverts_init_comes_and_goes_and_leaves_the_init_of_before() {
    let out = tempfile::tempdir().expect("room for three packages");
    let supd = build("0.1.0~test+3", out.path());
    let [one, two] = ["0.1.0~test+1", "0.1.0~test+2"].map(|version| build_init(version, out.path()));
    let expected = [
        "supd alone leaves the init as it is",
        "init is supd",
        "the init of before can be asked until it is gone",
        "units follow what is installed",
        "crontabs are units",
        "a machine in use is not booted again",
        "upgraded",
        "the init of before is back",
        "supd goes on as the init that it is until the machine goes down",
    ];
    try_out("tests/packaging/try_init.sh", &[supd, one, two], &expected);
}
