use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use crate::SoftTokens;

/// Configuration of a [`TokenProjector`].
#[derive(Config, Debug)]
pub struct TokenProjectorConfig {
    /// Width of the features.
    pub d_features: usize,
    /// Soft tokens for each input.
    pub n_soft: usize,
    /// Width of the language model's embedding space.
    pub d_model: usize,
    /// Width of the hidden layer.
    #[config(default = "128")]
    pub d_hidden: usize,
    /// Root mean square of the soft tokens at the start of training.
    #[config(default = "0.02")]
    pub initial_rms: f64,
}

/// From features of each soft token to that soft token: one perceptron for all of them, and a learned vector for each
/// place. A [`Projector`](crate::Projector) makes all soft tokens of the same features instead.
///
/// ```
/// use burn::tensor::Tensor;
/// use helm_encoders::TokenProjectorConfig;
///
/// let device = helm_encoders::device("cpu")?;
/// let projector = TokenProjectorConfig::new(10, 6, 64).init(&device);
/// assert_eq!(projector.forward(Tensor::ones([3, 6, 10], &device)).into_tensor().dims(), [3, 6, 64]);
/// # Ok::<(), helm_encoders::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct TokenProjector {
    hidden: Linear,
    output: Linear,
    places: Param<Tensor<2>>,
    #[module(skip)]
    n_soft: usize,
    #[module(skip)]
    d_model: usize,
}

impl TokenProjectorConfig {
    /// A projector with random weights. As a [`Projector`](crate::Projector)'s, its soft tokens start as nearly the same
    /// random vectors for everyone.
    pub fn init(&self, device: &Device) -> TokenProjector {
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        TokenProjector {
            hidden: LinearConfig::new(self.d_features, self.d_hidden).init(device),
            output: LinearConfig::new(self.d_hidden, self.d_model)
                .with_bias(false)
                .with_initializer(normal(0.1 * self.initial_rms / (self.d_hidden as f64).sqrt()))
                .init(device),
            places: normal(self.initial_rms).init([self.n_soft, self.d_model], device),
            n_soft: self.n_soft,
            d_model: self.d_model,
        }
    }
}

impl TokenProjector {
    /// Projects features to soft tokens.
    ///
    /// # Shapes
    /// - `features`: `[batch, n_soft, d_features]`
    /// - result: `[batch, n_soft, d_model]`
    pub fn forward(&self, features: Tensor<3>) -> SoftTokens {
        let soft = self.output.forward(gelu(self.hidden.forward(features)));
        SoftTokens::new(soft + self.places.val().unsqueeze::<3>())
    }

    /// Soft tokens for each input.
    pub fn n_soft(&self) -> usize {
        self.n_soft
    }

    /// Width of the language model's embedding space.
    pub fn d_model(&self) -> usize {
        self.d_model
    }
}
