//! An archive as the kernel unpacks it: cpio, format `newc`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// What the machine finds as its root.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
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

    pub fn finish(&mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, b"");
        std::mem::take(&mut self.bytes)
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> &mut Self {
        let path = path.trim_start_matches('/');
        self.entries += 1;
        let (size, name) = (content.len() as u32, path.len() as u32 + 1);
        // inode, mode, owner, group, links, time, size, device of the file twice, of a device twice, name, sum
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
        self
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
