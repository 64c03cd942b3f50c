//! A serialised record reads back to the values as printed.

use helm_core::{Cohort, Feature, MissingReason, ParticipantId, Schema, Value};
use helm_serialize::{FeatureOrder, MissingPolicy, Printed, Serializer, Template};
use proptest::prelude::*;

fn cohort() -> impl Strategy<Value = Cohort> {
    let missing = prop::sample::select(vec![
        MissingReason::NotRecorded,
        MissingReason::Refused,
        MissingReason::SasCode('C'),
        MissingReason::NoRow,
    ]);
    let number = (0usize..4, any::<bool>(), prop::sample::select(vec!["", "mmHg", "kg/m²"]), -5000f64..5000.0);
    let number = number.prop_map(|(digits, significant, unit, value)| {
        let feature = Feature::number("", "", unit, -1e4..=1e4);
        let digits = (digits, significant);
        let feature =
            if digits.1 { feature.with_significant_digits(digits.0 + 1) } else { feature.with_decimals(digits.0) };
        (Ok(feature), value)
    });
    let category = (2usize..5, 0.0f64..1.0).prop_map(|(n, at)| (Err(n), at));
    let value = prop_oneof![3 => Just(None), 1 => missing.prop_map(Some)];
    let features = proptest::collection::vec((prop_oneof![number, category], value), 1..12);
    features.prop_map(|features| {
        let (mut declared, mut values) = (Vec::new(), Vec::new());
        for (index, ((kind, at), missing)) in features.into_iter().enumerate() {
            // Labels of which one begins as another does.
            let label = ["age", "age at diagnosis", "body mass index", "FEV1", "FEV1/FVC", "sleep"][index % 6];
            let label = format!("{label}{}", ["", " again"][index / 6]);
            let (feature, value) = match kind {
                Ok(mut feature) => {
                    (feature.name, feature.label) = (format!("f{index}"), label);
                    (feature, Value::Number(at))
                }
                Err(n) => {
                    let levels = ["never", "never or rarely", "no", "yes"][..n.min(4)].to_vec();
                    let level = (at * levels.len() as f64) as usize;
                    (Feature::category(format!("f{index}"), label, levels), Value::Level(level))
                }
            };
            values.push(missing.map_or(value, Value::Missing));
            declared.push(feature);
        }
        let names: Vec<String> = declared.iter().map(|feature| feature.name.clone()).collect();
        let schema = Schema::new(declared, vec![], vec![]).unwrap();
        let mut builder = Cohort::builder(schema, vec![ParticipantId::new("a")]).unwrap();
        for (name, value) in names.iter().zip(values) {
            builder = builder.feature(name, vec![value]).unwrap();
        }
        builder.build().unwrap()
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(
        cohort in cohort(),
        template in 0usize..4,
        policy in prop::sample::select(vec![MissingPolicy::LeaveOut, MissingPolicy::Name, MissingPolicy::Reason]),
        seed in 0u64..50,
    ) {
        let template = [Template::paper(), Template::json(), Template::sentences(), Template::short()][template].clone();
        let serializer = Serializer::new(cohort.schema())
            .with_template(template)
            .unwrap()
            .with_missing(policy)
            .with_order(FeatureOrder::Permuted { seed });
        let record = cohort.record(0);
        let mut text = String::new();
        serializer.write_text(record, &mut text).unwrap();
        let parsed = serializer.parse(record, &text).map_err(|error| TestCaseError::fail(format!("{error}: {text:?}")))?;
        let expected = record.features().filter(|(_, value)| policy != MissingPolicy::LeaveOut || !value.is_missing());
        let expected: Vec<_> = expected.collect();
        prop_assert_eq!(parsed.len(), expected.len());
        for (feature, value) in expected {
            let printed = &parsed.iter().find(|(other, _)| other.name == feature.name).unwrap().1;
            match (value, printed) {
                (Value::Number(number), Printed::Number(read)) => {
                    // Written again, it is the same.
                    let mut again = Cohort::builder(
                        Schema::new(vec![feature.clone()], vec![], vec![]).unwrap(),
                        vec![ParticipantId::new("a")],
                    ).unwrap();
                    let step = (number - read).abs();
                    prop_assert!(step <= number.abs().max(1.0), "{text:?}");
                    again = again.feature(&feature.name, vec![Value::Number(*read)]).unwrap();
                    let again = again.build().unwrap();
                    let short = Serializer::new(again.schema());
                    let mut one = String::new();
                    short.write_text(again.record(0), &mut one).unwrap();
                    let mut two = String::new();
                    serializer.clone().with_template(Template::pairs()).unwrap().with_features([feature.name.clone()])
                        .write_text(record, &mut two).unwrap();
                    prop_assert_eq!(one, two);
                }
                (Value::Level(level), Printed::Level(read)) => prop_assert_eq!(level, *read),
                (Value::Missing(_), Printed::Missing) => {}
                (value, printed) => prop_assert!(false, "{value:?} read back as {printed:?}"),
            }
        }
    }

    #[test]
    fn other_texts_are_errors_and_never_panic(text in "[a-z :,;0-9.é\"{}]{0,30}") {
        let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![]).unwrap();
        let cohort = Cohort::builder(schema, vec![ParticipantId::new("a")]).unwrap()
            .feature("age", vec![Value::Number(3.0)]).unwrap().build().unwrap();
        let _ = Serializer::new(cohort.schema()).parse(cohort.record(0), &text);
    }
}
