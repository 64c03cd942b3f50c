use crate::Error;

/// Labels with predicted risks, checked: as many of each, every risk a number from 0 to 1. What calibration and
/// clinical utility are computed from; the order of the rows does not matter.
///
/// ```
/// use helm_eval::{Bins, Predictions};
///
/// let predictions = Predictions::new(&[false, true, true, false], &[0.1, 0.9, 0.8, 0.3])?;
/// assert!((predictions.brier() - 0.0375).abs() < 1e-12);
/// assert!((predictions.ece(Bins::EqualWidth(2))? - 0.175).abs() < 1e-12);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    labels: Vec<bool>,
    risks: Vec<f64>,
}

impl Predictions {
    /// Labels and risks, row by row.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Length`], or [`Error::Probability`] with the first risk that is not a number from 0
    /// to 1.
    pub fn new(labels: &[bool], risks: &[f64]) -> Result<Self, Error> {
        if labels.is_empty() {
            return Err(Error::Empty);
        }
        if risks.len() != labels.len() {
            return Err(Error::Length { what: "risks".into(), expected: labels.len(), found: risks.len() });
        }
        Error::check_probabilities("risks", risks)?;
        // Rows from the lowest risk, so that no sum depends on their order.
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_unstable_by(|&a, &b| risks[a].total_cmp(&risks[b]).then(labels[a].cmp(&labels[b])));
        let labels = order.iter().map(|&row| labels[row]).collect();
        Ok(Self { labels, risks: order.iter().map(|&row| risks[row]).collect() })
    }

    /// How many rows there are.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one row")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// How many rows are cases.
    pub fn n_cases(&self) -> usize {
        self.labels.iter().filter(|&&case| case).count()
    }

    /// How many rows are controls.
    pub fn n_controls(&self) -> usize {
        self.len() - self.n_cases()
    }

    /// The share of cases.
    pub fn prevalence(&self) -> f64 {
        self.n_cases() as f64 / self.len() as f64
    }

    /// The mean squared difference of risk and label (Brier 1950, Mon. Weather Rev. 78:1–3): 0 is perfect.
    pub fn brier(&self) -> f64 {
        self.mean(|case, risk| (risk - f64::from(u8::from(case))).powi(2))
    }

    /// The mean negative log-likelihood of the labels; infinite where a case had risk 0 or a control risk 1.
    pub fn log_loss(&self) -> f64 {
        self.mean(|case, risk| if case { -risk.ln() } else { -(-risk).ln_1p() })
    }

    /// The mean risk: the share of cases that was expected.
    pub fn mean_risk(&self) -> f64 {
        self.mean(|_, risk| risk)
    }

    /// Labels, from the lowest risk.
    pub(crate) fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// Risks, rising.
    pub(crate) fn risks(&self) -> &[f64] {
        &self.risks
    }

    fn mean(&self, of_row: impl Fn(bool, f64) -> f64) -> f64 {
        let sum: f64 = self.labels.iter().zip(&self.risks).map(|(&case, &risk)| of_row(case, risk)).sum();
        sum / self.len() as f64
    }
}
