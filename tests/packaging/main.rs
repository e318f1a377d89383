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
    let built = Command::new("packaging/build-deb")
        .args([programs, out])
        .env("VERSION", version)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the script runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    PathBuf::from(String::from_utf8(built.stdout).expect("a path").trim())
}

#[test]
fn the_package_installs_upgrades_while_services_run_and_is_removed() {
    let out = tempfile::tempdir().expect("room for two packages");
    let (one, two) = (build("0.1.0~test+1", out.path()), build("0.1.0~test+2", out.path()));
    let tried = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--", "bash", "tests/packaging/try.sh"])
        .args([one, two])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&tried.stdout);
    if let Some(why) = said.strip_prefix("SKIPPED: ") {
        return skipped("the package in a copy of this system", why.trim());
    }
    let errors = String::from_utf8_lossy(&tried.stderr);
    assert_eq!(said, "installed\nrunning\nupgraded while it ran\nremoved\npurged\n", "{errors}");
    assert!(tried.status.success(), "{errors}");
}
