use std::fmt;

use super::normal;

/// The z-score below which 5 % of healthy people lie; papers round it to −1.645.
pub(super) const LOWER_LIMIT_Z: f64 = -1.644_853_626_951_472_2;

/// How a measure is distributed among healthy people of one sex, age, height and group: by Cole's LMS method, in which
/// `((value / M)^L − 1) / (L·S)` is standard normal. `Debug` shows no value.
///
/// ```
/// use helm_core::spirometry::{ReferenceEquations, ReferenceMeasure, ReferencePerson, Sex};
///
/// let woman = ReferencePerson::new(Sex::Female, 45.0, 162.0)?;
/// let fev1 = ReferenceEquations::GliGlobal.value(ReferenceMeasure::Fev1, &woman)?;
/// assert!((fev1.predicted() - 2.7316).abs() < 1e-4);
/// assert!((fev1.lower_limit() - 2.0438).abs() < 1e-4);
/// assert!((fev1.z_score(fev1.lower_limit()).unwrap() + 1.645).abs() < 2e-4);
/// assert!((fev1.percentile(fev1.predicted()).unwrap() - 50.0).abs() < 1e-9);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq)]
pub struct ReferenceValue {
    pub(super) l: f64,
    pub(super) m: f64,
    pub(super) s: f64,
}

impl ReferenceValue {
    /// L, the skewness: 1 where the distribution is normal.
    pub fn l(&self) -> f64 {
        self.l
    }

    /// M, the median, in the measure's unit.
    pub fn m(&self) -> f64 {
        self.m
    }

    /// S, the coefficient of variation.
    pub fn s(&self) -> f64 {
        self.s
    }

    /// The predicted value: the median.
    pub fn predicted(&self) -> f64 {
        self.m
    }

    /// The lower limit of normal: the fifth percentile, at z = −1.645. NHANES III's of a flow in old age can fall below 0:
    /// then no flow is too low.
    pub fn lower_limit(&self) -> f64 {
        self.at_z(LOWER_LIMIT_Z)
    }

    /// The value at a z-score, `M·(1 + z·L·S)^(1/L)`; NaN where the distribution has none.
    pub fn at_z(&self, z: f64) -> f64 {
        if self.is_log_normal() {
            self.m * libm::exp(z * self.s)
        } else {
            self.m * libm::pow(1.0 + z * self.l * self.s, 1.0 / self.l)
        }
    }

    /// The z-score of a value; `None` if it is not a positive number.
    pub fn z_score(&self, value: f64) -> Option<f64> {
        if !(value.is_finite() && value > 0.0) {
            return None;
        }
        let ratio = value / self.m;
        Some(if self.is_log_normal() {
            libm::log(ratio) / self.s
        } else {
            (libm::pow(ratio, self.l) - 1.0) / (self.l * self.s)
        })
    }

    /// Which share of healthy people lies below a value, in percent; `None` if it is not a positive number.
    pub fn percentile(&self, value: f64) -> Option<f64> {
        self.z_score(value).map(|z| 100.0 * normal::cumulative(z))
    }

    /// A value in percent of the predicted one; `None` if it is not a positive number. z-scores tell more: what is
    /// normal in percent depends on age.
    pub fn percent_predicted(&self, value: f64) -> Option<f64> {
        (value.is_finite() && value > 0.0).then(|| 100.0 * value / self.m)
    }

    /// Whether L is so near to 0 that its limit is meant, the log-normal distribution.
    fn is_log_normal(&self) -> bool {
        self.l.abs() < 1e-9
    }
}

impl fmt::Debug for ReferenceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferenceValue(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z_scores_and_values_are_inverse() {
        for l in [-0.5, 0.0, 1e-7, 0.5, 1.0, 3.0] {
            let value = ReferenceValue { l, m: 3.0, s: 0.1 };
            for z in [-2.5, -1.645, 0.0, 0.1, 2.0] {
                let back = value.z_score(value.at_z(z)).expect("a positive value");
                assert!((back - z).abs() < 1e-6, "{l} {z} {back}");
            }
        }
        let log_normal = ReferenceValue { l: 0.0, m: 3.0, s: 0.1 };
        let near = ReferenceValue { l: 1e-7, ..log_normal };
        assert!((log_normal.at_z(-2.0) - near.at_z(-2.0)).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_measure_has_no_z_score() {
        let value = ReferenceValue { l: 0.9, m: 3.0, s: 0.1 };
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!((value.z_score(bad), value.percentile(bad), value.percent_predicted(bad)), (None, None, None));
        }
        assert_eq!(value.percent_predicted(1.5), Some(50.0));
        assert_eq!(format!("{value:?}"), "ReferenceValue(..)");
    }
}
