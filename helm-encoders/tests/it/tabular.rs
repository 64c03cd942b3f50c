use helm_core::{Cohort, Feature, MissingReason, ParticipantId, Schema, Value};
use helm_encoders::{InputReader, TabularReader};

fn cohort() -> Cohort {
    let schema = Schema::new(
        vec![Feature::number("age", "age", "years", 0.0..=120.0), Feature::yes_no("smokes", "smokes")],
        vec![],
        vec![],
    )
    .unwrap();
    let ids = (0..4).map(|i| ParticipantId::new(i.to_string())).collect();
    let missing = Value::Missing(MissingReason::NotRecorded);
    let ages = vec![Value::Number(40.0), missing, Value::Number(60.0), Value::Number(100.0)];
    let smokes = [0, 1, 1, 0].map(Value::Level).to_vec();
    Cohort::builder(schema, ids)
        .unwrap()
        .feature("age", ages)
        .unwrap()
        .feature("smokes", smokes)
        .unwrap()
        .build()
        .unwrap()
}

#[test]
fn statistics_come_from_the_training_rows_alone() {
    let cohort = cohort();
    let reader = TabularReader::fit(["age", "smokes"], (0..3).map(|row| cohort.record(row))).unwrap();
    // Two features, and whether the age is missing.
    assert_eq!(reader.width(), 3);
    let row = |row: usize| reader.read(cohort.record(row)).unwrap().unwrap();
    // Mean 50 and standard deviation 10 of 40 and 60; a missing age stands at the mean.
    assert_eq!((row(0)[0], row(1)[0], row(3)[0]), (-1.0, 0.0, 5.0));
    assert_eq!((row(0)[2], row(1)[2], row(3)[2]), (0.0, 1.0, 0.0));
    assert!(TabularReader::fit(["height"], cohort.records()).is_err());
    assert!(TabularReader::fit(["age"], std::iter::empty()).is_err());
}
