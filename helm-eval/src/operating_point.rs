use serde::{Deserialize, Serialize};

use crate::{Error, Interval, Scored};

/// What a score does to people when everyone at or above a threshold is called a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Scores at or above it are called cases; infinite where nobody is.
    pub threshold: f64,
    /// Cases that are called so.
    pub true_positives: usize,
    /// Controls that are called cases.
    pub false_positives: usize,
    /// Controls that are called so.
    pub true_negatives: usize,
    /// Cases that are called controls.
    pub false_negatives: usize,
    /// The share of cases that are called so.
    pub sensitivity: Proportion,
    /// The share of controls that are called so.
    pub specificity: Proportion,
    /// The share of cases among those who are called so, at the prevalence of these rows; none where nobody is.
    pub ppv: Option<Proportion>,
    /// The share of controls among those who are called so, at the prevalence of these rows; none where nobody is.
    pub npv: Option<Proportion>,
}

/// A share of people.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proportion {
    /// The share.
    pub value: f64,
    /// Its interval (Wilson 1927, J. Am. Stat. Assoc. 22:209–212).
    pub interval: Interval,
}

/// Shares that differ by less are the same, computed another way.
const ROUNDING: f64 = 1e-12;

impl Scored {
    /// Sensitivity, specificity and predictive values at a threshold.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
    /// let point = scored.operating_point(0.4, 0.95)?;
    /// assert_eq!((point.true_positives, point.false_positives), (1, 1));
    /// assert_eq!((point.sensitivity.value, point.specificity.value), (0.5, 0.5));
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] if the threshold is NaN or the confidence not between 0 and 1, [`Error::Undefined`] with
    /// weights, or where participants have several rows: the intervals are those of independent people.
    pub fn operating_point(&self, threshold: f64, confidence: f64) -> Result<OperatingPoint, Error> {
        Interval::check_confidence(confidence)?;
        if threshold.is_nan() {
            let (expected, found) = ("a number".into(), "NaN".into());
            return Err(Error::Setting { what: "threshold", expected, found });
        }
        self.check_independent("operating point")?;
        let called =
            |rows: &[u32]| rows.iter().filter(|&&row| self.score_of_group(self.group_of(row)) >= threshold).count();
        let (true_positives, false_positives) = (called(self.cases()), called(self.controls()));
        let (false_negatives, true_negatives) = (self.n_cases() - true_positives, self.n_controls() - false_positives);
        let proportion = |part: usize, rest: usize| {
            let n = part + rest;
            (n > 0)
                .then(|| Proportion { value: part as f64 / n as f64, interval: Interval::wilson(part, n, confidence) })
        };
        let (Some(sensitivity), Some(specificity)) =
            (proportion(true_positives, false_negatives), proportion(true_negatives, false_positives))
        else {
            return Err(Error::OneClass { cases: self.n_cases(), controls: self.n_controls() });
        };
        Ok(OperatingPoint {
            threshold,
            true_positives,
            false_positives,
            true_negatives,
            false_negatives,
            sensitivity,
            specificity,
            ppv: proportion(true_positives, false_positives),
            npv: proportion(true_negatives, false_negatives),
        })
    }

    /// The operating point of the highest sensitivity whose specificity is at least this.
    ///
    /// The threshold is chosen on the same rows: its sensitivity flatters a little, and its intervals take the threshold
    /// as given.
    ///
    /// # Errors
    /// As [`Scored::operating_point`]; [`Error::Setting`] if the specificity is not from 0 to 1.
    pub fn at_specificity(&self, specificity: f64, confidence: f64) -> Result<OperatingPoint, Error> {
        check_share("specificity", specificity)?;
        let curve = self.roc_curve();
        let last = curve.partition_point(|point| point.false_positive_rate <= 1.0 - specificity + ROUNDING);
        self.operating_point(curve[last.max(1) - 1].threshold, confidence)
    }

    /// The operating point of the highest specificity whose sensitivity is at least this; chosen as
    /// [`at_specificity`](Self::at_specificity) is.
    ///
    /// # Errors
    /// As [`Scored::operating_point`]; [`Error::Setting`] if the sensitivity is not from 0 to 1.
    pub fn at_sensitivity(&self, sensitivity: f64, confidence: f64) -> Result<OperatingPoint, Error> {
        check_share("sensitivity", sensitivity)?;
        let curve = self.roc_curve();
        let first = curve.partition_point(|point| point.sensitivity < sensitivity - ROUNDING);
        self.operating_point(curve[first.min(curve.len() - 1)].threshold, confidence)
    }
}

fn check_share(what: &'static str, share: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(Error::Setting { what, expected: "a number from 0 to 1".into(), found: share.to_string() })
}
