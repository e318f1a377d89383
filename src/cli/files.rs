//! Files that a verb takes with `-f`: unit files and manifests, directories of them, standard input.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::exit::{Exit, Failure, os_words};
use crate::control::objects::ApplyFile;
use crate::limits::{FIFO_WITHOUT_WRITER_MAX, REQUEST_BYTES_MAX, UNIT_FILE_BYTES_MAX, UNITS_MAX};

/// Endings of files that are taken from a directory.
const ENDINGS: [&str; 4] = ["toml", "yaml", "yml", "json"];

/// Which files.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct FileOptions {
    /// A unit file, a manifest, a directory of them, or - for standard input
    #[arg(short, long, value_name = "FILE|DIR")]
    filename: Vec<PathBuf>,
    /// Directories below those named, too
    #[arg(short = 'R', long, requires = "filename")]
    recursive: bool,
}

impl FileOptions {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.filename.is_empty()
    }
}

/// All files that are named.
pub fn read_all(options: &FileOptions) -> Result<Vec<ApplyFile>, Failure> {
    let mut files = Files::default();
    for path in &options.filename {
        if path != Path::new("-") && path.is_dir() {
            let found = within(path, options.recursive)?;
            if found.is_empty() {
                let message = format!("`{}` has no unit files and no manifests", path.display());
                return Err(Failure::new(Exit::CONFIGURATION, message).hint("directories below it: -R"));
            }
            for path in found {
                files.add(read(&path)?)?;
            }
        } else {
            files.add(read(path)?)?;
        }
    }
    Ok(files.read)
}

/// What was read so far.
#[derive(Default)]
struct Files {
    read: Vec<ApplyFile>,
    bytes: usize,
}

impl Files {
    /// All files go to supd in one request, or none.
    fn add(&mut self, file: ApplyFile) -> Result<(), Failure> {
        self.bytes += file.text.len();
        if self.bytes > REQUEST_BYTES_MAX {
            let message = format!("the files have more than {REQUEST_BYTES_MAX} bytes in all");
            return Err(
                Failure::new(Exit::CONFIGURATION, message).hint("give them to supctl in several calls")
            );
        }
        self.read.push(file);
        Ok(())
    }
}

/// The files of a directory, in order.
fn within(directory: &Path, recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut queue = vec![directory.to_owned()];
    let mut found = Vec::new();
    while let Some(directory) = queue.pop() {
        let failed = |error: std::io::Error| unreadable(&directory, &error);
        for entry in std::fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            // A link to a directory may lead in a circle.
            let kind = entry.file_type().map_err(failed)?;
            let known = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
            if kind.is_dir() && recursive {
                queue.push(path);
            } else if known && path.is_file() {
                found.push(path);
            }
            if found.len() + queue.len() > UNITS_MAX {
                return Err(Failure::new(Exit::CONFIGURATION, format!("more than {UNITS_MAX} files")));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A unit file under its own name, a manifest under its path; standard input is `stdin.toml`, or
/// `stdin.yaml` where it looks so.
fn read(path: &Path) -> Result<ApplyFile, Failure> {
    let mut bytes = Vec::new();
    let limit = UNIT_FILE_BYTES_MAX.saturating_add(1);
    let standard = path == Path::new("-");
    let read = if standard {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        open(path, &mut bytes).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > UNIT_FILE_BYTES_MAX {
        let message =
            format!("`{}` is longer than a unit file may be: {UNIT_FILE_BYTES_MAX} bytes", path.display());
        return Err(Failure::new(Exit::CONFIGURATION, message));
    }
    let text = text(bytes, path)?;
    let name = match path.file_name() {
        _ if standard => stdin_name(&text).to_owned(),
        Some(name) if path.extension().is_none_or(|ending| ending == "toml") => {
            name.to_string_lossy().into_owned()
        }
        _ => path.display().to_string(),
    };
    Ok(ApplyFile { name, text })
}

/// Opens a file. A FIFO, as the shell's `<(…)` is one, is read like any file, but one that nobody opens to
/// write to would be waited for without end. `first` takes what was read already.
fn open(path: &Path, first: &mut Vec<u8>) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.file_type().is_fifo() {
        let mut events = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(FIFO_WITHOUT_WRITER_MAX).unwrap_or(PollTimeout::MAX);
        if poll(&mut events, patience)? == 0 {
            // Where somebody is there to write, reading says so (`WouldBlock`), and has no end.
            let mut byte = [0];
            match (&file).read(&mut byte) {
                Ok(0) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "a FIFO that nobody writes to"));
                }
                Ok(_) => first.extend(byte),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(file)
}

/// Text in UTF-8, or the place where it is none.
fn text(bytes: Vec<u8>, path: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').next_back().unwrap_or_default();
        let number = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(line).chars().count() + 1;
        let message = format!("{}:{number}:{column}: this is not UTF-8", path.display());
        Failure::new(Exit::CONFIGURATION, message)
    })
}

/// What standard input is taken for.
pub fn stdin_name(text: &str) -> &'static str {
    let manifest = |line: &str| {
        ["apiVersion:", "kind:", "{", "---", "metadata:"].iter().any(|start| line.starts_with(start))
    };
    if text.lines().any(manifest) { "stdin.yaml" } else { "stdin.toml" }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::CONFIGURATION, format!("cannot read `{}`: {}", path.display(), os_words(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_in_order_and_below_only_when_asked() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir(temp.path().join("below")).unwrap();
        for name in ["b.yaml", "a.toml", "note.txt", "below/c.json"] {
            std::fs::write(temp.path().join(name), "x").unwrap();
        }
        let names = |recursive| {
            let options = FileOptions { filename: vec![temp.path().to_owned()], recursive };
            let files = read_all(&options).unwrap();
            files.iter().map(|file| file.name.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(false), ["a.toml", "b.yaml"]);
        assert_eq!(names(true), ["a.toml", "b.yaml", "c.json"]);
    }

    #[test]
    fn standard_input_is_what_it_looks_like() {
        assert_eq!(stdin_name("# x\napiVersion: v1\n"), "stdin.yaml");
        assert_eq!(stdin_name("{\"kind\": \"List\"}"), "stdin.yaml");
        assert_eq!(stdin_name("exec = ['a']\n"), "stdin.toml");
    }
}
