use helm_core::{Folds, Standardizer};
use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

use super::cross_validation::{Order, cross_validate};
use super::training::Training;
use crate::Error;

/// Settings of a [`Logistic`] regression.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticConfig {
    /// The inverse strength of the penalty, scikit-learn's `C`: the loss is `½‖w‖² + C Σ log-loss`, the intercept
    /// unpenalised.
    pub c: f64,
}

impl Default for LogisticConfig {
    fn default() -> Self {
        Self { c: 1.0 }
    }
}

/// Regularised logistic regression on standardised features, missing ones at the training mean.
///
/// ```
/// use helm_core::{Folds, ParticipantId};
/// use helm_eval::baseline::LogisticConfig;
/// use helm_eval::Scored;
///
/// // Older people are ill more often; one age is missing, and one label.
/// let ages: Vec<Vec<Option<f64>>> = (0..60).map(|i| vec![(i != 7).then_some(20.0 + f64::from(i))]).collect();
/// let ill: Vec<Option<bool>> = (0..60).map(|i| (i != 9).then_some((i * 7) % 60 < i)).collect();
/// let ids: Vec<ParticipantId> = (0..60).map(|i| ParticipantId::new(i.to_string())).collect();
/// let folds = Folds::new(&ids, 5, 0)?;
/// let log_odds = LogisticConfig::default().cross_validate(&ages, &ill, &folds)?;
/// let known: Vec<usize> = (0..60).filter(|&i| ill[i].is_some()).collect();
/// let labels: Vec<bool> = known.iter().map(|&i| ill[i] == Some(true)).collect();
/// let scores: Vec<f64> = known.iter().map(|&i| log_odds[i]).collect();
/// assert!(Scored::new(&labels, &scores)?.auroc() > 0.6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    standardizer: Standardizer,
    coefficients: Vec<f64>,
    intercept: f64,
}

impl LogisticConfig {
    /// Fits on training rows, each with one number or `None` a feature.
    ///
    /// # Errors
    /// [`Error::Length`] if there are not as many labels as rows, [`Error::OneClass`] without cases or controls,
    /// [`Error::Core`] if rows differ in length or hold a number that is not finite, [`Error::Setting`] if C is not
    /// above 0.
    pub fn fit<R: AsRef<[Option<f64>]>>(&self, rows: &[R], labels: &[bool]) -> Result<Logistic, Error> {
        if !(self.c > 0.0 && self.c.is_finite()) {
            let found = self.c.to_string();
            return Err(Error::Setting { what: "C", expected: "a number above 0".into(), found });
        }
        let Training { standardizer, rows: standardised, .. } = Training::new(rows, labels)?;
        let problem = |problem: String| Error::Fit { model: "logistic regression", problem };
        let x = DenseMatrix::from_2d_vec(&standardised).map_err(|error| problem(error.to_string()))?;
        let y: Vec<i32> = labels.iter().map(|&case| i32::from(case)).collect();
        let parameters = LogisticRegressionParameters::default().with_alpha(1.0 / self.c);
        let model = LogisticRegression::fit(&x, &y, parameters).map_err(|error| problem(error.to_string()))?;
        let coefficients = (0..standardizer.width()).map(|column| *model.coefficients().get((0, column))).collect();
        Ok(Logistic { coefficients, intercept: *model.intercept().get((0, 0)), standardizer })
    }

    /// Log-odds of every row from a model that was fitted on the other folds; rows without a label are scored, and
    /// train nothing. Each thread fits a fold, with the standardised rows of it in memory.
    ///
    /// # Errors
    /// As [`LogisticConfig::fit`], for each fold; [`Error::Core`] also for a bad row without a label.
    pub fn cross_validate<R: AsRef<[Option<f64>]> + Sync>(
        &self,
        rows: &[R],
        labels: &[Option<bool>],
        folds: &Folds,
    ) -> Result<Vec<f64>, Error> {
        cross_validate(
            rows,
            labels,
            folds,
            Order::SideBySide,
            |rows, labels| self.fit(rows, labels),
            Logistic::log_odds,
        )
    }
}

impl Logistic {
    /// The log-odds of a row.
    ///
    /// # Panics
    /// If the row has another number of features than the training rows.
    pub fn log_odds(&self, row: &[Option<f64>]) -> f64 {
        let standardised = self.standardizer.apply(row);
        self.intercept + standardised.iter().zip(&self.coefficients).map(|(x, w)| x * w).sum::<f64>()
    }

    /// Coefficients of the standardised features.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The intercept.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }
}
