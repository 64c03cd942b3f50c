//! First schema files, inferred from tables.

use helm_core::{BadData, Cells, SchemaFile, Table, TableColumn, Value};

use crate::schema_file::text;

#[test]
fn an_inferred_schema_is_one() {
    let numbers = |name: &str, f: fn(usize) -> f64| TableColumn {
        name: name.into(),
        label: Some("a \"label\"".into()),
        cells: Cells::Numbers((0..60).map(|i| Value::Number(f(i))).collect()),
    };
    let texts = |name: &str, f: fn(usize) -> String| {
        let cells: Vec<String> = (0..60).map(f).collect();
        text(name, &cells.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let table = Table::new(
        "t.csv",
        vec![
            numbers("id", |i| i as f64),
            numbers("bmi", |i| 18.5 + 0.25 * i as f64),
            texts("sex", |i| ["male", "female"][i % 2].into()),
            texts("rare", |i| ["common", "rare"][usize::from(i == 3)].into()),
            texts("note", |i| format!("secret {i}")),
        ],
    )
    .unwrap();
    let inferred = SchemaFile::infer(&table, Some("id"), &[]).unwrap();
    let schema = SchemaFile::parse("inferred.toml", &inferred).unwrap_or_else(|error| panic!("{error}\n{inferred}"));
    let names: Vec<&str> = schema.schema().features().iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names, ["bmi", "sex"]);
    assert!(schema.schema().outcomes().is_empty() && !inferred.contains("secret") && !inferred.contains("\"rare\", "));
    assert!(inferred.contains("range = [18.0, 34.0]\ndecimals = 2"), "{inferred}");
    schema.load(&table, BadData::Refuse).unwrap();
}

/// A table without identifiers, as many public ones are: every row is another participant.
#[test]
fn a_table_of_an_outcome_and_no_identifiers_is_inferred() {
    let cells: Vec<String> = (0..40).map(|i| (20 + i).to_string()).collect();
    let ages = text("RestingBP_mean", &cells.iter().map(String::as_str).collect::<Vec<_>>());
    let column = |spelled: [&str; 2]| text("Heart disease", &(0..40).map(|i| spelled[i % 2]).collect::<Vec<_>>());
    for spelled in [["0", "1"], ["No", "Yes"], ["false", "true"], ["control", "case"]] {
        let table = Table::new("t.csv", vec![ages.clone(), column(spelled)]).unwrap();
        let inferred = SchemaFile::infer(&table, None, &["heart disease"]).unwrap();
        assert!(inferred.contains("label = \"resting BP mean\""), "{inferred}");
        let schema =
            SchemaFile::parse("inferred.toml", &inferred).unwrap_or_else(|error| panic!("{error}\n{inferred}"));
        let cohort = schema.load(&table, BadData::Refuse).unwrap().cohort;
        assert_eq!(cohort.n_participants(), 40);
        assert_eq!(cohort.participants()[39].as_str(), "40");
        assert_eq!(cohort.labels("Heart disease").unwrap()[..2], [Some(false), Some(true)]);
    }
    let table = Table::new("t.csv", vec![ages, column(["ill", "well"])]).unwrap();
    let message = SchemaFile::infer(&table, None, &["heart disease"]).unwrap_err().to_string();
    assert!(message.contains("row 1") && message.contains("yes or no") && !message.contains("ill"), "{message}");
}
