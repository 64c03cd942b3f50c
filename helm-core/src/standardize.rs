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
#[serde(try_from = "Stored")]
pub struct Standardizer {
    mean: Vec<f64>,
    sd: Vec<f64>,
}

/// A standardizer as a file has it, before it is checked.
#[derive(Deserialize)]
#[serde(rename = "Standardizer")]
struct Stored {
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl TryFrom<Stored> for Standardizer {
    type Error = Error;

    fn try_from(Stored { mean, sd }: Stored) -> Result<Self, Error> {
        let bad =
            |expected: String, found: &str| Error::Split { what: "standardisation", expected, found: found.into() };
        if mean.len() != sd.len() {
            return Err(bad(format!("{} standard deviations", mean.len()), &sd.len().to_string()));
        }
        if let Some(column) = mean.iter().position(|mean| !mean.is_finite()) {
            return Err(bad(format!("a finite mean of column {}", column + 1), "NaN or infinity"));
        }
        if let Some(column) = sd.iter().position(|sd| !(sd.is_finite() && *sd > 0.0)) {
            return Err(bad(format!("a standard deviation above 0 of column {}", column + 1), "another"));
        }
        Ok(Self { mean, sd })
    }
}

impl Standardizer {
    /// Learns from training rows, each with one number or `None` a column. Rows may be made as they are asked for:
    /// they are walked through once, and the first is looked at before.
    ///
    /// # Errors
    /// [`Error::Split`] if there is no row, a row of another length, a number that is not finite, or a column of numbers
    /// so large that f64 can't hold the sum of their squares.
    pub fn fit<R: AsRef<[Option<f64>]>>(rows: impl Iterator<Item = R> + Clone) -> Result<Self, Error> {
        let bad = |expected: String, found: String| Error::Split { what: "standardisation", expected, found };
        let width = rows.clone().next().ok_or_else(|| bad("at least one row".into(), "none".into()))?.as_ref().len();
        let mut count = vec![0usize; width];
        let mut mean = vec![0.0; width];
        let mut squares = vec![0.0; width];
        // Welford's running mean and sum of squared deviations.
        for (index, row) in rows.enumerate() {
            let row = row.as_ref();
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
        if let Some(column) = squares.iter().position(|squares: &f64| !squares.is_finite()) {
            let expected = format!("numbers below 1e150 or so in column {}", column + 1);
            return Err(bad(expected, "larger ones".into()));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error as SerdeError, MapDeserializer};

    use super::*;

    type Row = Vec<Option<f64>>;

    fn fit(rows: &[Row]) -> Result<Standardizer, Error> {
        Standardizer::fit(rows.iter().map(Vec::as_slice))
    }

    /// scikit-learn 1.9.1:
    ///
    /// ```python
    /// from sklearn.preprocessing import StandardScaler
    /// from numpy import nan
    /// s = StandardScaler().fit([[54, 1e6 + .1, 3], [31, 1e6 + .2, 3], [77, nan, 3], [46.5, 1e6 + .7, nan]])
    /// print(s.mean_.tolist(), s.scale_.tolist(), s.transform([[60, 1e6 + .25, 4]]).tolist())
    /// ```
    #[test]
    fn equals_scikit_learn() {
        let rows = [
            vec![Some(54.0), Some(1e6 + 0.1), Some(3.0)],
            vec![Some(31.0), Some(1e6 + 0.2), Some(3.0)],
            vec![Some(77.0), None, Some(3.0)],
            vec![Some(46.5), Some(1e6 + 0.7), None],
        ];
        let standardizer = fit(&rows).expect("a standardizer");
        assert_eq!(standardizer.width(), 3);
        let row = standardizer.apply(&[Some(60.0), Some(1e6 + 0.25), Some(4.0)]);
        for (found, expected) in [
            (standardizer.mean(), [52.125, 1000000.3333333334, 3.0]),
            (standardizer.sd(), [16.58453722598252, 0.26246692912682745, 1.0]),
            (&row, [0.4748399001247055, -0.31750031765667014, 1.0]),
        ] {
            for (&found, expected) in found.iter().zip(expected) {
                // A million and a bit has 1e-10 of rounding in f64.
                approx::assert_relative_eq!(found, expected, max_relative = 1e-8);
            }
        }
        assert_eq!(standardizer.apply(&[None, None, None]), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn constant_and_empty_columns_become_zero() {
        let rows = [vec![Some(0.1), None, Some(-7.0)], vec![Some(0.1), None, None], vec![Some(0.1), None, None]];
        let standardizer = fit(&rows).expect("a standardizer");
        assert_eq!(standardizer.sd(), [1.0, 1.0, 1.0]);
        assert_eq!(standardizer.mean()[1], 0.0);
        for row in &rows {
            assert!(standardizer.apply(row).iter().all(|value| value.abs() < 1e-15));
        }
    }

    #[test]
    fn bad_rows_are_errors_that_hide_numbers() {
        let message = |rows: &[Row]| fit(rows).expect_err("bad rows").to_string();
        assert_eq!(message(&[]), "standardisation: expected at least one row, found none");
        assert_eq!(message(&[vec![None; 2], vec![None]]), "standardisation: expected 2 columns in row 2, found 1");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(
                message(&[vec![Some(1.0), Some(2.0)], vec![Some(1.0), Some(bad)]]),
                "standardisation: expected a finite number in row 2, column 2, found NaN or infinity"
            );
        }
        // The spread of these is infinite in f64, and every row would become 0.
        for large in [1e200, f64::MAX] {
            let message = message(&[vec![Some(large)], vec![Some(-large)]]);
            assert_eq!(message, "standardisation: expected numbers below 1e150 or so in column 1, found larger ones");
        }
    }

    #[test]
    fn statistics_of_a_file_are_checked() {
        let read = |mean: &[f64], sd: &[f64]| {
            let map = [("mean", mean.to_vec()), ("sd", sd.to_vec())];
            let map = map.map(|(key, numbers)| (key, numbers.into_deserializer()));
            Standardizer::deserialize(MapDeserializer::<_, SerdeError>::new(map.into_iter()))
        };
        assert_eq!(read(&[1.0, 2.0], &[3.0, 4.0]).expect("a standardizer").apply(&[Some(4.0), None]), [1.0, 0.0]);
        for (mean, sd, expected) in [
            (&[1.0, 2.0][..], &[1.0][..], "expected 2 standard deviations, found 1"),
            (&[f64::NAN], &[1.0], "expected a finite mean of column 1"),
            (&[1.0], &[0.0], "expected a standard deviation above 0 of column 1"),
            (&[1.0], &[-1.0], "expected a standard deviation above 0 of column 1"),
            (&[1.0], &[f64::NAN], "expected a standard deviation above 0 of column 1"),
            (&[1.0], &[f64::INFINITY], "expected a standard deviation above 0 of column 1"),
        ] {
            let error = read(mean, sd).expect_err("bad statistics").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    /// Rows of three columns with holes, around means of other sizes.
    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let number = |mean: f64| (-50_000i32..50_000).prop_map(move |step| mean + f64::from(step) * 1e-3);
        let cell = |mean: f64| proptest::option::weighted(0.8, number(mean));
        let row = (cell(0.0), cell(1e3), cell(-1e6)).prop_map(|(a, b, c)| vec![a, b, c]);
        proptest::collection::vec(row, 1..60)
    }

    proptest! {
        #[test]
        fn equals_two_passes(rows in rows()) {
            let standardizer = fit(&rows).expect("a standardizer");
            for column in 0..3 {
                let numbers: Vec<f64> = rows.iter().filter_map(|row| row[column]).collect();
                let n = numbers.len().max(1) as f64;
                let mean = numbers.iter().sum::<f64>() / n;
                let sd = (numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / n).sqrt();
                approx::assert_relative_eq!(standardizer.mean()[column], mean, max_relative = 1e-12, epsilon = 1e-12);
                let expected = if sd > 1e-6 { sd } else { 1.0 };
                approx::assert_relative_eq!(standardizer.sd()[column], expected, max_relative = 1e-6);
            }
        }

        #[test]
        fn standardised_training_rows_have_mean_0_and_sd_1(rows in rows()) {
            let standardizer = fit(&rows).expect("a standardizer");
            // A column of one number, or of none, has no spread.
            prop_assume!(standardizer.sd().iter().all(|&sd| sd != 1.0));
            let again: Vec<Row> = rows
                .iter()
                .map(|row| {
                    let applied = standardizer.apply(row);
                    row.iter().zip(applied).map(|(value, applied)| value.map(|_| applied)).collect()
                })
                .collect();
            let again = fit(&again).expect("a standardizer");
            for column in 0..3 {
                approx::assert_abs_diff_eq!(again.mean()[column], 0.0, epsilon = 1e-6);
                approx::assert_abs_diff_eq!(again.sd()[column], 1.0, epsilon = 1e-6);
            }
        }
    }
}
