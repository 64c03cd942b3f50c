use serde::{Deserialize, Serialize};

use crate::distribution::{two_sided, two_sided_quantile};
use crate::{Error, Interval};

/// A test of a difference that is normally distributed in large samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZTest {
    /// The difference.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The difference in standard errors: 0 for no difference, infinite for one without spread.
    pub z: f64,
    /// Two-sided p.
    pub p: f64,
}

impl ZTest {
    pub(crate) fn new(difference: f64, variance: f64) -> Self {
        let standard_error = variance.sqrt();
        let z = if difference == 0.0 { 0.0 } else { difference / standard_error };
        Self { difference, standard_error, z, p: two_sided(z) }
    }

    /// The interval `difference ± z × standard error`.
    ///
    /// # Errors
    /// [`Error::Setting`] if the confidence is not between 0 and 1.
    pub fn interval(&self, confidence: f64) -> Result<Interval, Error> {
        Interval::check_confidence(confidence)?;
        let half = two_sided_quantile(confidence) * self.standard_error;
        Ok(Interval { lower: self.difference - half, upper: self.difference + half })
    }
}
