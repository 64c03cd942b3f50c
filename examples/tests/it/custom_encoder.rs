//! `custom_encoder` on simulated ECGs, and on real ones where `HELM_TEST_DATA` names their folder.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{refused, run};

/// A Llama of random weights.
fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../helm-llm/tests/it/fixtures/tiny-llama")
}

fn result(model: &Path, more: &[&str]) -> Value {
    let arguments = ["--model", &model.display().to_string(), "--json", "-"].map(str::to_owned);
    let output = run("custom_encoder", arguments.into_iter().chain(more.iter().map(|&text| text.to_owned())));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "silent where it is no terminal");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn simulated_ecgs_are_said_to_be_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let predictions = folder.path().join("p.csv").display().to_string();
    let once = || {
        let more = ["--epochs", "1", "--folds", "2", "--bootstrap", "100", "--predictions", &predictions];
        let mut result = result(&tiny(), &more);
        result["seconds"] = Value::Null;
        (result, fs::read_to_string(&predictions).unwrap())
    };
    let first = once();
    assert_eq!(first.0["simulated"], true);
    let outcome = &first.0["outcomes"]["atrial_fibrillation"];
    assert_eq!((&outcome["n"], &outcome["cases"]), (&200.into(), &50.into()));
    assert!(outcome["models"]["helm_ecg"]["auroc"]["value"].is_f64());
    assert_eq!(first.1.lines().count(), 1 + 2 * 200);
    assert_eq!(first, once());
}

#[test]
fn an_encoder_of_ones_own_finds_atrial_fibrillation() {
    let Some(data) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else {
        // Not eprintln, which a passing test swallows.
        let _ = writeln!(std::io::stderr(), "skipped: HELM_TEST_DATA is not set");
        return;
    };
    let data = PathBuf::from(data);
    let ecgs = data.join("data/physionet2017").display().to_string();
    let result = result(&data.join("models/stories260K"), &["--data", &ecgs]);
    assert_eq!(result["simulated"], false);
    let auroc =
        |model: &str| result["outcomes"]["atrial_fibrillation"]["models"][model]["auroc"]["value"].as_f64().unwrap();
    assert!(auroc("helm_ecg") > 0.85, "{}", auroc("helm_ecg"));
    assert!(auroc("helm_ecg") > auroc("logistic_rhythm"));
}

#[test]
fn folders_without_ecgs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let message = |reference: Option<&str>| {
        if let Some(text) = reference {
            fs::write(folder.path().join("REFERENCE.csv"), text).unwrap();
        }
        let [model, data] = [tiny(), folder.path().into()].map(|path| path.display().to_string());
        let message = refused(&run("custom_encoder", ["--model", &model, "--data", &data]));
        assert!(message.starts_with("error: ") && message.trim_end().lines().count() == 1, "{message}");
        message
    };
    assert!(message(None).contains("REFERENCE.csv"));
    assert!(message(Some("A00001\n")).contains("REFERENCE.csv"));
    assert!(message(Some("A00001,A\nA00002,N\n")).contains("A00001.hea: can't be read"));
    assert!(message(Some("A00001,O\n")).contains("expected records labelled A or N, found none"));
}
