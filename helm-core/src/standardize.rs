use serde::{Deserialize, Serialize};

use crate::Error;

/// Means and standard deviations learned on the training rows and applied to any row.
///
/// The one standardisation that classical baselines and encoders share. A missing number (`None`) becomes the training
/// mean, that is 0. A column that is constant or wholly missing in training has a standard deviation of 1, so that it
/// becomes 0 there. The standard deviation is the population's (divided by n), as scikit-learn's `StandardScaler` has
/// it.
///
/// ```
/// use helm_core::Standardizer;
///
/// let rows = [vec![Some(1.0)], vec![Some(3.0)], vec![None]];
/// let standardizer = Standardizer::fit(rows.iter().map(Vec::as_slice))?;
/// assert_eq!(standardizer.apply(&[Some(3.0)]), [1.0]);
/// assert_eq!(standardizer.apply(&[None]), [0.0]);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl Standardizer {
    /// Learns from training rows, each with one number or `None` a column.
    ///
    /// # Errors
    /// [`Error::Split`] if there is no row, a row of another length or a number that is not finite.
    pub fn fit<'a>(rows: impl Iterator<Item = &'a [Option<f64>]> + Clone) -> Result<Self, Error> {
        let bad = |expected: String, found: String| Error::Split { what: "standardisation", expected, found };
        let width = rows.clone().next().ok_or_else(|| bad("at least one row".into(), "none".into()))?.len();
        let mut count = vec![0usize; width];
        let mut mean = vec![0.0; width];
        let mut squares = vec![0.0; width];
        // Welford's running mean and sum of squared deviations.
        for (index, row) in rows.enumerate() {
            if row.len() != width {
                return Err(bad(format!("{width} columns in row {}", index + 1), row.len().to_string()));
            }
            for (column, value) in row.iter().enumerate() {
                let Some(value) = *value else { continue };
                if !value.is_finite() {
                    return Err(bad(
                        format!("a finite number in row {}, column {}", index + 1, column + 1),
                        "NaN or infinity".into(),
                    ));
                }
                count[column] += 1;
                let delta = value - mean[column];
                mean[column] += delta / count[column] as f64;
                squares[column] += delta * (value - mean[column]);
            }
        }
        let sd = squares
            .iter()
            .zip(&count)
            .zip(&mean)
            .map(|((&squares, &count), &mean)| {
                let sd = (squares / count.max(1) as f64).sqrt();
                if sd > 1e-12 * mean.abs().max(1e-12) { sd } else { 1.0 }
            })
            .collect();
        Ok(Self { mean, sd })
    }

    /// How many columns a row has.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// The training means, one a column.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The training standard deviations, one a column.
    pub fn sd(&self) -> &[f64] {
        &self.sd
    }

    /// A standardised row; what is missing becomes 0, the training mean.
    ///
    /// # Panics
    /// If the row has another number of columns than the training rows.
    pub fn apply(&self, row: &[Option<f64>]) -> Vec<f64> {
        assert_eq!(row.len(), self.width(), "a row has as many columns as the training rows");
        row.iter()
            .zip(self.mean.iter().zip(&self.sd))
            .map(|(value, (mean, sd))| value.map_or(0.0, |value| (value - mean) / sd))
            .collect()
    }
}
