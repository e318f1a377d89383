//! What the examples are built on: Debian with the packages that they need, made with debootstrap, since containers
//! have no network here. Made once, and kept beside the build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the examples' own recipes would install.
const PACKAGES: &str = "nginx-light,php-fpm,php-cli,curl";

/// In memory, where no file waits for a disk; what no example reads is left out. The archive gets its name when it
/// is whole.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs base "$1"
debootstrap --variant=minbase --include="$2" bookworm "$1" >"$3.log" 2>&1 || { tail -n 3 "$3.log" >&2; exit 1; }
cd "$1"
rm -rf var/cache/apt/* var/lib/apt/lists/* usr/share/doc usr/share/man usr/share/locale
tar -cf "$3.new" .
mv "$3.new" "$3"
"#;

/// The archive of the base's files. The error says why there is none.
pub fn archive() -> Result<PathBuf, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let archive = place.join("examples-base-1.tar");
    if archive.exists() {
        return Ok(archive);
    }
    if Command::new("debootstrap").arg("--version").stdout(Stdio::null()).status().is_err() {
        return Err("debootstrap is not installed; tests/run does it".to_owned());
    }
    let root = place.join("examples-base");
    fs::create_dir_all(&root).unwrap();
    let mut make = Command::new("unshare");
    make.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(root).arg(PACKAGES).arg(&archive);
    let out = make.stdin(Stdio::null()).output().unwrap();
    if out.status.success() {
        return Ok(archive);
    }
    Err(format!("debootstrap cannot: {}", String::from_utf8_lossy(&out.stderr)))
}
