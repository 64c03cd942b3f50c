//! A schema that is kept as a file is the same as before; a file that is none is an error.

use helm_core::{Answers, Feature, Outcome, Schema};
use proptest::prelude::*;
use serde_json::json;

fn schema() -> impl Strategy<Value = Schema> {
    let text = || "\\PC{1,8}";
    // Ends of few digits, which JSON gives back as they were.
    let range = (-1_000_000i64..1_000_000, 1i64..1_000_000)
        .prop_map(|(low, width)| low as f64 / 100.0..=(low + width) as f64 / 100.0);
    let number = (text(), "[a-z/²]{0,4}", range, 0usize..9, any::<bool>());
    let number = number.prop_map(|(label, unit, range, digits, significant)| {
        let feature = Feature::number("", label, unit, range);
        if significant { feature.with_significant_digits(digits) } else { feature.with_decimals(digits) }
    });
    let category = (text(), 2usize..5);
    let category = category.prop_map(|(label, n)| Feature::category("", label, (0..n).map(|i| format!("{i} é\""))));
    let outcome = (text(), text(), prop::option::of(text()), any::<bool>());
    let outcome = outcome.prop_map(|(label, definition, question, forms)| {
        let mut outcome = Outcome::new("", label, definition);
        outcome.question = question;
        if forms {
            outcome.answers = Answers::new([" ja", " Ja"], ["\nnein"]).unwrap();
        }
        outcome
    });
    let features = prop::collection::vec(prop_oneof![number, category], 0..5);
    let outcomes = prop::collection::vec(outcome, 0..4);
    (features, 0usize..3, outcomes).prop_map(|(mut features, signals, mut outcomes)| {
        features.iter_mut().enumerate().for_each(|(i, feature)| feature.name = format!("f{i}"));
        outcomes.iter_mut().enumerate().for_each(|(i, outcome)| outcome.name = format!("o{i}"));
        Schema::new(features, (0..signals).map(|i| format!("s{i}")).collect(), outcomes).unwrap()
    })
}

proptest! {
    #[test]
    fn a_kept_schema_is_the_same(schema in schema()) {
        let json = serde_json::to_string(&schema).unwrap();
        prop_assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
    }
}

#[test]
fn files_that_are_no_schema_are_errors() {
    let features = vec![Feature::number("age", "age", "years", 0.0..=120.0), Feature::yes_no("smokes", "smokes")];
    let outcomes = vec![Outcome::new("ill", "illness", "told")];
    let good = serde_json::to_value(Schema::new(features, vec!["ecg".into()], outcomes).unwrap()).unwrap();
    for (place, bad, part) in [
        ("/features/1/name", json!("age"), "\"age\" twice"),
        ("/features/0/kind/number/range/end", json!(-1.0), "a range of numbers"),
        ("/features/0/kind/number/range/end", json!(null), "null"),
        ("/features/0/kind/number/digits/decimals", json!(1_000_000), "at most 64 digits"),
        ("/features/1/kind/category/levels", json!(["no"]), "at least two levels"),
        ("/features/1/kind", json!({"colour": []}), "colour"),
        ("/signals/0", json!(""), "an empty one"),
        ("/outcomes/0/answers/negative/0", json!(" yes"), "twice"),
        ("/outcomes/0/extra", json!(null), "extra"),
    ] {
        let mut schema = good.clone();
        match schema.pointer_mut(place) {
            Some(value) => *value = bad,
            None => schema["outcomes"][0]["extra"] = bad,
        }
        let message = serde_json::from_value::<Schema>(schema).unwrap_err().to_string();
        assert!(message.contains(part), "{part}: {message}");
    }
}
