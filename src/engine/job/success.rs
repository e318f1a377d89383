//! Which successes are enough, other than all of them (SUC-001ff).

use crate::engine::index_set::IndexSet;
use crate::unit::model::SuccessRule;

/// The place of the first rule that is met, in the order written (SUC-002).
pub(super) fn met(policy: &[SuccessRule], completed: &IndexSet, completions: u32) -> Option<usize> {
    // Not looked at while nothing has succeeded (SUC-004).
    if completed.len() == 0 {
        return None;
    }
    policy.iter().position(|rule| is_met(rule, completed, completions))
}

fn is_met(rule: &SuccessRule, completed: &IndexSet, completions: u32) -> bool {
    let Some(wanted) = &rule.indexes else {
        return rule.count.is_some_and(|count| completed.len() >= count);
    };
    // An elastic job may have fewer indexes by now than its rules name.
    let end = completions.saturating_sub(1);
    let inside = wanted.iter().filter(|(first, _)| *first < completions);
    let (mut size, mut there) = (0u32, 0u32);
    for (first, last) in inside.map(|(first, last)| (*first, (*last).min(end))) {
        size = size.saturating_add(last - first + 1);
        there = there.saturating_add(completed.count_within(first, last));
    }
    there == size || rule.count.is_some_and(|count| there >= count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(indexes: &[u32]) -> IndexSet {
        let mut set = IndexSet::default();
        indexes.iter().for_each(|index| _ = set.insert(*index));
        set
    }

    fn rule(indexes: Option<&[(u32, u32)]>, count: Option<u32>) -> SuccessRule {
        SuccessRule { indexes: indexes.map(<[(u32, u32)]>::to_vec), count }
    }

    #[test]
    fn suc_002_indexes_count_or_a_count_within_the_indexes() {
        let some = Some([(0, 2), (5, 5)].as_slice());
        for (rule, done, expected) in [
            (rule(some, None), vec![0, 1, 2], false),
            (rule(some, None), vec![0, 1, 2, 5], true),
            (rule(some, Some(2)), vec![0, 3, 4, 6], false),
            (rule(some, Some(2)), vec![0, 5], true),
            (rule(None, Some(3)), vec![7, 8], false),
            (rule(None, Some(3)), vec![7, 8, 9], true),
        ] {
            assert_eq!(met(&[rule.clone()], &completed(&done), 10).is_some(), expected, "{rule:?} {done:?}");
        }
    }

    #[test]
    fn suc_004_nothing_is_met_before_a_first_success() {
        assert_eq!(met(&[rule(Some(&[(8, 9)]), None)], &completed(&[]), 5), None);
    }

    #[test]
    fn idx_007_indexes_that_are_no_more_are_not_waited_for() {
        let rules = [rule(None, Some(4)), rule(Some(&[(1, 9)]), None)];
        assert_eq!(met(&rules, &completed(&[1, 2]), 3), Some(1));
    }
}
