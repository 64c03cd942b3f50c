use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Digits, Error, Feature, FeatureKind, Outcome};

/// What a cohort holds: features, signals and outcomes, each with a name of its own.
///
/// It serialises whole, and is checked again when it is read: a bundle keeps it, so that new people are read as those
/// were of whom a model learned. (Formats without infinity, such as JSON, can't hold a range without an end.)
///
/// ```
/// use helm_core::{Feature, Outcome, Schema};
///
/// let schema = Schema::new(
///     vec![Feature::number("age", "age", "years", 0.0..=120.0)],
///     vec!["spirogram".into()],
///     vec![Outcome::new("wheeze", "wheezing in the past year", "RDQ070 = 1")],
/// )?;
/// assert_eq!(schema.feature_index("age")?, 0);
/// assert!(schema.feature_index("agee").is_err());
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Schema {
    features: Vec<Feature>,
    signals: Vec<String>,
    outcomes: Vec<Outcome>,
}

/// A schema as a file has it, before it is checked.
#[derive(Deserialize)]
#[serde(rename = "Schema", deny_unknown_fields)]
struct Stored {
    features: Vec<Feature>,
    signals: Vec<String>,
    outcomes: Vec<Outcome>,
}

impl TryFrom<Stored> for Schema {
    type Error = Error;

    fn try_from(Stored { features, signals, outcomes }: Stored) -> Result<Self, Error> {
        Self::new(features, signals, outcomes)
    }
}

/// More digits than any number has a use for.
const MOST_DIGITS: usize = 64;

impl Schema {
    /// A schema.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] if two features, two signals, two outcomes or two levels of a feature share a name,
    /// [`Error::Invalid`] if a name is empty, or a feature has an empty or unordered range, more than 64 digits or fewer
    /// than two levels.
    pub fn new(features: Vec<Feature>, signals: Vec<String>, outcomes: Vec<Outcome>) -> Result<Self, Error> {
        unique("feature", features.iter().map(|feature| &feature.name), "schema")?;
        unique("signal", signals.iter(), "schema")?;
        unique("outcome", outcomes.iter().map(|outcome| &outcome.name), "schema")?;
        for feature in &features {
            let what = format!("feature {:?}", feature.name);
            let (expected, found) = match &feature.kind {
                FeatureKind::Number { range, .. } if range.is_empty() => {
                    ("a range of numbers", format!("{} to {}", range.start(), range.end()))
                }
                FeatureKind::Number { digits: Digits::Decimals(digits) | Digits::Significant(digits), .. }
                    if *digits > MOST_DIGITS =>
                {
                    ("at most 64 digits", digits.to_string())
                }
                FeatureKind::Category { levels } if levels.len() < 2 => {
                    ("at least two levels", levels.len().to_string())
                }
                FeatureKind::Category { levels } => {
                    unique("level", levels.iter(), &what)?;
                    continue;
                }
                FeatureKind::Number { .. } => continue,
            };
            return Err(Error::Invalid { what, expected: expected.into(), found });
        }
        Ok(Self { features, signals, outcomes })
    }

    /// The features in their order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The signals' names in their order.
    pub fn signals(&self) -> &[String] {
        &self.signals
    }

    /// The outcomes in their order.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Where a feature stands.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn feature_index(&self, name: &str) -> Result<usize, Error> {
        find("feature", name, self.features.iter().map(|feature| feature.name.as_str()))
    }

    /// Where a signal stands.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn signal_index(&self, name: &str) -> Result<usize, Error> {
        find("signal", name, self.signals.iter().map(String::as_str))
    }

    /// Where an outcome stands.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn outcome_index(&self, name: &str) -> Result<usize, Error> {
        find("outcome", name, self.outcomes.iter().map(|outcome| outcome.name.as_str()))
    }
}

/// Checks that there are names, and that no two are the same.
fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a String>, place: &str) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            let (expected, found) = (format!("every {what} to have a name"), "an empty one".into());
            return Err(Error::Invalid { what: place.into(), expected, found });
        }
        if !seen.insert(name) {
            return Err(Error::DuplicateName { what, name: name.clone(), place: place.into() });
        }
    }
    Ok(())
}

fn find<'a>(what: &'static str, name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Result<usize, Error> {
    names.clone().position(|candidate| candidate == name).ok_or_else(|| Error::Unknown {
        what,
        name: name.into(),
        place: "schema".into(),
        available: names.collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age() -> Feature {
        Feature::number("age", "age", "years", 0.0..=120.0)
    }

    fn wheeze() -> Outcome {
        Outcome::new("wheeze", "wheezing in the past year", "RDQ070 = 1")
    }

    fn message(schema: Result<Schema, Error>) -> String {
        schema.expect_err("a bad schema").to_string()
    }

    #[test]
    fn names_of_its_own() {
        let features = Schema::new(vec![age(), age()], vec![], vec![]);
        assert_eq!(message(features), "schema: expected every feature to have a name of its own, found \"age\" twice");
        let signals = Schema::new(vec![], vec!["ecg".into(), "ecg".into()], vec![]);
        assert!(matches!(signals, Err(Error::DuplicateName { what: "signal", .. })));
        let outcomes = Schema::new(vec![], vec![], vec![wheeze(), wheeze()]);
        assert!(matches!(outcomes, Err(Error::DuplicateName { what: "outcome", .. })));
        let levels = Schema::new(vec![Feature::category("sex", "sex", ["male", "female", "male"])], vec![], vec![]);
        assert_eq!(
            message(levels),
            "feature \"sex\": expected every level to have a name of its own, found \"male\" twice"
        );
        // A feature, a signal and an outcome may share one.
        let mut death = wheeze();
        death.name = "age".into();
        assert!(Schema::new(vec![age()], vec!["age".into()], vec![death]).is_ok());
    }

    #[test]
    fn empty_names_ranges_and_levels_are_errors() {
        let nameless = Schema::new(vec![], vec![String::new()], vec![]);
        assert_eq!(message(nameless), "schema: expected every signal to have a name, found an empty one");
        for range in [10.0..=5.0, f64::NAN..=1.0, 0.0..=f64::NAN] {
            let schema = Schema::new(vec![Feature::number("bmi", "BMI", "kg/m²", range)], vec![], vec![]);
            assert!(message(schema).starts_with("feature \"bmi\": expected a range of numbers, found"));
        }
        for levels in [vec![], vec!["only"], vec!["no", ""]] {
            let schema = Schema::new(vec![Feature::category("smoker", "smoker", levels)], vec![], vec![]);
            assert!(matches!(schema, Err(Error::Invalid { .. })));
        }
    }

    #[test]
    fn absurd_digits_are_errors() {
        for feature in [age().with_decimals(65), age().with_significant_digits(usize::MAX)] {
            assert!(message(Schema::new(vec![feature], vec![], vec![])).contains("expected at most 64 digits, found"));
        }
        assert!(Schema::new(vec![age().with_decimals(64)], vec![], vec![]).is_ok());
    }

    #[test]
    fn names_are_found_or_listed() {
        let schema =
            Schema::new(vec![age()], vec!["spirogram".into(), "ecg".into()], vec![wheeze()]).expect("a schema");
        assert_eq!(schema.signal_index("ecg").expect("an index"), 1);
        assert_eq!(schema.outcome_index("wheeze").expect("an index"), 0);
        let error = schema.signal_index("Spirogram").expect_err("another name");
        assert_eq!(error.to_string(), "schema: expected a signal \"Spirogram\", found only spirogram, ecg");
        assert!(matches!(schema.feature_index("bmi"), Err(Error::Unknown { what: "feature", .. })));
        assert!(matches!(schema.outcome_index("age"), Err(Error::Unknown { what: "outcome", .. })));
    }
}
