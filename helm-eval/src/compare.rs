use serde::{Deserialize, Serialize};

use crate::bootstrap::Drawn;
use crate::resampling::Replicate;
use crate::{Bootstrap, BootstrapIntervals, Error, Interval, Scored};

/// How two models differ on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// In AUROC.
    pub auroc: Difference,
    /// In average precision.
    pub auprc: Difference,
    /// Replicates without cases or without controls, which are left out; none in a stratified bootstrap.
    pub undefined: usize,
}

/// A difference with its bootstrap interval and test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The first model's value less the second's.
    pub difference: f64,
    /// The interval of the difference.
    pub interval: Interval,
    /// Two-sided p: twice the smaller share of replicates at or below 0 and at or above 0, with one replicate added to
    /// both counts (Davison and Hinkley 1997, §4.2), at most 1.
    pub p: f64,
}

impl Bootstrap {
    /// The paired difference `a − b`: every replicate draws the same rows for both.
    ///
    /// ```
    /// use helm_eval::{Bootstrap, Scored};
    ///
    /// let labels = [false, false, true, true];
    /// let a = Scored::new(&labels, &[0.1, 0.2, 0.35, 0.8])?;
    /// let b = Scored::new(&labels, &[0.1, 0.4, 0.35, 0.8])?;
    /// let comparison = Bootstrap::default().compare(&a, &b)?;
    /// assert_eq!(comparison.auroc.difference, 0.25);
    /// // A model is no different from itself.
    /// assert_eq!(Bootstrap::default().compare(&a, &a)?.auroc.p, 1.0);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] if the two have other labels, weights or participants, or as [`Bootstrap::intervals`].
    pub fn compare(&self, a: &Scored, b: &Scored) -> Result<Comparison, Error> {
        let columns = [a, b];
        Ok(Drawn::new(self, &columns)?.comparison(&columns, 0, 1))
    }

    /// The intervals of several models and the differences of all pairs of them, from one drawing of replicates: the
    /// same numbers as of [`intervals`](Self::intervals) and [`compare`](Self::compare), in less time. There is a
    /// comparison of each model with each later one: (0, 1), (0, 2), …, (1, 2), ….
    ///
    /// ```
    /// use helm_eval::{Bootstrap, Scored};
    ///
    /// let labels = [false, false, true, true];
    /// let a = Scored::new(&labels, &[0.1, 0.2, 0.35, 0.8])?;
    /// let b = Scored::new(&labels, &[0.1, 0.4, 0.35, 0.8])?;
    /// let (intervals, comparisons) = Bootstrap::default().compare_all(&[&a, &b])?;
    /// assert_eq!(intervals[1], Bootstrap::default().intervals(&b)?);
    /// assert_eq!(comparisons, [Bootstrap::default().compare(&a, &b)?]);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] without models, or as [`Bootstrap::compare`].
    pub fn compare_all(&self, models: &[&Scored]) -> Result<(Vec<BootstrapIntervals>, Vec<Comparison>), Error> {
        let drawn = Drawn::new(self, models)?;
        let intervals = (0..models.len()).map(|column| drawn.intervals(models, column)).collect();
        let pairs = (0..models.len()).flat_map(|a| (a + 1..models.len()).map(move |b| (a, b)));
        Ok((intervals, pairs.map(|(a, b)| drawn.comparison(models, a, b)).collect()))
    }
}

impl Drawn<'_> {
    fn comparison(&self, columns: &[&Scored], a: usize, b: usize) -> Comparison {
        let difference = |statistic: fn(&Replicate) -> f64, whole: f64| {
            let of = |columns: &[Replicate]| statistic(&columns[a]) - statistic(&columns[b]);
            let (differences, interval) = self.interval(of, whole);
            let share = |count: usize| (count + 1) as f64 / (differences.len() + 1) as f64;
            let below = share(differences.iter().filter(|&&difference| difference <= 0.0).count());
            let above = share(differences.iter().filter(|&&difference| difference >= 0.0).count());
            Difference { difference: whole, interval, p: (2.0 * below.min(above)).min(1.0) }
        };
        let (first, second) = (columns[a], columns[b]);
        Comparison {
            auroc: difference(|replicate| replicate.auroc, first.auroc() - second.auroc()),
            auprc: difference(|replicate| replicate.auprc, first.auprc() - second.auprc()),
            undefined: self.undefined,
        }
    }
}
