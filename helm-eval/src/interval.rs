use serde::{Deserialize, Serialize};

use crate::Error;
use crate::distribution::two_sided_quantile;

/// An interval of a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

impl Interval {
    /// Wilson's interval of a share (1927, J. Am. Stat. Assoc. 22:209–212).
    pub(crate) fn wilson(successes: usize, n: usize, confidence: f64) -> Self {
        let (n, share) = (n as f64, successes as f64 / n as f64);
        let z = two_sided_quantile(confidence);
        let centre = share + z * z / (2.0 * n);
        let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        Self { lower: ((centre - half) / scale).max(0.0), upper: ((centre + half) / scale).min(1.0) }
    }

    pub(crate) fn check_confidence(confidence: f64) -> Result<(), Error> {
        if confidence > 0.0 && confidence < 1.0 {
            return Ok(());
        }
        let (expected, found) = ("a number between 0 and 1".into(), confidence.to_string());
        Err(Error::Setting { what: "confidence", expected, found })
    }
}
