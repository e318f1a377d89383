//! `[[volume]]` and `[[mount]]`: files and directories that are made for a pod, and where its processes find
//! them.

use std::collections::HashSet;

use super::beside::is_label;
use super::diagnostic::Code;
use super::keys;
use super::manifest::decode_base64;
use super::model::{FileContent, HostPath, Mount, Volume, VolumeFile, VolumeSource};
use super::reader::{Reader, short};
use super::source::Span;
use super::tree::{Table, Value};
use crate::limits::VOLUME_BYTES_MAX;

/// What `type` says of a `host` path.
const HOST_PATHS: [(&str, HostPath); 7] = [
    ("any", HostPath::Any),
    ("directory", HostPath::Directory),
    ("directory-or-create", HostPath::DirectoryOrCreate),
    ("file", HostPath::File),
    ("file-or-create", HostPath::FileOrCreate),
    ("socket", HostPath::Socket),
    ("device", HostPath::Device),
];

/// The permissions of a file of which nothing is said.
const MODE: u32 = 0o644;

impl Reader<'_> {
    /// The volumes of a unit's pods.
    pub(super) fn volumes(&mut self, unit: &Table) -> Box<[Volume]> {
        let mut volumes = Vec::new();
        let mut names = HashSet::new();
        let mut bytes = 0usize;
        for (node, table) in self.tables(unit, "volume") {
            self.check_keys(table, &keys::VOLUME, unit);
            let Some((name, span)) = self.string(table, "name") else {
                if table.get("name").is_none() {
                    self.fault(node.span, Code::MissingKey, "a volume needs a `name`");
                }
                continue;
            };
            if !is_label(name) {
                let message = format!("`{}` is no name of a volume", short(name));
                self.fault(span, Code::BadName, message)
                    .label("lower-case letters, digits and `-`, at most 63");
            }
            if !names.insert(name) {
                self.fault(span, Code::KeyTwice, format!("two volumes are named `{}`", short(name)));
            }
            let group = self.integer(table, "group", 0..=u32::MAX - 1);
            let Some(source) = self.volume_source(table, node.span, unit, &mut bytes) else { continue };
            volumes.push(Volume { name: name.to_owned(), source, group });
        }
        if bytes > VOLUME_BYTES_MAX
            && let Some(entry) = unit.get("volume")
        {
            let message = format!("the files of the volumes have {bytes} bytes");
            self.fault(entry.key_span, Code::TooLarge, message).label(format!("at most {VOLUME_BYTES_MAX}"));
        }
        volumes.into()
    }

    fn volume_source(
        &mut self,
        table: &Table,
        at: Span,
        unit: &Table,
        bytes: &mut usize,
    ) -> Option<VolumeSource> {
        let empty = self.boolean(table, "empty");
        match (table.get("file"), table.get("host"), empty) {
            (Some(_), None, None) => Some(VolumeSource::Files(self.volume_files(table, unit, bytes))),
            (None, None, Some(true)) => Some(VolumeSource::Files(Box::default())),
            (None, Some(_), None) => {
                let expected =
                    self.word(table, "type", &HOST_PATHS).map_or(HostPath::Any, |(expected, _)| expected);
                let path = self.absolute(table, "host")?;
                Some(VolumeSource::Host { path, expected })
            }
            _ => {
                self.fault(at, Code::BadVolume, "a volume has one of `file`, `empty = true` and `host`");
                None
            }
        }
    }

    fn volume_files(&mut self, volume: &Table, unit: &Table, bytes: &mut usize) -> Box<[VolumeFile]> {
        let mut files = Vec::new();
        for (node, table) in self.tables(volume, "file") {
            self.check_keys(table, &keys::VOLUME_FILE, unit);
            let mode = self.mode(table);
            let content = self.content(table, node.span);
            let Some((path, span)) = self.string(table, "path") else {
                if table.get("path").is_none() {
                    self.fault(node.span, Code::MissingKey, "a file of a volume needs a `path`");
                }
                continue;
            };
            let part = |part: &str| part.is_empty() || part == "." || part == "..";
            if path.split('/').any(part) || path.contains('\0') {
                let message = format!("`{}` is no path within the volume", short(path));
                self.fault(span, Code::BadVolume, message).label("it is relative, and has no `..`");
            }
            let Some(content) = content else { continue };
            *bytes = bytes.saturating_add(match &content {
                FileContent::Bytes(bytes) => bytes.len(),
                FileContent::Template(text) => text.to_string().len(),
            });
            files.push(VolumeFile { path: path.to_owned(), content, mode });
        }
        files.into()
    }

    fn content(&mut self, file: &Table, at: Span) -> Option<FileContent> {
        let written = ["text", "template", "base64"].iter().filter(|key| file.get(key).is_some()).count();
        if written != 1 {
            self.fault(at, Code::BadVolume, "a file has one of `text`, `template` and `base64`");
            return None;
        }
        if let Some((text, _)) = self.string(file, "text") {
            return Some(FileContent::Bytes(text.as_bytes().into()));
        }
        if let Some((template, span)) = self.string(file, "template") {
            return self.text(template, span).map(FileContent::Template);
        }
        let (encoded, span) = self.string(file, "base64")?;
        let bytes = decode_base64(encoded);
        if bytes.is_none() {
            self.fault(span, Code::BadBase64, "this is no base64");
        }
        bytes.map(|bytes| FileContent::Bytes(bytes.into()))
    }

    /// `0o640` or `"0640"`.
    fn mode(&mut self, file: &Table) -> u32 {
        let Some(entry) = file.get("mode") else { return MODE };
        let mode = match &entry.node.value {
            Value::Integer(mode, 8) => mode.and_then(|mode| u32::try_from(mode).ok()),
            Value::String(text) => u32::from_str_radix(text, 8).ok(),
            _ => None,
        };
        mode.filter(|mode| *mode <= 0o777).unwrap_or_else(|| {
            self.fault(entry.node.span, Code::OutOfRange, "`mode` is an octal number up to 0o777")
                .label("write `0o640`, or `\"0640\"`");
            MODE
        })
    }

    /// Where a process finds volumes of its pod.
    pub(super) fn mounts(&mut self, process: &Table, unit: &Table) -> Box<[Mount]> {
        let mut mounts = Vec::new();
        for (node, table) in self.tables(process, "mount") {
            self.check_keys(table, &keys::MOUNT, unit);
            let volume = self.string(table, "volume");
            for key in ["volume", "path"] {
                if table.get(key).is_none() {
                    self.fault(node.span, Code::MissingKey, format!("a mount needs `{key}`"));
                }
            }
            let path = self.absolute(table, "path");
            let read_only = self.boolean(table, "read_only").unwrap_or(false);
            let sub_path = match self.string(table, "sub_path") {
                Some((text, span)) => {
                    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
                        self.fault(span, Code::BadVolume, "`sub_path` lies within the volume");
                    }
                    self.text(text, span)
                }
                None => None,
            };
            let (Some((volume, span)), Some(path)) = (volume, path) else { continue };
            if !has_volume(unit, volume) {
                self.fault(span, Code::BadVolume, format!("there is no volume `{}`", short(volume)));
            }
            mounts.push(Mount { volume: volume.to_owned(), path, sub_path, read_only });
        }
        mounts.into()
    }

    fn absolute(&mut self, table: &Table, key: &str) -> Option<super::text::Text> {
        let (path, span) = self.string(table, key)?;
        if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
            self.fault(span, Code::BadVolume, format!("`{key}` is an absolute path without `..`"));
            return None;
        }
        self.text(path, span)
    }
}

fn has_volume(unit: &Table, name: &str) -> bool {
    let Some(Value::Array(volumes)) = unit.get("volume").map(|entry| &entry.node.value) else { return false };
    let named = |table: &Table| matches!(table.get("name").map(|entry| &entry.node.value), Some(Value::String(text)) if text == name);
    volumes.iter().filter_map(super::tree::Node::as_table).any(named)
}
