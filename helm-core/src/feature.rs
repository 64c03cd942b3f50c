use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::{Error, Value};

/// One column of tabular data with its meaning: how it is called, in which unit it is, what it may hold.
///
/// ```
/// use helm_core::{Feature, Value};
///
/// let bmi = Feature::number("bmi", "body mass index", "kg/m²", 10.0..=100.0).with_decimals(1);
/// assert!(bmi.check(Value::Number(23.4)).is_ok());
/// assert!(bmi.check(Value::Number(2340.0)).is_err());
/// let sex = Feature::category("sex", "sex", ["male", "female"]);
/// assert!(sex.check(Value::Level(1)).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The short name by which code and files know it.
    pub name: String,
    /// The words by which a prompt, a table or a plot names it.
    pub label: String,
    /// Numbers or categories, and which.
    pub kind: FeatureKind,
}

/// What a [`Feature`] holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FeatureKind {
    /// Numbers.
    Number {
        /// The unit as it is written after a number; `None` for counts, ratios and years of age in "age".
        unit: Option<String>,
        /// The plausible values; a number outside is an error, not an outlier to be clipped.
        range: RangeInclusive<f64>,
        /// How the number is written.
        digits: Digits,
    },
    /// One of several named levels.
    Category {
        /// The levels' names, in the order of [`Value::Level`].
        levels: Vec<String>,
    },
}

/// How many digits of a number are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digits {
    /// So many after the point: 23.4 with one.
    Decimals(usize),
    /// So many from the first that is not zero: 0.0234 and 23400 with three. Zeros in front of the point are kept, so
    /// that a number is never written as a power of ten.
    Significant(usize),
}

impl Feature {
    /// A feature of numbers, written with no digit after the point; an empty unit is none.
    pub fn number(
        name: impl Into<String>,
        label: impl Into<String>,
        unit: impl Into<String>,
        range: RangeInclusive<f64>,
    ) -> Self {
        let unit = Some(unit.into()).filter(|unit| !unit.is_empty());
        Self {
            name: name.into(),
            label: label.into(),
            kind: FeatureKind::Number { unit, range, digits: Digits::Decimals(0) },
        }
    }

    /// A feature of categories.
    pub fn category<L: Into<String>>(
        name: impl Into<String>,
        label: impl Into<String>,
        levels: impl IntoIterator<Item = L>,
    ) -> Self {
        let levels = levels.into_iter().map(Into::into).collect();
        Self { name: name.into(), label: label.into(), kind: FeatureKind::Category { levels } }
    }

    /// A feature of yes and no: [`Value::Level`] 0 is no, 1 is yes.
    pub fn yes_no(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::category(name, label, ["no", "yes"])
    }

    /// Writes the feature's numbers with so many digits after the point; without effect on categories.
    pub fn with_decimals(self, decimals: usize) -> Self {
        self.with_digits(Digits::Decimals(decimals))
    }

    /// Writes the feature's numbers with so many significant digits; without effect on categories.
    pub fn with_significant_digits(self, significant: usize) -> Self {
        self.with_digits(Digits::Significant(significant))
    }

    fn with_digits(mut self, new: Digits) -> Self {
        if let FeatureKind::Number { digits, .. } = &mut self.kind {
            *digits = new;
        }
        self
    }

    /// The unit of a feature of numbers.
    pub fn unit(&self) -> Option<&str> {
        match &self.kind {
            FeatureKind::Number { unit, .. } => unit.as_deref(),
            FeatureKind::Category { .. } => None,
        }
    }

    /// The columns that a model reads of the feature: one, or one for each level of a category of three or more.
    pub fn n_model_inputs(&self) -> usize {
        match &self.kind {
            FeatureKind::Category { levels } if levels.len() > 2 => levels.len(),
            _ => 1,
        }
    }

    /// What a model reads of a value: a number as it is, a category of two levels as 0 or 1, one of more as 1 in the column
    /// of its level and 0 in the others (whether levels have an order is not known); `None` in each where it is missing.
    pub fn model_inputs(&self, value: Value) -> impl Iterator<Item = Option<f64>> {
        let n = self.n_model_inputs();
        (0..n).map(move |column| match value {
            Value::Number(number) => Some(number),
            Value::Level(level) if n == 1 => Some(level as f64),
            Value::Level(level) => Some(f64::from(u8::from(level == column))),
            Value::Missing(_) => None,
        })
    }

    /// Checks that a value is one this feature can hold; a missing value always is.
    ///
    /// # Errors
    /// What was expected and what kind of value was found, as [`Error::Value`] has them; the row is 0 and is set by
    /// the cohort.
    pub fn check(&self, value: Value) -> Result<(), Error> {
        let wrong = |expected: String, found: &str| Error::Value {
            feature: self.name.clone(),
            row: 0,
            expected,
            found: found.into(),
        };
        match (&self.kind, value) {
            (_, Value::Missing(_)) => Ok(()),
            (FeatureKind::Number { range, .. }, Value::Number(number)) => {
                let expected = || {
                    let unit = self.unit().map_or(String::new(), |unit| format!(" {unit}"));
                    format!("a number from {} to {}{unit}", range.start(), range.end())
                };
                if !number.is_finite() {
                    Err(wrong(expected(), "NaN or infinity"))
                } else if !range.contains(&number) {
                    Err(wrong(expected(), if number < *range.start() { "a smaller one" } else { "a larger one" }))
                } else {
                    Ok(())
                }
            }
            (FeatureKind::Category { levels }, Value::Level(level)) if level < levels.len() => Ok(()),
            (FeatureKind::Category { levels }, Value::Level(_)) => {
                Err(wrong(format!("one of {} levels", levels.len()), "an index past the last level"))
            }
            (FeatureKind::Number { .. }, found) => Err(wrong("a number".into(), found.kind())),
            (FeatureKind::Category { .. }, found) => Err(wrong("a category".into(), found.kind())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MissingReason;

    fn message(feature: &Feature, value: Value) -> String {
        feature.check(value).expect_err("a bad value").to_string()
    }

    #[test]
    fn numbers_out_of_range_are_errors_that_hide_them() {
        let bmi = Feature::number("bmi", "body mass index", "kg/m²", 10.0..=100.0);
        for good in [Value::Number(10.0), Value::Number(100.0), Value::Missing(MissingReason::NoRow)] {
            assert!(bmi.check(good).is_ok());
        }
        let expected = "feature \"bmi\", row 0: expected a number from 10 to 100 kg/m², found";
        assert_eq!(message(&bmi, Value::Number(9.75)), format!("{expected} a smaller one"));
        assert_eq!(message(&bmi, Value::Number(4321.0)), format!("{expected} a larger one"));
        assert_eq!(message(&bmi, Value::Number(f64::NAN)), format!("{expected} NaN or infinity"));
        assert_eq!(message(&bmi, Value::Number(f64::INFINITY)), format!("{expected} NaN or infinity"));
        assert!(message(&bmi, Value::Level(1)).ends_with("expected a number, found a category"));
    }

    #[test]
    fn levels_past_the_last_are_errors() {
        let sex = Feature::category("sex", "sex", ["male", "female"]);
        assert!(sex.check(Value::Level(1)).is_ok());
        assert!(
            message(&sex, Value::Level(2)).ends_with("expected one of 2 levels, found an index past the last level")
        );
        assert!(message(&sex, Value::Number(1.0)).ends_with("expected a category, found a number"));
    }

    #[test]
    fn models_read_a_column_for_each_of_several_levels() {
        let read = |feature: &Feature, value| feature.model_inputs(value).collect::<Vec<_>>();
        let missing = Value::Missing(crate::MissingReason::Refused);
        let pain = Feature::category("pain", "pain", ["none", "some", "much"]);
        assert_eq!(read(&pain, Value::Level(1)), [Some(0.0), Some(1.0), Some(0.0)]);
        assert_eq!(read(&pain, missing), [None; 3]);
        let sex = Feature::category("sex", "sex", ["male", "female"]);
        assert_eq!((read(&sex, Value::Level(1)), read(&sex, missing)), (vec![Some(1.0)], vec![None]));
        let age = Feature::number("age", "age", "years", 0.0..=120.0);
        assert_eq!((read(&age, Value::Number(54.5)), age.n_model_inputs()), (vec![Some(54.5)], 1));
    }

    #[test]
    fn constructors() {
        let smoker = Feature::yes_no("smoker", "current smoker").with_decimals(3);
        assert_eq!(smoker, Feature::category("smoker", "current smoker", ["no", "yes"]));
        assert_eq!(smoker.unit(), None);
        let ratio = Feature::number("ratio", "FEV1/FVC", "", 0.0..=1.0).with_decimals(2);
        assert_eq!(ratio.unit(), None);
        assert!(matches!(ratio.kind, FeatureKind::Number { digits: Digits::Decimals(2), .. }));
    }
}
