//! A job's unit is edited while there is a job: rules JVL-007 and IDX-007.

use std::sync::Arc;

use supd::engine::view::UnitState;
use supd::unit::model::Unit;

use crate::world::{World, name, world};

/// As the importer makes it: from a manifest.
fn manifest(text: &str) -> Arc<Unit> {
    Arc::new(Unit { manifest: Some("Job".to_owned()), ..Unit::clone(&crate::parse("j", text)) })
}

fn with(mut w: World, text: &str) -> World {
    w.units.insert(name("j"), manifest(text));
    w
}

#[test]
fn jvl_007_what_is_immutable_is_refused_by_the_name_of_its_field() {
    let base = "exec = ['/x']\n[job]\ncompletion_mode = 'Indexed'\ncompletions = 3\nparallelism = 2\n\
                backoff_limit_per_index = 1\n";
    let w = with(world("immutable"), base).begin();
    for (from, to, expected) in [
        ("/x", "/y", "spec.template: Invalid value: PodTemplateSpec{…}: field is immutable"),
        ("_index = 1", "_index = 2", "spec.backoffLimitPerIndex: Invalid value: 2: field is immutable"),
        (
            "completions = 3",
            "completions = 4",
            "spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism",
        ),
        (
            "parallelism = 2",
            "parallelism = 2\nsuccess_policy = [{ succeeded_count = 1 }]",
            "spec.successPolicy: Invalid value: 1 rules: field is immutable",
        ),
    ] {
        let unit = manifest(&base.replace(from, to));
        assert_eq!(w.engine().refused_change(&unit), [expected]);
    }
    let plain = "exec = ['/x']\n[job]\ncompletions = 4\n";
    assert_eq!(
        w.engine().refused_change(&manifest(plain)),
        [
            "spec.completions: Invalid value: 4: field is immutable",
            "spec.completionMode: Invalid value: \"NonIndexed\": field is immutable",
            "spec.backoffLimitPerIndex: Invalid value: null: field is immutable",
        ]
    );
    // A unit file is no manifest: it applies at the next start.
    assert!(w.engine().refused_change(&crate::parse("j", plain)).is_empty());
}

#[test]
fn jvl_007_a_refused_change_leaves_the_job_as_it_is() {
    let w = with(world("refused"), "exec = ['/x']\n[job]\ncompletions = 2\nparallelism = 2").begin();
    with(w, "exec = ['/x']\n[job]\ncompletions = 5\nparallelism = 1")
        .reload(true)
        .runs(&["j-0", "j-1"])
        .check(|w| assert_eq!(w.job("j").completions, Some(2)))
        .reported("Invalid", "j: spec.completions: Invalid value: 5: field is immutable");
}

#[test]
fn jvl_007_what_is_mutable_changes_the_job_at_once() {
    let text = |rest: &str| {
        format!(
            "exec = ['/x']\n[job]\ncompletion_mode = 'Indexed'\nbackoff_limit_per_index = 0\ncompletions = 4\n{rest}"
        )
    };
    let w = with(world("mutable"), &text("parallelism = 4")).begin();
    let w = w.exit("j-0-0", 1).exit("j-1-1", 1).runs(&["j-2-2", "j-3-3"]);
    with(w, &text("parallelism = 1\nactive_deadline = '1m'\nmax_failed_indexes = 2\nbackoff_limit = 9\nttl_after_finished = '1h'\npod_replacement_policy = 'Failed'"))
        .reload(true)
        .runs(&["j-2-2"])
        .check(|w| {
            let job = w.job("j");
            assert_eq!((job.max_failed_indexes, job.backoff_limit), (Some(2), 9));
            assert_eq!((job.ttl_seconds_after_finished, job.active_deadline_seconds), (Some(3600), Some(60)));
            assert_eq!(job.pod_replacement_policy, "Failed");
        })
        .stored()
        .manager_dies()
        .check(|w| assert_eq!((w.job("j").backoff_limit, w.job("j").max_failed_indexes), (9, Some(2))))
        .exit("j-2-2", 1)
        .conditions("j", &[
            ("FailureTarget", "MaxFailedIndexesExceeded"),
            ("Failed", "MaxFailedIndexesExceeded"),
        ])
        .advance("1h")
        .check(|w| assert!(w.jobs().is_empty()));
}

#[test]
fn jvl_007_a_lowered_limit_is_judged_at_once() {
    let w = with(world("limit"), "exec = ['/x']\n[job]\nbackoff_limit = 5").begin();
    let w = w.exit("j-0", 1).advance("10s").exit("j-1", 1).advance("20s").runs(&["j-2"]);
    with(w, "exec = ['/x']\n[job]\nbackoff_limit = 1").reload(true).runs(&[]).state("j", UnitState::Failed);
}

#[test]
fn jvl_007_an_operators_suspension_outlives_an_edit_of_something_else() {
    let w = with(world("suspended"), "exec = ['/x']\n[job]\n").begin();
    let w = w.command(supd::engine::event::Command::Suspend("j".into()));
    let w = with(w, "exec = ['/x']\n[job]\nbackoff_limit = 1").reload(true).state("j", UnitState::Suspended);
    let w = with(w, "exec = ['/x']\n[job]\nsuspend = true\nbackoff_limit = 1").reload(true);
    with(w, "exec = ['/x']\n[job]\nbackoff_limit = 1").reload(true).runs(&["j-1"]);
}
