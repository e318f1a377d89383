//! The search path → one tree for each unit: stronger files over weaker ones, bundles, drop-ins, defaults,
//! instances of templates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::check::Draft;
use super::diagnostic::{Code, Diagnostic, Faults};
use super::file::{self, Directory, Opened, Refusal};
use super::keys::{self, nearest};
use super::manifest::{self, Configs, Manifest};
use super::name::UnitName;
use super::reader::short;
use super::source::Sources;
use super::tree::{self, Entry, Table};
use crate::limits::UNITS_MAX;

/// The ending of unit files.
const ENDING: &str = ".toml";
/// The ending of directories of drop-ins.
const DROP_INS: &str = ".toml.d";
/// The file that holds several units as tables.
pub(crate) const BUNDLE: &str = "supd.toml";

/// All that was found.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) sources: Sources,
    /// Units and templates.
    pub(super) drafts: BTreeMap<UnitName, Draft>,
    /// Those of them whose text has faults: they are checked for more, and never loaded.
    pub(super) broken: BTreeSet<UnitName>,
    /// Those of which there is not even a tree.
    pub(super) unreadable: BTreeSet<UnitName>,
    pub(super) faults: Vec<Diagnostic>,
    directories: Vec<Directory>,
    /// Objects of manifests, with the number of their directory, until all are read.
    manifests: Vec<(usize, Manifest)>,
    found: BTreeMap<UnitName, Found>,
    defaults: Table,
    /// Drop-ins by the name they are for: each file name with the strongest directory that has it.
    drop_ins: BTreeMap<UnitName, BTreeMap<String, usize>>,
    /// Directories of drop-ins by number, opened once.
    drop_in_directories: Vec<Directory>,
}

/// Where a unit stands.
enum Found {
    /// A file of the directory with this number on the search path.
    File(usize, String),
    /// A table of a bundle there.
    Table { rank: usize, path: PathBuf, table: Table, broken: bool },
}

impl Found {
    fn rank(&self) -> usize {
        match self {
            Self::File(rank, _) | Self::Table { rank, .. } => *rank,
        }
    }
}

/// Reads everything on the search path, strongest first.
pub(super) fn gather(paths: &[PathBuf], must_exist: bool, as_root: bool) -> Gathered {
    let mut all = Gathered::default();
    for path in paths {
        let rank = all.directories.len();
        match file::open(path, as_root) {
            Err(fault) => all.faults.push(*fault),
            Ok(Opened::Absent) if must_exist => {
                all.faults.push(Diagnostic::of_file(
                    Code::Unreadable,
                    path,
                    "there is no such file or directory",
                ));
            }
            Ok(Opened::Absent) => {}
            Ok(Opened::File(directory, name)) => {
                all.directories.push(directory);
                all.single(rank, &name);
            }
            Ok(Opened::Directory(directory)) => {
                let names = directory.names();
                all.directories.push(directory);
                match names {
                    Ok(names) => all.directory(rank, &names),
                    Err(fault) => all.faults.push(*fault),
                }
            }
        }
    }
    all.read_found();
    all
}

/// One text that is no file of the search path.
pub(super) fn gather_text(text: String, path: &Path) -> Gathered {
    let mut all = Gathered::default();
    all.text(0, path.to_owned(), text);
    all.read_found();
    all
}

impl Gathered {
    fn directory(&mut self, rank: usize, names: &[String]) {
        for name in names {
            if let Some(stem) = name.strip_suffix(DROP_INS) {
                self.drop_in_directory(rank, name, stem);
            } else if let Some(stem) = name.strip_suffix(ENDING)
                && name != BUNDLE
            {
                let Some(unit) = self.name(rank, name, stem) else { continue };
                self.found.entry(unit).or_insert_with(|| Found::File(rank, name.clone()));
            } else if manifest::ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                self.single(rank, name);
            }
        }
        if names.iter().any(|name| name == BUNDLE) {
            self.single(rank, BUNDLE);
        }
    }

    fn name(&mut self, rank: usize, file: &str, stem: &str) -> Option<UnitName> {
        let path = self.directories.get(rank).map_or(PathBuf::from(file), |directory| directory.join(file));
        self.name_at(&path, stem)
    }

    fn name_at(&mut self, path: &Path, stem: &str) -> Option<UnitName> {
        match UnitName::parse(stem) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("`{}` is no unit name: {error}", short(stem));
                let mut fault = Diagnostic::of_file(Code::BadName, path, message);
                fault.help("a unit is named after its file");
                self.faults.push(fault);
                None
            }
        }
    }

    /// A file named on the command line, or a bundle.
    fn single(&mut self, rank: usize, name: &str) {
        let Some(directory) = self.directories.get(rank) else { return };
        let path = directory.join(name);
        match directory.read(name) {
            Ok(text) => self.text(rank, path, text),
            Err(mut fault) => {
                let stem = name.strip_suffix(ENDING).filter(|_| name != BUNDLE);
                fault.unit = stem.and_then(|stem| UnitName::parse(stem).ok());
                self.unreadable.extend(fault.unit.clone());
                self.faults.push(*fault);
            }
        }
    }

    fn text(&mut self, rank: usize, path: PathBuf, text: String) {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
        let source = self.sources.add(path.clone(), text);
        if manifest::is_manifest(&file) {
            self.manifest(rank, source);
            return;
        }
        let mut faults = Faults::new(&self.sources, None);
        let table = tree::parse(&self.sources, source, file == BUNDLE, &mut faults);
        let broken = faults.errors() > 0;
        self.faults.extend(faults.finish());
        if file == BUNDLE || table.get("unit").is_some() {
            self.bundle(rank, &path, table, broken);
            return;
        }
        let stem = file.strip_suffix(ENDING).unwrap_or(&file);
        let Some(name) = self.name_at(&path, stem) else { return };
        for fault in self.faults.iter_mut().filter(|fault| fault.file == path.display().to_string()) {
            fault.unit.get_or_insert_with(|| name.clone());
        }
        self.found.entry(name).or_insert(Found::Table { rank, path, table, broken });
    }

    /// `[unit.NAME]` and `[defaults]`.
    fn bundle(&mut self, rank: usize, path: &Path, table: Table, broken: bool) {
        let mut rows = Vec::new();
        let mut faults = Faults::new(&self.sources, None);
        for entry in table.entries {
            match (entry.key.as_str(), entry.node.value) {
                ("unit", tree::Value::Table(units)) => rows = units.entries,
                ("defaults", tree::Value::Table(mut defaults)) => {
                    tree::mark_default(&mut defaults);
                    // Bundles come strongest first.
                    tree::merge(&mut defaults, std::mem::take(&mut self.defaults));
                    self.defaults = defaults;
                }
                ("unit" | "defaults", _) => {
                    let message = format!("`{}` takes a table", entry.key);
                    faults.add(entry.node.span, Code::WrongType, message);
                }
                (key, _) => {
                    let fault =
                        faults.add(entry.key_span, Code::UnknownKey, format!("unknown key `{}`", short(key)));
                    fault.label("not a key of a bundle");
                    let near = nearest(key, keys::BUNDLE.built.iter().copied());
                    fault.help(match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "in a bundle a unit stands in a table `[unit.NAME]`".to_owned(),
                    });
                }
            }
        }
        let mut units = Vec::new();
        for Entry { key, key_span, node, .. } in rows {
            match (UnitName::parse(&key), node.value) {
                (Ok(name), tree::Value::Table(table)) => match self.found.get(&name) {
                    None => units.push((name, table)),
                    Some(other) if other.rank() == rank => {
                        let message = format!("there is a file `{name}.toml` beside this bundle");
                        faults.add(key_span, Code::UnitTwice, message).label("one of the two is too many");
                        self.broken.insert(name);
                    }
                    // A stronger one.
                    Some(_) => {}
                },
                (Ok(name), _) => {
                    faults.add(node.span, Code::WrongType, format!("`{name}` takes a table: the unit"));
                }
                (Err(error), _) => {
                    let message = format!("`{}` is no unit name", short(&key));
                    faults.add(key_span, Code::BadName, message).label(error.to_string());
                }
            }
        }
        let broken = broken || faults.errors() > 0;
        self.faults.extend(faults.finish());
        for (name, table) in units {
            self.found.insert(name, Found::Table { rank, path: path.to_owned(), table, broken });
        }
    }

    fn drop_in_directory(&mut self, rank: usize, name: &str, stem: &str) {
        let Some(unit) = self.name(rank, name, stem) else { return };
        let Some(directory) = self.directories.get(rank) else { return };
        let opened = directory.directory(name).and_then(|directory| Ok((directory.names()?, directory)));
        match opened {
            Ok((files, directory)) => {
                let number = self.drop_in_directories.len();
                self.drop_in_directories.push(directory);
                let list = self.drop_ins.entry(unit).or_default();
                for file in files.into_iter().filter(|file| file.ends_with(ENDING)) {
                    list.entry(file).or_insert(number);
                }
            }
            Err(mut fault) => {
                fault.unit = Some(unit.clone());
                self.faults.push(*fault);
                self.broken.insert(unit);
            }
        }
    }

    /// The objects of a manifest, kept until all ConfigMaps and Secrets are there.
    fn manifest(&mut self, rank: usize, source: u32) {
        let mut faults = Faults::new(&self.sources, None);
        let objects = manifest::read(&self.sources, source, &mut faults);
        if faults.errors() > 0 {
            // Which units the rest of it is about cannot be known for certain; what runs of them stays.
            self.unreadable.extend(manifest::names_in(self.sources.text(source)));
        }
        self.faults.extend(faults.finish());
        for object in &objects {
            self.unreadable.retain(|name| object.broken || name.as_str() != object.name);
        }
        self.manifests.extend(objects.into_iter().map(|object| (rank, object)));
    }

    /// ConfigMaps and Secrets first, then what refers to them.
    fn translate_manifests(&mut self) {
        let manifests = std::mem::take(&mut self.manifests);
        let mut configs = Configs::default();
        let mut seen: BTreeMap<(manifest::Kind, String), usize> = BTreeMap::new();
        for (rank, object) in manifests.iter().filter(|(_, object)| object.kind.is_config()) {
            match seen.insert((object.kind, object.name.clone()), *rank) {
                Some(other) if other == *rank => self.twice(object),
                _ if object.broken => {}
                _ => self.faults.extend(configs.add(object, &self.sources)),
            }
        }
        for (rank, object) in manifests.iter().filter(|(_, object)| !object.kind.is_config()) {
            let Ok(name) = UnitName::parse(&object.name) else { continue };
            match self.found.get(&name) {
                Some(other) if other.rank() == *rank => {
                    self.twice(object);
                    self.broken.insert(name);
                    continue;
                }
                Some(other) if other.rank() < *rank => continue,
                _ => {}
            }
            let (table, faulty, faults) = manifest::translate(object, &configs, &self.sources);
            self.faults.extend(faults);
            let path = self.sources.path(object.name_span.source).to_owned();
            let broken = faulty || object.broken;
            self.found.insert(name, Found::Table { rank: *rank, path, table, broken });
        }
    }

    /// Two objects of one directory have one name.
    fn twice(&mut self, object: &Manifest) {
        let mut faults = Faults::new(&self.sources, UnitName::parse(&object.name).ok());
        let message = if object.kind.is_config() {
            format!("there are two objects {} `{}`", object.kind.as_str(), object.name)
        } else {
            format!("there are two units `{}`", object.name)
        };
        let fault = faults.add(object.name_span, Code::UnitTwice, message);
        fault.label("one of the two is too many");
        if !object.kind.is_config() {
            fault.help("a Job and a Deployment of one name would be one unit here: rename one of them");
        }
        self.faults.extend(faults.finish());
    }

    /// Reads what was found into drafts.
    fn read_found(&mut self) {
        self.translate_manifests();
        for (name, found) in std::mem::take(&mut self.found) {
            if self.drafts.len() >= UNITS_MAX {
                let message = format!("more than {UNITS_MAX} units");
                self.faults.push(Diagnostic::of_file(Code::TooManyUnits, Path::new(name.as_str()), message));
                break;
            }
            let (path, table) = match found {
                Found::Table { path, table, broken, .. } => {
                    if broken {
                        self.broken.insert(name.clone());
                    }
                    (path, table)
                }
                Found::File(rank, file) => {
                    let Some(directory) = self.directories.get(rank) else { continue };
                    let path = directory.join(&file);
                    let text = directory.read(&file);
                    match self.tree(&name, path.clone(), text) {
                        Some(table) => (path, table),
                        None => {
                            self.unreadable.insert(name);
                            continue;
                        }
                    }
                }
            };
            // An empty file masks a weaker one.
            if table.entries.is_empty() && !self.broken.contains(&name) {
                continue;
            }
            let draft = Draft { name: name.clone(), table, path, drop_ins: Vec::new() };
            self.drafts.insert(name, draft);
        }
        let names: Vec<UnitName> = self.drop_ins.keys().cloned().collect();
        for name in names {
            self.merge_drop_ins(&name);
        }
        let defaults = std::mem::take(&mut self.defaults);
        if !defaults.entries.is_empty() {
            self.drafts.values_mut().for_each(|draft| lay_over(&defaults, draft));
        }
    }

    /// The tree of one file of a unit.
    fn tree(&mut self, unit: &UnitName, path: PathBuf, text: Result<String, Refusal>) -> Option<Table> {
        match text {
            Ok(text) => {
                let source = self.sources.add(path, text);
                let mut faults = Faults::new(&self.sources, Some(unit.clone()));
                let table = tree::parse(&self.sources, source, false, &mut faults);
                if faults.errors() > 0 {
                    self.broken.insert(unit.clone());
                }
                self.faults.extend(faults.finish());
                Some(table)
            }
            Err(mut fault) => {
                fault.unit = Some(unit.clone());
                self.faults.push(*fault);
                None
            }
        }
    }

    fn merge_drop_ins(&mut self, name: &UnitName) {
        let is_instance = name.instance().is_some();
        if !self.drafts.contains_key(name) {
            let template = name.instance().is_some_and(|(template, _)| self.drafts.contains_key(&template));
            let faulty = self.unreadable.contains(name) || self.broken.contains(name);
            let of_template = is_instance && template;
            if !of_template && !faulty {
                let path = self.drop_ins.get(name).and_then(|files| files.values().next());
                let directory = path.and_then(|number| self.drop_in_directories.get(*number));
                let path = directory.map_or(PathBuf::from(name.as_str()), |directory| directory.join(""));
                let message = format!("there is no unit `{name}` for these drop-ins");
                self.faults.push(Diagnostic::of_file(Code::DropInLost, &path, message));
            }
            return;
        }
        let tables = self.read_drop_ins(name);
        if let Some(draft) = self.drafts.get_mut(name) {
            for (path, table) in tables {
                tree::merge(&mut draft.table, table);
                draft.drop_ins.push(path);
            }
        }
    }

    fn read_drop_ins(&mut self, name: &UnitName) -> Vec<(PathBuf, Table)> {
        let files = self.drop_ins.get(name).cloned().unwrap_or_default();
        let mut tables = Vec::with_capacity(files.len());
        for (file, number) in files {
            let Some(directory) = self.drop_in_directories.get(number) else { continue };
            let path = directory.join(&file);
            let text = directory.read(&file);
            match self.tree(name, path.clone(), text) {
                // An empty one masks a weaker one, and adds nothing.
                Some(table) if table.entries.is_empty() => {}
                Some(table) => tables.push((path, table)),
                None => {
                    self.broken.insert(name.clone());
                }
            }
        }
        tables
    }

    /// The draft of an instance, from its template and its own drop-ins.
    pub(super) fn instance(&mut self, name: &UnitName) -> bool {
        let Some((template, _)) = name.instance() else { return false };
        let Some(draft) = self.drafts.get(&template) else { return false };
        let mut draft = Draft {
            name: name.clone(),
            table: draft.table.clone(),
            path: draft.path.clone(),
            drop_ins: draft.drop_ins.clone(),
        };
        for (path, table) in self.read_drop_ins(name) {
            tree::merge(&mut draft.table, table);
            draft.drop_ins.push(path);
        }
        self.drafts.insert(name.clone(), draft);
        true
    }
}

/// Puts the defaults below a unit that runs something. What makes a kind is no default: a table of these is
/// laid only below one that the unit has.
fn lay_over(defaults: &Table, draft: &mut Draft) {
    let own = &draft.table;
    if own.get("exec").is_none() && own.get("shell").is_none() {
        return;
    }
    let kinds = ["service", "job", "cron"];
    let fits = |entry: &&Entry| !kinds.contains(&entry.key.as_str()) || own.get(&entry.key).is_some();
    let mut table = Table { entries: defaults.entries.iter().filter(fits).cloned().collect() };
    tree::merge(&mut table, std::mem::take(&mut draft.table));
    draft.table = table;
}
