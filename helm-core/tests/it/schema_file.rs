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

fn text(name: &str, cells: &[&str]) -> TableColumn {
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

/// A header as UK Biobank's platform exports it.
#[test]
fn uk_biobank_field_names_go_through() {
    let schema = SchemaFile::uk_biobank();
    let mut columns = vec![text("eid", &["1000012", "1000027"]), text("p31", &["Female", "1"])];
    for (name, cells) in [
        ("p21003_i0", ["54", "61"]),
        ("p21001_i0", ["23.4", ""]),
        ("p30760_i0", ["1.5", ""]),
        ("p30780_i0", ["3.5", ""]),
        ("p30690_i0", ["5.5", ""]),
        ("p30870_i0", ["1.1", ""]),
        ("p4079_i0_a0", ["78", ""]),
        ("p20160_i0", ["Yes", "0"]),
        ("p1210_i0", ["Do not know", "2"]),
        ("p1200_i0", ["Sometimes", "-3"]),
        ("p1220_i0", ["Never/rarely", "3"]),
        ("p1160_i0", ["7", "-1"]),
        ("p1180_i0", ["Definitely a 'morning' person", "4"]),
        ("p40000_i0", ["", "2016-05-01"]),
        ("p40000_i1", ["", ""]),
        ("p41270", ["I10|E119", ""]),
        ("p20002_i0_a0", ["1111", "1286"]),
        ("p20002_i0_a1", ["", "1465"]),
        ("p20002_i0_a33", ["", ""]),
    ] {
        columns.push(text(name, &cells));
    }
    let table = Table::new("ukb.csv", columns).unwrap();
    let cohort = schema.load(&table, BadData::Refuse).unwrap().cohort;
    let cases = |row: usize| -> Vec<&str> {
        let outcomes = schema.schema().outcomes().iter().map(|outcome| outcome.name.as_str());
        outcomes.filter(|outcome| cohort.labels(outcome).unwrap()[row] == Some(true)).collect()
    };
    assert_eq!(cases(0), ["asthma", "diabetes", "hypertension"]);
    assert_eq!(cases(1), ["mortality", "depression", "osteoarthritis"]);
    assert_eq!(schema.schema().outcomes().len(), 13);
    assert_eq!(schema.features_for(Some("expanded"), "asthma").unwrap().len(), 14);
    assert_eq!(schema.features_for(Some("baseline"), "stroke").unwrap(), ["age", "sex", "bmi"]);
}

#[cfg(all(feature = "csv", feature = "xpt"))]
pub(crate) fn nhanes_table(folder: &std::path::Path) -> Table {
    let read = |file: &str| helm_core::read_xpt(&folder.join(file)).unwrap();
    let [demo, bmx, smq, rdq, diq] = ["DEMO_G.XPT", "BMX_G.XPT", "SMQ_G.XPT", "RDQ_G.XPT", "DIQ_G.XPT"].map(read);
    let mortality = helm_core::read_mortality(&folder.join("NHANES_2011_2012_MORT_2019_PUBLIC.dat")).unwrap();
    let diagnoses = helm_core::read_csv(&folder.join("diagnoses_labs.csv")).unwrap();
    read("SPX_G.XPT").join("SEQN", &[&demo, &bmx, &smq, &rdq, &diq, &mortality, &diagnoses]).unwrap()
}

/// The ten outcomes' cases and numbers, as data/README.md has them, and the features' checked sums.
#[cfg(all(feature = "csv", feature = "xpt"))]
#[test]
fn the_nhanes_schema_builds_the_published_cohort() {
    let Some(data) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else { return };
    let table = nhanes_table(&std::path::PathBuf::from(data).join("data/nhanes_2011_2012"));
    let schema = SchemaFile::nhanes_2011_2012();
    let loaded = schema.load(&table, BadData::Refuse).unwrap();
    let cohort = &loaded.cohort;
    assert_eq!(cohort.n_participants(), 4340);
    for (outcome, cases, n) in [
        ("death", 264, 4329),
        ("wheeze", 557, 4340),
        ("chronic_cough", 248, 2639),
        ("diabetes", 482, 4244),
        ("heart_failure", 89, 4333),
        ("heart_attack", 99, 4339),
        ("stroke", 104, 4339),
        ("coronary_heart_disease", 87, 4329),
        ("hypertension", 1362, 4340),
        ("arthritis", 900, 4335),
    ] {
        let labels = cohort.labels(outcome).unwrap();
        let found = (labels.iter().filter(|l| **l == Some(true)).count(), labels.iter().flatten().count());
        assert_eq!(found, (cases, n), "{outcome}");
    }
    assert_eq!(schema.features_for(Some("expanded"), "hypertension").unwrap().len(), 6);
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
