use serde::{Deserialize, Serialize};

use crate::bootstrap::quantile;
use crate::ranked::Ranked;
use crate::resampling::{Count, Resampling};
use crate::{Bootstrap, Error, Interval, Scored};

/// Where a curve lies at one place of its horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandPoint {
    /// The place: a false positive rate, or a recall.
    pub x: f64,
    /// The interval of what the curve is there: of sensitivity, or of precision.
    pub interval: Interval,
}

/// Places from 0 to 1.
const PLACES: usize = 101;

impl Bootstrap {
    /// The band of a ROC curve: between two quantiles of the sensitivity at each hundredth of the false positive rate,
    /// over replicates (vertical averaging; Fawcett 2006, Pattern Recognit. Lett. 27:861–874). It holds each point with
    /// the given confidence, and the whole curve with less. Percentiles, whatever the method.
    ///
    /// ```
    /// use helm_eval::{Bootstrap, Scored};
    ///
    /// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
    /// let band = Bootstrap::default().roc_band(&scored)?;
    /// assert_eq!((band.len(), band[50].x), (101, 0.5));
    /// assert!(band[50].interval.lower <= band[50].interval.upper);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Bootstrap::intervals`].
    pub fn roc_band(&self, scored: &Scored) -> Result<Vec<BandPoint>, Error> {
        self.band(scored, 0, Ranked::sensitivities)
    }

    /// The band of a precision–recall curve: between two quantiles of the precision at each hundredth of the recall from
    /// 0.01, as [`roc_band`](Self::roc_band).
    ///
    /// # Errors
    /// As [`Bootstrap::intervals`].
    pub fn pr_band(&self, scored: &Scored) -> Result<Vec<BandPoint>, Error> {
        self.band(scored, 1, Ranked::precisions)
    }

    fn band(
        &self,
        scored: &Scored,
        first: usize,
        curve: impl Fn(&Ranked, &[Count], &[f64]) -> Vec<f64> + Sync,
    ) -> Result<Vec<BandPoint>, Error> {
        self.check()?;
        let places: Vec<f64> = (first..PLACES).map(|place| place as f64 / (PLACES - 1) as f64).collect();
        let resampling = Resampling::new(self, &[scored])?;
        let mut curves = resampling.of_first(self.replicates, |ranked, counts| curve(ranked, counts, &places));
        curves.retain(|curve| curve.iter().all(|value| value.is_finite()));
        if curves.len() < 2 {
            let expected = "at least 2 replicates with cases and controls".into();
            return Err(Error::Undefined { what: "bootstrap", expected, found: curves.len().to_string() });
        }
        let tail = (1.0 - self.confidence) / 2.0;
        let point = |(place, &x): (usize, &f64)| {
            let mut values: Vec<f64> = curves.iter().map(|curve| curve[place]).collect();
            values.sort_unstable_by(f64::total_cmp);
            let interval = Interval { lower: quantile(&values, tail), upper: quantile(&values, 1.0 - tail) };
            BandPoint { x, interval }
        };
        Ok(places.iter().enumerate().map(point).collect())
    }
}
