//! The small task that is learned: whether a participant's number is above a half, and whether it is below 0.3.

use std::collections::BTreeMap;
use std::fs;
use std::panic::resume_unwind;
use std::path::Path;

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use helm_core::{Answers, Cohort, Context, Question, Record};
use helm_encoders::{Modality, ModalityEncoder, SoftTokens, TabularEncoderConfig, TabularReader};
use helm_llm::{Examples, Helm, LanguageModel, StepReport, TrainConfig, TrainObserver, Validation, ValidationReport};
use safetensors::SafeTensors;

use crate::models::seeded;

pub(crate) const PARTICIPANTS: usize = 96;

pub(crate) fn config(epochs: usize) -> TrainConfig {
    let mut config = TrainConfig::default();
    config.epochs = epochs;
    config.batch_size = 16;
    config.learning_rate = 1e-2;
    config
}

/// A model with a tabular encoder whose initial weights a seed decides.
pub(crate) fn helm(model: LanguageModel, cohort: &Cohort, seed: u64) -> Helm {
    let modality = tabular(model.frozen().d_model(), cohort, seed);
    Helm::new(model, vec![modality]).unwrap()
}

pub(crate) fn tabular(d_model: usize, cohort: &Cohort, seed: u64) -> Modality {
    seeded(seed, |device| {
        let reader = TabularReader::fit(["x"], cohort.records()).unwrap();
        let encoder = TabularEncoderConfig::new(reader.width(), 2, d_model).with_d_hidden(16);
        Modality::new("tabular", encoder.init(device), reader, device)
    })
}

pub(crate) fn question(text: &str) -> Question {
    Question { text: text.into(), answers: Answers::yes_no() }
}

pub(crate) fn context() -> Context {
    Context::default().with_text("x:").with_soft("tabular")
}

/// Two questions: whether x is above 0.5, and whether it is below 0.3; a tenth of the labels is unknown.
pub(crate) fn examples(helm: &Helm, cohort: &Cohort, rows: impl Iterator<Item = usize>) -> Examples {
    let questions = [question(" ill:"), question(" well:")];
    let (prompts, labels) = rows
        .map(|row| {
            let record = cohort.record(row);
            let x = record.value("x").unwrap().as_number().unwrap();
            let labels = vec![(row % 10 != 3).then_some(x > 0.5), Some(x < 0.3)];
            (helm.prompt(&context(), record, &questions).unwrap(), labels)
        })
        .unzip();
    Examples::new(prompts, labels).unwrap()
}

pub(crate) fn log_odds(helm: &Helm, cohort: &Cohort) -> Vec<f64> {
    let prompt = |record: Record<'_>| helm.prompt(&context(), record, &[question(" ill:")]).unwrap();
    let prompts: Vec<_> = cohort.records().map(prompt).collect();
    helm.risks(&prompts).unwrap().into_iter().map(|risks| risks[0].log_odds).collect()
}

/// The share of pairs of a case and a control that are in the right order.
pub(crate) fn auroc(validation: &Validation, question: usize) -> f64 {
    let (scores, labels) = &validation.questions[question];
    let of = |case| scores.iter().zip(labels).filter(move |(_, label)| **label == case).map(|(score, _)| *score);
    let right =
        of(true).flat_map(|case| of(false).map(move |control| f64::from(u8::from(case > control)))).sum::<f64>();
    right / (of(true).count() * of(false).count()) as f64
}

/// Notes what the observer sees.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) steps: Vec<StepReport>,
    pub(crate) validations: Vec<ValidationReport>,
}

impl TrainObserver for Seen {
    fn step(&mut self, report: &StepReport) {
        self.steps.push(*report);
    }

    fn validated(&mut self, report: &ValidationReport) {
        self.validations.push(report.clone());
    }
}

/// An encoder with a batch norm.
#[derive(Module, Debug)]
pub(crate) struct Normed {
    norm: BatchNorm,
    linear: Linear,
}

impl Normed {
    /// For inputs of one number.
    pub(crate) fn new(device: &Device, d_model: usize) -> Self {
        Self { norm: BatchNormConfig::new(1).init(device), linear: LinearConfig::new(1, d_model).init(device) }
    }
}

impl ModalityEncoder for Normed {
    type Input = f32;

    fn n_soft(&self) -> usize {
        1
    }

    fn d_model(&self) -> usize {
        self.linear.weight.dims()[1]
    }

    fn encode(&self, inputs: &[&f32], device: &Device) -> SoftTokens {
        let values: Vec<f32> = inputs.iter().map(|input| **input).collect();
        let batch = values.len();
        let columns = Tensor::<2>::from_data(TensorData::new(values, [batch, 1]), device);
        // [batch, 1] -> [batch, 1, 1], a channel of one position
        let normed = self.norm.forward(columns.reshape([batch, 1, 1])).reshape([batch, 1]);
        SoftTokens::new(self.linear.forward(normed).reshape([batch, 1, self.d_model()]))
    }
}

/// Stops a run after a step, as a power cut would: nothing after it happens.
pub(crate) struct StopAfter(pub(crate) usize);

impl TrainObserver for StopAfter {
    fn step(&mut self, report: &StepReport) {
        if report.step == self.0 {
            resume_unwind(Box::new("stopped"));
        }
    }
}

/// All weights and statistics by their names.
pub(crate) fn weights(helm: &Helm) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut all = BTreeMap::new();
    for modality in helm.modalities() {
        let path = folder.path().join("weights");
        modality.save(&path).unwrap();
        all.extend(tensors(&path).into_iter().map(|(name, bytes)| (format!("{}/{name}", modality.slot()), bytes)));
    }
    if let Some(soft_prompt) = helm.soft_prompt().unwrap() {
        let bytes = soft_prompt.vectors().flatten().flat_map(|number| number.to_le_bytes()).collect();
        all.insert("soft prompt".into(), bytes);
    }
    all
}

pub(crate) fn tensors(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    SafeTensors::deserialize(&bytes).unwrap().iter().map(|(name, view)| (name.into(), view.data().to_vec())).collect()
}
