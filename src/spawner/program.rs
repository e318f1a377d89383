//! Which file is executed, and why it could not be.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::prepare::Trouble;
use crate::wire::run::Step;

/// Where a bare name is looked for when the environment has no PATH.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The paths that a name stands for, in order. A name with `/` is a path already. Places of PATH that are not
/// absolute are left out: they would mean something else in every working directory.
pub(super) fn candidates(name: &[u8], path: Option<&[u8]>) -> Vec<Vec<u8>> {
    if name.contains(&b'/') {
        return vec![name.to_vec()];
    }
    let places = path.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':');
    places.filter(|place| place.starts_with(b"/")).map(|place| [place, b"/", name].concat()).collect()
}

/// Says why exec failed, in terms of what the user wrote. `errno` is what the last try gave.
pub(super) fn explain(name: &[u8], tried: &[Vec<u8>], directory: Option<&[u8]>, errno: i32) -> Trouble {
    if errno == libc::ENOENT {
        let base = Path::new(OsStr::from_bytes(directory.unwrap_or(b"/")));
        for path in tried {
            // The program is there, so what is missing is what it needs to run.
            if let Some(interpreter) = interpreter(&base.join(OsStr::from_bytes(path))) {
                return Trouble::new(Step::Interpreter, errno, interpreter);
            }
        }
        if !name.contains(&b'/') {
            return Trouble::new(Step::Path, errno, name.to_vec());
        }
    }
    let one = if tried.len() == 1 { tried.first().map_or(name, Vec::as_slice) } else { name };
    Trouble::new(Step::Exec, errno, one.to_vec())
}

/// What a program says should run it: the word after `#!`, or the loader of an ELF file.
fn interpreter(path: &Path) -> Option<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut head = Vec::new();
    file.take(4096).read_to_end(&mut head).ok()?;
    match head.strip_prefix(b"#!") {
        Some(line) => {
            let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii_start();
            let word = line.split(|byte| byte.is_ascii_whitespace()).next()?;
            (!word.is_empty()).then(|| word.to_vec())
        }
        None => loader(&head),
    }
}

/// PT_INTERP of a 64-bit ELF file, where its beginning holds it.
fn loader(head: &[u8]) -> Option<Vec<u8>> {
    const PT_INTERP: u64 = 3;
    if !head.starts_with(b"\x7fELF\x02") {
        return None;
    }
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = head.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    let index = |value: u64| usize::try_from(value).ok();
    let (table, size, count) = (index(number(32, 8)?)?, index(number(54, 2)?)?, number(56, 2)?);
    for entry in 0..index(count)? {
        let at = table.checked_add(size.checked_mul(entry)?)?;
        if number(at, 4)? == PT_INTERP {
            let (begin, length) =
                (index(number(at.checked_add(8)?, 8)?)?, index(number(at.checked_add(32)?, 8)?)?);
            let text = head.get(begin..begin.checked_add(length)?)?;
            return Some(text.strip_suffix(b"\0").unwrap_or(text).to_vec());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths() {
        let list = |name: &str, path: Option<&str>| candidates(name.as_bytes(), path.map(str::as_bytes));
        assert_eq!(list("./run", Some("/bin")), [b"./run"]);
        assert_eq!(list("x", Some("/a:relative::/b")), [b"/a/x", b"/b/x"]);
        assert_eq!(list("x", None).len(), 6);
        assert!(list("x", Some("")).is_empty());
    }

    #[test]
    fn failures_name_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, "#! /bin/foo -x\n").unwrap();
        let script = script.as_os_str().as_bytes().to_vec();
        let missing = explain(&script, std::slice::from_ref(&script), None, libc::ENOENT);
        assert_eq!((missing.step, missing.detail.as_slice()), (Step::Interpreter, b"/bin/foo".as_slice()));
        let relative = explain(
            b"./script",
            &[b"./script".to_vec()],
            Some(dir.path().as_os_str().as_bytes()),
            libc::ENOENT,
        );
        assert_eq!(relative.step, Step::Interpreter);
        let bare = explain(b"nope", &[b"/a/nope".to_vec(), b"/b/nope".to_vec()], None, libc::ENOENT);
        assert_eq!((bare.step, bare.detail.as_slice()), (Step::Path, b"nope".as_slice()));
        let denied = explain(b"/etc", &[b"/etc".to_vec()], None, libc::EACCES);
        assert_eq!((denied.step, denied.detail.as_slice()), (Step::Exec, b"/etc".as_slice()));
    }

    #[test]
    fn the_loader_of_a_real_program() {
        let own = std::env::current_exe().unwrap();
        let loader = interpreter(&own);
        // A static test program has none.
        assert!(loader.is_none_or(|loader| loader.starts_with(b"/")));
        assert_eq!(super::loader(b"\x7fELF\x02"), None);
    }
}
