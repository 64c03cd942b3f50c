use std::ops::AddAssign;

/// Controls and cases in each group of equal scores, groups rising with the score: all that AUROC and average precision
/// need. Counts where rows count alike (u32), sums of weights where they don't (f64).
#[derive(Clone, Debug)]
pub(crate) struct Tally<M> {
    /// Of each group: controls, then cases.
    groups: Vec<[M; 2]>,
}

impl<M: Copy + Default + AddAssign + Into<f64>> Tally<M> {
    pub(crate) fn new(n_groups: usize) -> Self {
        Self { groups: vec![[M::default(); 2]; n_groups] }
    }

    /// No group yet, and room for so many.
    pub(crate) fn with_capacity(n_groups: usize) -> Self {
        Self { groups: Vec::with_capacity(n_groups) }
    }

    /// Adds a group above all others.
    pub(crate) fn push_group(&mut self) {
        self.groups.push([M::default(); 2]);
    }

    pub(crate) fn clear(&mut self) {
        self.groups.fill([M::default(); 2]);
    }

    /// Adds a row at its [slot](slot).
    pub(crate) fn add(&mut self, slot: u32, mass: M) {
        self.groups.as_flattened_mut()[slot as usize] += mass;
    }

    /// Cases and controls of each group, from the lowest score.
    pub(crate) fn rising(&self) -> impl DoubleEndedIterator<Item = (f64, f64)> {
        self.groups.iter().map(|&[controls, cases]| (cases.into(), controls.into()))
    }

    /// Cases and controls of each group, from the highest score.
    pub(crate) fn falling(&self) -> impl Iterator<Item = (f64, f64)> {
        self.rising().rev()
    }

    /// The probability that a case scores above a control, a tie counting half; NaN without cases or controls. Counts
    /// are exact as long as cases × controls is below 2^52.
    pub(crate) fn auroc(&self) -> f64 {
        let (mut cases, mut controls, mut twice_pairs) = (0.0, 0.0, 0.0);
        for (own_cases, own_controls) in self.falling() {
            twice_pairs += own_controls * (2.0 * cases + own_cases);
            cases += own_cases;
            controls += own_controls;
        }
        twice_pairs / (2.0 * cases * controls)
    }

    /// Step-wise area under the precision–recall curve; NaN without cases.
    pub(crate) fn average_precision(&self) -> f64 {
        let (mut cases, mut called, mut sum) = (0.0, 0.0, 0.0);
        for (own_cases, own_controls) in self.falling() {
            cases += own_cases;
            called += own_cases + own_controls;
            if own_cases > 0.0 {
                sum += own_cases * (cases / called);
            }
        }
        sum / cases
    }
}

/// Where a row of a group counts: group and label in one number, so that a draw costs one look-up.
pub(crate) fn slot(group: usize, case: bool) -> u32 {
    2 * group as u32 + u32::from(case)
}

/// The label of a slot.
pub(crate) fn is_case(slot: u32) -> bool {
    slot % 2 == 1
}

/// The group of a slot.
pub(crate) fn group(slot: u32) -> usize {
    (slot / 2) as usize
}
