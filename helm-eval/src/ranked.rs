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
    pub(crate) fn new(scored: &Scored, unit_of_row: &[u32], scale_of_unit: Option<&[f64]>) -> Self {
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
        let mass = |row: u32| {
            let scale = scale_of_unit.map_or(1.0, |scale| scale[unit_of_row[row as usize] as usize]);
            scale * scored.weights().map_or(1.0, |weights| weights[row as usize])
        };
        let mut masses = (scored.is_weighted() || scale_of_unit.is_some()).then(|| vec![0.0; scored.len()]);
        for row in rows() {
            let group = scored.group_of(row);
            ends[group] -= 1;
            let place = ends[group];
            let flags = if scored.is_case(row) { CASE } else { 0 } | if place == last[group] { LAST } else { 0 };
            ranked[place] = unit_of_row[row as usize] << 2 | flags;
            if let Some(masses) = &mut masses {
                masses[place] = mass(row);
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

impl Ranked {
    /// Sensitivities at false positive rates that rise, on straight lines between thresholds; NaN without cases or
    /// controls.
    pub(crate) fn sensitivities(&self, counts: &[Count], false_positive_rates: &[f64]) -> Vec<f64> {
        let (all_cases, all_controls) = self.totals(counts);
        if all_cases == 0.0 || all_controls == 0.0 {
            return vec![f64::NAN; false_positive_rates.len()];
        }
        let mut at = Vec::with_capacity(false_positive_rates.len());
        let (mut x0, mut y0) = (0.0, 0.0);
        self.thresholds(counts, |cases, controls| {
            let (x, y) = (controls / all_controls, cases / all_cases);
            while let Some(&rate) = false_positive_rates.get(at.len()).filter(|&&rate| rate < x) {
                at.push(y0 + (y - y0) * (rate - x0) / (x - x0));
            }
            (x0, y0) = (x, y);
        });
        at.resize(false_positive_rates.len(), 1.0);
        at
    }

    /// Precisions at the first threshold that reaches a recall, recalls rising; NaN without cases or controls.
    pub(crate) fn precisions(&self, counts: &[Count], recalls: &[f64]) -> Vec<f64> {
        let (all_cases, all_controls) = self.totals(counts);
        if all_cases == 0.0 || all_controls == 0.0 {
            return vec![f64::NAN; recalls.len()];
        }
        let mut at = Vec::with_capacity(recalls.len());
        self.thresholds(counts, |cases, controls| {
            let recall = cases / all_cases;
            while recalls.get(at.len()).is_some_and(|&wanted| wanted <= recall) && cases > 0.0 {
                at.push(cases / (cases + controls));
            }
        });
        // Sums of weights may round to just below 1.
        at.resize(recalls.len(), all_cases / (all_cases + all_controls));
        at
    }

    fn totals(&self, counts: &[Count]) -> (f64, f64) {
        let mut totals = (0.0, 0.0);
        self.thresholds(counts, |cases, controls| totals = (cases, controls));
        totals
    }

    /// Calls with the cases and controls at or above each score that has some, from the highest.
    fn thresholds(&self, counts: &[Count], mut call: impl FnMut(f64, f64)) {
        let (mut cases, mut controls, mut is_new) = (0.0, 0.0, false);
        for (place, &row) in self.rows.iter().enumerate() {
            let mass =
                f64::from(counts[(row >> 2) as usize]) * self.masses.as_ref().map_or(1.0, |masses| masses[place]);
            if row & CASE != 0 {
                cases += mass
            } else {
                controls += mass
            }
            is_new |= mass > 0.0;
            if row & LAST != 0 && is_new {
                call(cases, controls);
                is_new = false;
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
