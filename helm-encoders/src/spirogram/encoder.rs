use burn::config::Config;
use burn::module::Module;
use burn::tensor::module::adaptive_avg_pool1d;
use burn::tensor::{Device, Tensor, TensorData};
use helm_core::Record;
use helm_core::spirometry::Spirogram;
use serde::{Deserialize, Serialize};

use super::flow_volume::FlowVolume;
use super::resnet::{ResNet1d, ResNet1dConfig};
use crate::modality::check_sizes;
use crate::projector::{Projector, ProjectorConfig};
use crate::tabular::{TabularReader, check_length, rows};
use crate::token_projector::{TokenProjector, TokenProjectorConfig};
use crate::{EncoderConfig, Error, InputReader, ModalityEncoder, SoftTokens};

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
    /// What the soft tokens are made of.
    #[config(default = "TokenSource::Pooled")]
    pub tokens: TokenSource,
}

/// What a [`SpirogramEncoder`]'s soft tokens are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenSource {
    /// All of the ResNet's mean over the curve, as in the paper.
    #[default]
    Pooled,
    /// Each of the mean over its own part of the curve: the ResNet's sequence (32 positions in the published size) cut
    /// into as many even parts as there are soft tokens. The first soft token is then about the first of the breath.
    Positions,
}

/// A ResNet18-D on the flow–volume curve, and a projector from its features and single numbers to soft tokens.
///
/// ```
/// use helm_encoders::{ModalityEncoder, ResNet1dConfig, SpirogramEncoderConfig, SpirogramInput, TokenSource};
///
/// let device = helm_encoders::device("cpu")?;
/// let resnet = ResNet1dConfig::new(1).with_width(4);
/// let config = SpirogramEncoderConfig::new(resnet, 0, 6, 64).with_tokens(TokenSource::Positions);
/// let blow = SpirogramInput { flow_litres_per_second: vec![1.0; 1000], scalars: vec![] };
/// assert_eq!(config.init(&device).encode(&[&blow], &device).into_tensor().dims(), [1, 6, 64]);
/// # Ok::<(), helm_encoders::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct SpirogramEncoder {
    pub(super) resnet: ResNet1d,
    projector: Option<Projector>,
    token_projector: Option<TokenProjector>,
    #[module(skip)]
    pub(super) n_scalars: usize,
}

impl SpirogramEncoderConfig {
    /// An encoder with random weights.
    pub fn init(&self, device: &Device) -> SpirogramEncoder {
        let resnet = self.resnet.init(device);
        let d_features = resnet.d_features() + self.n_scalars;
        let pooled = || {
            ProjectorConfig::new(d_features, self.n_soft, self.d_model)
                .with_d_hidden(self.d_hidden)
                .with_initial_rms(self.initial_rms)
                .init(device)
        };
        let positions = || {
            TokenProjectorConfig::new(d_features, self.n_soft, self.d_model)
                .with_d_hidden(self.d_hidden)
                .with_initial_rms(self.initial_rms)
                .init(device)
        };
        SpirogramEncoder {
            resnet,
            projector: (self.tokens == TokenSource::Pooled).then(pooled),
            token_projector: (self.tokens == TokenSource::Positions).then(positions),
            n_scalars: self.n_scalars,
        }
    }
}

impl EncoderConfig for SpirogramEncoderConfig {
    type Encoder = SpirogramEncoder;
    const KIND: &'static str = "spirogram";

    fn check(&self) -> Result<(), Error> {
        // Scalars and padding may be 0.
        check_sizes(&[
            ("n_scalars, and one more", self.n_scalars.saturating_add(1)),
            ("n_soft", self.n_soft),
            ("d_model", self.d_model),
            ("d_hidden", self.d_hidden),
            ("width of the ResNet", self.resnet.width.saturating_mul(8)),
            ("padding of the ResNet, and one more", self.resnet.padding.saturating_add(1)),
        ])?;
        let wrong = |what, expected: &str, found: String| Err(Error::Config { what, expected: expected.into(), found });
        if self.resnet.channels_in != 1 {
            return wrong("channels of the ResNet", "1, the flow", self.resnet.channels_in.to_string());
        }
        if !(0.0..=1.0).contains(&self.resnet.momentum) {
            return wrong("momentum of the ResNet", "0 to 1", self.resnet.momentum.to_string());
        }
        Ok(())
    }

    fn encoder(&self, device: &Device) -> SpirogramEncoder {
        self.init(device)
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
        let of_positions = self.token_projector.as_ref().map(TokenProjector::n_soft);
        self.projector.as_ref().map(Projector::n_soft).or(of_positions).expect("an encoder has one of the two")
    }

    fn d_model(&self) -> usize {
        let of_positions = self.token_projector.as_ref().map(TokenProjector::d_model);
        self.projector.as_ref().map(Projector::d_model).or(of_positions).expect("an encoder has one of the two")
    }

    fn check_input(&self, input: &SpirogramInput) -> Result<(), Error> {
        check_length("single numbers beside the curve", self.n_scalars, input.scalars.len())
    }

    fn encode(&self, inputs: &[&SpirogramInput], device: &Device) -> SoftTokens {
        self.encode_curves(curves(inputs, device), scalars(inputs, device))
    }

    fn samples<'a>(&self, input: &'a SpirogramInput) -> &'a [f32] {
        &input.flow_litres_per_second
    }

    fn encode_samples(&self, input: &SpirogramInput, samples: Tensor<2>) -> SoftTokens {
        let ([batch, _], device) = (samples.dims(), samples.device());
        let scalars = scalars(&vec![input; batch], &device);
        // [batch, points] -> [batch, 1, points]
        self.encode_curves(samples.unsqueeze_dim(1), scalars)
    }
}

impl SpirogramEncoder {
    /// Curves `[batch, 1, points]` with single numbers `[batch, n_scalars]` beside them.
    fn encode_curves(&self, curves: Tensor<3>, scalars: Option<Tensor<2>>) -> SoftTokens {
        if let Some(projector) = &self.projector {
            return projector.forward(self.pooled(curves, scalars));
        }
        let projector = self.token_projector.as_ref().expect("an encoder has one of the two");
        let sequence = self.resnet.sequence(curves);
        // [batch, d_features, positions] -> [batch, d_features, n_soft] -> [batch, n_soft, d_features]
        let mut features = adaptive_avg_pool1d(sequence, projector.n_soft()).swap_dims(1, 2);
        if let Some(scalars) = scalars {
            let [batch, n_scalars] = scalars.dims();
            // [batch, n_scalars] -> [batch, n_soft, n_scalars]
            let scalars = scalars.unsqueeze_dim::<3>(1).expand([batch, projector.n_soft(), n_scalars]);
            features = Tensor::cat(vec![features, scalars], 2);
        }
        projector.forward(features)
    }

    /// The ResNet's mean over the curve, and the single numbers: `[batch, d_features + n_scalars]`.
    pub(super) fn pooled(&self, curves: Tensor<3>, scalars: Option<Tensor<2>>) -> Tensor<2> {
        let features = self.resnet.forward(curves);
        match scalars {
            Some(scalars) => Tensor::cat(vec![features, scalars], 1),
            None => features,
        }
    }
}

/// The curves, `[batch, 1, points]`.
pub(super) fn curves(inputs: &[&SpirogramInput], device: &Device) -> Tensor<3> {
    let flow: Vec<f32> = inputs.iter().flat_map(|input| &input.flow_litres_per_second).copied().collect();
    let length = flow.len() / inputs.len();
    Tensor::from_data(TensorData::new(flow, [inputs.len(), 1, length]), device)
}

/// The single numbers, `[batch, n_scalars]`; `None` where there is none.
pub(super) fn scalars(inputs: &[&SpirogramInput], device: &Device) -> Option<Tensor<2>> {
    (!inputs[0].scalars.is_empty()).then(|| rows(inputs.iter().map(|input| input.scalars.as_slice()), device))
}

/// Reads a record's spirogram as the input of a [`SpirogramEncoder`]: the curve, and some features as scalars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
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
        let blow = Spirogram::from_signal(signal.clone()).map_err(|error| match error {
            helm_core::Error::Invalid { what, expected, found } => {
                Error::Input { what: format!("{what} {:?} in row {}", self.signal, record.row() + 1), expected, found }
            }
            other => other.into(),
        })?;
        let scalars = self.scalars.as_ref().map(|reader| reader.row(record)).transpose()?.unwrap_or_default();
        Ok(Some(SpirogramInput { flow_litres_per_second: self.flow_volume.curve(&blow), scalars }))
    }
}

/// A reader as a file has it, before it is checked.
#[derive(Deserialize)]
#[serde(rename = "SpirogramReader")]
struct Stored {
    signal: String,
    flow_volume: FlowVolume,
    scalars: Option<TabularReader>,
}

impl TryFrom<Stored> for SpirogramReader {
    type Error = Error;

    fn try_from(Stored { signal, flow_volume, scalars }: Stored) -> Result<Self, Error> {
        check_sizes(&[("points of the flow–volume curve", flow_volume.n_points)])?;
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !(positive(flow_volume.max_volume_litres) && positive(flow_volume.max_seconds)) {
            let found = format!("{} L and {} s", flow_volume.max_volume_litres, flow_volume.max_seconds);
            return Err(Error::Config { what: "flow–volume curve", expected: "ends above 0".into(), found });
        }
        Ok(Self { signal, flow_volume, scalars })
    }
}
