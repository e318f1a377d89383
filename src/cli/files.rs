//! Files that a verb takes with `-f`: unit files and manifests, directories of them, standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure, os_words};
use crate::control::objects::ApplyFile;
use crate::limits::{UNIT_FILE_BYTES_MAX, UNITS_MAX};

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
    let mut files = Vec::new();
    for path in &options.filename {
        if path != Path::new("-") && path.is_dir() {
            let found = within(path, options.recursive)?;
            if found.is_empty() {
                let message = format!("`{}` has no unit files and no manifests", path.display());
                return Err(Failure::new(Exit::CONFIGURATION, message).hint("directories below it: -R"));
            }
            for path in found {
                files.push(read(&path)?);
            }
        } else {
            files.push(read(path)?);
        }
    }
    Ok(files)
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
    let mut text = String::new();
    let limit = UNIT_FILE_BYTES_MAX.saturating_add(1);
    let standard = path == Path::new("-");
    let read = if standard {
        std::io::stdin().lock().take(limit).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text))
    };
    read.map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > UNIT_FILE_BYTES_MAX {
        let message = format!("`{}` is longer than a unit file may be", path.display());
        return Err(Failure::new(Exit::CONFIGURATION, message));
    }
    let name = match path.file_name() {
        _ if standard => stdin_name(&text).to_owned(),
        Some(name) if path.extension().is_none_or(|ending| ending == "toml") => {
            name.to_string_lossy().into_owned()
        }
        _ => path.display().to_string(),
    };
    Ok(ApplyFile { name, text })
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
