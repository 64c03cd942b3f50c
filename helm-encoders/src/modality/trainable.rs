use std::any::Any;
use std::path::Path;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use helm_core::Record;

use super::input::ModalityInput;
use super::sample_graph::SampleGraph;
use super::weights::{StandIn, Weights};
use crate::encoder::{InputReader, ModalityEncoder};
use crate::tabular::rows;
use crate::{Error, ModuleAdamW, gradients};

/// What a [`Modality`](super::Modality) needs of an encoder whose type it no longer knows.
pub(super) trait Erased: Send {
    fn n_parameters(&self) -> usize;
    fn read(&self, record: Record<'_>) -> Result<Option<ModalityInput>, Error>;
    fn add_stand_in(&mut self, n_soft: usize, d_model: usize, rms: f64);
    fn has_stand_in(&self) -> bool;
    fn encode(&self, inputs: &[&ModalityInput]) -> Tensor<3>;
    fn samples(&self, input: &ModalityInput) -> Vec<f32>;
    fn encode_samples(&self, input: &ModalityInput, samples: &[Vec<f32>]) -> SampleGraph;
    fn forward(&mut self, inputs: &[&ModalityInput]) -> Tensor<3>;
    fn backward(&mut self, gradient: Tensor<3>);
    fn gradient_norm_squared(&self) -> f64;
    fn start_training(&mut self, optimizer: &AdamWConfig);
    fn step(&mut self, learning_rate: f64, scale: f64);
    fn snapshot(&self) -> Box<dyn Any>;
    fn restore(&mut self, snapshot: &dyn Any);
    fn save(&self, path: &Path) -> Result<(), Error>;
    fn save_snapshot(&self, snapshot: &dyn Any, path: &Path) -> Result<(), Error>;
    fn load_snapshot(&self, path: &Path) -> Result<Box<dyn Any>, Error>;
    fn save_optimizer(&self, path: &Path) -> Result<(), Error>;
    fn load_optimizer(&mut self, path: &Path) -> Result<(), Error>;
}

/// An encoder in training, its type known.
pub(super) struct Trainable<E: ModalityEncoder, R> {
    /// On the autodiff device; `None` only inside `step`, where the optimiser takes it.
    weights: Option<Weights<E>>,
    reader: R,
    optimizer: ModuleAdamW,
    /// The plain device.
    device: Device,
    /// The last forward pass' soft tokens with their graph.
    output: Option<Tensor<3>>,
    gradients: Option<GradientsParams>,
}

impl<E: ModalityEncoder, R> Trainable<E, R> {
    pub(super) fn new(encoder: E, reader: R, device: Device) -> Self {
        Self {
            weights: Some(Weights { encoder, stand_in: None }.train()),
            reader,
            optimizer: ModuleAdamW::new(&AdamWConfig::new()),
            device,
            output: None,
            gradients: None,
        }
    }

    fn weights(&self) -> &Weights<E> {
        self.weights.as_ref().expect("the weights are away only inside step")
    }

    fn replace(&mut self, weights: Weights<E>) {
        self.weights = Some(weights.train());
        self.output = None;
        self.gradients = None;
    }
}

impl<E, R> Erased for Trainable<E, R>
where
    E: ModalityEncoder,
    R: InputReader<Input = E::Input>,
{
    fn n_parameters(&self) -> usize {
        gradients::n_trainable(self.weights())
    }

    fn read(&self, record: Record<'_>) -> Result<Option<ModalityInput>, Error> {
        let Some(input) = self.reader.read(record)? else { return Ok(None) };
        self.weights().encoder.check_input(&input)?;
        Ok(Some(ModalityInput::new(input)))
    }

    fn add_stand_in(&mut self, n_soft: usize, d_model: usize, rms: f64) {
        let stand_in = StandIn::init(n_soft, d_model, rms, &self.device);
        gradients::initialise(&stand_in);
        let mut weights = self.weights().valid();
        weights.stand_in = Some(stand_in);
        self.replace(weights);
    }

    fn has_stand_in(&self) -> bool {
        self.weights().stand_in.is_some()
    }

    fn encode(&self, inputs: &[&ModalityInput]) -> Tensor<3> {
        self.weights().valid().encode(inputs, &self.device)
    }

    fn samples(&self, input: &ModalityInput) -> Vec<f32> {
        input.get::<E::Input>().map_or_else(Vec::new, |input| self.weights().encoder.samples(input).to_vec())
    }

    fn encode_samples(&self, input: &ModalityInput, samples: &[Vec<f32>]) -> SampleGraph {
        let input = input.get::<E::Input>().expect("an input that has samples");
        let samples = rows(samples.iter().map(Vec::as_slice), &self.device.clone().autodiff()).require_grad();
        // As in scoring, on the device of training: nothing of the encoder is trained, its statistics stand still.
        let encoder = self.weights().encoder.valid().train().freeze();
        let soft = encoder.encode_samples(input, samples.clone()).into_tensor();
        SampleGraph { samples, soft }
    }

    fn forward(&mut self, inputs: &[&ModalityInput]) -> Tensor<3> {
        let device = self.device.clone().autodiff();
        let soft = self.weights().encode(inputs, &device);
        self.output = Some(soft.clone());
        soft.inner()
    }

    fn backward(&mut self, gradient: Tensor<3>) {
        let soft = self.output.take().expect("forward comes before backward");
        assert_eq!(soft.dims(), gradient.dims(), "the gradient has the shape of the soft tokens");
        if !soft.is_tracked() {
            // Everything that made them is frozen.
            return;
        }
        // d(Σ soft · g) / d weights is the vector–Jacobian product of the encoder with g.
        let graph = (soft * Tensor::from_inner(gradient)).sum();
        let new = GradientsParams::from_grads(graph.backward(), self.weights());
        self.gradients = Some(match self.gradients.take() {
            None => new,
            Some(old) => {
                let mut sum = GradientsAccumulator::new();
                sum.accumulate(self.weights(), old);
                sum.accumulate(self.weights(), new);
                sum.grads()
            }
        });
    }

    fn gradient_norm_squared(&self) -> f64 {
        self.gradients.as_ref().map_or(0.0, |gradients| gradients::norm_squared(self.weights(), gradients))
    }

    fn start_training(&mut self, optimizer: &AdamWConfig) {
        self.optimizer = ModuleAdamW::new(optimizer);
        self.gradients = None;
        self.output = None;
    }

    fn step(&mut self, learning_rate: f64, scale: f64) {
        // Without a gradient (nobody of the batch has the modality, or all is frozen) the weights stay where they are.
        let Some(gradients) = self.gradients.take() else { return };
        if let Some(weights) = self.weights.take() {
            let gradients = gradients::scale(&weights, gradients, scale);
            self.weights = Some(self.optimizer.step(learning_rate, weights, gradients));
        }
    }

    fn snapshot(&self) -> Box<dyn Any> {
        // `valid` copies the batch norms' running statistics; a clone would share them.
        Box::new(self.weights().valid())
    }

    fn restore(&mut self, snapshot: &dyn Any) {
        let weights: &Weights<E> = snapshot.downcast_ref().expect("a snapshot of this modality");
        self.replace(weights.valid());
    }

    fn save(&self, path: &Path) -> Result<(), Error> {
        self.weights().save(path)
    }

    fn save_snapshot(&self, snapshot: &dyn Any, path: &Path) -> Result<(), Error> {
        let weights: &Weights<E> = snapshot.downcast_ref().expect("a snapshot of this modality");
        weights.save(path)
    }

    fn load_snapshot(&self, path: &Path) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(self.weights().loaded(path)?))
    }

    fn save_optimizer(&self, path: &Path) -> Result<(), Error> {
        self.optimizer.save(path)
    }

    fn load_optimizer(&mut self, path: &Path) -> Result<(), Error> {
        let weights = self.weights.as_ref().expect("the weights are away only inside step");
        self.optimizer.load(weights, path, &self.device)
    }
}
