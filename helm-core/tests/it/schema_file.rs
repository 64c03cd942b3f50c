//! Schema files: what they build, and what is wrong with them.

use helm_core::{BadData, Cells, Error, MissingReason, Part, SchemaFile, SignalState, Table, TableColumn, Value};

const SOUND: &str = r#"participant = "id"
cluster = "household"
split = "part"

[feature_sets]
baseline = ["age", "sex"]

[[feature]]
name = "age"
kind = "number"
column = "AGE"
range = [0, 120]
unit = "years"
missing = { refused = 777, dont_know = [888, 999] }

[[feature]]
name = "sex"
kind = "category"
column = "sex"
levels = ["male", "female"]

[[signal]]
name = "ecg"
column = "samples"
rate_hz = 100
unit = "mV"

[[outcome]]
name = "asthma"
case = "icd lists ('J45*') or any(told_*) = 1111"
missing = "control"
"#;

pub(crate) fn text(name: &str, cells: &[&str]) -> TableColumn {
    let cells = cells.iter().map(|cell| Some(cell.to_string()).filter(|cell| !cell.is_empty()));
    TableColumn { name: name.into(), label: None, cells: Cells::Text(cells.collect()) }
}

fn table() -> Table {
    Table::new(
        "people.csv",
        vec![
            text("id", &["a", "b", "c", "d"]),
            text("household", &["1", "1", "2", "3.0"]),
            text("part", &["train", "Train", "validation", "TEST"]),
            text("age", &["54", "777", "", "999"]),
            text("sex", &["male", "female", "", "female"]),
            text("samples", &["0.1 0.2", "[1,2,3]", "", "5"]),
            text("icd", &["I10|J459", "[\"I10\",\"J449\"]", "", ""]),
            text("told_0", &["", "", "1111", ""]),
            text("told_1", &["", "1065", "", ""]),
        ],
    )
    .unwrap()
}

fn parse(text: &str) -> Result<SchemaFile, Error> {
    SchemaFile::parse("s.toml", text)
}

#[test]
fn a_table_becomes_a_cohort() {
    let schema = parse(SOUND).unwrap();
    let loaded = schema.load(&table(), BadData::Refuse).unwrap();
    let cohort = &loaded.cohort;
    let missing = Value::Missing;
    assert_eq!(
        cohort.values("age").unwrap(),
        [
            Value::Number(54.0),
            missing(MissingReason::Refused),
            missing(MissingReason::NotRecorded),
            missing(MissingReason::DontKnow)
        ]
    );
    assert_eq!(cohort.values("sex").unwrap()[1], Value::Level(1));
    let lengths: Vec<_> = cohort.signals("ecg").unwrap().iter().map(|state| state.signal().map(|s| s.len())).collect();
    assert_eq!(lengths, [Some(2), Some(3), None, Some(1)]);
    assert_eq!(cohort.labels("asthma").unwrap(), [Some(true), Some(false), Some(true), Some(false)]);
    let clusters = loaded.clusters.unwrap();
    assert!(clusters[0] == clusters[1] && clusters[3].as_str() == "3");
    assert_eq!(loaded.parts.unwrap(), [Part::Train, Part::Train, Part::Validation, Part::Test]);
    assert_eq!(schema.features_for(Some("baseline"), "asthma").unwrap(), ["age", "sex"]);
    assert!(schema.reads("TOLD_17") && schema.reads("Age") && !schema.reads("name"));
}

#[test]
fn faults_name_line_and_key() {
    let with = |from: &str, to: &str| {
        assert!(SOUND.contains(from), "{from}");
        parse(&SOUND.replacen(from, to, 1)).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (
            "kind = \"number\"",
            "kind = \"number\"\ncolour = 1",
            "s.toml: line 11, key \"feature.age.colour\": expected one of the keys",
        ),
        (
            "range = [0, 120]",
            "range = [120, 0]",
            "s.toml: line 12, key \"feature.age.range\": expected a smallest and a largest value, [0, 120], found another list",
        ),
        ("range = [0, 120]\n", "", "s.toml: line 8, key \"feature.age.range\": expected a smallest"),
        (
            "column = \"sex\"",
            "column = \"Age\"",
            "s.toml: line 16, key \"feature.sex.column\": expected a column of its own, found that of feature.age",
        ),
        (
            "name = \"sex\"",
            "name = \"age\"",
            "s.toml: line 16, key \"feature.age.name\": expected every feature to have a name of its own, found one twice",
        ),
        (
            "any(told_*) = 1111",
            "AGE > 3",
            "s.toml: line 28, key \"outcome.asthma\": expected an outcome without a feature's column, or the feature in exclude, found column \"AGE\" of feature \"age\" (leakage)",
        ),
        (
            "any(told_*) = 1111",
            "told_ 5",
            "s.toml: line 30, key \"outcome.asthma.case\": expected a condition; in it, a comparison, in, lists or is, found the number 5",
        ),
        (
            "\"age\", \"sex\"]",
            "\"age\", \"bmi\"]",
            "s.toml: line 6, key \"feature_sets.baseline\": expected names of features, found \"bmi\"",
        ),
        ("rate_hz = 100", "rate_hz = 0", "s.toml: line 25, key \"signal.ecg.rate_hz\": expected a rate above 0 Hz"),
        ("[[signal]]", "[[signal]", "s.toml: line 22, key \"\": expected TOML"),
        (
            "participant = \"id\"",
            "participant = 5",
            "s.toml: line 1, key \"participant\": expected text in quotes, found another number",
        ),
        (
            "participant = \"id\"\n",
            "",
            "s.toml: line 1, key \"participant\": expected a column in quotes, or one_row_each = true, found neither of these keys",
        ),
        ("levels = [\"male\", \"female\"]", "levels = [\"male\", \"male\"]", "expected a sound schema"),
        ("missing = \"control\"", "missing = \"case\"", "s.toml: line 31, key \"outcome.asthma.missing\""),
        ("missing = \"control\"", "exclude = [\"bmi\"]", "key \"outcome.asthma.exclude\": expected names of features"),
        (
            "refused = 777",
            "refusal = 777",
            "s.toml: line 14, key \"feature.age.missing.refusal\": expected one of the keys not_recorded",
        ),
    ] {
        let message = with(from, to);
        assert!(message.contains(expected), "{message}\n{expected}");
    }
    // Excluded where it says too much.
    let excluded = SOUND.replace("any(told_*) = 1111", "AGE > 3") + "exclude = [\"age\"]\n";
    assert_eq!(parse(&excluded).unwrap().features_for(Some("baseline"), "asthma").unwrap(), ["sex"]);
}

#[test]
fn bad_cells_are_named_or_counted_and_never_shown() {
    let schema = parse(SOUND).unwrap();
    let change = |column: &str, cell: &str| {
        let table = table();
        let columns = table.columns().iter().cloned().map(|mut found| {
            if let (true, Cells::Text(cells)) = (found.name == column, &mut found.cells) {
                cells[1] = Some(cell.into()).filter(|cell: &String| !cell.is_empty());
            }
            found
        });
        Table::new("people.csv", columns.collect()).unwrap()
    };
    for (column, cell, expected) in [
        ("age", "4321", "row 2, column \"age\": expected a number from 0 to 120 years, found a larger one"),
        ("age", "secret", "row 2, column \"age\": expected a number or an empty cell, found text"),
        (
            "sex",
            "secret",
            "row 2, column \"sex\": expected one of the levels' codes or a missing code, found another code",
        ),
        ("samples", "1 secret", "row 2, column \"samples\": expected a list of numbers, found something else"),
        ("told_0", "secret", "row 2, column \"told_0\": expected a number, found text"),
        ("id", "", "row 2, column \"id\": expected a participant's identifier, found an empty cell"),
        ("id", "a", "people.csv: expected one row for each participant, found the participant of row 1 again in row 2"),
    ] {
        let bad = change(column, cell);
        let error = schema.load(&bad, BadData::Refuse).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret") && !error.to_string().contains("4321"), "{error}");
        let loaded = schema.load(&bad, BadData::CountAndSkip).unwrap();
        assert_eq!(loaded.skipped.total(), 1);
        assert_eq!(loaded.cohort.n_participants(), if column == "id" { 3 } else { 4 });
        assert!(!loaded.skipped.to_string().contains("secret"));
        if column == "age" {
            assert_eq!(loaded.cohort.values("age").unwrap()[1], Value::Missing(MissingReason::Unreadable));
        }
        if column == "samples" {
            assert!(matches!(loaded.cohort.signals("ecg").unwrap()[1], SignalState::Unusable(_)));
        }
    }
    let lacking = Table::new("people.csv", table().columns()[..4].to_vec()).unwrap();
    let message = schema.load(&lacking, BadData::CountAndSkip).unwrap_err().to_string();
    assert!(message.starts_with("people.csv: expected a column \"sex\", found only id, household"), "{message}");
}

#[test]
fn who_a_row_is_about_must_be_said_once() {
    let message = |text: &str| SchemaFile::parse("s.toml", text).unwrap_err().to_string();
    assert!(message("").contains("one_row_each = true"));
    assert!(message("one_row_each = false").contains("participant"));
    assert!(message("participant = \"id\"\none_row_each = true").contains("beside participant"));
    assert!(message("one_row_each = 1").contains("true or false"));
    let signal = "one_row_each = true\n[[signal]]\nname = \"ecg\"\nfile = \"{}.hea\"";
    assert!(message(signal).contains("since there are no identifiers"), "{}", message(signal));
}

/// A refused answer is refused, whichever level stands first.
#[test]
fn missing_codes_count_in_any_column_of_a_level() {
    let levels = ["{ name = 'no', when = 'ever = 2 or now = 3' }", "{ name = 'yes', when = 'now in (1, 2)' }"];
    let numbers = |name: &str, cells: &[f64]| TableColumn {
        name: name.into(),
        label: None,
        cells: Cells::Numbers(cells.iter().copied().map(Value::Number).collect()),
    };
    let columns =
        vec![text("id", &["a", "b", "c"]), numbers("ever", &[1.0, 2.0, 1.0]), numbers("now", &[7.0, 3.0, 1.0])];
    let table = Table::new("people.csv", columns).unwrap();
    for (first, second, no) in [(0, 1, 0), (1, 0, 1)] {
        let schema = format!(
            "participant = 'id'\n[[feature]]\nname = 'smokes'\nkind = 'category'\nmissing = {{ refused = 7 }}\nlevels = [{}, {}]\n",
            levels[first], levels[second]
        );
        let cohort = SchemaFile::parse("s.toml", &schema).unwrap().load(&table, BadData::Refuse).unwrap().cohort;
        let expected = [Value::Missing(MissingReason::Refused), Value::Level(no), Value::Level(1 - no)];
        assert_eq!(cohort.values("smokes").unwrap(), expected);
    }
}

/// A child of 7 years has not refused anything.
#[test]
fn a_number_is_no_missing_code() {
    let numbers = |name: &str, cells: &[Option<f64>]| {
        let value = |cell: &Option<f64>| cell.map_or(Value::Missing(MissingReason::NotRecorded), Value::Number);
        let cells = Cells::Numbers(cells.iter().map(value).collect());
        TableColumn { name: name.into(), label: None, cells }
    };
    let columns = vec![
        text("id", &["a", "b", "c"]),
        numbers("age", &[Some(7.0), Some(40.0), Some(40.0)]),
        numbers("ever", &[None, Some(7.0), Some(1.0)]),
    ];
    let table = Table::new("people.csv", columns).unwrap();
    let schema = "participant = 'id'\n[[feature]]\nname = 'smokes'\nkind = 'category'\nmissing = { refused = 7 }\n\
                  levels = [{ name = 'no', when = 'age >= 12 and ever = 2' }, { name = 'yes', when = 'age >= 12 and ever = 1' }]\n";
    let loaded = SchemaFile::parse("s.toml", schema).unwrap().load(&table, BadData::CountAndSkip).unwrap();
    let expected = [Value::Missing(MissingReason::Unreadable), Value::Missing(MissingReason::Refused), Value::Level(1)];
    assert_eq!(loaded.cohort.values("smokes").unwrap(), expected);
}

/// Two patterns of which neither fits the other share a column.
#[test]
fn leakage_through_patterns_that_meet_is_found() {
    let schema = |outcome: &str| {
        format!(
            "participant = 'id'\n[[feature]]\nname = 'told'\nkind = 'category'\nlevels = [{{ name = 'no', when = 'not any(t_0_*) = 1' }}, \
             {{ name = 'yes', when = 'any(t_0_*) = 1' }}]\n[[outcome]]\nname = 'ill'\ncase = '{outcome} = 1'\n"
        )
    };
    let message = SchemaFile::parse("s.toml", &schema("any(t_*_1)")).unwrap_err().to_string();
    assert!(message.contains("leakage"), "{message}");
    assert!(SchemaFile::parse("s.toml", &schema("any(t_1_*)")).is_ok());
}

/// New people's outcomes lie in the future.
#[test]
fn outcomes_may_be_left_out_where_that_is_asked_for() {
    let schema = "participant = 'id'\n[[outcome]]\nname = 'ill'\ncase = \"ill = 'y'\"\n\
                  [[outcome]]\nname = 'worse'\ncase = \"ill = 'y' and any(code_*) = 'w'\"\n";
    let schema = SchemaFile::parse("s.toml", schema).unwrap();
    let table = |names: &[&str]| {
        let columns = names.iter().map(|name| text(name, if *name == "id" { &["a", "b"] } else { &["y", "n"] }));
        Table::new("people.csv", columns.collect()).unwrap()
    };
    let new = schema.clone().with_optional_outcomes();
    let load = |schema: &SchemaFile, names: &[&str]| schema.load(&table(names), BadData::Refuse);
    assert!(load(&schema, &["id"]).is_err() && load(&schema, &["id", "ill"]).is_err());
    let labels = |names: &[&str]| {
        let cohort = load(&new, names).unwrap().cohort;
        ["ill", "worse"].map(|outcome| cohort.labels(outcome).unwrap().to_vec())
    };
    let known = vec![Some(true), Some(false)];
    assert_eq!(labels(&["id"]), [vec![None; 2], vec![None; 2]]);
    assert_eq!(labels(&["id", "ILL"]), [known.clone(), vec![None; 2]]);
    assert_eq!(labels(&["id", "ill", "code_7"]), [known, vec![Some(false); 2]]);
    assert!(load(&new, &["ill"]).is_err());
}
