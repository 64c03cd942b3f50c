//! `paper_tables` on few simulated people and for few steps, stopped and gone on with; and its ten-shot scores.

use std::path::Path;

use helm_core::simulate::SimulatedCohort;
use helm_examples::paper::FewShot;
use helm_llm::{Helm, LanguageModel};
use helm_serialize::{Exemplars, Serializer};
use serde_json::Value;

use crate::program::{refused, run};

const SMALL: [&str; 22] = [
    "--outcome",
    "asthma",
    "--outcome",
    "diabetes",
    "--participants",
    "200",
    "--folds",
    "2",
    "--training-seeds",
    "2",
    "--epochs",
    "1",
    "--soft-prompt-epochs",
    "1",
    "--pretraining-epochs",
    "1",
    "--least-steps",
    "1",
    "--curve",
    "100",
    "--bootstrap",
    "20",
];

fn paper_tables(report: &Path) -> Value {
    let output = run("paper_tables", [&SMALL[..], &["--json", "-", "--report", report.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    result["tables"].clone()
}

#[test]
fn a_run_goes_on_where_it_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let tables = paper_tables(folder.path());
    for table in
        ["auroc_baseline", "auprc_expanded", "paired_expanded", "held_out", "missing", "calibration", "subgroups"]
    {
        assert!(tables[table].is_object() || tables[table].is_array(), "{table}");
        assert!(folder.path().join(format!("{table}.md")).is_file(), "{table}");
    }
    let pairs = tables["paired_expanded"].as_array().unwrap();
    assert!(pairs.iter().all(|pair| pair["difference_by_seed"].as_array().unwrap().len() == 2));

    // What is there is read, what is not is computed again.
    let cells = folder.path().join("cells");
    let cell = |name: &str| cells.join(name);
    let (kept, lost) = (
        "helm_tabular-baseline-whole-seed0-group0-fold0.csv",
        "logistic_encoder-expanded-whole-seed0-group0-fold1.csv",
    );
    let before = std::fs::metadata(cell(kept)).unwrap().modified().unwrap();
    for name in [lost, "helm_multimodal-expanded-whole-seed1-group0-fold1.csv"] {
        std::fs::remove_file(cell(name)).unwrap();
    }
    assert_eq!(tables, paper_tables(folder.path()));
    assert_eq!(before, std::fs::metadata(cell(kept)).unwrap().modified().unwrap());

    // Another run's are not.
    let other = [&SMALL[..], &["--seed", "1", "--report", folder.path().to_str().unwrap()]].concat();
    let message = refused(&run("paper_tables", other));
    assert!(message.contains("found another's"), "{message}");
}

#[test]
fn examples_that_are_read_once_give_the_scores_of_examples_in_front_of_everyone() {
    let cohort = SimulatedCohort::new(60, 5).unwrap().to_cohort().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("helm-tiny");
    let model = LanguageModel::load(&folder, &helm_encoders::device("cpu").unwrap()).unwrap();
    let helm = Helm::new(model, vec![]).unwrap();
    let serializer = Serializer::new(cohort.schema()).with_features(SimulatedCohort::BASELINE);
    let few_shot = FewShot { helm: &helm, serializer: &serializer, cohort: &cohort };
    let (outcome, rows) = ("hypertension", (40..60).collect::<Vec<usize>>());
    assert_eq!(few_shot.n_that_fit(outcome, 10).unwrap(), 10);
    let train: Vec<usize> = (0..40).collect();
    let exemplars = Exemplars::draw(&cohort, &train, outcome, 4, 0).unwrap();
    let together = few_shot.risks(&exemplars, outcome, &rows).unwrap();

    let schema = cohort.schema();
    let question = serializer.question(&schema.outcomes()[schema.outcome_index(outcome).unwrap()]);
    for (&row, risk) in rows.iter().zip(together) {
        let record = cohort.record(row);
        let context = serializer.context_with(&exemplars, record).unwrap();
        let prompt = helm.prompt(&context, record, std::slice::from_ref(&question)).unwrap();
        let alone = helm.risks(&[prompt]).unwrap()[0][0];
        assert!((alone.log_odds - risk.log_odds).abs() < 1e-4, "{} {}", alone.log_odds, risk.log_odds);
        assert!((alone.answer_mass - risk.answer_mass).abs() < 1e-4);
    }
}
