use std::cmp::Reverse;
use std::ops::Range;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Binomial, Distribution};
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

/// A table of more counts than this is drawn in halves, each small enough for a processor's nearest caches.
const TABLE: usize = 1 << 17;
/// A stratum of more units than this is jackknifed in as many parts.
const PARTS: usize = 200;
/// The random stream that divides strata into parts; replicates have those from 0.
const PARTS_STREAM: u64 = u64::MAX;

impl Resampling {
    pub(crate) fn new(bootstrap: &Bootstrap, columns: &[&Scored]) -> Result<Self, Error> {
        Scored::check_same_rows(columns)?;
        let first = columns.first().ok_or(Error::Empty)?;
        if first.design().is_some() && bootstrap.method == BootstrapMethod::Bca {
            let (expected, found) = ("percentile intervals of a survey".into(), "BCa".into());
            return Err(Error::Setting { what: "bootstrap method", expected, found });
        }
        let mut unit_of_row = vec![0; first.n_rows()];
        let mut n_units = 0;
        let mut strata = Vec::new();
        // Numbers the units of a stratum from the highest score of the first column, so that what this column looks up,
        // and others like it, lies side by side in memory.
        let mut add_stratum = |mut units: Vec<&[u32]>| {
            units.par_sort_by_key(|rows| Reverse(rows.iter().map(|&row| first.group_of(row)).max()));
            let start = n_units;
            for rows in units {
                rows.iter().for_each(|&row| unit_of_row[row as usize] = n_units as u32);
                n_units += 1;
            }
            if n_units > start {
                strata.push(start..n_units);
            }
        };
        match (first.design(), first.clusters()) {
            (Some(design), _) => {
                unit_of_row.copy_from_slice(design.unit_of_row());
                n_units = design.n_units();
            }
            (None, None) => {
                add_stratum(first.cases().chunks(1).collect());
                add_stratum(first.controls().chunks(1).collect());
            }
            (None, Some(clusters)) => {
                // Cases only, controls only, both: whatever is drawn from all three has a case and a control.
                for kind in [(true, false), (false, true), (true, true)] {
                    let is_of_kind = |rows: &&[u32]| {
                        let has = |case| rows.iter().any(|&row| first.is_case(row) == case);
                        (has(true), has(false)) == kind
                    };
                    let rows = (0..clusters.len()).map(|cluster| clusters.rows(cluster));
                    add_stratum(rows.filter(is_of_kind).collect());
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
        let replicate = |counts: &mut Vec<Count>, index: usize| {
            let mut rng = self.rng(index as u64);
            counts.fill(0);
            for stratum in &self.strata {
                let draws = stratum.len() - self.one_fewer;
                draw(&mut counts[stratum.clone()], draws as u64, &mut rng);
            }
            of(counts)
        };
        (0..replicates).into_par_iter().map_init(|| vec![0; self.n_units], replicate).collect()
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

/// Draws units with replacement, each as likely as another. Of many units, how many draws fall on the first half is
/// decided first: the same distribution, without a cache miss a draw.
fn draw(counts: &mut [Count], draws: u64, rng: &mut ChaCha8Rng) {
    if counts.len() > TABLE {
        let (first, second) = counts.split_at_mut(counts.len() / 2);
        let share = first.len() as f64 / (first.len() + second.len()) as f64;
        let of_first = Binomial::new(draws, share).expect("a share between 0 and 1").sample(rng);
        draw(first, of_first, rng);
        draw(second, draws - of_first, rng);
    } else {
        for _ in 0..draws {
            counts[rng.random_range(0..counts.len())] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each eighth of a table that is drawn in halves gets its share, give or take five standard errors, and is as
    /// uneven within as a Poisson distribution of mean 1 is.
    #[test]
    fn halves_are_drawn_as_the_whole_is() {
        let n = 4 * TABLE + 8;
        let mut counts = vec![0; n];
        draw(&mut counts, n as u64, &mut ChaCha8Rng::seed_from_u64(0));
        assert_eq!(counts.iter().map(|&count| usize::from(count)).sum::<usize>(), n);
        let expected = (n / 8) as f64;
        for part in counts.chunks(n / 8) {
            let of = |power: i32| part.iter().map(|&count| f64::from(count).powi(power)).sum::<f64>();
            assert!((of(1) - expected).abs() < 5.0 * expected.sqrt(), "{} {expected}", of(1));
            let variance = of(2) / expected - (of(1) / expected).powi(2);
            assert!((variance - 1.0).abs() < 0.05, "{variance}");
        }
    }
}
