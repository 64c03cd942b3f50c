use burn::module::Module;
use burn::tensor::Device;
use helm_core::Cohort;
use helm_encoders::{
    FeatureEncoder, FlowVolume, InputReader, Modality, PretrainConfig, PretrainStep, Pretrainer, SpirogramEncoder,
    SpirogramEncoderConfig, SpirogramInput, SpirogramReader, Targets,
};

use crate::{Encoders, Failure};

/// A breath's encoder that has learned to tell what breaths measure and who is ill, before any language model came in.
///
/// The paper's encoder, too, is trained by itself first. What it finds is then the start of HeLM's training, and the
/// embedding of the logistic regression beside it.
pub struct PretrainedBreath {
    signal: String,
    config: SpirogramEncoderConfig,
    reader: SpirogramReader,
    encoder: SpirogramEncoder,
    device: Device,
    is_frozen: bool,
}

/// What a breath's encoder learns to tell.
#[derive(Clone, Copy)]
pub struct BreathTargets<'a> {
    /// Features with numbers.
    pub measures: &'a [&'a str],
    /// Outcomes.
    pub outcomes: &'a [String],
}

/// What decides an encoder's pretraining but for its targets.
///
/// The rate is high and the decay strong: the encoder is small and learns for seconds.
pub fn breath_pretraining(epochs: usize, seed: u64) -> PretrainConfig {
    let mut config = PretrainConfig::default();
    (config.epochs, config.seed) = (epochs, seed);
    (config.learning_rate, config.weight_decay) = (3e-3, 0.1);
    config
}

/// A breath's encoder with random weights.
pub struct NewBreath {
    signal: String,
    config: SpirogramEncoderConfig,
    reader: SpirogramReader,
    start: SpirogramEncoder,
    device: Device,
}

impl Encoders<'_> {
    /// A breath's encoder whose random weights are the device's next ones.
    ///
    /// # Errors
    /// If the cohort lacks the signal or a feature beside the curve.
    pub fn new_breath(&self, signal: &str, (grid, beside): (FlowVolume, &[&str])) -> Result<NewBreath, Failure> {
        let (config, reader) = self.breath_config(signal, grid, beside)?;
        // Weights are drawn when they are first asked for: here.
        let start = config.init(self.device).valid();
        Ok(NewBreath { signal: signal.into(), config, reader, start, device: self.device.clone() })
    }
}

impl NewBreath {
    /// Trains the encoder by itself, on those of some rows that have a breath.
    ///
    /// # Errors
    /// If the cohort lacks the signal or a target, a breath can't be read, or training fails.
    pub fn pretrained(
        self,
        (cohort, train): (&Cohort, &[usize]),
        targets: BreathTargets<'_>,
        training: &PretrainConfig,
        observer: &mut dyn FnMut(&PretrainStep),
    ) -> Result<PretrainedBreath, Failure> {
        let Self { signal, config, reader, start, device } = self;
        let mut rows = Vec::new();
        let mut inputs = Vec::new();
        for &row in train {
            if let Some(input) = reader.read(cohort.record(row))? {
                rows.push(row);
                inputs.push(input);
            }
        }
        let mut wanted = Targets::new(rows.len());
        for name in targets.measures {
            let values = cohort.values(name)?;
            wanted = wanted.with_measure(*name, rows.iter().map(|&row| values[row].as_number()).collect())?;
        }
        for name in targets.outcomes {
            let labels = cohort.labels(name)?;
            wanted = wanted.with_label(name, rows.iter().map(|&row| labels[row]).collect())?;
        }
        let pretrainer = Pretrainer::new(training.clone())?;
        let encoder = pretrainer.supervised(&start, &inputs, &wanted, &device, observer)?.encoder;
        Ok(PretrainedBreath { signal, config, reader, encoder, device, is_frozen: false })
    }
}

/// Breaths that are encoded at once.
const BATCH: usize = 256;

impl PretrainedBreath {
    /// Keeps what the encoder finds as it is: of its modality, the projector alone learns. That takes fewer steps where
    /// many outcomes share them.
    pub fn with_frozen_features(mut self) -> Self {
        self.is_frozen = true;
        self
    }

    /// The encoder as a modality, to be trained on through a language model; its projector has random weights.
    ///
    /// # Errors
    /// None that the encoder's making has not shown.
    pub fn modality(&self) -> Result<Modality, Failure> {
        // A copy of the running statistics, which a clone would share.
        let mut encoder = self.encoder.valid();
        if self.is_frozen {
            encoder = encoder.freeze_features();
        }
        Ok(Modality::from_trained(self.signal.as_str(), &self.config, encoder, &self.reader, &self.device)?)
    }

    /// The encoder's embedding of every participant's breath, in front of the projector; `None`s without a breath.
    ///
    /// # Errors
    /// If a breath can't be read.
    pub fn embeddings(&self, cohort: &Cohort) -> Result<Vec<Vec<Option<f64>>>, Failure> {
        let d = self.encoder.d_features();
        let mut embeddings = vec![vec![None; d]; cohort.n_participants()];
        let inputs = cohort.records().map(|record| self.reader.read(record)).collect::<Result<Vec<_>, _>>()?;
        let present: Vec<(usize, &SpirogramInput)> =
            inputs.iter().enumerate().filter_map(|(row, input)| Some((row, input.as_ref()?))).collect();
        for batch in present.chunks(BATCH) {
            let inputs: Vec<&SpirogramInput> = batch.iter().map(|&(_, input)| input).collect();
            // [batch, d_features]
            let features: Vec<f64> = self.encoder.features(&inputs, &self.device).into_data().iter::<f64>().collect();
            for (&(row, _), features) in batch.iter().zip(features.chunks(d)) {
                embeddings[row] = features.iter().copied().map(Some).collect();
            }
        }
        Ok(embeddings)
    }
}
