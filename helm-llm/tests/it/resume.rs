//! A run goes on from a checkpoint as if it had never stopped.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

use helm_core::{Cohort, Context, Record};
use helm_encoders::{FeatureEncoder, Modality, TabularEncoderConfig, TabularReader};
use helm_llm::{
    Checkpoint, Examples, Helm, Imbalance, SoftPrompt, StepReport, TrainConfig, TrainObserver, TrainReport, Trainer,
    Validation,
};

use crate::models::{cohort, seeded, tiny};
use crate::task::{self, Normed, PARTICIPANTS, Seen, StopAfter, question, tensors, weights};

/// All that a run may have: an encoder with batch norm and a stand-in that some lack, one whose features are frozen and
/// which most lack, and a soft prompt.
fn rich(seed: u64, cohort: &Cohort) -> Helm {
    let model = tiny();
    let modalities = seeded(seed, |device| {
        let some = |record: Record<'_>| {
            let x = record.value("x")?.as_number().unwrap() as f32;
            Ok((record.row() % 5 > 0).then_some(x))
        };
        let normed = Modality::new("normed", Normed::new(device, 16), some, device).with_stand_in(0.1);
        let reader = TabularReader::fit(["x"], cohort.records()).unwrap();
        let config = TabularEncoderConfig::new(reader.width(), 2, 16).with_d_hidden(8);
        let frozen = config.init(device).freeze_features();
        let frozen = Modality::from_trained("frozen", &config, frozen, &reader, device).unwrap().with_stand_in(0.1);
        vec![normed, frozen]
    });
    let soft_prompt = seeded(seed, |_| SoftPrompt::random(3, &model)).unwrap();
    Helm::new(model, modalities).unwrap().with_soft_prompt(&soft_prompt).unwrap()
}

fn examples(helm: &Helm, cohort: &Cohort, validation: bool) -> Examples {
    let rows = (0..PARTICIPANTS).filter(|row| (row % 4 == 0) == validation);
    let (prompts, labels) = rows
        .map(|row| {
            let record = cohort.record(row);
            let x = record.value("x").unwrap().as_number().unwrap();
            let context = Context::default().with_text("x:").with_soft("normed");
            let context = if row % 7 == 0 { context.with_soft("frozen") } else { context };
            let prompt = helm.prompt(&context, record, &[question(" ill:"), question(" well:")]).unwrap();
            (prompt, vec![(row % 10 != 3).then_some(x > 0.5), Some(x < 0.3)])
        })
        .unzip();
    Examples::new(prompts, labels).unwrap()
}

/// Three epochs of five steps, with everything that draws random numbers.
fn config(folder: &Path) -> TrainConfig {
    let mut config = task::config(3);
    config.micro_batches = 2;
    config.modality_dropout = 0.3;
    config.imbalance = Imbalance::Sampling;
    config.question_weights = vec![1.0, 0.3];
    config.questions_per_participant = 1;
    config.checkpoints = Some(folder.into());
    config.checkpoint_steps = 2;
    config
}

/// A metric by which training makes things worse, so that the end returns to weights from before.
fn metric(validation: &Validation) -> f64 {
    validation.loss
}

fn trainer<'a>(config: TrainConfig, helm: &Helm, cohort: &Cohort) -> Trainer<'a> {
    let validation = examples(helm, cohort, true);
    Trainer::new(config).unwrap().with_validation(validation).with_metric("loss", metric)
}

/// A run that nothing interrupts.
fn uninterrupted(folder: &Path, cohort: &Cohort) -> (TrainReport, Vec<StepReport>, BTreeMap<String, Vec<u8>>) {
    let mut helm = rich(1, cohort);
    let train = examples(&helm, cohort, false);
    let mut seen = Seen::default();
    let report = trainer(config(folder), &helm, cohort).fit(&mut helm, &train, &mut seen).unwrap();
    (report, seen.steps, weights(&helm))
}

/// Goes on with what is left in a folder, in a model whose own weights are others.
fn resumed(folder: &Path, cohort: &Cohort) -> (TrainReport, Vec<StepReport>, BTreeMap<String, Vec<u8>>) {
    let mut helm = rich(2, cohort);
    let train = examples(&helm, cohort, false);
    let checkpoint = Checkpoint::latest(folder).unwrap().unwrap();
    let mut seen = Seen::default();
    let report = trainer(config(folder), &helm, cohort).resume(&checkpoint, &mut helm, &train, &mut seen).unwrap();
    (report, seen.steps, weights(&helm))
}

/// What of a step doesn't depend on the clock, bit by bit.
fn bits(step: &StepReport) -> [u64; 4] {
    [step.step as u64, step.loss.to_bits(), step.learning_rate.to_bits(), step.gradient_norm.to_bits()]
}

#[test]
fn a_run_stopped_anywhere_and_resumed_ends_bit_identical() {
    let cohort = cohort(PARTICIPANTS);
    let folder = tempfile::tempdir().unwrap();
    let whole = uninterrupted(&folder.path().join("whole"), &cohort);
    assert_eq!((whole.0.steps, whole.1.len()), (15, 15));
    assert!(whole.0.best_epoch.is_some_and(|epoch| epoch < 3), "{:?}", whole.0);
    // In the middle of epochs, just before and after a checkpoint, and at the end.
    for stop in [3, 4, 5, 7, 11, 15] {
        let own = folder.path().join(stop.to_string());
        let mut helm = rich(1, &cohort);
        let train = examples(&helm, &cohort, false);
        let trainer = trainer(config(&own), &helm, &cohort);
        let stopped = catch_unwind(AssertUnwindSafe(|| trainer.fit(&mut helm, &train, &mut StopAfter(stop))));
        assert!(stopped.is_err());
        drop((trainer, helm, train));
        let (report, steps, weights) = resumed(&own, &cohort);
        assert_eq!(report, whole.0, "stopped after step {stop}");
        let first = steps[0].step;
        assert!(first <= stop + 1);
        let expected: Vec<_> = whole.1[first - 1..].iter().map(bits).collect();
        assert_eq!(steps.iter().map(bits).collect::<Vec<_>>(), expected, "stopped after step {stop}");
        assert!(weights == whole.2, "stopped after step {stop}");
        // What it leaves behind is the same, too.
        for file in ["weights/normed", "weights/frozen", "optimizer/normed", "optimizer/soft_prompt", "best/normed"] {
            let path = |run: &str| folder.path().join(run).join(format!("step-00000015/{file}.safetensors"));
            assert!(tensors(&path("whole")) == tensors(&path(&stop.to_string())), "{file}");
        }
    }
    // A run that has ended is where it was, and returns to its best weights.
    let (report, steps, weights) = resumed(&folder.path().join("whole"), &cohort);
    assert_eq!((report, steps.len()), (whole.0, 0));
    assert!(weights == whole.2);
}

#[test]
fn a_killed_process_is_gone_on_with() {
    const FOLDER: &str = "HELM_TEST_KILLED_RUN";
    struct KillAfter(usize);
    impl TrainObserver for KillAfter {
        fn step(&mut self, report: &StepReport) {
            if report.step == self.0 {
                std::process::abort();
            }
        }
    }
    let cohort = cohort(PARTICIPANTS);
    if let Some(folder) = std::env::var_os(FOLDER) {
        // In the process that is killed.
        let mut helm = rich(1, &cohort);
        let train = examples(&helm, &cohort, false);
        let _ = trainer(config(folder.as_ref()), &helm, &cohort).fit(&mut helm, &train, &mut KillAfter(9));
        panic!("the run was not killed");
    }
    let folder = tempfile::tempdir().unwrap();
    let killed = folder.path().join("killed");
    let test = std::env::current_exe().unwrap();
    let mut process = Command::new(test);
    process.args(["resume::a_killed_process_is_gone_on_with", "--exact"]).env(FOLDER, &killed);
    assert!(!process.output().unwrap().status.success());
    assert_eq!(Checkpoint::latest(&killed).unwrap().unwrap().step(), 8);
    let whole = uninterrupted(&folder.path().join("whole"), &cohort);
    let (report, _, weights) = resumed(&killed, &cohort);
    assert!(report == whole.0 && weights == whole.2);
}

#[test]
fn impatience_is_remembered() {
    let cohort = cohort(PARTICIPANTS);
    let folder = tempfile::tempdir().unwrap();
    let run = |helm: &mut Helm, resume: bool| {
        let train = task::examples(helm, &cohort, (0..PARTICIPANTS).filter(|row| row % 4 != 0));
        let validation = task::examples(helm, &cohort, (0..PARTICIPANTS).filter(|row| row % 4 == 0));
        let mut config = task::config(6);
        config.patience = 1;
        config.checkpoints = Some(folder.path().into());
        // Every later epoch is worse.
        let epoch = std::cell::Cell::new(0.0);
        let metric = move |_: &Validation| {
            epoch.set(epoch.get() - 1.0);
            epoch.get()
        };
        let trainer = Trainer::new(config).unwrap().with_validation(validation).with_metric("decline", metric);
        let mut seen = Seen::default();
        let report = if resume {
            let checkpoint = Checkpoint::latest(folder.path()).unwrap().unwrap();
            trainer.resume(&checkpoint, helm, &train, &mut seen)
        } else {
            trainer.fit(helm, &train, &mut seen)
        };
        (report.unwrap(), seen.validations)
    };
    let mut helm = task::helm(tiny(), &cohort, 1);
    let (report, validations) = run(&mut helm, false);
    assert_eq!((report.best_epoch, validations.len()), (Some(1), 2));
    assert_eq!(validations[0].metric_name, "decline");
    let mut other = task::helm(tiny(), &cohort, 2);
    let (again, validations) = run(&mut other, true);
    assert!(again == report && validations.is_empty() && weights(&helm) == weights(&other));
}
