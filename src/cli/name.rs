//! Names as people write them: `web`, `job/backup`, `backup.job`, `pods web-0`, `web*`.

use super::exit::Failure;
use super::not_yet;

/// A sort of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noun {
    /// Units of every kind.
    Unit,
    /// Services, which Kubernetes calls deployments.
    Service,
    /// Pods.
    Pod,
    /// Jobs.
    Job,
    /// Cronjobs.
    CronJob,
    /// Targets.
    Target,
    /// Events.
    Event,
    /// Runs.
    Run,
    /// Entries of the history.
    History,
}

/// A name, with its noun where one was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The noun.
    pub noun: Option<Noun>,
    /// The name, or a pattern with `*` and `?`.
    pub name: String,
}

/// kubectl's two forms of a service's name, `deployment/web` and `deployment web`, in the first one.
pub fn services(words: &[String]) -> Vec<String> {
    match words {
        [noun, names @ ..] if !names.is_empty() && Noun::parse(noun) == Some(Noun::Service) => {
            names.iter().map(|name| format!("{noun}/{name}")).collect()
        }
        _ => words.to_vec(),
    }
}

/// What `get` and its like are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The nouns, each once; without any: the names say.
    pub nouns: Vec<Noun>,
    /// The names; none: all objects of the nouns.
    pub names: Vec<Reference>,
}

/// Each noun with its spellings: the singular, which `-o name` prints, and the plural first.
const NOUNS: &[(Noun, &[&str])] = &[
    (Noun::Unit, &["unit", "units"]),
    (Noun::Service, &["service", "services", "svc", "deployment", "deployments", "deploy"]),
    (Noun::Pod, &["pod", "pods", "po"]),
    (Noun::Job, &["job", "jobs"]),
    (Noun::CronJob, &["cronjob", "cronjobs", "cj", "timer", "timers"]),
    (Noun::Target, &["target", "targets"]),
    (Noun::Event, &["event", "events", "ev"]),
    (Noun::Run, &["run", "runs"]),
    (Noun::History, &["historyentry", "history", "historyentries"]),
];

/// What `all` stands for, in the order in which it is shown.
const ALL: [Noun; 4] = [Noun::Pod, Noun::Service, Noun::CronJob, Noun::Job];

/// Nouns of a later release.
const NOUNS_NOT_YET: &[&str] =
    &["slice", "slices", "socket", "sockets", "path", "paths", "node", "nodes", "namespaces"];

impl Noun {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unit,
        Self::Service,
        Self::Pod,
        Self::Job,
        Self::CronJob,
        Self::Target,
        Self::Event,
        Self::Run,
        Self::History,
    ];

    /// Spellings beside the singular and the plural.
    pub fn short_names(self) -> &'static [&'static str] {
        &self.spellings()[2..]
    }

    /// Reads one spelling; case does not matter, since kinds are written `CronJob` too.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        // kubectl's own names carry the group: `job.batch`, `deployments.apps`, `jobs.v1.batch`.
        let groups = [".v1.batch", ".batch", ".v1.apps", ".apps"];
        let text = groups.iter().find_map(|group| text.strip_suffix(group)).unwrap_or(&text).to_owned();
        NOUNS.iter().find(|(_, spellings)| spellings.contains(&text.as_str())).map(|(noun, _)| *noun)
    }

    /// The singular.
    pub fn singular(self) -> &'static str {
        self.spellings()[0]
    }

    /// The plural.
    pub fn plural(self) -> &'static str {
        self.spellings()[1]
    }

    /// As kubectl says whom something has happened to: `job.batch`.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Job => "job.batch",
            Self::CronJob => "cronjob.batch",
            Self::Service => "deployment.apps",
            _ => self.singular(),
        }
    }

    fn spellings(self) -> &'static [&'static str] {
        NOUNS.iter().find(|(noun, _)| *noun == self).map_or(&["", ""], |(_, spellings)| spellings)
    }
}

impl Reference {
    /// Reads `web`, `job/backup`, `backup.job`; supervisord's `web:*` is the unit with all its pods.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let (noun, name) = match text.split_once('/') {
            Some((noun, name)) => {
                let known = Noun::parse(noun).ok_or_else(|| unknown_noun(noun))?;
                (Some(known), name)
            }
            None => match text.rsplit_once('.').map(|(name, suffix)| (name, Noun::parse(suffix))) {
                Some((name, Some(noun))) => (Some(noun), name),
                _ => (None, text.strip_suffix(":*").unwrap_or(text)),
            },
        };
        if name.is_empty() {
            return Err(Failure::usage(format!("`{text}` names nothing")));
        }
        Ok(Self { noun, name: name.to_owned() })
    }

    /// Reads several.
    pub fn parse_all(texts: &[String]) -> Result<Vec<Self>, Failure> {
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    /// Whether it may stand for several.
    pub fn is_pattern(&self) -> bool {
        self.name.contains(['*', '?'])
    }

    /// Whether a name is meant by it.
    pub fn matches(&self, name: &str) -> bool {
        if self.is_pattern() { matches_pattern(&self.name, name) } else { self.name == name }
    }
}

impl Query {
    /// Reads kubectl's two forms: `pods web-0 web-1`, and `pod/web-0 job/import`. Where the first word is
    /// no noun, all words are names.
    pub fn parse(words: &[String]) -> Result<Self, Failure> {
        let Some((first, rest)) = words.split_first() else {
            return Ok(Self { nouns: Vec::new(), names: Vec::new() });
        };
        if first.contains('/') {
            return Ok(Self { nouns: Vec::new(), names: Reference::parse_all(words)? });
        }
        let Some(nouns) = parse_nouns(first)? else {
            return Ok(Self { nouns: Vec::new(), names: Reference::parse_all(words)? });
        };
        if let Some(written) = rest.iter().find(|word| word.contains('/')) {
            return Err(Failure::usage(format!("`{first}` and `{written}` both name a noun")));
        }
        let names = rest.iter().map(|name| Reference { noun: None, name: name.clone() }).collect();
        Ok(Self { nouns, names })
    }
}

/// `pods`, `pods,jobs`, `all`; nothing where the word is no noun at all.
fn parse_nouns(word: &str) -> Result<Option<Vec<Noun>>, Failure> {
    if word == "all" {
        return Ok(Some(ALL.to_vec()));
    }
    if is_replica_set(word) {
        return Err(no_replica_sets());
    }
    if NOUNS_NOT_YET.contains(&word) {
        return Err(not_yet::value(&format!("`get {word}`"), "supctl get units"));
    }
    let parts: Vec<Option<Noun>> = word.split(',').map(Noun::parse).collect();
    if parts.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut nouns = Vec::new();
    for (part, noun) in word.split(',').zip(parts) {
        let noun = noun.ok_or_else(|| unknown_noun(part))?;
        if !nouns.contains(&noun) {
            nouns.push(noun);
        }
    }
    Ok(Some(nouns))
}

/// Kubernetes' objects between a deployment and its pods.
fn is_replica_set(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "rs" | "replicaset" | "replicasets" | "replicaset.apps" | "replicasets.apps"
    )
}

fn no_replica_sets() -> Failure {
    Failure::usage("there are no ReplicaSets here: a service keeps its revisions itself")
        .hint("its revisions: supctl rollout history NAME")
        .hint("its pods: supctl get deployments")
}

fn unknown_noun(text: &str) -> Failure {
    if is_replica_set(text) {
        return no_replica_sets();
    }
    let plurals = NOUNS.iter().map(|(_, spellings)| spellings[1]);
    Failure::usage(format!("there is no noun `{text}`"))
        .hint(format!("nouns: {}, all", plurals.collect::<Vec<_>>().join(", ")))
}

/// `*` is any text, `?` any character. No recursion: the last star is where to go back to.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n, mut back) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star, taken)) = back else { return false };
                back = Some((star, taken + 1));
                p = star + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Suggestions for a name that does not exist: at most this many.
const SUGGESTIONS_MAX: usize = 3;

/// Up to three names that are most like the one that was written, the likest first.
pub fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    let mut near: Vec<(usize, &str)> = names
        .map(|name| (if is_part(written, name) { 1 } else { distance(written, name) }, name))
        .filter(|(far, _)| *far <= allowed)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(SUGGESTIONS_MAX).map(|(_, name)| name.to_owned()).collect()
}

/// `front` for `web-front`: long enough to be meant.
fn is_part(written: &str, name: &str) -> bool {
    written.len() >= 3 && name.contains(written)
}

/// Edits from one text to the other: insertions, deletions, replacements, and neighbours swapped.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = Vec::with_capacity(to.len() + 1);
        row.push(i + 1);
        for (j, b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_noun() {
        for (text, noun) in [("svc", Noun::Service), ("Deployments", Noun::Service), ("cj", Noun::CronJob)] {
            assert_eq!(Noun::parse(text), Some(noun));
        }
        assert_eq!(Noun::parse("web"), None);
        assert_eq!((Noun::CronJob.singular(), Noun::CronJob.plural()), ("cronjob", "cronjobs"));
    }

    #[test]
    fn names_with_and_without_a_noun() {
        let parse = |text: &str| Reference::parse(text).map(|reference| (reference.noun, reference.name));
        assert_eq!(parse("web"), Ok((None, "web".to_owned())));
        assert_eq!(parse("job/backup"), Ok((Some(Noun::Job), "backup".to_owned())));
        assert_eq!(parse("backup.job"), Ok((Some(Noun::Job), "backup".to_owned())));
        assert_eq!(parse("web.v2"), Ok((None, "web.v2".to_owned())));
        assert_eq!(parse("web:*"), Ok((None, "web".to_owned())));
        assert!(parse("pods/").is_err() && parse("nonsense/x").is_err());
    }

    #[test]
    fn kubectls_two_forms() {
        let query = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            Query::parse(&words)
        };
        assert_eq!(query("pods").map(|q| q.nouns), Ok(vec![Noun::Pod]));
        assert_eq!(query("po,jobs,pods").map(|q| q.nouns), Ok(vec![Noun::Pod, Noun::Job]));
        assert_eq!(query("all").map(|q| q.nouns.len()), Ok(4));
        assert_eq!(query("pod/web-0 job/x").map(|q| (q.nouns.len(), q.names.len())), Ok((0, 2)));
        assert_eq!(query("pods web-0 web-1").map(|q| (q.nouns, q.names.len())), Ok((vec![Noun::Pod], 2)));
        assert_eq!(query("web").map(|q| q.names.len()), Ok(1));
        assert!(query("pods,nonsense").is_err() && query("sockets").is_err() && query("pods job/x").is_err());
    }

    #[test]
    fn services_have_two_forms() {
        let form =
            |words: &[&str]| services(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(form(&["deployment", "web", "db"]), ["deployment/web", "deployment/db"]);
        assert_eq!(form(&["deployment/web"]), ["deployment/web"]);
        assert_eq!(form(&["web", "db"]), ["web", "db"]);
        // A unit may have a noun's name.
        assert_eq!(form(&["service"]), ["service"]);
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("web*", "web-0", true),
            ("*-0", "web-0", true),
            ("w?b", "web", true),
            ("*a*b", "xaxxb", true),
            ("*", "", true),
            ("w?b", "weeb", false),
            ("web*0", "web-01", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn suggestions_are_near() {
        let names = ["mailer", "web", "web-front", "db", "backup", "wen"];
        assert_eq!(nearest("mialer", names.into_iter()), ["mailer"]);
        assert_eq!(nearest("wob", names.into_iter()), ["web"]);
        assert_eq!(nearest("front", names.into_iter()), ["web-front"]);
        assert_eq!(nearest("zzz", names.into_iter()), Vec::<String>::new());
        assert_eq!(distance("abc", "acb"), 1);
    }
}
