use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::{PretrainReport, PretrainStep};
use super::encoders::ReconstructingEncoder;
use super::run::Pretrainer;
use crate::Error;
use crate::series::flags;

/// An encoder and the linear head by which it fills in parts.
#[derive(Module, Debug)]
struct WithHead<E: ReconstructingEncoder> {
    encoder: E,
    head: Linear,
}

impl Pretrainer {
    /// Trains an encoder, without any label, to fill in parts of its inputs that are hidden from it: in each step and
    /// input anew, [`hidden_share`](super::PretrainConfig::hidden_share) of the parts that hold anything. The loss is
    /// the mean squared error of what is hidden.
    ///
    /// The encoder given stays as it is; the one that comes back has its projector as it was.
    ///
    /// # Errors
    /// [`Error::Input`] if there are fewer than two inputs with a part to hide; [`Error::NotFinite`] if a loss or a
    /// gradient is NaN or infinite.
    pub fn reconstruction<E: ReconstructingEncoder>(
        &self,
        encoder: &E,
        inputs: &[E::Input],
        device: &Device,
        observer: &mut dyn FnMut(&PretrainStep),
    ) -> Result<(E, PretrainReport), Error> {
        let device = device.clone().without_autodiff();
        let autodiff = device.clone().autodiff();
        let parts: Vec<(usize, Vec<bool>)> = inputs
            .iter()
            .map(|input| encoder.filled_parts(input))
            .enumerate()
            .filter(|(_, filled)| filled.contains(&true))
            .collect();
        crate::gradients::initialise(encoder);
        // Zeros need no random numbers: the run's seed decides all.
        let head =
            LinearConfig::new(encoder.d_part(), encoder.part_len()).with_initializer(Initializer::Zeros).init(&device);
        let module = WithHead { encoder: encoder.valid(), head };
        let share = self.config.hidden_share;
        let loss = |module: &WithHead<E>, batch: &[usize], rng: &mut ChaCha8Rng| {
            let of_batch: Vec<&E::Input> = batch.iter().map(|&place| &inputs[parts[place].0]).collect();
            let (contents, counts) = module.encoder.contents(&of_batch, &autodiff);
            let n_parts = contents.dims()[1];
            let hidden: Vec<Vec<bool>> =
                batch.iter().map(|&place| hide(&parts[place].1, n_parts, share, rng)).collect();
            let found = module.head.forward(module.encoder.encode_hiding(&of_batch, &hidden, &autodiff));
            // [batch, n_parts] -> [batch, n_parts, 1]
            let weights: Tensor<3> = counts * flags(&hidden, &autodiff).float().unsqueeze_dim::<3>(2);
            ((found - contents).square() * weights.clone()).sum() / weights.sum()
        };
        let (module, report) = self.run(parts.len(), module, loss, observer)?;
        Ok((module.encoder, report))
    }
}

/// Which of `n_parts` parts are hidden: a share of the filled ones, drawn at random, and at least one.
fn hide(filled: &[bool], n_parts: usize, share: f64, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let mut hidden: Vec<bool> = filled.iter().map(|&filled| filled && rng.random_bool(share)).collect();
    if !hidden.contains(&true) {
        let candidates: Vec<usize> = (0..filled.len()).filter(|&part| filled[part]).collect();
        hidden[candidates[rng.random_range(0..candidates.len())]] = true;
    }
    hidden.resize(n_parts, false);
    hidden
}
