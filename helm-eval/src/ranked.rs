use std::ops::{Add, AddAssign};

use crate::resampling::{Count, Replicate};
use crate::scored::Scored;

/// The rows of a score column from the highest score, each in four bytes.
pub(crate) struct Ranked {
    /// The row's unit, whether it is a case, and whether it is the last of its score.
    rows: Vec<u32>,
    /// What each row counts, where rows differ in that.
    masses: Option<Vec<f64>>,
}

const CASE: u32 = 2;
const LAST: u32 = 1;

impl Ranked {
    pub(crate) fn new(scored: &Scored, unit_of_row: &[u32]) -> Self {
        let rows = || scored.cases().iter().chain(scored.controls()).copied();
        // Where each group ends, groups from the highest score; then filled from there.
        let mut ends = vec![0usize; scored.n_groups()];
        rows().for_each(|row| ends[scored.group_of(row)] += 1);
        let mut end = 0;
        for size in ends.iter_mut().rev() {
            end += *size;
            *size = end;
        }
        let last: Vec<usize> = ends.iter().map(|end| end - 1).collect();
        let mut ranked = vec![0; scored.len()];
        let mut masses = scored.weights().map(|_| vec![0.0; scored.len()]);
        for row in rows() {
            let group = scored.group_of(row);
            ends[group] -= 1;
            let place = ends[group];
            let flags = if scored.is_case(row) { CASE } else { 0 } | if place == last[group] { LAST } else { 0 };
            ranked[place] = unit_of_row[row as usize] << 2 | flags;
            if let (Some(masses), Some(weights)) = (&mut masses, scored.weights()) {
                masses[place] = weights[row as usize];
            }
        }
        Self { rows: ranked, masses }
    }

    /// AUROC and average precision, each unit counted so many times.
    pub(crate) fn statistics(&self, counts: &[Count]) -> Replicate {
        let count = |row: u32| counts[(row >> 2) as usize];
        match &self.masses {
            None => statistics(self.rows.iter().map(|&row| (row, u32::from(count(row))))),
            Some(masses) => {
                statistics(self.rows.iter().zip(masses).map(|(&row, mass)| (row, f64::from(count(row)) * mass)))
            }
        }
    }
}

/// Rows with what they count, from the highest score.
fn statistics<M>(rows: impl Iterator<Item = (u32, M)>) -> Replicate
where
    M: Copy + Default + Add<Output = M> + AddAssign + PartialOrd + Into<f64>,
{
    let nothing = M::default();
    let (mut cases, mut controls, mut own_cases, mut own_controls) = (nothing, nothing, nothing, nothing);
    // Pairs in which a control scores above the case, twice, a tie counting one.
    let mut twice_wrong = 0.0;
    let mut precision = 0.0;
    for (row, mass) in rows {
        if row & CASE != 0 {
            own_cases += mass;
        } else {
            own_controls += mass;
        }
        if row & LAST != 0 {
            if own_cases > nothing {
                let own: f64 = own_cases.into();
                twice_wrong += own * (2.0 * controls.into() + own_controls.into());
                cases += own_cases;
                precision += own * (cases.into() / (cases + controls + own_controls).into());
            }
            controls += own_controls;
            (own_cases, own_controls) = (nothing, nothing);
        }
    }
    // Whole numbers below 2^53 are exact: the same as the other pairs, counted one by one.
    let twice_pairs = 2.0 * cases.into() * controls.into();
    Replicate { auroc: (twice_pairs - twice_wrong) / twice_pairs, auprc: precision / cases.into() }
}
