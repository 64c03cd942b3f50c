use serde::{Deserialize, Serialize};

use crate::{Error, Predictions};

/// What treating by a model is worth at one threshold, in true positives a person: its net benefit (Vickers and Elkin
/// 2006, Med. Decis. Making 26:565–574). Treating no one is worth 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionPoint {
    /// Whoever's risk is at least this is treated. Its odds are how many false positives weigh as much as a true one.
    pub threshold: f64,
    /// Of treating by the model.
    pub net_benefit: f64,
    /// Of treating everyone.
    pub treat_all: f64,
}

impl Predictions {
    /// The net benefit at each threshold: `TPR × π − FPR × (1 − π) × t / (1 − t)`, with π the prevalence and t the
    /// threshold.
    ///
    /// The prevalence is that of the rows, or, where these are a case-control sample, that of the population they came
    /// from.
    ///
    /// ```
    /// use helm_eval::Predictions;
    ///
    /// let predictions = Predictions::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
    /// let curve = predictions.decision_curve(&[0.2, 0.5], None)?;
    /// // Three treated at 0.2, two of them cases: 2/4 − 1/4 × 0.25.
    /// assert!((curve[0].net_benefit - 0.4375).abs() < 1e-12);
    /// assert!((curve[0].treat_all - 0.375).abs() < 1e-12);
    /// assert!((curve[1].net_benefit - 0.25).abs() < 1e-12);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] if a threshold is not at least 0 and below 1 or the prevalence not between 0 and 1,
    /// [`Error::OneClass`] without cases or controls.
    pub fn decision_curve(&self, thresholds: &[f64], prevalence: Option<f64>) -> Result<Vec<DecisionPoint>, Error> {
        let (cases, controls) = (self.n_cases(), self.n_controls());
        if cases == 0 || controls == 0 {
            return Err(Error::OneClass { cases, controls });
        }
        if let Some(threshold) = thresholds.iter().find(|threshold| !(0.0..1.0).contains(*threshold)) {
            let (expected, found) = ("a number from 0 and below 1".into(), threshold.to_string());
            return Err(Error::Setting { what: "threshold", expected, found });
        }
        prevalence.map_or(Ok(()), Error::check_prevalence)?;
        let prevalence = prevalence.unwrap_or_else(|| self.prevalence());
        // Cases among rows from a place on, risks rising.
        let mut cases_from = vec![0usize; self.len() + 1];
        for (row, &case) in self.labels().iter().enumerate().rev() {
            cases_from[row] = cases_from[row + 1] + usize::from(case);
        }
        let net_benefit = |sensitivity: f64, false_positive_rate: f64, threshold: f64| {
            sensitivity * prevalence - false_positive_rate * (1.0 - prevalence) * threshold / (1.0 - threshold)
        };
        let point = |&threshold: &f64| {
            let first = self.risks().partition_point(|&risk| risk < threshold);
            let true_positives = cases_from[first];
            let false_positives = self.len() - first - true_positives;
            let (sensitivity, false_positive_rate) =
                (true_positives as f64 / cases as f64, false_positives as f64 / controls as f64);
            DecisionPoint {
                threshold,
                net_benefit: net_benefit(sensitivity, false_positive_rate, threshold),
                treat_all: net_benefit(1.0, 1.0, threshold),
            }
        };
        Ok(thresholds.iter().map(point).collect())
    }
}
