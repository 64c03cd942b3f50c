use std::fmt;

use burn::tensor::Tensor;

/// What an encoder makes of a batch of inputs: a few vectors each, in the language model's embedding space.
///
/// `Debug` shows the shape only: they encode a participant's data.
#[derive(Clone)]
pub struct SoftTokens(Tensor<3>);

impl SoftTokens {
    /// Soft tokens from a tensor.
    ///
    /// # Shapes
    /// - `values`: `[batch, n_soft, d_model]`
    ///
    /// # Panics
    /// If a dimension is 0.
    pub fn new(values: Tensor<3>) -> Self {
        assert!(values.dims().iter().all(|&size| size > 0), "soft tokens of shape {:?}", values.dims());
        Self(values)
    }

    /// How many inputs were encoded.
    pub fn batch(&self) -> usize {
        self.0.dims()[0]
    }

    /// Vectors for each input.
    pub fn n_soft(&self) -> usize {
        self.0.dims()[1]
    }

    /// The width of the language model's embedding space.
    pub fn d_model(&self) -> usize {
        self.0.dims()[2]
    }

    /// The vectors, `[batch, n_soft, d_model]`.
    pub fn into_tensor(self) -> Tensor<3> {
        self.0
    }
}

impl fmt::Debug for SoftTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftTokens({:?})", self.0.dims())
    }
}
