use std::ops::Range;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;

use crate::ranked::Ranked;
use crate::scored::Scored;
use crate::{Bootstrap, BootstrapMethod, Error};

/// The statistics of one score column in one replicate; NaN without cases or controls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Replicate {
    pub(crate) auroc: f64,
    pub(crate) auprc: f64,
}

/// Score columns of the same rows, and the units that are drawn: rows, or participants with theirs.
///
/// A replicate is how often each unit is in it. Counting draws needs a small table only, and the statistics of a column
/// one pass over its rows from the highest score.
pub(crate) struct Resampling {
    columns: Vec<Ranked>,
    n_units: usize,
    /// Units that are drawn among themselves.
    strata: Vec<Range<usize>>,
    /// By how much the draws are fewer than a stratum's units: 1 in a survey.
    one_fewer: usize,
    seed: u64,
}

/// How often a unit is in a replicate. As many draws of one unit as would overflow it don't happen: among n units, the
/// probability is about 1 in 65536!.
pub(crate) type Count = u16;

/// A stratum of more units than this is jackknifed in as many parts.
const PARTS: usize = 200;
/// The random stream that divides strata into parts; replicates have those from 0.
const PARTS_STREAM: u64 = u64::MAX;

impl Resampling {
    pub(crate) fn new(bootstrap: &Bootstrap, columns: &[&Scored]) -> Result<Self, Error> {
        Scored::check_same_rows(columns)?;
        let first = columns.first().ok_or(Error::Empty)?;
        let mut unit_of_row = vec![0; first.n_rows()];
        let mut n_units = 0;
        let mut strata = Vec::new();
        let mut close = |n_units: usize| {
            let start = strata.last().map_or(0, |stratum: &Range<usize>| stratum.end);
            if n_units > start {
                strata.push(start..n_units);
            }
        };
        if first.design().is_some() && bootstrap.method == BootstrapMethod::Bca {
            let (expected, found) = ("percentile intervals of a survey".into(), "BCa".into());
            return Err(Error::Setting { what: "bootstrap method", expected, found });
        }
        match (first.design(), first.clusters()) {
            (Some(design), _) => {
                unit_of_row.copy_from_slice(design.unit_of_row());
                n_units = design.n_units();
            }
            (None, None) => {
                for rows in [first.cases(), first.controls()] {
                    for &row in rows {
                        unit_of_row[row as usize] = n_units as u32;
                        n_units += 1;
                    }
                    close(n_units);
                }
            }
            (None, Some(clusters)) => {
                // Cases only, controls only, both: whatever is drawn from all three has a case and a control.
                for kind in [(true, false), (false, true), (true, true)] {
                    for rows in (0..clusters.len()).map(|cluster| clusters.rows(cluster)) {
                        let has = |case| rows.iter().any(|&row| first.is_case(row) == case);
                        if (has(true), has(false)) == kind {
                            rows.iter().for_each(|&row| unit_of_row[row as usize] = n_units as u32);
                            n_units += 1;
                        }
                    }
                    close(n_units);
                }
            }
        }
        if !bootstrap.stratified {
            strata = std::iter::once(0..n_units).collect();
        }
        // What a unit counts each time it is drawn, where that is not 1.
        let mut scale_of_unit = None;
        if let Some(design) = first.design() {
            strata = design.strata().to_vec();
            scale_of_unit = Some(design.scale_of_unit());
        }
        let one_fewer = usize::from(first.design().is_some());
        let columns =
            columns.iter().map(|column| Ranked::new(column, &unit_of_row, scale_of_unit.as_deref())).collect();
        Ok(Self { columns, n_units, strata, one_fewer, seed: bootstrap.seed })
    }

    /// The statistics of each column in each replicate.
    pub(crate) fn replicates(&self, replicates: usize) -> Vec<Vec<Replicate>> {
        self.draw(replicates, |counts| self.statistics(counts))
    }

    /// Something of the first column in each replicate.
    pub(crate) fn of_first<T: Send>(&self, replicates: usize, of: impl Fn(&Ranked, &[Count]) -> T + Sync) -> Vec<T> {
        self.draw(replicates, |counts| of(&self.columns[0], counts))
    }

    fn draw<T: Send>(&self, replicates: usize, of: impl Fn(&[Count]) -> T + Sync) -> Vec<T> {
        let draw = |counts: &mut Vec<Count>, index: usize| {
            let mut rng = self.rng(index as u64);
            counts.fill(0);
            for stratum in &self.strata {
                let counts = &mut counts[stratum.clone()];
                for _ in self.one_fewer..counts.len() {
                    counts[rng.random_range(0..counts.len())] += 1;
                }
            }
            of(counts)
        };
        (0..replicates).into_par_iter().map_init(|| vec![0; self.n_units], draw).collect()
    }

    /// What each part of a stratum contributes to a statistic: how far the statistic moves when the part is left out,
    /// centred on the stratum's mean (Efron and Tibshirani 1993, §14.3, for several samples). A part is a unit, or
    /// many where there are many: then sums stand for single contributions, which leaves their skewness what it is.
    pub(crate) fn contributions(&self, statistic: impl Fn(&[Replicate]) -> f64) -> Vec<f64> {
        let mut rng = self.rng(PARTS_STREAM);
        let mut contributions = Vec::new();
        for stratum in &self.strata {
            let mut units: Vec<usize> = stratum.clone().collect();
            units.shuffle(&mut rng);
            let parts = units.len().min(PARTS);
            let without = |part: usize| {
                let mut counts = vec![1; self.n_units];
                units.iter().skip(part).step_by(parts).for_each(|&unit| counts[unit] = 0);
                self.statistics(&counts)
            };
            let left: Vec<Vec<Replicate>> = (0..parts).into_par_iter().map(without).collect();
            let values: Vec<f64> = left.iter().map(|columns| statistic(columns)).collect();
            // Without its only case, a sample has no area: such a part can't contribute.
            let defined = || values.iter().copied().filter(|value| value.is_finite());
            let mean = defined().sum::<f64>() / defined().count() as f64;
            for (part, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
                let size = (units.len() - part).div_ceil(parts);
                contributions.push((mean - value) * (1.0 - size as f64 / units.len() as f64));
            }
        }
        contributions
    }

    fn statistics(&self, counts: &[Count]) -> Vec<Replicate> {
        self.columns.iter().map(|column| column.statistics(counts)).collect()
    }

    /// A random stream of its own for each replicate, so that the number of threads changes nothing.
    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }
}
