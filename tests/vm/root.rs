//! The files of a machine: as an archive that the kernel unpacks (cpio, format `newc`), or in a directory.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// What the machine finds as its root.
#[derive(Default)]
pub struct Root {
    entries: Vec<(String, u32, Vec<u8>)>,
}

impl Root {
    pub fn directory(&mut self, path: &str) -> &mut Self {
        self.entry(path, DIRECTORY | 0o755, b"")
    }

    pub fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.entry(path, LINK | 0o777, target.as_bytes())
    }

    pub fn text(&mut self, path: &str, text: &str) -> &mut Self {
        self.entry(path, FILE | 0o755, text.as_bytes())
    }

    /// A file of this machine, with its mode.
    pub fn copy(&mut self, from: &Path, path: &str) -> &mut Self {
        let mode = fs::metadata(from).unwrap().permissions().mode() & 0o777;
        self.entry(path, FILE | mode, &fs::read(from).unwrap())
    }

    /// Where an init mounts what the kernel has, which a disk must have a place for.
    pub fn mount_points(&mut self) -> &mut Self {
        ["/proc", "/sys", "/dev", "/run"].into_iter().for_each(|place| _ = self.directory(place));
        self
    }

    /// For the kernel.
    pub fn to_cpio(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let end = ("TRAILER!!!".to_owned(), 0, Vec::new());
        for (number, (path, mode, content)) in self.entries.iter().chain([&end]).enumerate() {
            let (size, name) = (content.len() as u32, path.len() as u32 + 1);
            // inode, mode, owner, group, links, time, size, device of the file twice, of a device twice, name, sum
            let fields = [number as u32 + 1, *mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0];
            bytes.extend(b"070701");
            for field in fields {
                bytes.extend(format!("{field:08x}").as_bytes());
            }
            bytes.extend(path.as_bytes());
            bytes.push(0);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    /// For whoever makes a disk of it. A new directory.
    pub fn write_to(&self, root: &Path) {
        fs::create_dir(root).unwrap();
        for (path, mode, content) in &self.entries {
            let path = root.join(path);
            match mode & !0o777 {
                DIRECTORY => fs::create_dir_all(&path).unwrap(),
                LINK => symlink(std::ffi::OsStr::from_bytes(content), &path).unwrap(),
                _ => {
                    fs::write(&path, content).unwrap();
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o777)).unwrap();
                }
            }
        }
    }

    /// What is there already stays as it is: programs share libraries.
    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> &mut Self {
        let path = path.trim_start_matches('/');
        if !self.entries.iter().any(|(other, ..)| other == path) {
            self.entries.push((path.to_owned(), mode, content.to_owned()));
        }
        self
    }
}
