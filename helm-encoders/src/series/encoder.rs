use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::SeriesInput;
use super::backbone::SeriesBackbone;
use super::patches::{Patches, flags, n_patches};
use crate::modality::check_sizes;
use crate::projector::{Projector, ProjectorConfig};
use crate::tabular::check_length;
use crate::token_projector::{TokenProjector, TokenProjectorConfig};
use crate::{EncoderConfig, Error, FeatureEncoder, ModalityEncoder, ReconstructingEncoder, SoftTokens};

/// Configuration of a [`SeriesEncoder`].
#[derive(Config, Debug, PartialEq)]
pub struct SeriesEncoderConfig {
    /// Channels of the waveform: [`SeriesReader::n_channels`](crate::SeriesReader::n_channels).
    pub n_channels: usize,
    /// The most samples of a channel: [`SeriesReader::max_samples`](crate::SeriesReader::max_samples).
    pub max_samples: usize,
    /// Soft tokens for each waveform.
    pub n_soft: usize,
    /// Width of the language model's embedding space.
    pub d_model: usize,
    /// Samples of a channel in a patch. A patch should be about as long as what is to be told apart: 50 ms or so of an
    /// ECG, a second or so of breathing.
    #[config(default = "16")]
    pub patch_samples: usize,
    /// Width of the transformer, a multiple of `n_heads`.
    #[config(default = "64")]
    pub d_hidden: usize,
    /// Width of the transformer's feed-forward layers.
    #[config(default = "256")]
    pub d_feed_forward: usize,
    /// Heads of each attention.
    #[config(default = "4")]
    pub n_heads: usize,
    /// Transformer blocks.
    #[config(default = "2")]
    pub n_layers: usize,
    /// What the soft tokens are made of.
    #[config(default = "SeriesPooling::Mean")]
    pub pooling: SeriesPooling,
    /// Width of the projector's hidden layer.
    #[config(default = "128")]
    pub d_projector: usize,
    /// Root mean square of the soft tokens at the start, best that of the language model's embeddings.
    #[config(default = "0.02")]
    pub initial_rms: f64,
}

/// What a [`SeriesEncoder`]'s soft tokens are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SeriesPooling {
    /// All of the mean over the patches.
    #[default]
    Mean,
    /// Each of what a learned query of its own finds among the patches, by attention.
    Queries,
}

/// A transformer over patches of any sampled waveform, and a projector to soft tokens.
///
/// Waveforms of a batch may differ in length and have holes; what is not valid influences nothing.
///
/// ```
/// use helm_encoders::{ModalityEncoder, SeriesEncoderConfig, SeriesInput, SeriesPooling};
///
/// let device = helm_encoders::device("cpu")?;
/// // One lead of at most 300 samples, four soft tokens of 32 numbers.
/// let config = SeriesEncoderConfig::new(1, 300, 4, 32).with_pooling(SeriesPooling::Queries);
/// let encoder = config.init(&device);
/// let short = SeriesInput::new(vec![0.5; 120], vec![true; 120])?;
/// let long = SeriesInput::new(vec![0.1; 300], vec![true; 300])?;
/// assert_eq!(encoder.encode(&[&short, &long], &device).into_tensor().dims(), [2, 4, 32]);
/// # Ok::<(), helm_encoders::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct SeriesEncoder {
    backbone: SeriesBackbone,
    projector: Option<Projector>,
    queries: Option<Queries>,
    #[module(skip)]
    n_channels: usize,
    #[module(skip)]
    patch_samples: usize,
    #[module(skip)]
    d_hidden: usize,
}

/// Learned queries over patches, and their projector.
#[derive(Module, Debug)]
struct Queries {
    queries: Param<Tensor<2>>,
    attention: MultiHeadAttention,
    projector: TokenProjector,
}

impl SeriesEncoderConfig {
    /// The most patches of a waveform.
    pub fn max_patches(&self) -> usize {
        self.max_samples.div_ceil(self.patch_samples)
    }

    /// An encoder with random weights.
    ///
    /// # Panics
    /// If `d_hidden` is no multiple of `n_heads`, or a size is 0.
    pub fn init(&self, device: &Device) -> SeriesEncoder {
        assert!(self.n_heads > 0 && self.d_hidden.is_multiple_of(self.n_heads), "d_hidden is a multiple of n_heads");
        assert!(self.n_channels > 0 && self.max_samples > 0 && self.patch_samples > 0, "sizes of a series encoder");
        let projector = || {
            ProjectorConfig::new(self.d_hidden, self.n_soft, self.d_model)
                .with_d_hidden(self.d_projector)
                .with_initial_rms(self.initial_rms)
                .init(device)
        };
        let queries = || Queries {
            queries: Initializer::Normal { mean: 0.0, std: 1.0 }.init([self.n_soft, self.d_hidden], device),
            attention: MultiHeadAttentionConfig::new(self.d_hidden, self.n_heads).with_dropout(0.0).init(device),
            projector: TokenProjectorConfig::new(self.d_hidden, self.n_soft, self.d_model)
                .with_d_hidden(self.d_projector)
                .with_initial_rms(self.initial_rms)
                .init(device),
        };
        SeriesEncoder {
            backbone: SeriesBackbone::init(self, device),
            projector: (self.pooling == SeriesPooling::Mean).then(projector),
            queries: (self.pooling == SeriesPooling::Queries).then(queries),
            n_channels: self.n_channels,
            patch_samples: self.patch_samples,
            d_hidden: self.d_hidden,
        }
    }
}

impl EncoderConfig for SeriesEncoderConfig {
    type Encoder = SeriesEncoder;
    const KIND: &'static str = "series";

    fn check(&self) -> Result<(), Error> {
        check_sizes(&[
            ("n_channels", self.n_channels),
            // The longest series has as many patches as this; samples themselves take no weights.
            ("max_samples / patch_samples", self.max_samples.div_ceil(self.patch_samples.max(1))),
            ("n_soft", self.n_soft),
            ("d_model", self.d_model),
            ("patch_samples", self.patch_samples),
            ("d_hidden", self.d_hidden),
            ("d_feed_forward", self.d_feed_forward),
            ("n_heads", self.n_heads),
            ("d_projector", self.d_projector),
        ])?;
        let wrong =
            |what, expected: String, found: usize| Err(Error::Config { what, expected, found: found.to_string() });
        if self.n_layers > 1000 {
            return wrong("n_layers", "at most 1000".into(), self.n_layers);
        }
        if !self.d_hidden.is_multiple_of(self.n_heads) {
            return wrong("d_hidden", format!("a multiple of the {} heads", self.n_heads), self.d_hidden);
        }
        Ok(())
    }

    fn encoder(&self, device: &Device) -> SeriesEncoder {
        self.init(device)
    }
}

impl SeriesEncoder {
    fn patches(&self, inputs: &[&SeriesInput], device: &Device) -> Patches {
        Patches::new(inputs, self.n_channels, self.patch_samples, device)
    }
}

impl Queries {
    /// # Shapes
    /// - `x`: `[batch, n_patches, d_hidden]`
    fn forward(&self, x: Tensor<3>, patches: &Patches) -> SoftTokens {
        let [n_soft, d_hidden] = self.queries.dims();
        // [n_soft, d_hidden] -> [batch, n_soft, d_hidden]
        let queries = self.queries.val().unsqueeze::<3>().expand([x.dims()[0], n_soft, d_hidden]);
        let input = MhaInput::new(queries, x.clone(), x).mask_pad(patches.empty.clone());
        self.projector.forward(self.attention.forward(input).context)
    }
}

/// The mean over the patches that are not empty, `[batch, d_hidden]`.
fn mean(x: Tensor<3>, patches: &Patches) -> Tensor<2> {
    // [batch, n_patches] -> [batch, n_patches, 1]
    let weights = patches.empty.clone().bool_not().float().unsqueeze_dim::<3>(2);
    ((x * weights.clone()).sum_dim(1) / weights.sum_dim(1)).squeeze_dim(1)
}

impl FeatureEncoder for SeriesEncoder {
    fn d_features(&self) -> usize {
        self.d_hidden
    }

    /// The mean over the patches.
    fn features(&self, inputs: &[&SeriesInput], device: &Device) -> Tensor<2> {
        let patches = self.patches(inputs, device);
        mean(self.backbone.forward(&patches, None), &patches)
    }

    fn freeze_features(mut self) -> Self {
        self.backbone = self.backbone.freeze();
        self
    }
}

impl ReconstructingEncoder for SeriesEncoder {
    fn part_len(&self) -> usize {
        self.n_channels * self.patch_samples
    }

    fn d_part(&self) -> usize {
        self.d_hidden
    }

    fn filled_parts(&self, input: &SeriesInput) -> Vec<bool> {
        let patches = input.valid().chunks(self.patch_samples).take(n_patches(input, self.patch_samples));
        patches.map(|patch| patch.contains(&true)).collect()
    }

    fn contents(&self, inputs: &[&SeriesInput], device: &Device) -> (Tensor<3>, Tensor<3>) {
        let values = self.patches(inputs, device).values;
        let samples = values.clone().narrow(2, 0, self.part_len());
        // A moment is valid in all channels or in none.
        let valid = values.narrow(2, self.part_len(), self.patch_samples);
        (samples, valid.repeat_dim(2, self.n_channels))
    }

    fn encode_hiding(&self, inputs: &[&SeriesInput], hidden: &[Vec<bool>], device: &Device) -> Tensor<3> {
        self.backbone.forward(&self.patches(inputs, device), Some(flags(hidden, device)))
    }
}

impl ModalityEncoder for SeriesEncoder {
    type Input = SeriesInput;

    fn n_soft(&self) -> usize {
        match (&self.projector, &self.queries) {
            (Some(projector), _) => projector.n_soft(),
            (_, Some(queries)) => queries.projector.n_soft(),
            _ => unreachable!("an encoder has one of the two"),
        }
    }

    fn d_model(&self) -> usize {
        match (&self.projector, &self.queries) {
            (Some(projector), _) => projector.d_model(),
            (_, Some(queries)) => queries.projector.d_model(),
            _ => unreachable!("an encoder has one of the two"),
        }
    }

    fn check_input(&self, input: &SeriesInput) -> Result<(), Error> {
        check_length("channels of a series", self.n_channels, input.n_channels())?;
        let (most, found) = (self.backbone.max_patches(), n_patches(input, self.patch_samples));
        if found <= most {
            return Ok(());
        }
        let expected = format!("at most {most} of {} samples", self.patch_samples);
        Err(Error::Input { what: "patches of a series".into(), expected, found: found.to_string() })
    }

    /// # Panics
    /// If there is no input, or one has another number of channels or more samples than the configuration says.
    fn encode(&self, inputs: &[&SeriesInput], device: &Device) -> SoftTokens {
        let patches = self.patches(inputs, device);
        let x = self.backbone.forward(&patches, None);
        match (&self.projector, &self.queries) {
            (Some(projector), _) => projector.forward(mean(x, &patches)),
            (_, Some(queries)) => queries.forward(x, &patches),
            _ => unreachable!("an encoder has one of the two"),
        }
    }
}
