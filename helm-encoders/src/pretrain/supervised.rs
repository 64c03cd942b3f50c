use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};
use helm_core::Standardizer;

use super::config::{PretrainReport, PretrainStep};
use super::encoders::FeatureEncoder;
use super::run::Pretrainer;
use super::targets::Targets;
use crate::Error;

/// An encoder and the linear head by which it was pretrained.
#[derive(Module, Debug)]
struct WithHead<E: FeatureEncoder> {
    encoder: E,
    head: Linear,
}

/// What supervised pretraining yields: the encoder, and what predicts the targets from its features.
pub struct Supervised<E> {
    /// The encoder, its features trained; its projector is as it was.
    pub encoder: E,
    /// What the run did.
    pub report: PretrainReport,
    head: Linear,
    standardizer: Standardizer,
    are_labels: Vec<bool>,
}

impl Pretrainer {
    /// Trains an encoder's features to tell measures and labels, all at once, through one linear head. Every known
    /// value weighs the same; an unknown one weighs nothing, and a participant without any known value is left out.
    ///
    /// The encoder given stays as it is.
    ///
    /// ```
    /// use helm_encoders::{PretrainConfig, Pretrainer, TabularEncoderConfig, Targets};
    ///
    /// let device = helm_encoders::device("cpu")?;
    /// let encoder = TabularEncoderConfig::new(1, 2, 16).init(&device);
    /// let inputs: Vec<Vec<f32>> = [-1.0, 0.0, 1.0].map(|x| vec![x]).to_vec();
    /// let targets = Targets::new(3)
    ///     .with_measure("fev1", vec![Some(2.0), None, Some(4.0)])?
    ///     .with_label("asthma", vec![Some(true), Some(false), None])?;
    /// let trained =
    ///     Pretrainer::new(PretrainConfig::default())?.supervised(&encoder, &inputs, &targets, &device, &mut |_| {})?;
    /// let predicted = trained.predict(&[&vec![0.5]], &device);
    /// // Litres, and a probability.
    /// assert!(predicted[0][0].is_finite() && (0.0..=1.0).contains(&predicted[0][1]));
    /// # Ok::<(), helm_encoders::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Input`] if there is no target, or not one row of targets for each input, or fewer than two participants
    /// have a known one; [`Error::NotFinite`] if a loss or a gradient is NaN or infinite.
    pub fn supervised<E: FeatureEncoder>(
        &self,
        encoder: &E,
        inputs: &[E::Input],
        targets: &Targets,
        device: &Device,
        observer: &mut dyn FnMut(&PretrainStep),
    ) -> Result<Supervised<E>, Error> {
        let wrong = |expected: String, found: usize| {
            Err(Error::Input { what: "targets".into(), expected, found: found.to_string() })
        };
        if targets.n_participants() != inputs.len() {
            return wrong(format!("those of {} inputs", inputs.len()), targets.n_participants());
        }
        if targets.n_targets() == 0 {
            return wrong("at least one".into(), 0);
        }
        let device = device.clone().without_autodiff();
        let autodiff = device.clone().autodiff();
        let known: Vec<usize> = (0..inputs.len()).filter(|&row| targets.row(row).iter().any(Option::is_some)).collect();
        let standardizer = targets.standardizer()?;
        let are_labels = targets.are_labels();
        crate::gradients::initialise(encoder);
        // Zeros need no random numbers: the run's seed decides all.
        let head = LinearConfig::new(encoder.d_features(), are_labels.len())
            .with_initializer(Initializer::Zeros)
            .init(&device);
        let module = WithHead { encoder: encoder.valid(), head };
        let loss = |module: &WithHead<E>, batch: &[usize], _: &mut _| {
            let rows: Vec<usize> = batch.iter().map(|&place| known[place]).collect();
            let of_batch: Vec<&E::Input> = rows.iter().map(|&row| &inputs[row]).collect();
            let outputs = module.head.forward(module.encoder.features(&of_batch, &autodiff));
            let wanted = Wanted::new(&rows, targets, &standardizer, &are_labels, &autodiff);
            wanted.loss(outputs)
        };
        let (module, report) = self.run(known.len(), module, loss, observer)?;
        Ok(Supervised { encoder: module.encoder, report, head: module.head, standardizer, are_labels })
    }
}

/// The targets of a batch, each `[batch, n_targets]`.
struct Wanted {
    /// Standardised measures, labels as 0 and 1, and 0 for what is unknown.
    values: Tensor<2>,
    /// 1 for a label and 0 for a measure.
    is_label: Tensor<2>,
    /// 1 for what is known.
    weights: Tensor<2>,
}

impl Wanted {
    fn new(rows: &[usize], targets: &Targets, standardizer: &Standardizer, labels: &[bool], device: &Device) -> Self {
        let rows: Vec<Vec<Option<f64>>> = rows.iter().map(|&row| targets.row(row)).collect();
        let shape = [rows.len(), labels.len()];
        let tensor = |of: &dyn Fn(&[Option<f64>]) -> Vec<f64>| {
            let flat: Vec<f32> = rows.iter().flat_map(|row| of(row)).map(|value| value as f32).collect();
            Tensor::<2>::from_data(TensorData::new(flat, shape), device)
        };
        Self {
            values: tensor(&|row| {
                let standardised = standardizer.apply(row);
                let pick = |(i, &value): (usize, &Option<f64>)| {
                    if labels[i] { value.unwrap_or(0.0) } else { standardised[i] }
                };
                row.iter().enumerate().map(pick).collect()
            }),
            is_label: tensor(&|_| labels.iter().map(|&label| f64::from(u8::from(label))).collect()),
            weights: tensor(&|row| row.iter().map(|value| f64::from(u8::from(value.is_some()))).collect()),
        }
    }

    /// The mean over what is known: squared errors of measures, cross-entropies of labels.
    fn loss(self, outputs: Tensor<2>) -> Tensor<1> {
        let squared = (outputs.clone() - self.values.clone()).square();
        // log(1 + exp(z)) − z·y without overflow.
        let softplus = relu(outputs.clone()) + (-outputs.clone().abs()).exp().log1p();
        let cross_entropy = softplus - outputs * self.values;
        let each = squared * (-self.is_label.clone() + 1.0) + cross_entropy * self.is_label;
        (each * self.weights.clone()).sum() / self.weights.sum()
    }
}

impl<E: FeatureEncoder> Supervised<E> {
    /// For each input, the targets in their order: a measure in its own unit, a label as its probability.
    ///
    /// # Panics
    /// If there is no input.
    pub fn predict(&self, inputs: &[&E::Input], device: &Device) -> Vec<Vec<f64>> {
        let device = device.clone().without_autodiff();
        let outputs = self.head.forward(self.encoder.features(inputs, &device));
        let numbers = |tensor: Tensor<2>| tensor.into_data().iter::<f64>().collect::<Vec<_>>();
        let (measures, labels) = (numbers(outputs.clone()), numbers(sigmoid(outputs)));
        let n = self.are_labels.len();
        let (mean, sd) = (self.standardizer.mean(), self.standardizer.sd());
        let pick = |row: usize, i: usize| match self.are_labels[i] {
            true => labels[row * n + i],
            false => mean[i] + sd[i] * measures[row * n + i],
        };
        (0..inputs.len()).map(|row| (0..n).map(|i| pick(row, i)).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two participants, a measure of mean 2 and standard deviation 1, a label that the second lacks.
    #[test]
    fn the_loss_is_the_mean_over_what_is_known() {
        let targets = Targets::new(3)
            .with_measure("a", vec![Some(1.0), Some(3.0), None])
            .and_then(|targets| targets.with_label("b", vec![Some(true), None, Some(false)]))
            .expect("targets");
        let standardizer = targets.standardizer().expect("statistics");
        let device = crate::device("cpu").expect("a device");
        let wanted = Wanted::new(&[0, 1], &targets, &standardizer, &targets.are_labels(), &device);
        let outputs = [[0.5f32, 2.0], [0.25, 1000.0]];
        let loss = wanted.loss(Tensor::from_floats(outputs, &device)).into_scalar::<f32>();
        let expected = ((0.5f32 + 1.0).powi(2) + (0.25f32 - 1.0).powi(2) + (-2.0f32).exp().ln_1p()) / 3.0;
        assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
        // A sure and wrong one doesn't overflow.
        let wanted = Wanted::new(&[2], &targets, &standardizer, &targets.are_labels(), &device);
        let loss = wanted.loss(Tensor::from_floats([[7.0f32, 1000.0]], &device)).into_scalar::<f32>();
        assert_eq!(loss, 1000.0);
    }
}
