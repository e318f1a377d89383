//! The environment of a run: base, account, files, overrides, each stronger than the one before.

use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use super::accounts::User;
use super::prepare::Trouble;
use crate::limits::ENV_FILE_BYTES_MAX;
use crate::wire::plan::{EnvFile, Plan};
use crate::wire::run::{MARK, Step};

/// Variables in the order in which they were first set.
#[derive(Default)]
pub(super) struct Environment(Vec<Vec<u8>>);

impl Environment {
    /// Puts a plan's variables together. `account` is whose process it will be, `changed` whether that is
    /// another user than ours: then HOME and its like of the base are somebody else's.
    pub(super) fn build(plan: &Plan, account: Option<&User>, changed: bool) -> Result<Self, Trouble> {
        let mut environment = Self::default();
        for variable in &plan.base_env {
            environment.set(variable.clone());
        }
        if let Some(user) = account {
            let own: [(&[u8], &[u8]); 4] = [
                (b"HOME", &user.home),
                (b"USER", &user.name),
                (b"LOGNAME", &user.name),
                (b"SHELL", &user.shell),
            ];
            for (name, value) in own {
                if !value.is_empty() && (changed || environment.get(name).is_none()) {
                    environment.set([name, b"=", value].concat());
                }
            }
        }
        for file in &plan.env_files {
            environment.read(file)?;
        }
        for variable in &plan.env {
            environment.set(variable.clone());
        }
        Ok(environment)
    }

    /// Says which run this is, whatever the plan says.
    pub(super) fn sign(&mut self, mark: &[u8]) {
        let name = [MARK.as_bytes(), b"="].concat();
        self.0.retain(|variable| !variable.starts_with(&name));
        // First, so that whoever looks for it need not read the rest.
        self.0.insert(0, [&name, mark].concat());
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.0.iter().find_map(|variable| variable.strip_prefix(name)?.strip_prefix(b"="))
    }

    /// All of them, `KEY=VALUE`.
    pub(super) fn into_variables(self) -> Vec<Vec<u8>> {
        self.0
    }

    fn set(&mut self, variable: Vec<u8>) {
        let name = variable.iter().position(|byte| *byte == b'=').map_or(variable.len(), |at| at + 1);
        match self.0.iter_mut().find(|old| old.get(..name) == variable.get(..name)) {
            Some(old) => *old = variable,
            None => self.0.push(variable),
        }
    }

    fn read(&mut self, file: &EnvFile) -> Result<(), Trouble> {
        let text = match read_file(&file.path) {
            Ok(text) => text,
            Err(libc::ENOENT | libc::ENOTDIR) if file.optional => return Ok(()),
            Err(errno) => return Err(Trouble::new(Step::EnvFile, errno, file.path.clone())),
        };
        let variables = parse(&text).map_err(|line| {
            let place = [file.path.as_slice(), b":", line.to_string().as_bytes()].concat();
            Trouble::new(Step::EnvFile, 0, place)
        })?;
        for variable in variables {
            self.set(variable);
        }
        Ok(())
    }
}

/// Reads a regular file of bounded size; a FIFO or a device does not hold us up.
fn read_file(path: &[u8]) -> Result<Vec<u8>, i32> {
    let errno = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    let path = std::ffi::OsStr::from_bytes(path);
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(errno)?;
    let meta = file.metadata().map_err(errno)?;
    if meta.is_dir() {
        return Err(libc::EISDIR);
    }
    if !meta.is_file() {
        return Err(libc::EINVAL);
    }
    let mut text = Vec::new();
    file.take(ENV_FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(errno)?;
    if text.len() as u64 > ENV_FILE_BYTES_MAX { Err(libc::EFBIG) } else { Ok(text) }
}

/// `KEY=VALUE` lines: `#` begins a comment line, `export ` may stand before a key, a value may be quoted. In
/// double quotes `\` keeps `"`, `\`, `$` and `` ` `` from meaning anything, and `\n` and `\t` are a new line and a tab;
/// in single quotes nothing means anything. A quoted value may go over several lines. The number of the line
/// that is none of these is the error.
fn parse(text: &[u8]) -> Result<Vec<Vec<u8>>, usize> {
    let mut variables = Vec::new();
    let mut rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let begin = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).unwrap_or(rest.len());
        rest = rest.get(begin..).unwrap_or_default();
        match rest.first() {
            None => break,
            Some(b'\n') => {
                rest = &rest[1..];
                line += 1;
                continue;
            }
            Some(b'#') => {
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                rest = &rest[end..];
                continue;
            }
            Some(_) => {}
        }
        rest = rest.strip_prefix(b"export ").map_or(rest, <[u8]>::trim_ascii_start);
        let equals = rest.iter().position(|byte| matches!(byte, b'=' | b'\n')).ok_or(line)?;
        let (key, after) = rest.split_at(equals);
        let value = after.strip_prefix(b"=").ok_or(line)?;
        if !is_name(key) {
            return Err(line);
        }
        let mut variable = [key, b"="].concat();
        let taken = read_value(value, &mut variable).ok_or(line)?;
        line += value[..taken].iter().filter(|byte| **byte == b'\n').count();
        rest = &value[taken..];
        variables.push(variable);
    }
    Ok(variables)
}

/// Reads a value up to the end of its line; gives how many bytes it took. A value may be pieced together from
/// quoted and bare parts, as in a shell.
fn read_value(text: &[u8], into: &mut Vec<u8>) -> Option<usize> {
    let start = into.len();
    let mut at = 0;
    let mut solid = start;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'\n' => {
                at -= 1;
                break;
            }
            b'#' if into.len() > solid || at == 1 => {
                // A comment after white space, or in place of a value.
                at = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| at + end);
                break;
            }
            b'\'' => {
                let end = at + text[at..].iter().position(|byte| *byte == b'\'')?;
                into.extend_from_slice(&text[at..end]);
                at = end + 1;
                solid = into.len();
            }
            b'"' => {
                at = read_double_quoted(text, at, into)?;
                solid = into.len();
            }
            0 => return None,
            b' ' | b'\t' | b'\r' => into.push(*byte),
            _ => {
                into.push(*byte);
                solid = into.len();
            }
        }
    }
    // White space at the end of a line belongs to nobody.
    into.truncate(solid);
    let value = &into[start..];
    if value.contains(&0) { None } else { Some(at) }
}

fn read_double_quoted(text: &[u8], mut at: usize, into: &mut Vec<u8>) -> Option<usize> {
    loop {
        let byte = *text.get(at)?;
        at += 1;
        match byte {
            b'"' => return Some(at),
            b'\\' => {
                let escaped = *text.get(at)?;
                at += 1;
                match escaped {
                    b'"' | b'\\' | b'$' | b'`' => into.push(escaped),
                    b'n' => into.push(b'\n'),
                    b't' => into.push(b'\t'),
                    b'\n' => {}
                    other => into.extend_from_slice(&[b'\\', other]),
                }
            }
            other => into.push(other),
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    name.first().is_some_and(|first| !first.is_ascii_digit()) && name.iter().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<String>, usize> {
        let variables = parse(text.as_bytes())?;
        Ok(variables.into_iter().map(|variable| String::from_utf8(variable).unwrap()).collect())
    }

    #[test]
    fn files_of_variables() {
        let text = "\u{feff}# head\n\nA=1\n export B = no\n";
        assert_eq!(parsed(text), Err(4), "a blank before `=`");
        let text = "A=1\r\n  B=two words  # note\nexport C='$x # \"'\nD=\"a\\\"b\\\\c\\$d\\n\\q\"\nE=\nF=a'b'\"c\"d\nG=a#b\nH=#c\n\
                    I=\"two\nlines\"\nJ=last";
        let expected = [
            "A=1",
            "B=two words",
            "C=$x # \"",
            "D=a\"b\\c$d\n\\q",
            "E=",
            "F=abcd",
            "G=a#b",
            "H=",
            "I=two\nlines",
            "J=last",
        ];
        assert_eq!(parsed(text).unwrap(), expected);
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, line) in [
            ("A=1\nnonsense\n", 2),
            ("=x", 1),
            ("1A=x", 1),
            ("A B=x", 1),
            ("A='open\nB=2", 1),
            ("A=\"x\ny\"\nB=\"open", 3),
            ("A=\0", 1),
            ("\n\nexport\n", 3),
        ] {
            assert_eq!(parsed(text), Err(line), "{text:?}");
        }
    }

    #[test]
    fn the_stronger_wins_and_keeps_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        std::fs::write(&path, "HOME=/from/file\nX=file\n").unwrap();
        let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        let plan = Plan {
            base_env: words(&["PATH=/bin", "USER=supd", "X=base", "XY=1"]),
            env_files: vec![EnvFile { path: path.as_os_str().as_bytes().to_vec(), optional: false }],
            env: words(&["X=unit"]),
            ..Plan::default()
        };
        let user =
            User { name: b"www".into(), uid: 33, gid: 33, home: b"/var/www".into(), shell: b"".into() };
        let variables = |changed| {
            let built = Environment::build(&plan, Some(&user), changed).unwrap().into_variables();
            built.into_iter().map(|variable| String::from_utf8(variable).unwrap()).collect::<Vec<_>>()
        };
        let expected = ["PATH=/bin", "USER=www", "X=unit", "XY=1", "HOME=/from/file", "LOGNAME=www"];
        assert_eq!(variables(true), expected);
        assert_eq!(variables(false)[1], "USER=supd", "what was passed on is ours too");
    }

    #[test]
    fn a_missing_file_is_an_error_unless_it_may_be_missing() {
        let file = |optional| EnvFile { path: b"/nonexistent/env".to_vec(), optional };
        let plan = |optional| Plan { env_files: vec![file(optional)], ..Plan::default() };
        assert!(Environment::build(&plan(true), None, false).is_ok());
        let trouble = Environment::build(&plan(false), None, false).err().unwrap();
        assert_eq!((trouble.step, trouble.errno), (Step::EnvFile, libc::ENOENT));
        let directory =
            Plan { env_files: vec![EnvFile { path: b"/".to_vec(), optional: true }], ..Plan::default() };
        assert_eq!(Environment::build(&directory, None, false).err().unwrap().errno, libc::EISDIR);
    }
}
