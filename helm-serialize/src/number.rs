use helm_core::{Feature, FeatureKind, Value};

/// A value as a prompt writes it: a number with its digits and unit, a category by its level's name; `None` where it
/// is missing.
pub(crate) fn write_value(feature: &Feature, value: Value) -> Option<String> {
    match (&feature.kind, value) {
        (FeatureKind::Number { unit, decimals, .. }, Value::Number(number)) => {
            // Adding 0 turns a rounded "-0.0" into "0.0".
            let digits = format!("{:.*}", *decimals, round(number, *decimals) + 0.0);
            Some(unit.as_ref().map_or(digits.clone(), |unit| format!("{digits} {unit}")))
        }
        (FeatureKind::Category { levels }, Value::Level(level)) => levels.get(level).cloned(),
        _ => None,
    }
}

fn round(number: f64, decimals: usize) -> f64 {
    let written = format!("{number:.decimals$}");
    written.parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_carry_digits_and_unit() {
        let bmi = Feature::number("bmi", "body mass index", "kg/m²", 5.0..=200.0).with_decimals(1);
        assert_eq!(write_value(&bmi, Value::Number(23.449)).as_deref(), Some("23.4 kg/m²"));
        let change = Feature::number("change", "change", "", -10.0..=10.0).with_decimals(1);
        assert_eq!(write_value(&change, Value::Number(-0.04)).as_deref(), Some("0.0"));
        let sex = Feature::category("sex", "sex", ["male", "female"]);
        assert_eq!(write_value(&sex, Value::Level(1)).as_deref(), Some("female"));
    }

    proptest! {
        #[test]
        fn a_written_number_reads_back_within_half_a_digit(number in -1e6f64..1e6, decimals in 0usize..5) {
            let feature = Feature::number("x", "x", "mmHg", -1e6..=1e6).with_decimals(decimals);
            let written = write_value(&feature, Value::Number(number)).expect("a number");
            let back: f64 = written.strip_suffix(" mmHg").expect("the unit").parse().expect("digits");
            prop_assert!((back - number).abs() <= 0.5000001 * 10f64.powi(-(decimals as i32)));
        }
    }
}
