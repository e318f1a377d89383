//! Loading: a search path in, checked units and all faults out.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::{self, Checked};
use super::diagnostic::{Code, Diagnostic, Severity};
use super::gather::{self, Gathered};
use super::model::Unit;
use super::name::UnitName;
use super::{cat, file, graph, host};
use crate::limits::UNITS_MAX;

/// What to load, and for whom.
pub struct LoadOptions<'a> {
    /// Directories, strongest first; one may also be a single file.
    pub paths: &'a [PathBuf],
    /// Whether a path that is not there is a fault: it is, where a user named it.
    pub must_exist: bool,
    /// Instances that are wanted, beside those that a relation names.
    pub instances: &'a [UnitName],
    /// supd's environment, for `${env:NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// supd runs as root: files that others could have written are refused.
    pub as_root: bool,
    /// Warn of users and programs that do not exist now. It touches paths that units name, which may hang:
    /// for `validate`, never for the manager.
    pub look_up: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The units that are good, by name, with every unit that they require.
    pub units: Vec<Arc<Unit>>,
    /// Each of them as a text that loads as the same unit.
    pub texts: BTreeMap<UnitName, String>,
    /// All faults, by file and line.
    pub faults: Vec<Diagnostic>,
    /// Units that exist and were not loaded, because of faults: what ran before stays in force.
    pub refused: BTreeSet<UnitName>,
    /// Templates: nothing of them runs, but instances can be asked for.
    pub templates: Vec<UnitName>,
}

impl Loaded {
    /// Whether anything was refused.
    pub fn has_errors(&self) -> bool {
        self.faults.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// The unit of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Unit>> {
        let place = self.units.binary_search_by(|unit| unit.name.as_str().cmp(name)).ok()?;
        self.units.get(place)
    }
}

/// Loads all units of a search path. A unit with a fault is left out, with those that require it.
pub fn load(options: &LoadOptions<'_>) -> Loaded {
    let gathered = gather::gather(options.paths, options.must_exist, options.as_root);
    let mut load = Load::new(gathered, options.env);
    load.check_all(options.instances);
    if options.look_up {
        load.look_up();
    }
    load.check_relations();
    load.finish()
}

/// Checks one text by itself: a unit named after `path`, or a bundle. Whether what it relates to exists is
/// not asked.
pub fn parse_one(text: &[u8], path: &Path, env: &dyn Fn(&str) -> Option<String>, look_up: bool) -> Loaded {
    let text = match file::checked_text(text, path) {
        Ok(text) => text,
        Err(fault) => return Loaded { faults: vec![*fault], ..Loaded::default() },
    };
    let mut load = Load::new(gather::gather_text(text, path), env);
    load.check_all(&[]);
    if look_up {
        load.look_up();
    }
    load.finish()
}

/// A unit as all its files together make it, each value with where it was written: `supctl cat`. Nothing
/// where there is no such unit.
pub fn cat(options: &LoadOptions<'_>, name: &UnitName) -> Option<String> {
    let mut gathered = gather::gather(options.paths, options.must_exist, options.as_root);
    if !gathered.drafts.contains_key(name) {
        gathered.instance(name);
    }
    gathered.drafts.get(name).map(|draft| cat::text(draft, &gathered.sources))
}

struct Load<'e> {
    gathered: Gathered,
    env: &'e dyn Fn(&str) -> Option<String>,
    good: BTreeMap<UnitName, Checked>,
    refused: BTreeSet<UnitName>,
    templates: Vec<UnitName>,
    faults: Vec<Diagnostic>,
}

impl<'e> Load<'e> {
    fn new(mut gathered: Gathered, env: &'e dyn Fn(&str) -> Option<String>) -> Self {
        let faults = std::mem::take(&mut gathered.faults);
        let refused = std::mem::take(&mut gathered.unreadable);
        Self { gathered, env, good: BTreeMap::new(), refused, templates: Vec::new(), faults }
    }

    /// Checks each unit by itself, and the instances that come up.
    fn check_all(&mut self, instances: &[UnitName]) {
        let mut queue: VecDeque<UnitName> = self.gathered.drafts.keys().cloned().collect();
        queue.extend(instances.iter().cloned());
        let mut seen: HashSet<UnitName> = HashSet::new();
        while let Some(name) = queue.pop_front() {
            if !seen.insert(name.clone()) || seen.len() > UNITS_MAX {
                continue;
            }
            if !self.gathered.drafts.contains_key(&name) && !self.instantiate(&name) {
                continue;
            }
            self.check(&name);
            if let Some(checked) = self.good.get(&name) {
                let links = checked.links.iter().map(|link| &link.unit);
                queue
                    .extend(links.filter(|unit| unit.instance().is_some() && !seen.contains(*unit)).cloned());
            }
        }
    }

    /// Makes an instance, unless its template is missing or bad.
    fn instantiate(&mut self, name: &UnitName) -> bool {
        let Some((template, _)) = name.instance() else { return false };
        if self.refused.contains(&template) {
            self.refused.insert(name.clone());
            return false;
        }
        let made = self.gathered.instance(name);
        self.faults.append(&mut self.gathered.faults);
        made
    }

    fn check(&mut self, name: &UnitName) {
        let Some(draft) = self.gathered.drafts.get(name) else { return };
        let (checked, faults) = check::check(draft, &self.gathered.sources, self.env);
        if self.gathered.broken.contains(name) {
            // Half a tree: what is missing or does not go together may be the syntax's fault.
            self.faults.extend(trustworthy(faults, &self.faults));
            self.refused.insert(name.clone());
            return;
        }
        self.faults.extend(faults);
        match checked {
            Some(_) if name.is_template() => self.templates.push(name.clone()),
            Some(checked) => {
                self.good.insert(name.clone(), checked);
            }
            None => {
                self.refused.insert(name.clone());
            }
        }
    }

    fn check_relations(&mut self) {
        let faults = graph::check(&mut self.good, &mut self.refused, &self.gathered.sources);
        self.faults.extend(faults);
    }

    fn look_up(&mut self) {
        let mut host = host::Host::default();
        for (name, checked) in &self.good {
            let Some(draft) = self.gathered.drafts.get(name) else { continue };
            self.faults.extend(host.check(&checked.unit, &draft.table, &self.gathered.sources));
        }
    }

    fn finish(self) -> Loaded {
        let mut seen = HashSet::new();
        let mut faults = self.faults;
        // A fault of a template or of the defaults comes up once for each unit that has it.
        faults.retain(|fault| {
            let place = fault.position.as_ref().map(|position| (position.line, position.column));
            seen.insert((fault.code, fault.file.clone(), place, fault.message.clone()))
        });
        faults.sort_by(|a, b| {
            // The count of those that are not shown comes last.
            let last = |fault: &Diagnostic| fault.code == Code::TooManyFaults;
            let place = |fault: &Diagnostic| fault.position.as_ref().map(|at| (at.line, at.column));
            (&a.file, last(a), place(a)).cmp(&(&b.file, last(b), place(b)))
        });
        let Gathered { drafts, sources, .. } = &self.gathered;
        let texts =
            self.good.keys().filter_map(|name| Some((name.clone(), cat::text(drafts.get(name)?, sources))));
        let texts = texts.collect();
        let units = self.good.into_values().map(|checked| Arc::new(checked.unit)).collect();
        Loaded { units, texts, faults, refused: self.refused, templates: self.templates }
    }
}

/// Those faults of half a tree that stand on their own, on lines that could be read.
fn trustworthy(faults: Vec<Diagnostic>, known: &[Diagnostic]) -> Vec<Diagnostic> {
    const OWN: [Code; 6] = [
        Code::UnknownKey,
        Code::WrongType,
        Code::NotAWord,
        Code::OutOfRange,
        Code::BadDuration,
        Code::NotYet,
    ];
    let line = |fault: &Diagnostic| fault.position.as_ref().map(|position| position.line);
    let spoilt = |fault: &Diagnostic| known.iter().any(|k| k.file == fault.file && line(k) == line(fault));
    faults.into_iter().filter(|fault| OWN.contains(&fault.code) && !spoilt(fault)).collect()
}
