use std::ops::RangeInclusive;
use std::sync::LazyLock;

use super::splines::Splines;
use super::{ReferenceMeasure, ReferencePerson, ReferenceValue, Sex};

/// The spline values published with the equations (Bowerman et al. 2023, online supplement; the Global Lung Function
/// Initiative's lookup tables), written by scripts/gli_tables.py. The splines of L are zero.
static SPLINES: LazyLock<Splines> = LazyLock::new(|| Splines::parse(include_str!("gli_global.csv")));

/// Ages for which the equations have a measure.
pub(super) fn ages(measure: ReferenceMeasure) -> Option<RangeInclusive<f64>> {
    coefficients(measure, Sex::Male).map(|_| 3.0..=95.0)
}

/// M = exp(m₀ + m₁·ln H + m₂·ln A + spline), S = exp(s₀ + s₁·ln A + spline), L = l₀ + l₁·ln A, with natural logarithms,
/// height H in cm, age A in years.
pub(super) fn value(measure: ReferenceMeasure, person: &ReferencePerson) -> Option<ReferenceValue> {
    let (name, [m, s, l]) = coefficients(measure, person.sex())?;
    let (ln_height, ln_age) = (libm::log(person.height_cm()), libm::log(person.age_years()));
    let spline = |parameter: &str| SPLINES.at(&format!("{name}_{parameter}"), person.age_years());
    Some(ReferenceValue {
        l: l[0] + l[2] * ln_age,
        m: libm::exp(m[0] + m[1] * ln_height + m[2] * ln_age + spline("m")?),
        s: libm::exp(s[0] + s[2] * ln_age + spline("s")?),
    })
}

/// A measure's name in the table; of M, S and L the intercept and the coefficients of ln H and ln A.
fn coefficients(measure: ReferenceMeasure, sex: Sex) -> Option<(&'static str, [[f64; 3]; 3])> {
    use ReferenceMeasure as Measure;
    Some(match (measure, sex) {
        (Measure::Fev1, Sex::Male) => {
            ("male_fev1", [[-11.399108, 2.462664, -0.011394], [-2.256278, 0.0, 0.080729], [1.22703, 0.0, 0.0]])
        }
        (Measure::Fvc, Sex::Male) => {
            ("male_fvc", [[-12.629131, 2.727421, 0.009174], [-2.195595, 0.0, 0.068466], [0.9346, 0.0, 0.0]])
        }
        (Measure::Fev1Fvc, Sex::Male) => {
            ("male_fev1fvc", [[1.022608, -0.218592, -0.027586], [-2.882025, 0.0, 0.068889], [3.8243, 0.0, -0.3328]])
        }
        (Measure::Fev1, Sex::Female) => {
            ("female_fev1", [[-10.901689, 2.385928, -0.076386], [-2.364047, 0.0, 0.129402], [1.21388, 0.0, 0.0]])
        }
        (Measure::Fvc, Sex::Female) => {
            ("female_fvc", [[-12.055901, 2.621579, -0.035975], [-2.310148, 0.0, 0.120428], [0.899, 0.0, 0.0]])
        }
        (Measure::Fev1Fvc, Sex::Female) => {
            ("female_fev1fvc", [[0.9189568, -0.1840671, -0.0461306], [-3.171582, 0.0, 0.144358], [6.649, 0.0, -0.992]])
        }
        _ => return None,
    })
}
