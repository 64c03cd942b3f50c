use burn::tensor::Device;
use helm_core::Cohort;
use helm_encoders::{
    FlowVolume, Modality, ResNet1dConfig, SeriesEncoderConfig, SeriesReader, SpirogramEncoderConfig, SpirogramReader,
    TabularEncoderConfig, TabularReader,
};
use helm_llm::LanguageModel;

use crate::Failure;

/// Makes encoders with random weights for a cohort's modalities, their standardisation learned on training rows.
pub struct Encoders<'a> {
    /// The participants.
    pub cohort: &'a Cohort,
    /// The language model whose embedding space the soft tokens live in.
    pub model: &'a LanguageModel,
    /// Where the encoders run.
    pub device: &'a Device,
    /// The rows to learn statistics from.
    pub train: &'a [usize],
}

impl Encoders<'_> {
    /// Soft tokens of each modality, as in the paper.
    pub const N_SOFT: usize = 6;
    /// Width of the ResNet; the published one has 64, which a few thousand sparse curves don't need.
    pub const RESNET_WIDTH: usize = 8;
    /// Width of the projectors' hidden layer.
    pub const D_HIDDEN: usize = 64;

    /// The perceptron over features, in the slot `tabular`.
    ///
    /// # Errors
    /// If the cohort lacks a feature.
    pub fn tabular<S: AsRef<str>>(&self, features: &[S]) -> Result<Modality, Failure> {
        let reader = self.fit(features)?;
        let encoder = TabularEncoderConfig::new(reader.width(), Self::N_SOFT, self.d_model())
            .with_d_hidden(Self::D_HIDDEN)
            .with_initial_rms(self.rms());
        Ok(Modality::from_config("tabular", &encoder, &reader, self.device)?)
    }

    /// The ResNet on a breath's flow–volume curve, in the slot of the signal's name, with some features beside it.
    ///
    /// # Errors
    /// If the cohort lacks the signal or a feature.
    pub fn breath(&self, signal: &str, grid: FlowVolume, beside: &[&str]) -> Result<Modality, Failure> {
        let (encoder, reader) = self.breath_config(signal, grid, beside)?;
        Ok(Modality::from_config(signal, &encoder, &reader, self.device)?)
    }

    /// The configuration of the ResNet on a breath's curve, and what reads its input.
    ///
    /// # Errors
    /// If the cohort lacks the signal or a feature.
    pub fn breath_config(
        &self,
        signal: &str,
        grid: FlowVolume,
        beside: &[&str],
    ) -> Result<(SpirogramEncoderConfig, SpirogramReader), Failure> {
        let mut reader = SpirogramReader::new(signal, grid);
        if !beside.is_empty() {
            reader = reader.with_scalars(self.fit(beside)?);
        }
        // 128 points need no padding: they are 4 × 32.
        let resnet = ResNet1dConfig::new(1).with_width(Self::RESNET_WIDTH).with_padding(0);
        let encoder = SpirogramEncoderConfig::new(resnet, reader.n_scalars(), Self::N_SOFT, self.d_model())
            .with_d_hidden(Self::D_HIDDEN)
            .with_initial_rms(self.rms());
        Ok((encoder, reader))
    }

    /// The transformer over patches of any other waveform, in the slot of the signal's name.
    ///
    /// # Errors
    /// If the cohort lacks the signal, no training participant has it, or two differ in channels, rate or unit.
    pub fn series(&self, signal: &str) -> Result<Modality, Failure> {
        let reader = SeriesReader::fit(signal, self.train.iter().map(|&row| self.cohort.record(row)))?;
        let encoder = SeriesEncoderConfig::new(reader.n_channels(), reader.max_samples(), Self::N_SOFT, self.d_model())
            .with_patch_samples(reader.max_samples().div_ceil(MOST_PATCHES).max(16))
            .with_initial_rms(self.rms());
        Ok(Modality::from_config(signal, &encoder, &reader, self.device)?)
    }

    fn fit<S: AsRef<str>>(&self, features: &[S]) -> Result<TabularReader, Failure> {
        let records = self.train.iter().map(|&row| self.cohort.record(row));
        Ok(TabularReader::fit(features.iter().map(AsRef::as_ref), records)?)
    }

    fn d_model(&self) -> usize {
        self.model.frozen().d_model()
    }

    fn rms(&self) -> f64 {
        self.model.frozen().embedding_rms()
    }
}

/// Attention over more patches takes too long without a GPU.
const MOST_PATCHES: usize = 128;
