//! `securityContext` of pods and containers: whom a process becomes.
//!
//! What hardens is warned of where this release does not do it: a program that works with it works without.

use super::super::diagnostic::Code;
use super::super::source::Span;
use super::super::tree::{Table, Value};
use super::fields::Spec;
use super::pod::Translation;
use super::specs::{POD_SECURITY, SECURITY};

/// Ids that fit, without the one that tells the kernel to leave it as it is.
const ID_MAX: i64 = u32::MAX as i64 - 1;

/// What a pod says for all its containers.
#[derive(Clone, Default)]
pub(super) struct PodSecurity {
    user: Option<(i64, Span)>,
    group: Option<(i64, Span)>,
    non_root: bool,
    /// `supplementalGroups`, and `fsGroup` behind them.
    groups: Vec<(i64, Span)>,
    /// The group of the files in volumes.
    pub(super) volume_group: Option<(i64, Span)>,
}

impl Translation<'_> {
    /// The pod's own.
    pub(super) fn pod_security(&mut self, spec: &Table) -> PodSecurity {
        let Some((context, _)) = self.fields.object(spec, "securityContext") else {
            return PodSecurity::default();
        };
        self.fields.check(context, &POD_SECURITY);
        self.profiles(context);
        let mut groups = Vec::new();
        for item in self.fields.list(context, "supplementalGroups") {
            match item.value {
                Value::Integer(Some(group), _) if (0..=ID_MAX).contains(&group) => {
                    groups.push((group, item.span))
                }
                _ => self.fields.wrong_type("supplementalGroups", item, "an integer for each group"),
            }
        }
        let volume_group = self.fields.integer(context, "fsGroup", 0..=ID_MAX);
        groups.extend(volume_group);
        PodSecurity {
            user: self.fields.integer(context, "runAsUser", 0..=ID_MAX),
            group: self.fields.integer(context, "runAsGroup", 0..=ID_MAX),
            non_root: self.fields.boolean(context, "runAsNonRoot").is_some_and(|(value, _)| value),
            groups,
            volume_group,
        }
    }

    /// A container's own, over the pod's.
    pub(super) fn security(&mut self, container: &Table, at: Span, process: &mut Table) {
        let pod = self.security.clone();
        let empty = Table::default();
        let context = self.fields.object(container, "securityContext").map_or(&empty, |(context, _)| context);
        self.fields.check(context, &SECURITY);
        self.profiles(context);
        let user = self.fields.integer(context, "runAsUser", 0..=ID_MAX).or(pod.user);
        let group = self.fields.integer(context, "runAsGroup", 0..=ID_MAX).or(pod.group);
        let non_root = self.fields.boolean(context, "runAsNonRoot").map_or(pod.non_root, |(value, _)| value);
        if let (Some((true, _)), Some(entry)) =
            (self.fields.boolean(context, "privileged"), context.get("privileged"))
        {
            self.fields.no_meaning(entry, "a native process is not confined");
        }
        if non_root && user.is_none_or(|(user, _)| user == 0) {
            let span = user.map_or(at, |(_, span)| span);
            self.fields
                .fault(span, Code::BadAccount, "`runAsNonRoot` without a `runAsUser` other than 0")
                .label("an image names no user here")
                .help("write `runAsUser: 1000` beside it");
        }
        if let Some((user, span)) = user {
            process.put("user", span, user);
            // Root's group to a user of whom nothing is said would be too much; Kubernetes gives it.
            if group.is_none() && user != 0 {
                self.fields
                    .fault(
                        span,
                        Code::NoMeaning,
                        "`runAsUser` without `runAsGroup`: the account's own group is taken",
                    )
                    .label("Kubernetes would take group 0");
            }
        }
        if let Some((group, span)) = group {
            process.put("group", span, group);
        }
        if let Some((_, span)) = pod.groups.first() {
            let groups = pod
                .groups
                .iter()
                .map(|(group, span)| super::super::tree::Node { value: Value::from(*group), span: *span });
            process.put("supplementary_groups", *span, Value::Array(groups.collect()));
        }
    }

    /// Profiles of seccomp and AppArmor: a file of the node's is refused, the rest is not enforced.
    fn profiles(&mut self, context: &Table) {
        static PROFILE: Spec =
            Spec { name: "a profile", taken: &["type", "localhostProfile"], idle: &[], refused: &[] };
        for key in ["seccompProfile", "appArmorProfile"] {
            let Some((profile, entry)) = self.fields.object(context, key) else { continue };
            self.fields.check(profile, &PROFILE);
            match self.fields.word(profile, "type", &["RuntimeDefault", "Unconfined", "Localhost"]) {
                Some(("RuntimeDefault", _)) => {
                    self.fields.no_meaning(entry, "this release does not enforce it");
                }
                Some(("Localhost", span)) => {
                    self.fields.refuse(span, "type: Localhost", "this release loads no profiles");
                }
                _ => {}
            }
        }
    }
}
