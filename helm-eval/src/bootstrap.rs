use serde::{Deserialize, Serialize};

use crate::distribution::{normal_cdf, normal_quantile};
use crate::resampling::{Replicate, Resampling};
use crate::scored::Scored;
use crate::{Error, Interval};

/// A bootstrap: rows are drawn anew with replacement, again and again, and the spread of a statistic over such
/// replicates stands for its uncertainty (Efron and Tibshirani 1993, An Introduction to the Bootstrap).
///
/// Where participants are known ([`Scored::clustered`]), they are drawn with all their rows. Of a survey
/// ([`Scored::surveyed`]), one unit fewer than there are is drawn within each stratum, and counts n / (n − 1) times (Rao,
/// Wu and Yue 1992, Surv. Methodol. 18:209–217), as two units, which surveys often have, need. Scores are sorted once; a
/// replicate draws n rows into counts and takes one pass over the rows from the highest score. Each replicate has a random stream
/// of its own, so that the number of threads changes nothing. Memory is that of n rows and of the statistics.
///
/// ```
/// use helm_eval::{Bootstrap, Scored};
///
/// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
/// let intervals = Bootstrap::default().intervals(&scored)?;
/// assert!(intervals.auroc.lower <= 0.75 && 0.75 <= intervals.auroc.upper);
/// assert!(intervals.auprc.lower <= intervals.auprc.upper);
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
    /// Whether cases and controls are drawn each among themselves, so that every replicate has both and the prevalence
    /// stays. Participants with several rows are drawn among those with cases only, with controls only, and with both.
    /// A survey has strata of its own.
    pub stratified: bool,
    /// How an interval is made of the replicates.
    pub method: BootstrapMethod,
}

/// How an interval is made of bootstrap replicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BootstrapMethod {
    /// Between two quantiles of the replicates.
    #[default]
    Percentile,
    /// Bias-corrected and accelerated: between quantiles that make up for the replicates' bias, and for a standard
    /// error that changes with the statistic (Efron 1987, J. Am. Stat. Assoc. 82:171–185). The acceleration comes from
    /// a jackknife, in 200 parts where there are more rows.
    Bca,
}

/// Bootstrap intervals of one model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootstrapIntervals {
    /// Of AUROC.
    pub auroc: Interval,
    /// Of average precision.
    pub auprc: Interval,
    /// Replicates without cases or without controls, which have no area and are left out; none in a stratified
    /// bootstrap.
    pub undefined: usize,
}

impl Default for Bootstrap {
    fn default() -> Self {
        let (stratified, method) = (true, BootstrapMethod::Percentile);
        Self { replicates: 2000, confidence: 0.95, seed: 0, stratified, method }
    }
}

impl Bootstrap {
    /// Intervals of AUROC and of average precision.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are fewer than 2 replicates, the confidence is not between 0 and 1, or BCa intervals
    /// of a survey are asked for, [`Error::Undefined`] if fewer than 2 replicates have both cases and controls.
    pub fn intervals(&self, scored: &Scored) -> Result<BootstrapIntervals, Error> {
        let columns = [scored];
        Ok(Drawn::new(self, &columns)?.intervals(&columns, 0))
    }
}

impl Bootstrap {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.replicates < 2 {
            let (expected, found) = ("at least 2".into(), self.replicates.to_string());
            return Err(Error::Setting { what: "bootstrap replicates", expected, found });
        }
        Interval::check_confidence(self.confidence)
    }
}

/// Replicates of some score columns.
pub(crate) struct Drawn<'a> {
    bootstrap: &'a Bootstrap,
    resampling: Resampling,
    /// The statistics of each column in each replicate that has them.
    replicates: Vec<Vec<Replicate>>,
    /// How many replicates have none.
    pub(crate) undefined: usize,
}

impl<'a> Drawn<'a> {
    /// A replicate draws the same rows for all columns.
    pub(crate) fn new(bootstrap: &'a Bootstrap, columns: &[&Scored]) -> Result<Self, Error> {
        bootstrap.check()?;
        let resampling = Resampling::new(bootstrap, columns)?;
        let mut replicates = resampling.replicates(bootstrap.replicates);
        replicates.retain(|columns| columns.iter().all(|column| column.auroc.is_finite()));
        if replicates.len() < 2 {
            let expected = "at least 2 replicates with cases and controls".into();
            return Err(Error::Undefined { what: "bootstrap", expected, found: replicates.len().to_string() });
        }
        let undefined = bootstrap.replicates - replicates.len();
        Ok(Self { bootstrap, resampling, replicates, undefined })
    }

    /// The intervals of one column.
    pub(crate) fn intervals(&self, columns: &[&Scored], column: usize) -> BootstrapIntervals {
        let (_, auroc) = self.interval(|replicate| replicate[column].auroc, columns[column].auroc());
        let (_, auprc) = self.interval(|replicate| replicate[column].auprc, columns[column].auprc());
        BootstrapIntervals { auroc, auprc, undefined: self.undefined }
    }

    /// A statistic in every replicate, and its interval.
    pub(crate) fn interval(&self, statistic: impl Fn(&[Replicate]) -> f64, estimate: f64) -> (Vec<f64>, Interval) {
        let mut values: Vec<f64> = self.replicates.iter().map(|columns| statistic(columns)).collect();
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.bootstrap.confidence) / 2.0;
        let (lower, upper) = match self.bootstrap.method {
            BootstrapMethod::Percentile => (tail, 1.0 - tail),
            BootstrapMethod::Bca => {
                let bias = bias(&values, estimate);
                let acceleration = acceleration(&self.resampling.contributions(&statistic));
                let share = |tail: f64| {
                    let z = bias + normal_quantile(tail);
                    normal_cdf(bias + z / (1.0 - acceleration * z))
                };
                (share(tail), share(1.0 - tail))
            }
        };
        let interval = Interval { lower: quantile(&values, lower), upper: quantile(&values, upper) };
        (values, interval)
    }
}

/// How many standard errors the replicates' median is off the estimate; those that equal it count half. Kept finite by
/// half a replicate where all are on one side.
fn bias(sorted: &[f64], estimate: f64) -> f64 {
    let below = sorted.partition_point(|&value| value < estimate);
    let up_to = sorted.partition_point(|&value| value <= estimate);
    let n = sorted.len() as f64;
    normal_quantile((0.5 * (below + up_to) as f64).clamp(0.5, n - 0.5) / n)
}

/// A sixth of the skewness of the sum of contributions; 0 where nothing contributes.
fn acceleration(contributions: &[f64]) -> f64 {
    let sum = |power: i32| contributions.iter().map(|contribution| contribution.powi(power)).sum::<f64>();
    let squares = sum(2);
    if squares > 0.0 { sum(3) / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

/// A quantile, interpolated between the nearest replicates (type 7 of Hyndman and Fan 1996, as numpy and R have it).
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}
