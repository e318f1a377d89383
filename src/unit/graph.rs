//! Who waits for whom: relations that lead nowhere, circles, chains that are too long.
//!
//! No recursion: a host may have 10,000 units in one chain.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::check::{Checked, Link, LinkKind};
use super::diagnostic::{Code, Diagnostic};
use super::model::{Condition, Kind, Part, PodTemplate, RestartPolicy, Unit};
use super::name::UnitName;
use super::source::{Sources, Span};
use crate::limits::{DEPENDENCY_DEPTH_MAX, FAULTS_SHOWN_MAX};

/// Circles shown of one knot of units; each names its units in full.
const CIRCLES_MAX: usize = 10;
/// Missing units for which a similar name is looked for; each look goes through all names.
const GUESSES_MAX: usize = 20;

/// Removes the units whose relations cannot hold, until the rest can, and says why.
///
/// `refused` are units that exist and have faults; those removed here are added.
pub(super) fn check(
    units: &mut BTreeMap<UnitName, Checked>,
    refused: &mut BTreeSet<UnitName>,
    sources: &Sources,
) -> Vec<Diagnostic> {
    let mut faults = impossible(units, refused, sources);
    faults.extend(circles(units, refused, sources));
    faults.extend(too_deep(units, refused, sources));
    faults.extend(missing(units, refused, sources));
    faults.extend(lost(units, refused, sources));
    faults
}

fn fault_at(sources: &Sources, name: &UnitName, span: Span, code: Code, message: String) -> Diagnostic {
    let mut fault = Diagnostic::at(sources, span, code, message);
    fault.unit = Some(name.clone());
    fault
}

/// Conditions that the other unit can never reach.
fn impossible(
    units: &mut BTreeMap<UnitName, Checked>,
    refused: &mut BTreeSet<UnitName>,
    sources: &Sources,
) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for (name, checked) in &*units {
        for link in &checked.links {
            let (Some(condition), Some(other)) = (link.condition, units.get(&link.unit)) else { continue };
            let Some(why) = never(condition, &other.unit) else { continue };
            let message = format!("`{}:{}` never comes", link.unit, condition.as_str());
            let mut fault = fault_at(sources, name, link.span, Code::NeverComes, message);
            fault.label(why);
            faults.push(fault);
            refused.insert(name.clone());
        }
    }
    units.retain(|name, _| !refused.contains(name));
    faults
}

/// A pod is done when all of its application is.
fn is_for_ever(pod: &PodTemplate) -> bool {
    let mut application = pod.processes().filter(|process| process.part == Part::Application);
    application.any(|process| process.restart_policy == RestartPolicy::Always)
}

fn never(condition: Condition, other: &Unit) -> Option<&'static str> {
    let ends = matches!(condition, Condition::Completed | Condition::Succeeded);
    match other.kind() {
        Kind::Service if ends && other.pod().is_some_and(is_for_ever) => {
            Some("it is a service that is always restarted")
        }
        Kind::Target if ends => Some("it is a target: it is reached, and runs nothing"),
        Kind::CronJob if condition != Condition::Started => {
            Some("it is a cronjob: it is only ever started, and armed then")
        }
        _ => None,
    }
}

/// The units as numbers, with the edges from who waits to whom it waits for.
struct Graph<'u> {
    names: Vec<&'u UnitName>,
    edges: Vec<Vec<Edge<'u>>>,
}

#[derive(Clone, Copy)]
struct Edge<'u> {
    to: usize,
    /// The relation, and the unit that has it: for `before` that is the other one.
    link: &'u Link,
    owner: usize,
}

impl<'u> Graph<'u> {
    fn new(units: &'u BTreeMap<UnitName, Checked>) -> Self {
        let names: Vec<&UnitName> = units.keys().collect();
        let numbers: HashMap<&UnitName, usize> =
            names.iter().enumerate().map(|(n, name)| (*name, n)).collect();
        let mut edges: Vec<Vec<Edge<'_>>> = vec![Vec::new(); names.len()];
        for (owner, checked) in units.values().enumerate() {
            for link in &checked.links {
                let Some(&other) = numbers.get(&link.unit) else { continue };
                let (from, to) = if link.kind == LinkKind::Before { (other, owner) } else { (owner, other) };
                edges[from].push(Edge { to, link, owner });
            }
        }
        Self { names, edges }
    }

    /// The knots: groups in which each waits for each other, as Tarjan finds them, with an explicit stack.
    /// They come in the order in which units could start.
    fn knots(&self) -> Vec<Vec<usize>> {
        const NEW: usize = usize::MAX;
        let count = self.names.len();
        let (mut index, mut low) = (vec![NEW; count], vec![0; count]);
        let mut on_stack = vec![false; count];
        let (mut stack, mut knots) = (Vec::new(), Vec::new());
        let mut next = 0;
        for root in 0..count {
            if index[root] != NEW {
                continue;
            }
            // (unit, next edge to look at)
            let mut walk: Vec<(usize, usize)> = vec![(root, 0)];
            while let Some(&mut (unit, ref mut edge)) = walk.last_mut() {
                if *edge == 0 && index[unit] == NEW {
                    (index[unit], low[unit]) = (next, next);
                    next += 1;
                    stack.push(unit);
                    on_stack[unit] = true;
                }
                if let Some(Edge { to, .. }) = self.edges[unit].get(*edge).copied() {
                    *edge += 1;
                    if index[to] == NEW {
                        walk.push((to, 0));
                    } else if on_stack[to] {
                        low[unit] = low[unit].min(index[to]);
                    }
                    continue;
                }
                walk.pop();
                if let Some(&(parent, _)) = walk.last() {
                    low[parent] = low[parent].min(low[unit]);
                }
                if low[unit] == index[unit] {
                    let from = stack.iter().rposition(|other| *other == unit).unwrap_or(0);
                    let knot = stack.split_off(from);
                    knot.iter().for_each(|unit| on_stack[*unit] = false);
                    knots.push(knot);
                }
            }
        }
        knots
    }

    /// The shortest circle through a unit, as edges; `within` tells the units of its knot.
    fn circle(&self, start: usize, within: &[bool]) -> Vec<Edge<'u>> {
        let mut came: HashMap<usize, (usize, Edge<'u>)> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(unit) = queue.pop_front() {
            for edge in self.edges[unit].iter().filter(|edge| within[edge.to]) {
                if edge.to == start {
                    let mut circle = vec![*edge];
                    let mut at = unit;
                    while at != start
                        && let Some((from, edge)) = came.get(&at)
                    {
                        circle.push(*edge);
                        at = *from;
                    }
                    circle.reverse();
                    return circle;
                }
                came.entry(edge.to).or_insert_with(|| {
                    queue.push_back(edge.to);
                    (unit, *edge)
                });
            }
        }
        Vec::new()
    }
}

/// Units that wait for one another in a circle.
fn circles(
    units: &mut BTreeMap<UnitName, Checked>,
    refused: &mut BTreeSet<UnitName>,
    sources: &Sources,
) -> Vec<Diagnostic> {
    let graph = Graph::new(units);
    let mut faults = Vec::new();
    let mut bad = BTreeSet::new();
    let mut within = vec![false; graph.names.len()];
    for mut knot in graph.knots() {
        let alone = knot.len() == 1;
        if alone && !graph.edges[knot[0]].iter().any(|edge| edge.to == knot[0]) {
            continue;
        }
        knot.sort_unstable();
        knot.iter().for_each(|unit| within[*unit] = true);
        let mut shown: BTreeSet<usize> = BTreeSet::new();
        let mut count = 0;
        for &unit in &knot {
            if count == CIRCLES_MAX || shown.contains(&unit) {
                continue;
            }
            let circle = graph.circle(unit, &within);
            shown.extend(circle.iter().map(|edge| edge.to));
            faults.extend(circle_fault(&graph, unit, &circle, sources));
            count += 1;
        }
        knot.iter().for_each(|unit| within[*unit] = false);
        bad.extend(knot.iter().map(|unit| graph.names[*unit].clone()));
    }
    units.retain(|name, _| !bad.contains(name));
    refused.extend(bad);
    faults
}

fn circle_fault(
    graph: &Graph<'_>,
    start: usize,
    circle: &[Edge<'_>],
    sources: &Sources,
) -> Option<Diagnostic> {
    let first = circle.first()?;
    let message = match circle.len() {
        1 => format!("`{}` waits for itself", graph.names[start]),
        count => format!("{count} units wait for one another in a circle"),
    };
    let mut path = graph.names[start].to_string();
    for edge in circle {
        path.push_str(" → ");
        path.push_str(graph.names[edge.to].as_str());
    }
    let mut fault = fault_at(sources, graph.names[first.owner], first.link.span, Code::Cycle, message);
    fault.label("one of its relations").help(format!("leave out one of: {path}"));
    Some(fault)
}

/// Units at the end of a chain that is too long.
fn too_deep(
    units: &mut BTreeMap<UnitName, Checked>,
    refused: &mut BTreeSet<UnitName>,
    sources: &Sources,
) -> Vec<Diagnostic> {
    let graph = Graph::new(units);
    let mut depth = vec![1usize; graph.names.len()];
    // In the order of the knots everything that a unit waits for comes before it.
    for unit in graph.knots().into_iter().flatten() {
        depth[unit] = 1 + graph.edges[unit].iter().map(|edge| depth[edge.to]).max().unwrap_or(0);
    }
    let bad: Vec<usize> = (0..depth.len()).filter(|unit| depth[*unit] > DEPENDENCY_DEPTH_MAX).collect();
    // One fault for all: those further up would only repeat it.
    let first = bad.iter().find(|unit| depth[**unit] == DEPENDENCY_DEPTH_MAX + 1).copied();
    let edge = first.and_then(|unit| {
        let deepest = |edge: &&Edge<'_>| depth[edge.to] == DEPENDENCY_DEPTH_MAX;
        Some((unit, graph.edges[unit].iter().find(deepest)?))
    });
    let fault = edge.map(|(unit, edge)| {
        let message = format!(
            "`{}` is at the end of a chain of {} units that wait for one another",
            graph.names[unit], depth[unit]
        );
        let mut fault = fault_at(sources, graph.names[edge.owner], edge.link.span, Code::TooDeep, message);
        fault.label(format!("{DEPENDENCY_DEPTH_MAX} at most"));
        match bad.len() - 1 {
            0 => {}
            more => {
                fault.help(format!("{more} more units are beyond it, and not loaded either"));
            }
        }
        fault
    });
    let bad: BTreeSet<UnitName> = bad.into_iter().map(|unit| graph.names[unit].clone()).collect();
    units.retain(|name, _| !bad.contains(name));
    refused.extend(bad);
    fault.into_iter().collect()
}

/// Requirements that do not exist or were refused, and all that requires those in turn.
fn missing(
    units: &mut BTreeMap<UnitName, Checked>,
    refused: &mut BTreeSet<UnitName>,
    sources: &Sources,
) -> Vec<Diagnostic> {
    let mut requirers: HashMap<&UnitName, Vec<&UnitName>> = HashMap::new();
    let mut faults = Vec::new();
    let mut bad: BTreeSet<UnitName> = BTreeSet::new();
    let mut queue: VecDeque<&UnitName> = VecDeque::new();
    let requires = |checked: &'_ Checked| {
        checked.links.iter().filter(|link| link.kind == LinkKind::Requires).cloned().collect::<Vec<_>>()
    };
    for (name, checked) in &*units {
        for link in checked.links.iter().filter(|link| link.kind == LinkKind::Requires) {
            requirers.entry(&link.unit).or_default().push(name);
        }
        let gone = requires(checked).into_iter().filter(|link| !units.contains_key(&link.unit));
        for link in &gone.take(FAULTS_SHOWN_MAX).collect::<Vec<_>>() {
            faults.push(no_requirement(units, refused, sources, name, link, faults.len() < GUESSES_MAX));
            if bad.insert(name.clone()) {
                queue.push_back(name);
            }
        }
    }
    while let Some(gone) = queue.pop_front() {
        for &name in requirers.get(gone).into_iter().flatten() {
            let Some(checked) = units.get(name) else { continue };
            let Some(link) = requires(checked).into_iter().find(|link| link.unit == *gone) else { continue };
            if bad.insert(name.clone()) {
                let mut fault =
                    fault_at(sources, name, link.span, Code::Refused, format!("`{gone}` is not loaded"));
                fault.label("it has faults of its own");
                faults.push(fault);
                queue.push_back(name);
            }
        }
    }
    units.retain(|name, _| !bad.contains(name));
    refused.extend(bad);
    faults
}

fn no_requirement(
    units: &BTreeMap<UnitName, Checked>,
    refused: &BTreeSet<UnitName>,
    sources: &Sources,
    name: &UnitName,
    link: &Link,
    guess: bool,
) -> Diagnostic {
    if refused.contains(&link.unit) {
        let mut fault =
            fault_at(sources, name, link.span, Code::Refused, format!("`{}` is not loaded", link.unit));
        fault.label("it has faults of its own");
        return fault;
    }
    let message = format!("there is no unit `{}`", link.unit);
    let mut fault = fault_at(sources, name, link.span, Code::Missing, message);
    fault.label("required here");
    let others = units.keys().filter(|other| *other != name).map(UnitName::as_str);
    let all = others.chain(refused.iter().map(UnitName::as_str));
    if guess && let Some(near) = super::keys::nearest(link.unit.as_str(), all) {
        fault.help(format!("did you mean `{near}`?"));
    }
    fault
}

/// Looser relations to units that are not there: a warning.
fn lost(
    units: &mut BTreeMap<UnitName, Checked>,
    refused: &BTreeSet<UnitName>,
    sources: &Sources,
) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for (name, checked) in &*units {
        let loose = checked.links.iter().filter(|link| link.kind != LinkKind::Requires);
        for link in loose.filter(|link| !units.contains_key(&link.unit)).take(FAULTS_SHOWN_MAX) {
            let (message, label) = if refused.contains(&link.unit) {
                (format!("`{}` is not loaded", link.unit), "it has faults of its own")
            } else {
                (format!("there is no unit `{}`", link.unit), "this relation does nothing")
            };
            let mut fault = fault_at(sources, name, link.span, Code::RelationMissing, message);
            fault.label(label);
            faults.push(fault);
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::unit::load::{Loaded, parse_one};

    /// Units with one relation each, loaded as a bundle and checked against one another.
    fn check_units(count: usize, relation: impl Fn(usize) -> String) -> (Vec<UnitName>, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let mut units = BTreeMap::new();
        for number in 0..count {
            let path = std::path::PathBuf::from(format!("u{number}.toml"));
            let text = format!("exec = ['/bin/true']\n{}", relation(number));
            let source = sources.add(path.clone(), text);
            let mut faults = crate::unit::diagnostic::Faults::new(&sources, None);
            let table = crate::unit::tree::parse(&sources, source, false, &mut faults);
            let name = UnitName::parse(&format!("u{number}")).unwrap();
            let draft = crate::unit::check::Draft { name: name.clone(), table, path, drop_ins: Vec::new() };
            let (checked, faults) = crate::unit::check::check(&draft, &sources, &|_| None);
            assert!(faults.is_empty(), "{}", faults[0].render(false));
            units.insert(name, checked.unwrap());
        }
        let faults = check(&mut units, &mut BTreeSet::new(), &sources);
        (units.into_keys().collect(), faults)
    }

    fn codes(faults: &[Diagnostic]) -> Vec<Code> {
        faults.iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn circles_of_any_length_are_shown_in_full() {
        for count in [1, 2, 3, 1_000] {
            let (left, faults) = check_units(count, |n| format!("requires = ['u{}']", (n + 1) % count));
            assert!(left.is_empty());
            assert_eq!(codes(&faults), [Code::Cycle]);
            let path = faults[0].help.as_ref().unwrap();
            assert_eq!(path.matches(" → ").count(), count);
            assert!((0..count).all(|n| path.contains(&format!("u{n}"))), "{path}");
        }
    }

    #[test]
    fn two_circles_are_two_faults_and_the_rest_goes_on() {
        let (left, faults) = check_units(7, |n| match n {
            0 => "after = ['u1']".into(),
            1 => "wants = ['u0']".into(),
            2 => "before = ['u3']\nrequires = ['u3']".into(),
            4 => "requires = ['u0']".into(),
            5 => "wants = ['u4']".into(),
            _ => String::new(),
        });
        assert_eq!(left.iter().map(UnitName::as_str).collect::<Vec<_>>(), ["u5", "u6"]);
        assert_eq!(codes(&faults), [Code::Cycle, Code::Cycle, Code::Refused, Code::RelationMissing]);
    }

    #[test]
    fn everything_in_one_knot_is_named_though_not_each_circle_of_it() {
        let count = 60;
        let all: Vec<String> = (0..count).map(|n| format!("'u{n}'")).collect();
        let (left, faults) = check_units(count, |_| format!("after = [{}]", all.join(", ")));
        assert!(left.is_empty());
        assert_eq!(faults.len(), CIRCLES_MAX);
    }

    #[test]
    fn a_chain_may_have_a_thousand_units() {
        let chain = |n: usize| if n == 0 { String::new() } else { format!("requires = ['u{}']", n - 1) };
        let (left, faults) = check_units(DEPENDENCY_DEPTH_MAX, chain);
        assert_eq!((left.len(), faults.len()), (DEPENDENCY_DEPTH_MAX, 0));
        let (left, faults) = check_units(10_000, chain);
        assert_eq!(left.len(), DEPENDENCY_DEPTH_MAX);
        assert_eq!(codes(&faults), [Code::TooDeep]);
        assert_eq!(faults[0].help.as_deref(), Some("8999 more units are beyond it, and not loaded either"));
    }

    #[test]
    fn a_diamond_of_many_levels_is_no_circle() {
        // Two units on each level, each waiting for both of the level below: 2^400 paths.
        let (left, faults) = check_units(800, |n| match n / 2 {
            0 => String::new(),
            level => format!("requires = ['u{}', 'u{}']", level * 2 - 2, level * 2 - 1),
        });
        assert_eq!((left.len(), faults.len()), (800, 0));
    }

    #[test]
    fn many_missing_requirements_take_no_long_time() {
        let (left, faults) = check_units(3_000, |n| format!("requires = ['gone-{n}']"));
        assert_eq!((left.len(), faults.len()), (0, 3_000));
    }

    #[test]
    fn a_text_by_itself_is_not_asked_for_its_relations() {
        let loaded: Loaded =
            parse_one(b"exec = ['x']\nrequires = ['y']", Path::new("a.toml"), &|_| None, false);
        assert!(loaded.faults.is_empty());
        assert_eq!(loaded.units[0].relations.requires.len(), 1);
    }
}
