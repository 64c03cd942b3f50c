use std::f64::consts::PI;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::Tensor;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::config::{PretrainConfig, PretrainReport, PretrainStep};
use crate::{Error, gradients};

/// Trains encoders by themselves: [`supervised`](Self::supervised) on measures and labels, or
/// [`reconstruction`](Self::reconstruction) of what is hidden of their inputs.
///
/// The encoder that comes back goes on in a [`Modality`](crate::Modality), trained through the language model, as it is
/// or with its features [frozen](crate::FeatureEncoder::freeze_features). A seed decides a run.
///
/// ```
/// use helm_encoders::{PretrainConfig, Pretrainer, SeriesEncoderConfig, SeriesInput};
///
/// let device = helm_encoders::device("cpu")?;
/// let encoder = SeriesEncoderConfig::new(1, 64, 2, 16).with_d_hidden(16).with_d_feed_forward(16).init(&device);
/// let wave = |speed: f32| (0..64).map(|t| (t as f32 * speed).sin()).collect::<Vec<_>>();
/// let inputs: Vec<SeriesInput> =
///     [0.1, 0.2, 0.3].iter().map(|&speed| SeriesInput::new(wave(speed), vec![true; 64])).collect::<Result<_, _>>()?;
/// let mut config = PretrainConfig::default();
/// config.epochs = 2;
/// let (encoder, report) = Pretrainer::new(config)?.reconstruction(&encoder, &inputs, &device, &mut |_| {})?;
/// assert_eq!(report.epoch_losses.len(), 2);
/// # let _ = encoder;
/// # Ok::<(), helm_encoders::Error>(())
/// ```
pub struct Pretrainer {
    pub(super) config: PretrainConfig,
}

impl Pretrainer {
    /// A pretrainer.
    ///
    /// # Errors
    /// [`Error::Config`] if a setting is out of range.
    pub fn new(config: PretrainConfig) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config })
    }

    /// Trains a module by the loss of batches of participants, of whom there are `n`.
    pub(super) fn run<M: Module>(
        &self,
        n: usize,
        module: M,
        loss: impl Fn(&M, &[usize], &mut ChaCha8Rng) -> Tensor<1>,
        observer: &mut dyn FnMut(&PretrainStep),
    ) -> Result<(M, PretrainReport), Error> {
        let config = &self.config;
        if n < 2 {
            let (what, expected) = ("participants to pretrain on".into(), "at least two with a target".into());
            return Err(Error::Input { what, expected, found: n.to_string() });
        }
        // Drawn now, in order, whatever is computed first.
        gradients::initialise(&module);
        // `valid` copies running statistics, which a clone would share with the caller's encoder.
        let mut module = module.valid().train();
        let mut optimizer = AdamWConfig::new().with_weight_decay(config.weight_decay as f32).init();
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        // Batches of two at least: batch norm takes no batch of a single participant.
        let steps_per_epoch = n.div_ceil(config.batch_size).min(n / 2);
        let n_steps = steps_per_epoch * config.epochs;
        let mut report = PretrainReport { steps: 0, epoch_losses: Vec::new() };
        let mut order: Vec<usize> = (0..n).collect();
        for _ in 0..config.epochs {
            order.shuffle(&mut rng);
            let mut losses = 0.0;
            for index in 0..steps_per_epoch {
                let batch = &order[index * n / steps_per_epoch..(index + 1) * n / steps_per_epoch];
                let step = report.steps + 1;
                let of_batch = loss(&module, batch, &mut rng);
                let value = f64::from(of_batch.clone().into_scalar::<f32>());
                let gradients = GradientsParams::from_grads(of_batch.backward(), &module);
                let norm = gradients::norm_squared(&module, &gradients).sqrt();
                for (what, found) in [("loss", value), ("gradient", norm)] {
                    if !found.is_finite() {
                        return Err(Error::NotFinite { step, what: what.into(), found });
                    }
                }
                let rate = learning_rate(config, report.steps, n_steps);
                let scale = (config.max_gradient_norm / norm.max(1e-12)).min(1.0);
                let gradients = gradients::scale(&module, gradients, scale);
                module = optimizer.step(rate, module, gradients);
                report.steps = step;
                losses += value;
                observer(&PretrainStep { step, n_steps, loss: value, learning_rate: rate });
            }
            report.epoch_losses.push(losses / steps_per_epoch as f64);
        }
        Ok((module.valid(), report))
    }
}

/// A straight rise from 0 over the warm-up, then a cosine down to 0.
fn learning_rate(config: &PretrainConfig, step: usize, n_steps: usize) -> f64 {
    let warmup = config.warmup * n_steps as f64;
    let step = step as f64 + 1.0;
    if step <= warmup {
        return config.learning_rate * step / warmup;
    }
    let progress = (step - warmup) / (n_steps as f64 - warmup + 1.0);
    config.learning_rate * 0.5 * (1.0 + (PI * progress).cos())
}
