//! One file of a cgroup, and what is to stand in it.

use crate::wire::codec::{Malformed, Reader, Writer};

/// What is written into a group before a run is born in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `memory.max`
    pub file: String,
    /// `67108864`
    pub value: String,
}

impl Setting {
    /// A line of text for a file of the kernel's.
    pub fn new(file: &str, value: impl Into<String>) -> Self {
        Self { file: file.to_owned(), value: value.into() }
    }

    /// What has to be there for it.
    pub fn controller(&self) -> &str {
        self.file.split_once('.').map_or(&self.file, |(controller, _)| controller)
    }

    /// Writes it.
    pub fn put(&self, to: &mut Writer<'_>) {
        to.bytes(self.file.as_bytes()).bytes(self.value.as_bytes());
    }

    /// Reads it. A name that is a path is none.
    pub fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Malformed);
        let setting = Self { file: text(from.bytes()?)?, value: text(from.bytes()?)? };
        let is_file =
            !setting.file.contains('/') && setting.file.contains('.') && !setting.file.starts_with('.');
        if is_file { Ok(setting) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_its_controller_and_reads_back() {
        let setting = Setting::new("memory.oom.group", "1");
        assert_eq!(setting.controller(), "memory");
        let mut out = Vec::new();
        setting.put(&mut Writer::begin(&mut out));
        assert_eq!(Setting::get(&mut Reader::new(&out)), Ok(setting));
        for file in ["../memory.max", "..", "tasks"] {
            Setting::new(file, "1").put(&mut Writer::begin(&mut out));
            assert_eq!(Setting::get(&mut Reader::new(&out)), Err(Malformed), "{file}");
        }
    }
}
