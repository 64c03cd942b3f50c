use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use helm_core::Record;
use helm_core::spirometry::Spirogram;

use super::flow_volume::FlowVolume;
use super::resnet::{ResNet1d, ResNet1dConfig};
use crate::projector::{Projector, ProjectorConfig};
use crate::tabular::{TabularReader, rows};
use crate::{Error, InputReader, ModalityEncoder, SoftTokens};

/// Configuration of a [`SpirogramEncoder`].
#[derive(Config, Debug)]
pub struct SpirogramEncoderConfig {
    /// The ResNet over the curve; its input has one channel, the flow.
    pub resnet: ResNet1dConfig,
    /// Single numbers beside the curve: [`SpirogramReader::n_scalars`].
    pub n_scalars: usize,
    /// Soft tokens for each blow; the paper has 6.
    pub n_soft: usize,
    /// Width of the language model's embedding space.
    pub d_model: usize,
    /// Width of the projector's hidden layer.
    #[config(default = "128")]
    pub d_hidden: usize,
    /// Root mean square of the soft tokens at the start, best that of the language model's embeddings.
    #[config(default = "0.02")]
    pub initial_rms: f64,
}

/// A ResNet18-D on the flow–volume curve, and a projector from its features and single numbers to soft tokens.
#[derive(Module, Debug)]
pub struct SpirogramEncoder {
    resnet: ResNet1d,
    projector: Projector,
}

impl SpirogramEncoderConfig {
    /// An encoder with random weights.
    pub fn init(&self, device: &Device) -> SpirogramEncoder {
        let resnet = self.resnet.init(device);
        let projector = ProjectorConfig::new(resnet.d_features() + self.n_scalars, self.n_soft, self.d_model)
            .with_d_hidden(self.d_hidden)
            .with_initial_rms(self.initial_rms)
            .init(device);
        SpirogramEncoder { resnet, projector }
    }
}

/// A blow as the encoder takes it.
///
/// There is no `Debug`: it is a participant's data.
#[derive(Clone, PartialEq)]
pub struct SpirogramInput {
    /// The flow–volume curve, in L/s; every input of a batch has as many points.
    pub flow_litres_per_second: Vec<f32>,
    /// Standardised single numbers beside the curve.
    pub scalars: Vec<f32>,
}

impl ModalityEncoder for SpirogramEncoder {
    type Input = SpirogramInput;

    fn n_soft(&self) -> usize {
        self.projector.n_soft()
    }

    fn d_model(&self) -> usize {
        self.projector.d_model()
    }

    fn encode(&self, inputs: &[&SpirogramInput], device: &Device) -> SoftTokens {
        let flow: Vec<f32> = inputs.iter().flat_map(|input| &input.flow_litres_per_second).copied().collect();
        let length = flow.len() / inputs.len();
        // [batch, 1, points]
        let curves = Tensor::<3>::from_data(TensorData::new(flow, [inputs.len(), 1, length]), device);
        self.encode_curves(curves, inputs.iter().map(|input| input.scalars.as_slice()))
    }

    fn samples<'a>(&self, input: &'a SpirogramInput) -> &'a [f32] {
        &input.flow_litres_per_second
    }

    fn encode_samples(&self, input: &SpirogramInput, samples: Tensor<2>) -> SoftTokens {
        let [batch, _] = samples.dims();
        // [batch, points] -> [batch, 1, points]
        self.encode_curves(samples.unsqueeze_dim(1), std::iter::repeat_n(input.scalars.as_slice(), batch))
    }
}

impl SpirogramEncoder {
    /// Curves `[batch, 1, points]` with single numbers beside each.
    fn encode_curves<'a>(&self, curves: Tensor<3>, scalars: impl ExactSizeIterator<Item = &'a [f32]>) -> SoftTokens {
        let device = curves.device();
        let mut features = self.resnet.forward(curves);
        let mut scalars = scalars.peekable();
        if scalars.peek().is_some_and(|scalars| !scalars.is_empty()) {
            // [batch, d_features] and [batch, n_scalars] -> [batch, d_features + n_scalars]
            features = Tensor::cat(vec![features, rows(scalars, &device)], 1);
        }
        self.projector.forward(features)
    }
}

/// Reads a record's spirogram as the input of a [`SpirogramEncoder`]: the curve, and some features as scalars.
#[derive(Clone, Debug)]
pub struct SpirogramReader {
    /// The signal's name in the schema.
    signal: String,
    flow_volume: FlowVolume,
    scalars: Option<TabularReader>,
}

impl SpirogramReader {
    /// A reader of the curve alone.
    pub fn new(signal: impl Into<String>, flow_volume: FlowVolume) -> Self {
        Self { signal: signal.into(), flow_volume, scalars: None }
    }

    /// Reads features beside the curve, through a reader that was fitted on the training records.
    pub fn with_scalars(mut self, scalars: TabularReader) -> Self {
        self.scalars = Some(scalars);
        self
    }

    /// How many single numbers stand beside the curve.
    pub fn n_scalars(&self) -> usize {
        self.scalars.as_ref().map_or(0, TabularReader::width)
    }
}

impl InputReader for SpirogramReader {
    type Input = SpirogramInput;

    fn read(&self, record: Record<'_>) -> Result<Option<SpirogramInput>, Error> {
        let Some(signal) = record.signal(&self.signal)?.signal() else { return Ok(None) };
        let blow = Spirogram::from_signal(signal.clone())?;
        let scalars = self.scalars.as_ref().map(|reader| reader.row(record)).transpose()?.unwrap_or_default();
        Ok(Some(SpirogramInput { flow_litres_per_second: self.flow_volume.curve(&blow), scalars }))
    }
}
