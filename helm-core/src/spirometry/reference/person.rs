use std::fmt;

use crate::Error;

/// Heights that are taken for one, in centimetres: outside, a unit or a digit is wrong.
const HEIGHTS_CM: std::ops::RangeInclusive<f64> = 70.0..=230.0;

/// The sex that reference equations are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// Whom a blow is compared with: sex, age and standing height. `Debug` shows no value.
///
/// ```
/// use helm_core::spirometry::{ReferencePerson, Sex};
///
/// assert!(ReferencePerson::new(Sex::Female, 45.0, 162.0).is_ok());
/// let metres = ReferencePerson::new(Sex::Female, 45.0, 1.62).unwrap_err();
/// assert!(metres.to_string().ends_with("expected a height of 70 to 230 cm, found one below: is it in metres?"));
/// ```
#[derive(Clone, Copy, PartialEq)]
pub struct ReferencePerson {
    sex: Sex,
    age_years: f64,
    height_cm: f64,
}

impl ReferencePerson {
    /// A person; age with its decimals, as every reference asks for it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the age is not a number above 0, or the height is not from 70 to 230 cm. The equations
    /// have limits of age of their own.
    pub fn new(sex: Sex, age_years: f64, height_cm: f64) -> Result<Self, Error> {
        let invalid = |expected: &str, found: &str| {
            Err(Error::Invalid { what: "reference person".into(), expected: expected.into(), found: found.into() })
        };
        if !(age_years.is_finite() && age_years > 0.0) {
            return invalid("an age above 0 years", "another");
        }
        if !HEIGHTS_CM.contains(&height_cm) {
            let found = match height_cm {
                height if height < *HEIGHTS_CM.start() => "one below: is it in metres?",
                height if height > *HEIGHTS_CM.end() => "one above",
                _ => "NaN",
            };
            return invalid("a height of 70 to 230 cm", found);
        }
        Ok(Self { sex, age_years, height_cm })
    }

    /// The sex.
    pub fn sex(&self) -> Sex {
        self.sex
    }

    /// The age in years.
    pub fn age_years(&self) -> f64 {
        self.age_years
    }

    /// The standing height in centimetres.
    pub fn height_cm(&self) -> f64 {
        self.height_cm
    }
}

impl fmt::Debug for ReferencePerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferencePerson(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_persons_are_errors() {
        for (age, height) in [
            (0.0, 170.0),
            (-3.0, 170.0),
            (f64::NAN, 170.0),
            (f64::INFINITY, 170.0),
            (40.0, 1.7),
            (40.0, 1700.0),
            (40.0, 0.0),
            (40.0, f64::NAN),
            (40.0, f64::INFINITY),
        ] {
            assert!(matches!(ReferencePerson::new(Sex::Male, age, height), Err(Error::Invalid { .. })));
        }
        let person = ReferencePerson::new(Sex::Male, 41.75, 181.5).expect("a person");
        assert_eq!(format!("{person:?}"), "ReferencePerson(..)");
    }
}
