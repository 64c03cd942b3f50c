//! A serializer that is kept as a file writes the same as before; files that are none are errors.

use helm_core::{Cohort, Feature, Outcome, ParticipantId, Schema, Signal, SignalState, Value};
use helm_serialize::{FeatureOrder, MissingPolicy, Serializer, Template};
use proptest::prelude::*;
use serde_json::json;

fn cohort() -> Cohort {
    let features = vec![
        Feature::number("age", "age", "years", 0.0..=120.0),
        Feature::number("bmi", "body mass index", "kg/m²", 5.0..=200.0).with_decimals(1),
        Feature::yes_no("smokes", "smokes"),
    ];
    let missing = Value::Missing(helm_core::MissingReason::Refused);
    let signal = SignalState::Present(Signal::new(vec![0.0, 2.0], 1, 1.0, "L").unwrap());
    let schema = Schema::new(features, vec!["ecg".into()], vec![Outcome::new("ill", "some illness", "told")]).unwrap();
    Cohort::builder(schema, ["a", "b", "c"].map(ParticipantId::new).to_vec())
        .and_then(|builder| builder.feature("age", vec![Value::Number(54.0), missing, Value::Number(31.0)]))
        .and_then(|builder| builder.feature("bmi", vec![missing, Value::Number(23.45), Value::Number(40.0)]))
        .and_then(|builder| builder.feature("smokes", vec![Value::Level(1), Value::Level(0), missing]))
        .and_then(|builder| builder.signal("ecg", vec![signal, SignalState::Absent, SignalState::Unusable("x".into())]))
        .and_then(|builder| builder.outcome("ill", vec![None; 3]))
        .and_then(helm_core::CohortBuilder::build)
        .unwrap()
}

fn serializer() -> impl Strategy<Value = Serializer> {
    let template = prop::sample::select(vec![
        Template::pairs(),
        Template::paper(),
        Template::json(),
        Template::sentences(),
        Template::short(),
    ]);
    let missing = prop::sample::select(vec![MissingPolicy::LeaveOut, MissingPolicy::Name, MissingPolicy::Reason]);
    let order = prop_oneof![
        Just(FeatureOrder::Fixed),
        any::<u64>().prop_map(|seed| FeatureOrder::Shuffled { seed }),
        any::<u64>().prop_map(|seed| FeatureOrder::Permuted { seed }),
    ];
    let features = prop::sample::subsequence(vec!["age", "bmi", "smokes"], 0..=3).prop_shuffle();
    // Rates of few digits, which JSON gives back as they were.
    let dropout = (0u32..100, any::<u64>());
    let question = prop::option::of("[ -~&&[^{}]]{0,9}").prop_map(|text| text.map(|text| text + "{{ outcome }}:"));
    let text = (prop::option::of("\\PC{0,12}"), question);
    (template, missing, order, features, dropout, text, any::<[bool; 2]>()).prop_map(
        |(template, missing, order, features, (rate, seed), (instruction, question), slots)| {
            let mut serializer = Serializer::new(cohort().schema()).with_template(template).unwrap();
            serializer = serializer.with_missing(missing).with_order(order).with_features(features);
            serializer = serializer.with_dropout(f64::from(rate) / 100.0, seed).unwrap();
            if let Some(instruction) = instruction {
                serializer = serializer.with_instruction(instruction);
            }
            if slots[0] {
                serializer = serializer.with_slot("tabular", "measurements").unwrap();
            }
            if slots[1] {
                serializer = serializer.with_signal("ecg", "heart \"trace\"").unwrap();
            }
            match question {
                Some(question) => serializer.with_question(question).unwrap(),
                None => serializer,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_kept_serializer_writes_the_same(serializer in serializer()) {
        let cohort = cohort();
        let json = serde_json::to_string(&serializer).unwrap();
        let again: Serializer = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), json);
        for record in cohort.records() {
            prop_assert_eq!(again.context(record).unwrap(), serializer.context(record).unwrap());
        }
        let outcome = &cohort.schema().outcomes()[0];
        prop_assert_eq!(again.question(outcome), serializer.question(outcome));
        prop_assert!(again == serializer);
        let other = serializer.with_instruction("Another one.\u{1}");
        prop_assert!(again != other);
    }
}

#[test]
fn files_that_are_no_serializer_are_errors() {
    let serializer = Serializer::new(cohort().schema()).with_signal("ecg", "heart").unwrap();
    let good = serde_json::to_value(&serializer).unwrap();
    for (place, bad, part) in [
        ("/question", json!("?"), "sequence"),
        ("/question", json!(["no place for a label"]), "{{ outcome }}"),
        ("/dropout", json!({"rate": 1.5, "seed": 0}), "below 1"),
        ("/template/signal", json!("{{ slot"), "piece \"signal\""),
        ("/slots", json!([good["slots"][0], good["slots"][0]]), "\"ecg\" twice"),
        ("/missing", json!("guess"), "guess"),
        ("/order", json!({"by_age": {}}), "by_age"),
        ("/features", json!(null), "null"),
    ] {
        let mut settings = good.clone();
        *settings.pointer_mut(place).unwrap() = bad;
        let message = serde_json::from_value::<Serializer>(settings).unwrap_err().to_string();
        assert!(message.contains(part), "{part}: {message}");
    }
    let mut settings = good;
    settings["extra"] = json!(1);
    assert!(serde_json::from_value::<Serializer>(settings).unwrap_err().to_string().contains("extra"));
}
