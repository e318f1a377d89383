//! File systems: what the kernel shows, and where supd and programs can write.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use super::check::{Check, Group};
use super::survey::{Site, Survey};
use crate::place::kernel_files::PARTS;
use crate::settings::substitute_runtime_dir;

pub(super) fn group(survey: &Survey) -> Group {
    let mut checks: Vec<Check> = PARTS
        .iter()
        .map(|part| match part.is_missing() {
            false => Check::yes(part.path, "there"),
            true => Check::degraded(part.path, part.without).remedy(match survey.site {
                Site::Container if part.path == "/dev/shm" => "`--tmpfs /dev/shm`".to_owned(),
                Site::Container => "a container manager that provides it".to_owned(),
                Site::Machine | Site::Host => format!("`{}`", part.remedy),
            }),
        })
        .collect();
    checks.push(writable("/run", "programs cannot write their sockets and pid files there", survey.site));
    checks.push(writable("/tmp", "programs find no place for temporary files", survey.site));
    checks.push(root());
    // Of a supd that answers its own group tells.
    if survey.supd().is_none() {
        checks.extend(own_directories(survey));
    }
    Group::of("File systems", survey.whose_looks(), checks)
}

fn writable(path: &'static str, without: &str, site: Site) -> Check {
    match may_write(Path::new(path)) {
        Ok(()) => Check::yes(path, "can be written"),
        Err(errno) => {
            let check = Check::degraded(path, format!("{without} ({})", words(errno)));
            match site {
                Site::Container => check.remedy(format!("`--tmpfs {path}`")),
                Site::Machine | Site::Host => check.remedy(format!("`mount -t tmpfs tmpfs {path}`")),
            }
        }
    }
}

fn root() -> Check {
    match may_write(Path::new("/")) {
        Ok(()) => Check::yes("/", "can be written"),
        Err(Errno::EROFS) => Check::yes("/", "can only be read"),
        Err(_) => Check::yes("/", "belongs to somebody else"),
    }
}

/// Where a supd that this account starts would keep its things.
fn own_directories(survey: &Survey) -> Vec<Check> {
    let Some(settings) = &survey.settings else {
        let words = "this account has no directories for supd: neither a home nor XDG_RUNTIME_DIR";
        return vec![Check::no("runtime directory", words).remedy("`--runtime-dir DIR`")];
    };
    let runtime = match creatable(&settings.runtime_dir) {
        Ok(()) => Check::yes("runtime directory", settings.runtime_dir.display().to_string()),
        Err(errno) => no_runtime_directory(&settings.runtime_dir, errno, survey.site),
    };
    let mut checks = vec![runtime];
    for (name, directory, without) in [
        ("state directory", &settings.state_dir, "what has happened is forgotten when supd ends"),
        ("log directory", &settings.log_dir, "what runs print is only shown where `inherit` sends it"),
    ] {
        checks.push(match creatable(directory) {
            Ok(()) => Check::yes(name, directory.display().to_string()),
            Err(errno) => {
                let means =
                    format!("{without}: {} cannot be written ({})", directory.display(), words(errno));
                Check::degraded(name, means).remedy("a volume there that supd's user may write")
            }
        });
    }
    checks
}

fn no_runtime_directory(wanted: &Path, errno: Errno, site: Site) -> Check {
    const NAME: &str = "runtime directory";
    let substitute = substitute_runtime_dir(nix::unistd::geteuid().as_raw());
    let refused = format!("{} cannot be written ({})", wanted.display(), words(errno));
    match site == Site::Container && creatable(&substitute).is_ok() {
        true => Check::degraded(NAME, format!("{refused}: {} is used instead", substitute.display()))
            .remedy("`--tmpfs /run`"),
        false => Check::no(NAME, refused).remedy("`--tmpfs /run`, or `--runtime-dir DIR`"),
    }
}

/// Whether a directory can be written, or made.
fn creatable(directory: &Path) -> Result<(), Errno> {
    let mut path = PathBuf::from(directory);
    loop {
        match may_write(&path) {
            Err(Errno::ENOENT) if path.pop() => {}
            other => return other,
        }
    }
}

fn may_write(path: &Path) -> Result<(), Errno> {
    access(path, AccessFlags::W_OK | AccessFlags::X_OK)
}

fn words(errno: Errno) -> String {
    errno.desc().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_may_be_made() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(creatable(&dir.path().join("a/b/c")), Ok(()));
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(creatable(&dir.path().join("file/below")).is_err());
    }
}
