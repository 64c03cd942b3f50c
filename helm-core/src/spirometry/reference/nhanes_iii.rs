use std::ops::RangeInclusive;

use NhanesIiiGroup as Group;
use ReferenceMeasure as Measure;

use super::value::LOWER_LIMIT_Z;
use super::{ReferenceMeasure, ReferencePerson, ReferenceValue, Sex};

/// The groups of the NHANES III equations, named as their authors named them in 1999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NhanesIiiGroup {
    /// "Caucasian".
    Caucasian,
    /// "African-American".
    AfricanAmerican,
    /// "Mexican-American".
    MexicanAmerican,
}

/// Ages for which the equations have a measure.
pub(super) fn ages(measure: ReferenceMeasure) -> Option<RangeInclusive<f64>> {
    let is_known = POLYNOMIALS.iter().any(|row| row.2 == measure) || RATIOS.iter().any(|row| row.2 == measure);
    is_known.then_some(8.0..=80.0)
}

/// Predicted value and lower limit become M and S of a normal distribution (L = 1) whose fifth percentile is the limit.
pub(super) fn value(group: Group, measure: Measure, person: &ReferencePerson) -> Option<ReferenceValue> {
    let (age, height) = (person.age_years(), person.height_cm());
    let key = (person.sex(), group, measure);
    let volume = POLYNOMIALS.iter().find(|row| (row.0, row.1, row.2) == key).map(|row| {
        let [intercept, of_age, of_age2] = if age < adult_years(person.sex()) { row.3 } else { row.4 };
        let without_height = intercept + of_age * age + of_age2 * age * age;
        row.5.map(|of_height2| without_height + of_height2 * height * height)
    });
    let [predicted, limit] = volume.or_else(|| {
        let row = RATIOS.iter().find(|row| (row.0, row.1, row.2) == key)?;
        let [predicted, limit, of_age] = row.3;
        // Percent.
        Some([predicted, limit].map(|intercept| (intercept + of_age * age) / 100.0))
    })?;
    Some(ReferenceValue { l: 1.0, m: predicted, s: (limit - predicted) / LOWER_LIMIT_Z / predicted })
}

/// From which age on the second polynomial holds: 20 years for males, 18 for females (tables 4 and 5). Other software
/// takes 20 for both, where the polynomials of females no longer meet.
fn adult_years(sex: Sex) -> f64 {
    match sex {
        Sex::Male => 20.0,
        Sex::Female => 18.0,
    }
}

/// A polynomial of age: intercept, age, age².
type OfAge = [f64; 3];

/// Tables 4 and 5 of Hankinson et al. 1999: value = intercept + a·age + b·age² + c·height², years and centimetres; the
/// polynomials of age below and from the age of an adult; c of the predicted value and of the lower limit.
#[rustfmt::skip]
const POLYNOMIALS: [(Sex, Group, Measure, OfAge, OfAge, [f64; 2]); 30] = [
    (Sex::Male, Group::Caucasian, Measure::Fev1, [-0.7453, -0.04106, 0.004477], [0.5536, -0.01303, -0.000172], [0.00014098, 0.00011607]),
    (Sex::Male, Group::Caucasian, Measure::Fev6, [-0.3119, -0.18612, 0.009717], [0.1102, -0.00842, -0.000223], [0.00018188, 0.00015323]),
    (Sex::Male, Group::Caucasian, Measure::Fvc, [-0.2584, -0.20415, 0.010133], [-0.1933, 0.00064, -0.000269], [0.00018642, 0.00015695]),
    (Sex::Male, Group::Caucasian, Measure::Pef, [-0.5962, -0.12357, 0.013135], [1.0523, 0.08272, -0.001301], [0.00024962, 0.00017635]),
    (Sex::Male, Group::Caucasian, Measure::Fef2575, [-1.0863, 0.13939, 0.0], [2.7006, -0.04995, 0.0], [0.00010345, 0.00005294]),
    (Sex::Male, Group::AfricanAmerican, Measure::Fev1, [-0.7048, -0.05711, 0.004316], [0.3411, -0.02309, 0.0], [0.00013194, 0.00010561]),
    (Sex::Male, Group::AfricanAmerican, Measure::Fev6, [-0.5525, -0.14107, 0.007241], [-0.0547, -0.02114, 0.0], [0.00016429, 0.00013499]),
    (Sex::Male, Group::AfricanAmerican, Measure::Fvc, [-0.4971, -0.15497, 0.007701], [-0.1517, -0.01821, 0.0], [0.00016643, 0.0001367]),
    (Sex::Male, Group::AfricanAmerican, Measure::Pef, [-0.2684, -0.28016, 0.018202], [2.2257, -0.04082, 0.0], [0.00027333, 0.00018938]),
    (Sex::Male, Group::AfricanAmerican, Measure::Fef2575, [-1.1627, 0.12314, 0.0], [2.1477, -0.04238, 0.0], [0.00010461, 0.00004819]),
    (Sex::Male, Group::MexicanAmerican, Measure::Fev1, [-0.8218, -0.04248, 0.004291], [0.6306, -0.02928, 0.0], [0.00015104, 0.0001267]),
    (Sex::Male, Group::MexicanAmerican, Measure::Fev6, [-0.6646, -0.1127, 0.007306], [0.5757, -0.0286, 0.0], [0.0001784, 0.00015029]),
    (Sex::Male, Group::MexicanAmerican, Measure::Fvc, [-0.7571, -0.0952, 0.006619], [0.2376, -0.00891, -0.000182], [0.00017823, 0.00014947]),
    (Sex::Male, Group::MexicanAmerican, Measure::Pef, [-0.9537, -0.19602, 0.014497], [0.087, 0.0658, -0.001195], [0.00030243, 0.00021833]),
    (Sex::Male, Group::MexicanAmerican, Measure::Fef2575, [-1.3592, 0.10529, 0.0], [1.7503, -0.05018, 0.0], [0.00014473, 0.0000902]),
    (Sex::Female, Group::Caucasian, Measure::Fev1, [-0.871, 0.06537, 0.0], [0.4333, -0.00361, -0.000194], [0.00011496, 0.00009283]),
    (Sex::Female, Group::Caucasian, Measure::Fev6, [-1.1925, 0.06544, 0.0], [-0.1373, 0.01317, -0.000352], [0.00014395, 0.00011827]),
    (Sex::Female, Group::Caucasian, Measure::Fvc, [-1.2082, 0.05916, 0.0], [-0.356, 0.0187, -0.000382], [0.00014815, 0.00012198]),
    (Sex::Female, Group::Caucasian, Measure::Pef, [-3.6181, 0.60644, -0.016846], [0.9267, 0.06929, -0.001031], [0.00018623, 0.00012148]),
    (Sex::Female, Group::Caucasian, Measure::Fef2575, [-2.5284, 0.5249, -0.015309], [2.367, -0.01904, -0.0002], [0.00006982, 0.00002302]),
    (Sex::Female, Group::AfricanAmerican, Measure::Fev1, [-0.963, 0.05799, 0.0], [0.3433, -0.01283, -0.000097], [0.00010846, 0.00008546]),
    (Sex::Female, Group::AfricanAmerican, Measure::Fev6, [-0.637, -0.04243, 0.003508], [-0.1981, 0.00047, -0.00023], [0.00013497, 0.00010848]),
    (Sex::Female, Group::AfricanAmerican, Measure::Fvc, [-0.6166, -0.04687, 0.003602], [-0.3039, 0.00536, -0.000265], [0.00013606, 0.00010916]),
    (Sex::Female, Group::AfricanAmerican, Measure::Pef, [-1.2398, 0.16375, 0.0], [1.3597, 0.03458, -0.000847], [0.00019746, 0.0001216]),
    (Sex::Female, Group::AfricanAmerican, Measure::Fef2575, [-2.5379, 0.43755, -0.012154], [2.0828, -0.03793, 0.0], [0.00008572, 0.0000338]),
    (Sex::Female, Group::MexicanAmerican, Measure::Fev1, [-0.9641, 0.0649, 0.0], [0.4529, -0.01178, -0.000113], [0.00012154, 0.0000989]),
    (Sex::Female, Group::MexicanAmerican, Measure::Fev6, [-1.241, 0.07625, 0.0], [0.2033, 0.0002, -0.000232], [0.00014106, 0.0001148]),
    (Sex::Female, Group::MexicanAmerican, Measure::Fvc, [-1.2507, 0.07501, 0.0], [0.121, 0.00307, -0.000237], [0.00014246, 0.0001157]),
    (Sex::Female, Group::MexicanAmerican, Measure::Pef, [-3.2549, 0.47495, -0.013193], [0.2401, 0.06174, -0.001023], [0.00022203, 0.00014611]),
    (Sex::Female, Group::MexicanAmerican, Measure::Fef2575, [-2.1825, 0.42451, -0.012415], [1.7456, -0.01195, -0.000291], [0.0000961, 0.00004594]),
];

/// Table 6: percent = intercept + a·age; the intercepts of the predicted value and of the lower limit, then a.
#[rustfmt::skip]
const RATIOS: [(Sex, Group, Measure, [f64; 3]); 12] = [
    (Sex::Male, Group::Caucasian, Measure::Fev1Fev6, [87.34, 78.372, -0.1382]),
    (Sex::Male, Group::Caucasian, Measure::Fev1Fvc, [88.066, 78.388, -0.2066]),
    (Sex::Male, Group::AfricanAmerican, Measure::Fev1Fev6, [88.841, 78.979, -0.1305]),
    (Sex::Male, Group::AfricanAmerican, Measure::Fev1Fvc, [89.239, 78.822, -0.1828]),
    (Sex::Male, Group::MexicanAmerican, Measure::Fev1Fev6, [89.388, 80.81, -0.1534]),
    (Sex::Male, Group::MexicanAmerican, Measure::Fev1Fvc, [90.024, 80.925, -0.2186]),
    (Sex::Female, Group::Caucasian, Measure::Fev1Fev6, [90.107, 81.307, -0.1563]),
    (Sex::Female, Group::Caucasian, Measure::Fev1Fvc, [90.809, 81.015, -0.2125]),
    (Sex::Female, Group::AfricanAmerican, Measure::Fev1Fev6, [91.229, 81.396, -0.1558]),
    (Sex::Female, Group::AfricanAmerican, Measure::Fev1Fvc, [91.655, 80.978, -0.2039]),
    (Sex::Female, Group::MexicanAmerican, Measure::Fev1Fev6, [91.664, 83.034, -0.167]),
    (Sex::Female, Group::MexicanAmerican, Measure::Fev1Fvc, [92.36, 83.044, -0.2248]),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The polynomials meet at the age of an adult: evidence for that age, and against a digit gone wrong.
    #[test]
    fn polynomials_meet_at_the_age_of_an_adult() {
        for (sex, group, measure, young, adult, _) in POLYNOMIALS {
            let at = |[intercept, of_age, of_age2]: OfAge, age: f64| intercept + of_age * age + of_age2 * age * age;
            let age = adult_years(sex);
            let gap = (at(young, age) - at(adult, age)).abs();
            assert!(gap < 0.02, "{sex:?} {group:?} {measure:?}: {gap}");
        }
    }
}
