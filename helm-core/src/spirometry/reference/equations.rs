use super::gli2012::{self, Gli2012Group};
use super::nhanes_iii::{self, NhanesIiiGroup};
use super::{ReferencePerson, ReferenceValue, gli_global};
use crate::Error;

/// Published equations for what is normal.
///
/// | equations | ages | groups | measures |
/// | --- | --- | --- | --- |
/// | GLI-2012 | 3–95 (FEF 3–90, FEV0.75 3–7) | five | FEV1, FVC, FEV1/FVC, FEF25–75, FEF75, FEV0.75, FEV0.75/FVC |
/// | GLI Global (2022) | 3–95 | none: race-neutral | FEV1, FVC, FEV1/FVC |
/// | NHANES III | 8–80 | three | FEV1, FVC, FEV6, FEV1/FVC, FEV1/FEV6, PEF, FEF25–75 |
///
/// ```
/// use helm_core::spirometry::{Gli2012Group, ReferenceEquations, ReferenceMeasure, ReferencePerson, Sex};
///
/// let man = ReferencePerson::new(Sex::Male, 45.0, 175.0)?;
/// let fev1 = ReferenceEquations::Gli2012(Gli2012Group::Caucasian).value(ReferenceMeasure::Fev1, &man)?;
/// assert!((fev1.predicted() - 3.937).abs() < 1e-3);
/// let old = ReferencePerson::new(Sex::Male, 99.0, 175.0)?;
/// assert!(ReferenceEquations::GliGlobal.value(ReferenceMeasure::Fev1, &old).is_err());
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceEquations {
    /// Quanjer et al., Multi-ethnic reference values for spirometry for the 3–95-yr age range: the global lung function
    /// 2012 equations, Eur Respir J 2012;40:1324–1343, for one of its groups.
    Gli2012(Gli2012Group),
    /// Bowerman et al., A race-neutral approach to the interpretation of lung function measurements, Am J Respir Crit
    /// Care Med 2023;207:768–774 (GLI Global, 2022).
    GliGlobal,
    /// Hankinson et al., Spirometric reference values from a sample of the general U.S. population, Am J Respir Crit
    /// Care Med 1999;159:179–187, for one of its groups. A normal distribution is assumed.
    NhanesIii(NhanesIiiGroup),
}

/// A measure that reference equations know. Volumes are in litres, flows in litres a second, ratios between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceMeasure {
    /// FEV1, in L.
    Fev1,
    /// FVC, in L.
    Fvc,
    /// FEV1/FVC.
    Fev1Fvc,
    /// FEF25–75, in L/s.
    Fef2575,
    /// FEF75, the flow at 75 % of the vital capacity, in L/s.
    Fef75,
    /// FEV0.75, in L: for the youngest.
    Fev075,
    /// FEV0.75/FVC.
    Fev075Fvc,
    /// FEV6, in L.
    Fev6,
    /// FEV1/FEV6.
    Fev1Fev6,
    /// Peak flow, in L/s.
    Pef,
}

impl ReferenceMeasure {
    /// Its name as physicians write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fev1 => "FEV1",
            Self::Fvc => "FVC",
            Self::Fev1Fvc => "FEV1/FVC",
            Self::Fef2575 => "FEF25–75",
            Self::Fef75 => "FEF75",
            Self::Fev075 => "FEV0.75",
            Self::Fev075Fvc => "FEV0.75/FVC",
            Self::Fev6 => "FEV6",
            Self::Fev1Fev6 => "FEV1/FEV6",
            Self::Pef => "PEF",
        }
    }
}

impl ReferenceEquations {
    /// How a measure is distributed among healthy people like this person.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the equations don't have the measure, the age lies outside of theirs (nothing is
    /// extrapolated), or they give no positive value at this height.
    pub fn value(self, measure: ReferenceMeasure, person: &ReferencePerson) -> Result<ReferenceValue, Error> {
        let (name, ages) = match self {
            Self::Gli2012(_) => ("GLI-2012", gli2012::ages(measure)),
            Self::GliGlobal => ("GLI Global", gli_global::ages(measure)),
            Self::NhanesIii(_) => ("NHANES III", nhanes_iii::ages(measure)),
        };
        let what = || format!("{name} {}", measure.name());
        let Some(ages) = ages else {
            let expected = "a measure that the equations have".into();
            return Err(Error::Invalid { what: what(), expected, found: "one that they don't".into() });
        };
        let outside = || Error::Invalid {
            what: what(),
            expected: format!("an age of {} to {} years", ages.start(), ages.end()),
            found: "one outside".into(),
        };
        if !ages.contains(&person.age_years()) {
            return Err(outside());
        }
        let value = match self {
            Self::Gli2012(group) => gli2012::value(group, measure, person),
            Self::GliGlobal => gli_global::value(measure, person),
            Self::NhanesIii(group) => nhanes_iii::value(group, measure, person),
        };
        let value = value.ok_or_else(outside)?;
        // NHANES III's polynomials fall below 0 at heights that nobody of an age has.
        if !(value.m.is_finite() && value.m > 0.0 && value.s > 0.0 && value.lower_limit().is_finite()) {
            let expected = "a height for which the equations give a positive value".into();
            return Err(Error::Invalid { what: what(), expected, found: "another".into() });
        }
        Ok(value)
    }
}
