//! `schema_init` and `own_cohort` on a made table with an outcome that its features say much about.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{refused, run};

/// A model of random weights: what is tested here is the way from a table to a result.
fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../helm-llm/tests/it/fixtures/tiny-llama")
}

const PEOPLE: usize = 120;

/// Ages, a level of pain and a waveform of which the ill have more; no identifiers.
fn table() -> String {
    let mut csv = "Age,ChestPain,Ill,Wave\n".to_owned();
    for i in 0..PEOPLE {
        let ill = i * 7 % 5 < 2;
        let pain = ["none", "some", "much"][(i % 3 + usize::from(ill)) % 3];
        let wave: Vec<String> = (0..32).map(|t| ((i + t * (1 + usize::from(ill))) % 17).to_string()).collect();
        let ill = usize::from(ill);
        writeln!(csv, "{},{pain},{ill},{}", 30 + i % 20 + 15 * ill, wave.join(" ")).unwrap();
    }
    csv
}

struct Made {
    folder: tempfile::TempDir,
}

impl Made {
    /// The table and the schema file that is inferred from it.
    fn new() -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(made.path("people.csv"), table()).unwrap();
        let output = run("schema_init", made.schema_init("Ill"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("2 features"));
        made
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn text(&self, file: &str) -> String {
        self.path(file).to_str().unwrap().to_owned()
    }

    fn schema_init(&self, outcome: &str) -> Vec<String> {
        let (data, schema) = (self.text("people.csv"), self.text("people.toml"));
        ["--data", &data, "--outcome", outcome, "--output", &schema].map(str::to_owned).into()
    }

    fn own_cohort(&self, more: &[&str]) -> std::process::Output {
        let (data, schema, model) = (self.text("people.csv"), self.text("people.toml"), model());
        let mut arguments = vec!["--data", &data, "--schema", &schema, "--model", model.to_str().unwrap()];
        arguments.extend(["--folds", "2", "--bootstrap", "50", "--epochs", "2"]);
        arguments.extend(more);
        run("own_cohort", arguments)
    }

    fn result(&self, more: &[&str]) -> Value {
        let output = self.own_cohort(&[&["--json", "-"], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "silent where it is no terminal");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
fn a_table_goes_to_a_result_and_to_new_people() {
    let made = Made::new();
    let bundle = made.text("bundle");
    let result = made.result(&["--save", &bundle, "--report", &made.text("report")]);
    let outcome = &result["outcomes"]["Ill"];
    assert_eq!((outcome["n"].as_u64(), outcome["cases"].as_u64()), (Some(120), Some(48)));
    for model in ["logistic_tabular", "boosting_tabular", "helm_tabular"] {
        assert!(outcome["models"][model]["auroc"]["value"].is_f64(), "{model}");
    }
    assert!(outcome["models"]["logistic_tabular"]["auroc"]["value"].as_f64().unwrap() > 0.9);
    assert_eq!(result["simulated"], false);
    assert!(made.path("report/table.md").is_file());
    // The same again, to the digit.
    assert_eq!(made.result(&[])["outcomes"], result["outcomes"]);

    let (data, model) = (made.text("people.csv"), model());
    let arguments = ["--bundle", &bundle, "--data", &data, "--model", model.to_str().unwrap(), "--json", "-"];
    let output = run("predict", arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let predicted: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(predicted["outcomes"]["Ill"]["predictions"].as_array().unwrap().len(), PEOPLE);
}

/// The embedded model's weights are bf16: kept so, they are the same language model, and nobody's risk moves.
#[test]
fn a_bundle_of_f32_predicts_in_bf16() {
    let made = Made::new();
    let (bundle, data, schema) = (made.text("bundle"), made.text("people.csv"), made.text("people.toml"));
    let small = ["--folds", "2", "--bootstrap", "50", "--epochs", "1", "--json", "-"];
    let output =
        run("own_cohort", [["--data", &data, "--schema", &schema, "--save", &bundle].as_slice(), &small].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log_odds = |dtype: &str| -> Vec<f64> {
        let arguments = ["--bundle", &bundle, "--data", &data, "--dtype", dtype, "--json", "-"];
        let output = run("predict", arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let predicted: Value = serde_json::from_slice(&output.stdout).unwrap();
        let people = predicted["outcomes"]["Ill"]["predictions"].as_array().unwrap().clone();
        people.iter().map(|person| person["log_odds"].as_f64().unwrap()).collect()
    };
    let (wide, narrow) = (log_odds("f32"), log_odds("bf16"));
    assert_eq!(wide.len(), PEOPLE);
    assert!(wide.iter().zip(&narrow).all(|(a, b)| (a - b).abs() < 1e-4));
}

#[test]
fn signals_are_a_model_of_their_own() {
    let made = Made::new();
    let mut schema = std::fs::read_to_string(made.path("people.toml")).unwrap();
    schema += "\n[[signal]]\nname = \"wave\"\ncolumn = \"Wave\"\nrate_hz = 10\nunit = \"mV\"\n";
    std::fs::write(made.path("people.toml"), schema).unwrap();
    let result = made.result(&[]);
    let models = &result["outcomes"]["Ill"]["models"];
    assert!(models["helm_multimodal"]["auroc"]["value"].is_f64() && models["helm_tabular"].is_object());
}

#[test]
fn what_can_not_be_done_is_said_in_a_line() {
    let made = Made::new();
    for (arguments, expected) in [
        (vec!["--outcome", "Well"], "\"Well\""),
        (vec!["--outcome", "Ill", "--outcome", "Ill"], "found \"Ill\" twice"),
        (vec!["--features", "few"], "\"few\""),
    ] {
        let message = refused(&made.own_cohort(&arguments));
        assert!(message.contains(expected), "{message}");
    }
    std::fs::write(made.path("people.csv"), table().replace("31,", "98765,")).unwrap();
    let message = refused(&made.own_cohort(&[]));
    assert!(message.contains("people.csv") && message.contains("\"Age\"") && !message.contains("98765"), "{message}");
    // Skipped and counted, if that is asked for.
    let output = made.own_cohort(&["--lenient"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Skipped in column \"Age\""));
    let message = refused(&run("schema_init", made.schema_init("ChestPain")));
    assert!(message.contains("yes or no") && message.contains("ChestPain"), "{message}");
}
