use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor};
use helm_core::Record;
use helm_encoders::{Error, ModalityEncoder, SoftTokens};

/// Soft tokens that are the same for everyone: what HeLM learns where it is given nothing but text. Beside encoders, they
/// say how much of a gain is the training's and not the signal's.
#[derive(Module, Debug)]
pub(super) struct FreeTokens {
    /// `[n_soft, d_model]`.
    vectors: Param<Tensor<2>>,
}

impl FreeTokens {
    /// Random ones at the scale of the language model's embeddings.
    pub(super) fn init(n_soft: usize, d_model: usize, rms: f64, device: &Device) -> Self {
        let vectors = Tensor::random([n_soft, d_model], Distribution::Normal(0.0, rms), device);
        Self { vectors: Param::from_tensor(vectors) }
    }
}

impl ModalityEncoder for FreeTokens {
    type Input = ();

    fn n_soft(&self) -> usize {
        self.vectors.val().dims()[0]
    }

    fn d_model(&self) -> usize {
        self.vectors.val().dims()[1]
    }

    fn encode(&self, inputs: &[&()], _device: &Device) -> SoftTokens {
        let vectors = self.vectors.val();
        let [n_soft, d_model] = vectors.dims();
        // [n_soft, d_model] -> [batch, n_soft, d_model]
        SoftTokens::new(vectors.unsqueeze_dim::<3>(0).expand([inputs.len(), n_soft, d_model]))
    }
}

/// Reads nothing.
pub(super) fn nothing(_record: Record<'_>) -> Result<Option<()>, Error> {
    Ok(Some(()))
}
