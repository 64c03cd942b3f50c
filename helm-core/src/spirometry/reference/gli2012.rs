use std::ops::RangeInclusive;
use std::sync::LazyLock;

use super::splines::Splines;
use super::{ReferenceMeasure, ReferencePerson, ReferenceValue, Sex};

/// The spline values published with the equations (Quanjer et al. 2012, online supplement; the Global Lung Function
/// Initiative's lookup table), written by scripts/gli_tables.py. Splines that are zero at all ages have no column.
///
/// The Initiative's workbook and its lookup table have slightly different splines for the FEF25–75 of males (0.5 % of
/// M, 3.5 % of S at most); these are the lookup table's. Everything else is the same in both.
static SPLINES: LazyLock<Splines> = LazyLock::new(|| Splines::parse(include_str!("gli2012.csv")));

/// The groups of the GLI-2012 equations, named as their authors named them in 2012. The American Thoracic Society
/// recommends race-neutral equations since 2023: [`GliGlobal`](super::ReferenceEquations::GliGlobal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gli2012Group {
    /// "Caucasian".
    Caucasian,
    /// "African American".
    AfricanAmerican,
    /// "North East Asian".
    NorthEastAsian,
    /// "South East Asian".
    SouthEastAsian,
    /// "Other/mixed": the average of the others.
    Other,
}

/// The coefficients of one measure and sex. With natural logarithms, height H in cm, age A in years:
/// M = exp(m₀ + m₁·ln H + m₂·ln A + group + spline), S = exp(s₀ + s₁·ln A + group + spline), L = l₀ + l₁·ln A + spline.
struct Coefficients {
    m: [f64; 3],
    /// African American, North East Asian, South East Asian, other.
    m_group: [f64; 4],
    s: [f64; 2],
    s_group: [f64; 4],
    l: [f64; 2],
}

/// Ages for which the equations have a measure.
pub(super) fn ages(measure: ReferenceMeasure) -> Option<RangeInclusive<f64>> {
    use ReferenceMeasure as Measure;
    match measure {
        Measure::Fev1 | Measure::Fvc | Measure::Fev1Fvc => Some(3.0..=95.0),
        Measure::Fef2575 | Measure::Fef75 => Some(3.0..=90.0),
        Measure::Fev075 | Measure::Fev075Fvc => Some(3.0..=7.0),
        _ => None,
    }
}

pub(super) fn value(
    group: Gli2012Group,
    measure: ReferenceMeasure,
    person: &ReferencePerson,
) -> Option<ReferenceValue> {
    let (name, coefficients) = coefficients(measure, person.sex())?;
    let (ln_height, ln_age) = (libm::log(person.height_cm()), libm::log(person.age_years()));
    let of_group = |terms: &[f64; 4]| match group {
        Gli2012Group::Caucasian => 0.0,
        Gli2012Group::AfricanAmerican => terms[0],
        Gli2012Group::NorthEastAsian => terms[1],
        Gli2012Group::SouthEastAsian => terms[2],
        Gli2012Group::Other => terms[3],
    };
    let sex = match person.sex() {
        Sex::Female => "female",
        Sex::Male => "male",
    };
    let spline = |parameter: &str| SPLINES.at(&format!("{sex}_{name}_{parameter}"), person.age_years());
    let Coefficients { m, m_group, s, s_group, l } = coefficients;
    Some(ReferenceValue {
        l: l[0] + l[1] * ln_age + spline("l")?,
        m: libm::exp(m[0] + m[1] * ln_height + m[2] * ln_age + of_group(m_group) + spline("m")?),
        s: libm::exp(s[0] + s[1] * ln_age + of_group(s_group) + spline("s")?),
    })
}

/// A measure's name in the table, and its coefficients (Quanjer et al. 2012, online supplement).
fn coefficients(measure: ReferenceMeasure, sex: Sex) -> Option<(&'static str, &'static Coefficients)> {
    use ReferenceMeasure as Measure;
    Some(match (measure, sex) {
        (Measure::Fev1, Sex::Male) => ("fev1", &MALE_FEV1),
        (Measure::Fev1, Sex::Female) => ("fev1", &FEMALE_FEV1),
        (Measure::Fvc, Sex::Male) => ("fvc", &MALE_FVC),
        (Measure::Fvc, Sex::Female) => ("fvc", &FEMALE_FVC),
        (Measure::Fev1Fvc, Sex::Male) => ("fev1fvc", &MALE_FEV1FVC),
        (Measure::Fev1Fvc, Sex::Female) => ("fev1fvc", &FEMALE_FEV1FVC),
        (Measure::Fef2575, Sex::Male) => ("fef2575", &MALE_FEF2575),
        (Measure::Fef2575, Sex::Female) => ("fef2575", &FEMALE_FEF2575),
        (Measure::Fef75, Sex::Male) => ("fef75", &MALE_FEF75),
        (Measure::Fef75, Sex::Female) => ("fef75", &FEMALE_FEF75),
        (Measure::Fev075, Sex::Male) => ("fev075", &MALE_FEV075),
        (Measure::Fev075, Sex::Female) => ("fev075", &FEMALE_FEV075),
        (Measure::Fev075Fvc, Sex::Male) => ("fev075fvc", &MALE_FEV075FVC),
        (Measure::Fev075Fvc, Sex::Female) => ("fev075fvc", &FEMALE_FEV075FVC),
        _ => return None,
    })
}

const MALE_FEV1: Coefficients = Coefficients {
    m: [-10.342, 2.2196, 0.0574],
    m_group: [-0.1589, -0.0351, -0.0881, -0.0708],
    s: [-2.3268, 0.0798],
    s_group: [0.1096, -0.3973, 0.0327, 0.0114],
    l: [0.8866, 0.085],
};
const FEMALE_FEV1: Coefficients = Coefficients {
    m: [-9.6987, 2.1211, -0.027],
    m_group: [-0.1484, -0.0149, -0.1208, -0.0708],
    s: [-2.3765, 0.0972],
    s_group: [0.1016, -0.0109, 0.0733, 0.0114],
    l: [1.154, 0.0],
};
const MALE_FVC: Coefficients = Coefficients {
    m: [-11.2281, 2.4135, 0.0865],
    m_group: [-0.1684, -0.0405, -0.1177, -0.0825],
    s: [-2.2963, 0.0718],
    s_group: [0.0794, -0.46, 0.0325, -0.0503],
    l: [0.9481, 0.0],
};
const FEMALE_FVC: Coefficients = Coefficients {
    m: [-10.403, 2.2633, 0.0234],
    m_group: [-0.1555, -0.0262, -0.1516, -0.0833],
    s: [-2.3549, 0.1017],
    s_group: [0.081, -0.1809, 0.0459, -0.0503],
    l: [0.8236, 0.0],
};
const MALE_FEV1FVC: Coefficients = Coefficients {
    m: [0.7403, -0.1595, -0.0366],
    m_group: [0.0079, 0.0055, 0.0283, 0.0106],
    s: [-2.9595, 0.1156],
    s_group: [-0.0381, -0.2227, -0.1414, -0.086],
    l: [4.7101, -0.6774],
};
const FEMALE_FEV1FVC: Coefficients = Coefficients {
    m: [0.5506, -0.1078, -0.0544],
    m_group: [0.0055, 0.0088, 0.0285, 0.0106],
    s: [-3.2395, 0.185],
    s_group: [0.03072, -0.164, -0.1521, -0.086],
    l: [7.032, -1.197],
};
const MALE_FEF2575: Coefficients = Coefficients {
    m: [-6.9189, 1.6895, -0.1425],
    m_group: [-0.1384, -0.0327, -0.0094, -0.0531],
    s: [-2.1034, 0.2463],
    s_group: [0.1625, -0.1413, -0.1039, 0.0057],
    l: [0.4986, 0.0],
};
const FEMALE_FEF2575: Coefficients = Coefficients {
    m: [-5.1682, 1.4066, -0.2618],
    m_group: [-0.1244, -0.0799, -0.0398, -0.0531],
    s: [-2.2968, 0.2847],
    s_group: [0.1869, -0.0114, -0.0473, 0.0057],
    l: [1.2172, -0.1781],
};
const MALE_FEF75: Coefficients = Coefficients {
    m: [-9.1978, 2.1023, -0.3656],
    m_group: [-0.2879, 0.1142, 0.1364, -0.0272],
    s: [-1.5769, 0.1959],
    s_group: [0.1205, -0.2037, -0.1664, -0.0381],
    l: [0.6289, -0.1342],
};
const FEMALE_FEF75: Coefficients = Coefficients {
    m: [-8.2711, 2.0092, -0.5252],
    m_group: [-0.3004, 0.0496, 0.0704, -0.0272],
    s: [4.1543, -1.8154],
    s_group: [0.133, -0.1515, -0.0367, -0.0381],
    l: [0.7088, -0.1462],
};
const MALE_FEV075: Coefficients = Coefficients {
    m: [-9.2847, 1.9527, 0.0295],
    m_group: [0.0, 0.0, 0.0, 0.0],
    s: [-1.7947, -0.0666],
    s_group: [0.0, 0.0, 0.0, 0.0],
    l: [1.0, 0.0],
};
const FEMALE_FEV075: Coefficients = Coefficients {
    m: [-10.0239, 2.1123, 0.0194],
    m_group: [0.0, 0.0, 0.0, 0.0],
    s: [-1.6265, -0.0828],
    s_group: [0.0, 0.0, 0.0, 0.0],
    l: [1.0, 0.0],
};
const MALE_FEV075FVC: Coefficients = Coefficients {
    m: [0.5174, -0.094, -0.1324],
    m_group: [0.0, 0.0, 0.0, 0.0],
    s: [-2.457, 0.0],
    s_group: [0.0, 0.0, 0.0, 0.0],
    l: [2.797, 0.0],
};
const FEMALE_FEV075FVC: Coefficients = Coefficients {
    m: [0.4599, -0.0891, -0.1],
    m_group: [0.0, 0.0, 0.0, 0.0],
    s: [-2.545, 0.0],
    s_group: [0.0, 0.0, 0.0, 0.0],
    l: [3.564, 0.0],
};
