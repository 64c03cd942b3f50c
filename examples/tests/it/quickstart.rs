//! `quickstart` on few people and for few steps: what it writes, and that it is the same again.

use helm_examples::tiny::PEOPLE_SEED;
use serde_json::Value;

use crate::program::{refused, run};

const MODELS: [&str; 8] = [
    "helm_untuned",
    "logistic_tabular",
    "boosting_tabular",
    "logistic_multimodal",
    "boosting_multimodal",
    "logistic_encoder",
    "helm_tabular",
    "helm_multimodal",
];

fn quickstart(report: &std::path::Path) -> Value {
    let small = ["--participants", "300", "--epochs", "1", "--pretraining-epochs", "1", "--bootstrap", "50"];
    let output = run("quickstart", [&small[..], &["--json", "-", "--report", report.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "silent where it is no terminal");
    let mut result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(result["seconds"].take().as_f64().unwrap() > 0.0);
    result
}

#[test]
fn a_seed_gives_the_same_result_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let result = quickstart(folder.path());
    assert_eq!(result, quickstart(folder.path()));

    assert_eq!(result["simulated"], true);
    for outcome in ["asthma", "diabetes"] {
        let result = &result["outcomes"][outcome];
        let n = |what: &str| result[what].as_u64().unwrap();
        assert!(0 < n("cases") && n("cases") < n("n") && n("n") <= 300);
        for model in MODELS {
            let area = &result["models"][model]["auroc"];
            let [value, lower, upper] = [&area["value"], &area["ci"][0], &area["ci"][1]].map(|x| x.as_f64().unwrap());
            assert!(0.0 < lower && lower <= value && value <= upper && upper <= 1.0, "{model}: {area}");
            assert!(result["models"][model]["auprc"]["value"].is_number());
        }
        assert_eq!(result["paired"].as_array().unwrap().len(), 5);
    }
    let html = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(html.contains("The participants are SIMULATED"));
    for file in ["forest.svg", "differences.svg", "roc_asthma.svg", "reliability_diabetes.svg", "table.csv"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
}

#[test]
fn the_people_of_the_texts_are_refused() {
    let message = refused(&run("quickstart", ["--seed", &PEOPLE_SEED.to_string()]));
    assert!(message.contains("--seed: expected another seed"), "{message}");
}
