//! IDX: jobs whose completions are numbered. BPI: failures counted for each index.

use supd::control::objects::Pod;
use supd::engine::event::Command;
use supd::engine::view::UnitState;

use crate::load;
use crate::world::world;

pub fn indexed(completions: u32, parallelism: u32, keys: &str) -> String {
    format!(
        "exec = ['/x']\nrestart_policy = 'Never'\n[job]\ncompletion_mode = 'Indexed'\n\
         completions = {completions}\nparallelism = {parallelism}\n{keys}"
    )
}

#[test]
fn idx_001_each_index_once() {
    assert!(load("j", "exec = ['/x']\n[job]\ncompletion_mode = 'Indexed'\nparallelism = 2").is_err());
    world("once each")
        .unit("j", &indexed(3, 2, ""))
        .begin()
        .runs(&["j-0-0", "j-1-1"])
        .exit("j-1-1", 0)
        .exit("j-2-2", 0)
        .state("j", UnitState::Running)
        .exit("j-0-0", 0)
        .state("j", UnitState::Complete)
        .check(|w| assert_eq!(w.job("j").completed_indexes, "0-2"));
}

#[test]
fn idx_002_the_pod_carries_its_index() {
    world("index").unit("j", &indexed(2, 2, "")).begin().check(|w| {
        let pod = Pod::of_job(&w.pod("j-1-1"), &w.job("j"));
        let key = "batch.kubernetes.io/job-completion-index";
        assert_eq!(pod.metadata.annotations.get(key).map(String::as_str), Some("1"));
        assert_eq!(pod.metadata.labels.get(key).map(String::as_str), Some("1"));
    });
}

#[test]
fn idx_004_the_notation_of_sets() {
    for (done, words) in [
        (&[2u32, 4, 5, 7, 8, 9][..], "2,4,5,7-9"),
        (&[0, 1][..], "0,1"),
        (&[0, 1, 2][..], "0-2"),
        (&[][..], ""),
    ] {
        let mut w = world("notation").unit("j", &indexed(20, 20, "")).begin();
        for index in done {
            w = w.exit(&format!("j-{index}-{index}"), 0);
        }
        assert_eq!(w.job("j").completed_indexes, words);
    }
}

#[test]
fn idx_005_a_second_success_of_an_index_counts_nothing() {
    // Index 0 is stopped and made again; both pods then succeed.
    world("twice")
        .unit("j", &indexed(2, 1, ""))
        .stubborn("j-0-0")
        .begin()
        .command(Command::Suspend("j".into()))
        .command(Command::Resume("j".into()))
        .runs(&["j-0-0", "j-0-1"])
        .exit("j-0-1", 0)
        .exit("j-0-0", 0)
        .check(|w| assert_eq!(w.job("j").completed_indexes, "0"))
        .check(|w| assert_eq!(w.job("j").succeeded, 1))
        .state("j", UnitState::Running);
}

#[test]
fn idx_007_an_indexed_job_is_made_smaller_and_larger() {
    world("elastic")
        .unit("j", &indexed(4, 4, ""))
        .begin()
        .exit("j-3-3", 0)
        .exit("j-0-0", 0)
        .exit("j-2-2", 1)
        .check(|w| assert_eq!(w.job("j").completed_indexes, "0,3"))
        .unit("j", &indexed(2, 2, ""))
        .reload(true)
        .check(|w| {
            let job = w.job("j");
            assert_eq!((job.completed_indexes.as_str(), job.succeeded, job.failed), ("0", 1, 1));
        })
        .runs(&["j-1-1"])
        .unit("j", &indexed(3, 3, ""))
        .reload(true)
        .advance("10s")
        .runs(&["j-1-1", "j-2-4"])
        .exit("j-1-1", 0)
        .exit("j-2-4", 0)
        .state("j", UnitState::Complete)
        .counts("j", (0, 3, 1));
}

#[test]
fn idx_008_one_back_off_for_all_indexes() {
    world("one back-off")
        .unit("j", &indexed(4, 2, ""))
        .begin()
        .exit("j-0-0", 1)
        .runs(&["j-1-1"])
        .advance("9.999s")
        .runs(&["j-1-1"])
        .advance("1ms")
        .runs(&["j-0-2", "j-1-1"]);
}
