use serde::{Deserialize, Serialize};

use crate::{Error, Interval, Predictions};

/// How predictions are put into bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bins {
    /// So many bins of the same width from 0 to 1, each with its lower end; 1 is in the last.
    EqualWidth(usize),
    /// So many bins of the same number of rows, as far as that goes: equal risks stay together, in the bin of the
    /// middle one.
    EqualMass(usize),
}

/// Predictions of one bin: a point of a reliability curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Rows in the bin.
    pub n: usize,
    /// Cases among them.
    pub cases: usize,
    /// The mean predicted risk.
    pub mean_risk: f64,
    /// The share of cases.
    pub observed: f64,
    /// Interval of the share of cases (Wilson 1927, J. Am. Stat. Assoc. 22:209–212).
    pub interval: Interval,
}

/// Parts of a Brier score: `brier = reliability − resolution + uncertainty + within_bins` (Murphy 1973, J. Appl.
/// Meteorol. 12:595–600).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrierParts {
    /// How far bins' mean risks are off their shares of cases; 0 is perfect.
    pub reliability: f64,
    /// How far bins' shares of cases are off the prevalence; higher is better.
    pub resolution: f64,
    /// Prevalence × (1 − prevalence), which no prediction changes.
    pub uncertainty: f64,
    /// What is left because risks differ within a bin (Stephenson, Coelho and Jolliffe 2008, Weather Forecast.
    /// 23:752–757); 0 where they don't.
    pub within_bins: f64,
}

impl Predictions {
    /// Predicted against observed risk by bin; a bin without rows is left out.
    ///
    /// ```
    /// use helm_eval::{Bins, Predictions};
    ///
    /// let predictions = Predictions::new(&[false, true, true, false], &[0.1, 0.9, 0.8, 0.3])?;
    /// let curve = predictions.reliability_curve(Bins::EqualMass(2), 0.95)?;
    /// assert_eq!((curve[0].n, curve[0].mean_risk, curve[0].observed), (2, 0.2, 0.0));
    /// assert!(curve[0].interval.upper > 0.5);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] without bins, or if the confidence is not between 0 and 1.
    pub fn reliability_curve(&self, bins: Bins, confidence: f64) -> Result<Vec<ReliabilityBin>, Error> {
        Interval::check_confidence(confidence)?;
        let bin_of_row = self.bin_of_row(bins)?;
        let mut start = 0;
        let curve = bin_of_row.chunk_by(|a, b| a == b).map(|bin| {
            let rows = start..start + bin.len();
            start = rows.end;
            let cases = self.labels()[rows.clone()].iter().filter(|&&case| case).count();
            let n = bin.len() as f64;
            ReliabilityBin {
                n: bin.len(),
                cases,
                mean_risk: self.risks()[rows].iter().sum::<f64>() / n,
                observed: cases as f64 / n,
                interval: Interval::wilson(cases, bin.len(), confidence),
            }
        });
        Ok(curve.collect())
    }

    /// The expected calibration error: how far bins' mean risks are off their shares of cases, on average over rows
    /// (Naeini, Cooper and Hauskrecht 2015, AAAI). It depends on the bins, and is above 0 by chance alone.
    ///
    /// # Errors
    /// [`Error::Setting`] without bins.
    pub fn ece(&self, bins: Bins) -> Result<f64, Error> {
        let curve = self.reliability_curve(bins, 0.95)?;
        let gaps = curve.iter().map(|bin| bin.n as f64 * (bin.mean_risk - bin.observed).abs());
        Ok(gaps.sum::<f64>() / self.len() as f64)
    }

    /// The parts of the Brier score.
    ///
    /// # Errors
    /// [`Error::Setting`] without bins.
    pub fn brier_parts(&self, bins: Bins) -> Result<BrierParts, Error> {
        let (n, prevalence) = (self.len() as f64, self.prevalence());
        let (mut reliability, mut resolution) = (0.0, 0.0);
        for bin in self.reliability_curve(bins, 0.95)? {
            reliability += bin.n as f64 / n * (bin.mean_risk - bin.observed).powi(2);
            resolution += bin.n as f64 / n * (bin.observed - prevalence).powi(2);
        }
        let uncertainty = prevalence * (1.0 - prevalence);
        let within_bins = self.brier() - (reliability - resolution + uncertainty);
        Ok(BrierParts { reliability, resolution, uncertainty, within_bins })
    }

    /// The bin of each row, rising with the risk.
    fn bin_of_row(&self, bins: Bins) -> Result<Vec<usize>, Error> {
        let (Bins::EqualWidth(n_bins) | Bins::EqualMass(n_bins)) = bins;
        if n_bins == 0 {
            return Err(Error::Setting { what: "bins", expected: "at least 1".into(), found: "0".into() });
        }
        Ok(match bins {
            Bins::EqualWidth(_) => {
                self.risks().iter().map(|risk| ((risk * n_bins as f64) as usize).min(n_bins - 1)).collect()
            }
            Bins::EqualMass(_) => {
                let mut bin_of_row = Vec::with_capacity(self.len());
                for equal in self.risks().chunk_by(|a, b| a == b) {
                    let middle = bin_of_row.len() as f64 + (equal.len() - 1) as f64 / 2.0;
                    let bin = (middle * n_bins as f64 / self.len() as f64) as usize;
                    bin_of_row.extend(std::iter::repeat_n(bin, equal.len()));
                }
                bin_of_row
            }
        })
    }
}
