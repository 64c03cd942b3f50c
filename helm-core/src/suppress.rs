use serde::{Deserialize, Serialize};

/// Small cells: counts of few people, which a report must not show nor let be derived.
///
/// A count from 1 up to below the threshold is small; 0 says nothing about anyone. Hiding only the small ones is not
/// enough where totals are known: a single hidden count is the total less the others. So further ones are hidden
/// (complementary suppression), the smallest first, until at least two are, and until their sum, which is always
/// derived, is not small either.
///
/// The default threshold is 20, as in the policy of the All of Us Research Program.
///
/// ```
/// use helm_core::SmallCells;
///
/// let small = SmallCells::default();
/// assert_eq!(small.suppress(&[120, 5, 40, 60]), [Some(120), None, None, Some(60)]);
/// assert_eq!(small.suppress(&[120, 20, 0]), [Some(120), Some(20), Some(0)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmallCells {
    /// The smallest count that may be shown, apart from 0. Thresholds of 0 and 1 hide nothing.
    pub threshold: usize,
}

impl Default for SmallCells {
    fn default() -> Self {
        Self { threshold: 20 }
    }
}

impl SmallCells {
    /// Whether a count alone is small.
    pub fn is_small(&self, count: usize) -> bool {
        0 < count && count < self.threshold
    }

    /// Counts of which the total is known; those that must not be shown are `None`. Where even the total is small, it
    /// must not be shown either, and all counts are hidden.
    pub fn suppress(&self, counts: &[usize]) -> Vec<Option<usize>> {
        let hidden = self.hidden(&counts.iter().map(|&count| [count]).collect::<Vec<_>>());
        counts.iter().zip(hidden).map(|(&count, hidden)| (!hidden).then_some(count)).collect()
    }

    /// Which groups of people must be left out of a report, each with several counts that are shown together (cases
    /// and controls, say) and of which the totals over all groups are known. A group is shown with all its counts, or
    /// not at all.
    ///
    /// ```
    /// use helm_core::SmallCells;
    ///
    /// // Cases and controls of three groups. Without the third, the first would be the total less the second.
    /// let hidden = SmallCells::default().hidden(&[[4, 90], [80, 300], [40, 200]]);
    /// assert_eq!(hidden, [true, false, true]);
    /// ```
    pub fn hidden<const N: usize>(&self, groups: &[[usize; N]]) -> Vec<bool> {
        let mut hidden: Vec<bool> =
            groups.iter().map(|counts| counts.iter().any(|&count| self.is_small(count))).collect();
        let size = |group: usize| groups[group].iter().fold(0, |sum: usize, &count| sum.saturating_add(count));
        while hidden.contains(&true) {
            let people = (0..groups.len()).filter(|&group| hidden[group] && size(group) > 0).count();
            let derived_is_small = (0..N).any(|column| {
                let counts =
                    groups.iter().zip(&hidden).filter(|(_, hidden)| **hidden).map(|(counts, _)| counts[column]);
                self.is_small(counts.fold(0, usize::saturating_add))
            });
            if people >= 2 && !derived_is_small {
                break;
            }
            let shown = (0..groups.len()).filter(|&group| !hidden[group]);
            let Some(next) = shown.min_by_key(|&group| (size(group) == 0, size(group), group)) else { break };
            hidden[next] = true;
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small(threshold: usize) -> SmallCells {
        SmallCells { threshold }
    }

    #[test]
    fn nothing_small_nothing_hidden() {
        for counts in [&[][..], &[0], &[20], &[0, 0, 400], &[20, 21, 22]] {
            assert!(SmallCells::default().suppress(counts).iter().all(Option::is_some), "{counts:?}");
        }
        for threshold in [0, 1] {
            assert_eq!(small(threshold).suppress(&[1, 2]), [Some(1), Some(2)]);
        }
    }

    #[test]
    fn complements_are_the_smallest_others() {
        let suppress = |counts: &[usize]| SmallCells::default().suppress(counts);
        assert_eq!(suppress(&[19, 100, 50, 70]), [None, Some(100), None, Some(70)]);
        // Two hidden ones whose sum is small give that sum away: a third.
        assert_eq!(suppress(&[3, 4, 100, 50]), [None, None, Some(100), None]);
        assert_eq!(suppress(&[3, 18, 100, 50]), [None, None, Some(100), Some(50)]);
        // A hidden 0 hides nobody.
        assert_eq!(suppress(&[3, 0, 100, 50]), [None, Some(0), Some(100), None]);
        // Two groups: either both or none.
        assert_eq!(suppress(&[3, 100]), [None, None]);
        assert_eq!(suppress(&[3]), [None]);
        assert_eq!(suppress(&[3, 0, 4]), [None, None, None]);
    }

    #[test]
    fn groups_are_hidden_whole() {
        let hidden = |groups: &[[usize; 2]]| SmallCells::default().hidden(groups);
        // Few controls, few cases together: the sum of hidden cases is 9 without the third.
        assert_eq!(hidden(&[[5, 50], [4, 60], [30, 80], [90, 90]]), [true, true, true, false]);
        assert_eq!(hidden(&[[0, 50], [30, 60], [30, 80]]), [false, false, false]);
    }

    /// Every way to fill hidden cells that fits the total.
    fn possible_values(suppressed: &[Option<usize>], total: usize, index: usize) -> usize {
        let shown: usize = suppressed.iter().flatten().sum();
        let others = suppressed.iter().enumerate().filter(|(at, count)| count.is_none() && *at != index).count();
        if others == 0 { 1 } else { total - shown + 1 }
    }

    proptest! {
        #[test]
        fn no_small_count_can_be_derived(
            counts in proptest::collection::vec(prop_oneof![0usize..8, 0usize..200], 1..10),
            threshold in 2usize..30,
        ) {
            let small = small(threshold);
            let suppressed = small.suppress(&counts);
            let total: usize = counts.iter().sum();
            for (index, (count, shown)) in counts.iter().zip(&suppressed).enumerate() {
                prop_assert!(shown.is_none_or(|shown| shown == *count && !small.is_small(shown)));
                // Whoever knows the total has at least `threshold` values to choose from, unless it is small itself,
                // or there is nobody else.
                let alone = counts.iter().filter(|&&count| count > 0).count() < 2;
                if small.is_small(*count) && !small.is_small(total) && !alone {
                    prop_assert!(possible_values(&suppressed, total, index) > threshold);
                }
            }
            // As few as needed: with nothing small, nothing is hidden.
            if !counts.iter().any(|&count| small.is_small(count)) {
                prop_assert!(suppressed.iter().all(Option::is_some));
            }
        }
    }
}
