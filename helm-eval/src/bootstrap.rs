use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::pr::average_precision;
use crate::roc::auroc;
use crate::scored::{Scored, Tally};

/// A stratified bootstrap: cases and controls are drawn with replacement each among themselves, so that every
/// replicate has both and the prevalence stays.
///
/// Scores are sorted once; a replicate draws n rows into counts and takes one pass over the distinct scores. Each
/// replicate has a random stream of its own, so that the number of threads changes nothing.
///
/// ```
/// use helm_eval::{Bootstrap, Scored};
///
/// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
/// let (auroc, auprc) = Bootstrap::default().intervals(&scored)?;
/// assert!(auroc.lower <= 0.75 && 0.75 <= auroc.upper);
/// assert!(auprc.lower <= auprc.upper);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// How often the rows are drawn anew.
    pub replicates: usize,
    /// The probability that an interval holds the true value: 0.95 for a 95 % interval.
    pub confidence: f64,
    /// Decides what is drawn.
    pub seed: u64,
}

/// An interval of a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { replicates: 2000, confidence: 0.95, seed: 0 }
    }
}

impl Bootstrap {
    /// Percentile intervals of AUROC and of average precision.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are fewer than 2 replicates or the confidence is not between 0 and 1.
    pub fn intervals(&self, scored: &Scored) -> Result<(Interval, Interval), Error> {
        let replicates = self.replicates(&[scored])?;
        let auroc = replicates.iter().map(|replicate| replicate[0].auroc).collect();
        let auprc = replicates.iter().map(|replicate| replicate[0].auprc).collect();
        Ok((self.percentile(auroc), self.percentile(auprc)))
    }

    /// AUROC and average precision of every replicate, for several score columns of the same rows: a replicate draws
    /// the same rows for all of them.
    pub(crate) fn replicates(&self, columns: &[&Scored]) -> Result<Vec<Vec<Replicate>>, Error> {
        self.check()?;
        let first = columns.first().ok_or(Error::Empty)?;
        for other in columns {
            if other.cases() != first.cases() || other.len() != first.len() {
                let (expected, found) = ("the same labels for all scores".into(), "others".into());
                return Err(Error::Setting { what: "labels", expected, found });
            }
        }
        let (cases, controls) = (first.cases(), first.controls());
        let replicate = |tallies: &mut Vec<Tally>, index: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(index as u64);
            tallies.iter_mut().for_each(Tally::clear);
            for _ in 0..cases.len() {
                let row = cases[rng.random_range(0..cases.len())];
                for (tally, column) in tallies.iter_mut().zip(columns) {
                    tally.cases[column.group_of(row)] += 1;
                }
            }
            for _ in 0..controls.len() {
                let row = controls[rng.random_range(0..controls.len())];
                for (tally, column) in tallies.iter_mut().zip(columns) {
                    tally.controls[column.group_of(row)] += 1;
                }
            }
            tallies
                .iter()
                .map(|tally| Replicate {
                    auroc: auroc(tally, cases.len(), controls.len()),
                    auprc: average_precision(tally, cases.len()),
                })
                .collect()
        };
        let tallies = || columns.iter().map(|column| Tally::new(column.n_groups())).collect::<Vec<_>>();
        Ok((0..self.replicates).into_par_iter().map_init(tallies, replicate).collect())
    }

    /// The interval between two quantiles, interpolated between the nearest replicates (type 7 of Hyndman and Fan
    /// 1996, as numpy and R have it).
    pub(crate) fn percentile(&self, mut values: Vec<f64>) -> Interval {
        values.sort_unstable_by(f64::total_cmp);
        let quantile = |share: f64| {
            let at = share * (values.len() - 1) as f64;
            let (below, above) = (values[at.floor() as usize], values[at.ceil() as usize]);
            below + (above - below) * at.fract()
        };
        let tail = (1.0 - self.confidence) / 2.0;
        Interval { lower: quantile(tail), upper: quantile(1.0 - tail) }
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what, expected: &str, found: String| Err(Error::Setting { what, expected: expected.into(), found });
        if self.replicates < 2 {
            return wrong("bootstrap replicates", "at least 2", self.replicates.to_string());
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return wrong("confidence", "a number between 0 and 1", self.confidence.to_string());
        }
        Ok(())
    }
}

/// The statistics of one replicate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Replicate {
    pub(crate) auroc: f64,
    pub(crate) auprc: f64,
}
