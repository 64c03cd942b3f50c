use burn::config::Config;
use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use crate::SoftTokens;

/// Configuration of a [`Projector`].
#[derive(Config, Debug)]
pub struct ProjectorConfig {
    /// Width of the features.
    pub d_features: usize,
    /// Soft tokens for each input.
    pub n_soft: usize,
    /// Width of the language model's embedding space.
    pub d_model: usize,
    /// Width of the hidden layer.
    #[config(default = "128")]
    pub d_hidden: usize,
    /// Root mean square of the soft tokens at the start of training. That of the language model's own embeddings puts
    /// them where the model is at home.
    #[config(default = "0.02")]
    pub initial_rms: f64,
}

/// A perceptron with one hidden layer from features to soft tokens.
#[derive(Module, Debug)]
pub struct Projector {
    hidden: Linear,
    output: Linear,
    #[module(skip)]
    n_soft: usize,
    #[module(skip)]
    d_model: usize,
    #[module(skip)]
    d_hidden: usize,
}

impl ProjectorConfig {
    /// A projector with random weights.
    pub fn init(&self, device: &Device) -> Projector {
        // At the start, soft tokens are the same random vectors for everyone, and a tenth differs from input to input:
        // training finds what matters instead of unlearning random features.
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        let output = LinearConfig::new(self.d_hidden, self.n_soft * self.d_model)
            .with_initializer(normal(0.1 * self.initial_rms / (self.d_hidden as f64).sqrt()));
        let mut output = output.init(device);
        output.bias = Some(normal(self.initial_rms).init([self.n_soft * self.d_model], device));
        Projector {
            hidden: LinearConfig::new(self.d_features, self.d_hidden).init(device),
            output,
            n_soft: self.n_soft,
            d_model: self.d_model,
            d_hidden: self.d_hidden,
        }
    }
}

impl Projector {
    /// Projects features to soft tokens.
    ///
    /// # Shapes
    /// - `features`: `[batch, d_features]`
    /// - result: `[batch, n_soft, d_model]`
    pub fn forward(&self, features: Tensor<2>) -> SoftTokens {
        let [batch, _] = features.dims();
        let flat = self.output.forward(self.hidden(features));
        // [batch, n_soft * d_model] -> [batch, n_soft, d_model]
        SoftTokens::new(flat.reshape([batch, self.n_soft, self.d_model]))
    }

    /// The hidden layer, `[batch, d_hidden]`.
    pub(crate) fn hidden(&self, features: Tensor<2>) -> Tensor<2> {
        gelu(self.hidden.forward(features))
    }

    pub(crate) fn d_features(&self) -> usize {
        self.hidden.weight.dims()[0]
    }

    pub(crate) fn d_hidden(&self) -> usize {
        self.d_hidden
    }

    pub(crate) fn freeze_hidden(mut self) -> Self {
        self.hidden = self.hidden.freeze();
        self
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
