use burn::tensor::Device;
use helm_core::{Cohort, Signal};
use helm_encoders::{FlowVolume, Modality};
use helm_llm::{Helm, LanguageModel};
use helm_serialize::Serializer;

use crate::{Encoders, Failure, Part};

/// What HeLM reads of a participant in a study: features as text and as soft tokens, and signals.
pub struct Inputs<'a> {
    /// The participants.
    pub cohort: &'a Cohort,
    /// The frozen language model.
    pub model: &'a LanguageModel,
    /// Where the encoders run.
    pub device: &'a Device,
    /// The features, in the order of the prompt.
    pub features: &'a [String],
    /// The signals.
    pub signals: &'a [SignalInput<'a>],
}

/// A signal that is read: a breath where its unit is litres, any waveform otherwise.
pub struct SignalInput<'a> {
    /// Its name in the schema.
    pub name: &'a str,
    /// Its words in the prompt.
    pub label: &'a str,
    /// Features that stand beside a breath's curve.
    pub beside: &'a [&'a str],
}

/// The grid of a breath's curve. The published grid ends at 6.58 L, which cuts some people's.
pub const GRID: FlowVolume = FlowVolume { n_points: 128, max_volume_litres: 8.0, max_seconds: 30.0 };

impl Inputs<'_> {
    /// HeLM with the [modalities](Self::modalities) of these inputs.
    ///
    /// # Errors
    /// As there.
    pub fn helm(&self, part: &Part<'_>) -> Result<Helm, Failure> {
        Ok(Helm::new(self.model.clone(), self.modalities(part)?)?)
    }

    /// Encoders with random weights from a seed, fitted to the training rows where they have something to fit.
    ///
    /// # Errors
    /// If the cohort lacks a feature or a signal, or no training participant has a waveform.
    pub fn modalities(&self, &Part { train, seed, .. }: &Part<'_>) -> Result<Vec<Modality>, Failure> {
        self.device.seed(seed);
        let encoders = Encoders { cohort: self.cohort, model: self.model, device: self.device, train };
        let mut modalities = vec![encoders.tabular(self.features)?];
        for SignalInput { name, beside, .. } in self.signals {
            let first = self.cohort.signals(name)?.iter().find_map(|state| state.signal());
            let is_breath = first.is_some_and(|signal: &Signal| signal.unit() == "L");
            modalities.push(if is_breath { encoders.breath(name, GRID, beside)? } else { encoders.series(name)? });
        }
        Ok(modalities)
    }

    /// What writes the contexts.
    ///
    /// # Errors
    /// If the cohort's schema lacks a signal.
    pub fn serializer(&self) -> Result<Serializer, Failure> {
        let serializer = Serializer::new(self.cohort.schema())
            .with_features(self.features.iter().cloned())
            .with_slot("tabular", "measurements")?;
        let with = |serializer: Serializer, signal: &SignalInput<'_>| serializer.with_signal(signal.name, signal.label);
        Ok(self.signals.iter().try_fold(serializer, with)?)
    }
}
