//! `nhanes --save` on a part of the survey's real files, and `predict` with what it saved; where `HELM_TEST_DATA` names
//! their folder.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use helm_core::{Answers, Cohort, Feature, Outcome, ParticipantId, Schema, SignalState, Value as Cell};
use helm_examples::{Scores, SignalColumn, calibrate, flat_schema_file};
use serde_json::Value;
use tempfile::TempDir;

use crate::nhanes::{copy, edit, real};
use crate::program::{refused, run};

/// What all tests here start from.
struct Saved {
    /// The survey's folder, of a few hundred people.
    data: TempDir,
    bundle: PathBuf,
    model: PathBuf,
    /// Where the bundle stands.
    _keep: TempDir,
}

/// The folder of fewer participants, and the bundle of one epoch on them, made once.
fn saved() -> Option<&'static Saved> {
    static SAVED: OnceLock<Option<Saved>> = OnceLock::new();
    let make = || {
        let (data, model) = real()?;
        let data = copy(&data);
        edit(&data.path().join("SPX_G.XPT"), |bytes| keep_rows(bytes, 480));
        let keep = tempfile::tempdir().unwrap();
        let bundle = keep.path().join("new/bundle");
        let mut arguments = arguments("--data", data.path(), &model);
        arguments
            .extend(["--epochs", "1", "--folds", "2", "--bootstrap", "20", "--outcome", "wheeze"].map(OsString::from));
        arguments.extend(["--outcome".into(), "diabetes".into(), "--save".into(), bundle.clone().into()]);
        let output = run("nhanes", arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("predict"));
        Some(Saved { data, bundle, model, _keep: keep })
    };
    SAVED.get_or_init(make).as_ref()
}

/// Cuts a SAS transport file: so many rows fill the last of its records of 80 bytes.
fn keep_rows(bytes: &mut Vec<u8>, rows: usize) {
    let behind = |what: &str| {
        let what = format!("HEADER RECORD*******{what}");
        bytes.windows(what.len()).position(|found| found == what.as_bytes()).unwrap() + 80
    };
    let (names, start) = (behind("NAMESTR"), behind("OBS"));
    let length = |name: usize| usize::from(u16::from_be_bytes([bytes[name + 4], bytes[name + 5]]));
    let n_columns: usize = std::str::from_utf8(&bytes[names - 80 + 54..names - 80 + 58]).unwrap().parse().unwrap();
    let width: usize = (0..n_columns).map(|column| length(names + 140 * column)).sum();
    assert_eq!(rows * width % 80, 0);
    bytes.truncate(start + rows * width);
}

fn arguments(what: &str, data: &Path, model: &Path) -> Vec<OsString> {
    vec![what.into(), data.into(), "--model".into(), model.into()]
}

/// The arguments of a prediction.
fn predict(bundle: &Path, data: &Path, model: &Path) -> Vec<OsString> {
    let mut arguments = arguments("--data", data, model);
    arguments.extend(["--bundle".into(), bundle.into()]);
    arguments
}

/// The JSON and the CSV of a prediction.
fn predictions(saved: &Saved, data: &Path) -> (Value, String) {
    let csv = saved.data.path().join(format!("{}.predictions", data.file_name().unwrap().display()));
    let mut arguments = predict(&saved.bundle, data, &saved.model);
    arguments.extend(["--json".into(), "-".into(), "--predictions".into(), csv.clone().into()]);
    let output = run("predict", arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "silent where it is no terminal");
    (serde_json::from_slice(&output.stdout).unwrap(), fs::read_to_string(csv).unwrap())
}

/// The cohort as one table: only what the bundle reads, and no outcomes but one.
fn flat_table(cohort: &Cohort, schema: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let features: Vec<String> = schema["features"].as_array().unwrap().iter().map(|it| text(&it["name"])).collect();
    let mut csv = format!("id,{},spirogram,diabetes\n", features.join(","));
    for (row, id) in cohort.participants().iter().enumerate() {
        csv += id.as_str();
        for name in &features {
            let feature = &cohort.schema().features()[cohort.schema().feature_index(name).unwrap()];
            let cell = match (cohort.values(name).unwrap()[row], &feature.kind) {
                (Cell::Number(number), _) => number.to_string(),
                (Cell::Level(level), helm_core::FeatureKind::Category { levels }) => levels[level].clone(),
                _ => String::new(),
            };
            write!(csv, ",{cell}").unwrap();
        }
        let samples = match &cohort.signals("spirogram").unwrap()[row] {
            SignalState::Present(signal) => signal.channel(0).iter().map(f32::to_string).collect(),
            _ => vec![],
        };
        let label = cohort.labels("diabetes").unwrap()[row].map_or("", |case| if case { "1" } else { "0" });
        writeln!(csv, ",{},{label}", samples.join(" ")).unwrap();
    }
    csv
}

/// `chat` about one person: their risks are those of `predict`.
#[test]
fn a_conversation_tells_the_risks_that_are_predicted() {
    let Some(saved) = saved() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (table, record) = (folder.path().join("one.csv"), folder.path().join("one.json"));
    let schema: Value = serde_json::from_slice(&fs::read(saved.bundle.join("parts/schema.json")).unwrap()).unwrap();
    let features = schema["features"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
    let features: Vec<String> = features.collect();
    // Age and BMI are said, the breath and the rest are not.
    let said = |name: &str| match name {
        "age" => "54",
        "bmi" => "27.1",
        _ => "",
    };
    let cells: Vec<&str> = features.iter().map(|name| said(name)).collect();
    fs::write(&table, format!("id,{},spirogram\n1,{},\n", features.join(","), cells.join(","))).unwrap();
    fs::write(&record, r#"{"age": 54, "bmi": 27.1}"#).unwrap();
    let (predicted, _) = predictions(saved, &table);

    let chat = |more: &[&str]| {
        let mut arguments = arguments("--model", &saved.model, &saved.model)[..2].to_vec();
        arguments.extend(["--bundle".into(), saved.bundle.clone().into()]);
        arguments.extend(more.iter().map(OsString::from));
        run("chat", arguments)
    };
    let record = record.to_str().unwrap();
    let asked = ["--ask", "How is my breath?", "--max-tokens", "5", "--json", "-"];
    let output = chat(&[&["--record", record], &asked[..]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    for outcome in ["wheeze", "diabetes"] {
        let person = &predicted["outcomes"][outcome]["predictions"][0];
        for key in ["log_odds", "answer_mass", "risk", "calibrated_risk"] {
            assert_eq!(told["risks"][outcome][key], person[key], "{outcome} {key}");
        }
    }
    assert!(!told["reply"].as_str().unwrap().is_empty());

    // A whole breath changes them.
    let breath = saved.model.join("../../golden/ukb_3066_demo_blow.txt");
    let output = chat(&[&["--record", record, "--signal", breath.to_str().unwrap()], &asked[..]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let breathed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_ne!(breathed["risks"]["wheeze"]["log_odds"], told["risks"]["wheeze"]["log_odds"]);

    fs::write(folder.path().join("other.json"), r#"{"age": "98765"}"#).unwrap();
    let other = folder.path().join("other.json");
    let message = refused(&chat(&["--record", other.to_str().unwrap(), "--ask", "?"]));
    assert!(message.contains("\"age\": expected a number") && !message.contains("98765"), "{message}");
}

#[test]
fn new_people_are_scored_from_a_folder_and_from_a_table() {
    let Some(saved) = saved() else { return };
    let cohort = helm_examples::nhanes::load(saved.data.path()).unwrap().cohort;
    let n = cohort.n_participants();
    assert!((200..480).contains(&n), "{n}");
    let (folder, folder_csv) = predictions(saved, saved.data.path());
    assert_eq!(folder["n"], n);
    assert!(folder["notice"].as_str().unwrap().contains("not a medical device"));
    let schema: Value = serde_json::from_slice(&fs::read(saved.bundle.join("parts/schema.json")).unwrap()).unwrap();
    let table = saved.data.path().join("people.csv");
    fs::write(&table, flat_table(&cohort, &schema)).unwrap();
    let (flat, flat_csv) = predictions(saved, &table);
    for outcome in ["wheeze", "diabetes"] {
        assert_eq!(folder["outcomes"][outcome], flat["outcomes"][outcome]);
        let result = &folder["outcomes"][outcome];
        let people = result["predictions"].as_array().unwrap();
        assert_eq!(people.len(), n);
        let line = &result["calibration"]["recalibration"]["map"]["line"];
        for (row, person) in people.iter().enumerate() {
            let number = |key: &str| person[key].as_f64().unwrap();
            let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
            assert_eq!(person["row"], row + 1);
            assert!((number("risk") - logistic(number("log_odds"))).abs() < 1e-12);
            assert!((0.0..=1.0).contains(&number("answer_mass")));
            match (line["slope"].as_f64(), line["intercept"].as_f64()) {
                (Some(slope), Some(intercept)) => {
                    let expected = logistic(intercept + slope * number("log_odds"));
                    assert!((number("calibrated_risk") - expected).abs() < 1e-12);
                }
                _ => assert!(person["calibrated_risk"].is_null()),
            }
        }
    }
    // The table knows of diabetes, and not of wheezing; a new person is in no fold.
    let label = |csv: &str, outcome: &str| {
        let lines = csv.lines().filter(|line| line.contains(&format!(",,{outcome},helm,")));
        lines.map(|line| line.rsplit(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(folder_csv.lines().next(), Some("row,fold,outcome,model,log_odds,answer_mass,label"));
    assert_eq!((label(&folder_csv, "wheeze").len(), label(&flat_csv, "wheeze")), (n, vec![String::new(); n]));
    assert_eq!(label(&folder_csv, "diabetes"), label(&flat_csv, "diabetes"));
    assert!(label(&folder_csv, "diabetes").iter().any(|label| label == "1"));
    // Identifiers are nowhere, neither in the bundle nor in what is written.
    let id = cohort.participants()[17].as_str();
    for text in [folder_csv, flat.to_string(), fs::read_to_string(saved.bundle.join("parts/data_source.json")).unwrap()]
    {
        assert!(!text.split(|c: char| !c.is_ascii_digit()).any(|word| word == id));
    }
}

/// The message with which `predict` refuses.
fn refusal(arguments: Vec<OsString>, json: &Path) -> String {
    let mut arguments = arguments;
    arguments.extend(["--json".into(), json.into()]);
    let message = refused(&run("predict", arguments));
    assert!(!json.exists(), "a partial output file");
    assert!(message.starts_with("error: ") && message.trim_end().lines().count() == 1, "{message}");
    message
}

fn expect(message: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(message.contains(part), "expected {part:?} in {message}"));
}

#[test]
fn other_models_and_damaged_bundles_are_refused() {
    let Some(saved) = saved() else { return };
    let json = saved.data.path().join("refused.json");
    let bundle = copy_bundle(&saved.bundle);
    let with = |model: &Path| refusal(predict(&saved.bundle, saved.data.path(), model), &json);
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../helm-llm/tests/it/fixtures/tiny-llama");
    expect(&with(&tiny), &["manifest.json", "expected the language model", "of width 64", "found of width 16"]);
    let model = copy(&saved.model);
    edit(&model.path().join("model.safetensors"), |bytes| *bytes.last_mut().unwrap() ^= 1);
    let manifest: Value = serde_json::from_slice(&fs::read(saved.bundle.join("manifest.json")).unwrap()).unwrap();
    let hash = &manifest["language_model"]["weights_sha256"].as_str().unwrap()[..12];
    expect(&with(model.path()), &["manifest.json", "of weights", hash, "found of weights"]);

    let of_bundle = |bundle: &Path| refusal(predict(bundle, saved.data.path(), &saved.model), &json);
    for file in ["parts/serializer.json", "modalities/tabular.safetensors", "manifest.json"] {
        let path = bundle.path().join(file);
        let good = fs::read(&path).unwrap();
        fs::write(&path, &good[..good.len() / 2]).unwrap();
        expect(&of_bundle(bundle.path()), &[path.file_name().unwrap().to_str().unwrap(), "expected", "found"]);
        fs::write(&path, good).unwrap();
    }
    expect(&of_bundle(&bundle.path().join("nothing")), &["nothing", "manifest.json"]);
}

fn copy_bundle(bundle: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["", "modalities", "parts"] {
        fs::create_dir_all(folder.path().join(part)).unwrap();
        for entry in fs::read_dir(bundle.join(part)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                fs::write(folder.path().join(part).join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap();
            }
        }
    }
    folder
}

#[test]
fn people_that_the_model_can_not_read_are_refused() {
    let Some(saved) = saved() else { return };
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("refused.json");
    let table = |text: &str| {
        let path = folder.path().join("people.csv");
        fs::write(&path, text).unwrap();
        refusal(predict(&saved.bundle, &path, &saved.model), &json)
    };
    let header = "id,age,sex,bmi,height,ever_smoked,smokes_now,systolic,diastolic,extrapolated_volume,pef,fef25_75,\
                  expiratory_time,fev1_fvc,spirogram";
    expect(&table("id,age\n1,54\n"), &["people.csv", "column", "\"sex\"", "found"]);
    expect(&table(&format!("{header}\n")), &["people.csv", "at least one person", "none"]);
    let person = |age: &str, sex: &str, breath: &str| {
        table(&format!("{header}\n7,{age},{sex},25,170,no,no,120,80,,,,,,{breath}\n"))
    };
    let old = person("541", "male", "");
    expect(&old, &["people.csv", "row 1", "\"age\"", "0 to 120"]);
    assert!(!old.contains("541"), "{old}");
    expect(&person("54", "männlich", ""), &["people.csv", "row 1", "\"sex\"", "levels"]);
    expect(&person("54", "male", "0 x 1"), &["people.csv", "row 1", "\"spirogram\"", "numbers"]);
    let path = folder.path().join("people.xml");
    fs::write(&path, "").unwrap();
    expect(&refusal(predict(&saved.bundle, &path, &saved.model), &json), &["people.xml", "csv"]);
    let empty = tempfile::tempdir().unwrap();
    expect(&refusal(predict(&saved.bundle, empty.path(), &saved.model), &json), &["SPX_G.XPT"]);
}

#[test]
fn impossible_savings_are_refused_at_once() {
    let Some((data, model)) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "mine").unwrap();
    let save = |more: &[&str]| {
        let mut arguments = arguments("--data", &data, &model);
        arguments.extend(more.iter().map(OsString::from));
        arguments.extend(["--save".into(), folder.path().into()]);
        refused(&run("nhanes", arguments))
    };
    expect(&save(&[]), &["expected no folder", "something else"]);
    let mixed = save(&["--outcome", "wheeze", "--outcome", "hypertension"]);
    expect(&mixed, &["--save", "same features", "wheeze and hypertension"]);
    assert_eq!(fs::read_to_string(folder.path().join("thesis.tex")).unwrap(), "mine");
}

#[test]
fn help_says_what_is_needed() {
    let help = run("predict", ["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success());
    expect(
        &text,
        &["--bundle <DIR>", "--data <PATH>", "--model <DIR|NAME>", "parts/schema.json", "not a medical device"],
    );
    assert!(refused(&run::<&str>("predict", [])).contains("--bundle"));
}

#[test]
fn any_schema_can_be_said_of_a_flat_table() {
    let mut outcome = Outcome::new("ill-ness", "an \"illness\"", "told\nby a doctor");
    outcome.answers = Answers::new([" ja", " \\ja"], [" nein"]).unwrap();
    outcome.question = Some("Ill?\t".into());
    let features = vec![
        Feature::number("a b", "a \"b\"", "kg/m²", -0.5..=1e30).with_significant_digits(3),
        Feature::category("sex", "sex", ["männlich", "w\\eiblich"]),
    ];
    let schema = |outcomes| Schema::new(features.clone(), vec!["ecg".into()], outcomes).unwrap();
    let ecg = SignalColumn { name: "ecg", rate_hz: 300.0, unit: "mV" };
    let text = flat_schema_file(&schema(vec![outcome]), &[ecg]).unwrap();
    assert!(text.contains("rate_hz = 300.0"));
    // A column can't be a feature and an outcome; and no signal may be forgotten.
    let twin = schema(vec![Outcome::new("sex", "sex", "told")]);
    assert!(format!("{:?}", flat_schema_file(&twin, &[ecg]).unwrap_err()).contains("leakage"));
    assert!(flat_schema_file(&schema(vec![]), &[]).is_err());
}

#[test]
fn only_scores_that_rise_with_the_risk_are_calibrated() {
    let n = 80;
    let schema = Schema::new(vec![], vec![], ["a", "b"].map(|name| Outcome::new(name, name, name)).to_vec()).unwrap();
    let label = |row: usize| (!row.is_multiple_of(7)).then_some(row.is_multiple_of(3));
    let cohort = Cohort::builder(schema, (0..n).map(|row| ParticipantId::new(row.to_string())).collect())
        .and_then(|builder| builder.outcome("a", (0..n).map(label).collect()))
        .and_then(|builder| builder.outcome("b", (0..n).map(label).collect()))
        .and_then(helm_core::CohortBuilder::build)
        .unwrap();
    // Right about three in four; and the other way round.
    let log_odds = |row: usize| if row.is_multiple_of(3) != row.is_multiple_of(4) { 2.0 } else { -2.0 };
    let scores = [("a", 1.0), ("b", -1.0)].map(|(outcome, sign)| Scores {
        outcome: outcome.into(),
        model: "helm".into(),
        log_odds: (0..n).map(|row| sign * log_odds(row)).collect(),
        answer_mass: None,
    });
    let calibration = calibrate(&cohort, &scores, 0).unwrap();
    let (slope, _) = calibration["a"].as_ref().unwrap().recalibration.slope_and_intercept().unwrap();
    assert!(slope > 0.0);
    assert_eq!(calibration["b"], None);
}
