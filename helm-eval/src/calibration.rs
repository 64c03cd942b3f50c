use serde::{Deserialize, Serialize};

use crate::distribution::two_sided_quantile;
use crate::newton::{Free, Line};
use crate::{Error, Interval, Predictions};

/// How predicted log-odds would have to be shifted and stretched to agree with the labels (Cox 1958, Biometrika
/// 45:562–565; Van Calster et al. 2016, J. Clin. Epidemiol. 74:167–176).
///
/// ```
/// use helm_eval::Predictions;
///
/// // Too extreme: of those at 0.9, two thirds are cases, of those at 0.1 one third.
/// let labels = [true, true, false, true, false, false];
/// let calibration = Predictions::new(&labels, &[0.9, 0.9, 0.9, 0.1, 0.1, 0.1])?.calibration(0.95)?;
/// assert!(calibration.intercept.abs() < 1e-12);
/// // ln 2 / ln 9.
/// assert!((calibration.slope - 0.3154649).abs() < 1e-7);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Calibration in the large: the intercept where the slope is 1. Above 0, risks are too low on the whole.
    pub intercept: f64,
    /// Wald interval of the intercept.
    pub intercept_interval: Interval,
    /// The slope: below 1, risks are too extreme, as those of an overfitted model are.
    pub slope: f64,
    /// Wald interval of the slope.
    pub slope_interval: Interval,
    /// The intercept that goes with that slope.
    pub slope_intercept: f64,
}

/// Cases observed against cases expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedExpected {
    /// Cases divided by the sum of risks: above 1, risks are too low on the whole.
    pub ratio: f64,
    /// Its interval, symmetric in the logarithm, whose variance is `(1 − prevalence) / cases` (Debray et al. 2017, BMJ
    /// 356:i6460, appendix).
    pub interval: Interval,
}

impl Predictions {
    /// Calibration intercept and slope, by logistic regression on the log-odds of the risks, rows taken as independent.
    ///
    /// # Errors
    /// [`Error::Setting`] if the confidence is not between 0 and 1, [`Error::OneClass`] without cases or controls,
    /// [`Error::Undefined`] if a risk is exactly 0 or 1, [`Error::Fit`] if risks are all alike or separate cases from
    /// controls.
    pub fn calibration(&self, confidence: f64) -> Result<Calibration, Error> {
        Interval::check_confidence(confidence)?;
        let (cases, controls) = (self.n_cases(), self.n_controls());
        if cases == 0 || controls == 0 {
            return Err(Error::OneClass { cases, controls });
        }
        let log_odds = self.log_odds()?;
        let targets: Vec<f64> = self.labels().iter().map(|&case| f64::from(u8::from(case))).collect();
        if separated(self.labels(), &log_odds) {
            let problem = "risks that are all alike, or that separate cases from controls".into();
            return Err(Error::Fit { model: "calibration slope", problem });
        }
        let shift = Line::fit(&log_odds, &targets, Free::Intercept)?;
        let line = Line::fit(&log_odds, &targets, Free::Both)?;
        let wald = |value: f64, standard_error: f64| {
            let half = two_sided_quantile(confidence) * standard_error;
            Interval { lower: value - half, upper: value + half }
        };
        Ok(Calibration {
            intercept: shift.intercept,
            intercept_interval: wald(shift.intercept, shift.intercept_standard_error),
            slope: line.slope,
            slope_interval: wald(line.slope, line.slope_standard_error),
            slope_intercept: line.intercept,
        })
    }

    /// The ratio of observed to expected cases.
    ///
    /// ```
    /// use helm_eval::Predictions;
    ///
    /// let observed = Predictions::new(&[true, false, false, false], &[0.2, 0.1, 0.1, 0.1])?.observed_expected(0.95)?;
    /// assert_eq!(observed.ratio, 2.0);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] if the confidence is not between 0 and 1, [`Error::Undefined`] if there are no cases or if
    /// all risks are 0.
    pub fn observed_expected(&self, confidence: f64) -> Result<ObservedExpected, Error> {
        Interval::check_confidence(confidence)?;
        let (cases, expected) = (self.n_cases() as f64, self.mean_risk() * self.len() as f64);
        if cases == 0.0 || expected == 0.0 {
            let found = format!("{cases} cases and {expected} expected");
            let expected = "cases and risks above 0".into();
            return Err(Error::Undefined { what: "observed / expected", expected, found });
        }
        let ratio = cases / expected;
        let factor = (two_sided_quantile(confidence) * ((1.0 - self.prevalence()) / cases).sqrt()).exp();
        Ok(ObservedExpected { ratio, interval: Interval { lower: ratio / factor, upper: ratio * factor } })
    }

    fn log_odds(&self) -> Result<Vec<f64>, Error> {
        if self.risks().iter().any(|&risk| risk == 0.0 || risk == 1.0) {
            let (expected, found) = ("risks above 0 and below 1".into(), "a risk of 0 or 1".into());
            return Err(Error::Undefined { what: "calibration intercept and slope", expected, found });
        }
        Ok(self.risks().iter().map(|risk| risk.ln() - (-risk).ln_1p()).collect())
    }
}

/// Whether a threshold (which may itself be a score of both) parts all cases from all controls.
fn separated(labels: &[bool], scores: &[f64]) -> bool {
    let ends = |case: bool| {
        let own = labels.iter().zip(scores).filter(move |(label, _)| **label == case).map(|(_, &score)| score);
        own.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (score.min(low), score.max(high)))
    };
    let (cases, controls) = (ends(true), ends(false));
    cases.0 >= controls.1 || controls.0 >= cases.1
}
