use burn::tensor::Tensor;

/// Soft tokens of some samples, with the graph that leads back to them.
pub struct SampleGraph {
    pub(super) samples: Tensor<2>,
    pub(super) soft: Tensor<3>,
}

impl SampleGraph {
    /// The soft tokens, `[rows, n_soft, d_model]`, on the plain device.
    pub fn soft(&self) -> Tensor<3> {
        self.soft.clone().inner()
    }

    /// The gradient of each row's samples from that of its soft tokens.
    ///
    /// # Shapes
    /// - `gradient`: as the soft tokens, on the plain device
    ///
    /// # Panics
    /// If the shape is another.
    pub fn gradient(self, gradient: Tensor<3>) -> Vec<Vec<f32>> {
        assert_eq!(self.soft.dims(), gradient.dims(), "the gradient has the shape of the soft tokens");
        let [rows, n_samples] = self.samples.dims();
        let gradients = (self.soft * Tensor::from_inner(gradient)).sum().backward();
        let gradient = self.samples.grad(&gradients).map(|gradient| gradient.into_data().convert::<f32>());
        let flat = gradient.and_then(|data| data.try_into_vec::<f32>().ok());
        // Soft tokens that don't depend on the samples have no gradient.
        let flat = flat.unwrap_or_else(|| vec![0.0; rows * n_samples]);
        flat.chunks(n_samples).map(<[f32]>::to_vec).collect()
    }
}
