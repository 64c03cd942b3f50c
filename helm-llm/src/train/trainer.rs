use std::borrow::Cow;
use std::time::Instant;

use burn::optim::AdamWConfig;
use burn::tensor::Tensor;
use helm_encoders::{Modality, ModalitySnapshot};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;

use super::checkpoint::{self, State};
use super::config::{Imbalance, TrainConfig};
use super::dropout::drop_inputs;
use super::examples::{Examples, Validation};
use super::loss::answer_loss;
use super::observer::{StepReport, TrainObserver, ValidationReport};
use super::sampler::{class_weights, epoch_order};
use super::schedule::learning_rate;
use crate::helm::{Pass, Prompt, SoftBatch};
use crate::likelihood::{answer_log_likelihoods, target_gradients};
use crate::soft_gradient::{SoftGradient, gather};
use crate::{Error, FrozenModel, Helm};

/// Trains the encoders of a [`Helm`] by gradients through its frozen language model.
///
/// The language model is not in the autodiff graph: for each batch, the encoders make soft tokens, the language model
/// yields the loss and its gradient with respect to them, and the encoders take over from there. AdamW, warm-up and
/// cosine, clipping of the gradient of all encoders together.
///
/// ```no_run
/// # fn example(mut helm: helm_llm::Helm, train: helm_llm::Examples, validation: helm_llm::Examples)
/// # -> Result<(), helm_llm::Error> {
/// use helm_llm::{TrainConfig, Trainer};
///
/// let mut config = TrainConfig::default();
/// config.epochs = 4;
/// let report = Trainer::new(config)?.with_validation(validation).fit(&mut helm, &train, &mut ())?;
/// println!("best epoch {:?}, loss {:.3}", report.best_epoch, report.last_loss);
/// # Ok(())
/// # }
/// ```
pub struct Trainer<'a> {
    config: TrainConfig,
    validation: Option<Examples>,
    metric: Box<dyn Fn(&Validation) -> f64 + 'a>,
}

/// What a training run did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainReport {
    /// Steps taken.
    pub steps: usize,
    /// The mean loss of the last epoch's batches.
    pub last_loss: f64,
    /// The epoch, from 1, whose weights the model has now; `None` without validation: the last.
    pub best_epoch: Option<usize>,
    /// The validation metric of that epoch.
    pub best_metric: Option<f64>,
}

impl<'a> Trainer<'a> {
    /// A trainer.
    ///
    /// # Errors
    /// [`Error::Training`] if a setting is out of range.
    pub fn new(config: TrainConfig) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config, validation: None, metric: Box::new(|validation| -validation.loss) })
    }

    /// Validates after each epoch, and returns to the best epoch's weights in the end.
    pub fn with_validation(mut self, validation: Examples) -> Self {
        self.validation = Some(validation);
        self
    }

    /// Judges a validation by this metric, of which a larger one is better; by default, by the loss with its sign
    /// turned.
    pub fn with_metric(mut self, metric: impl Fn(&Validation) -> f64 + 'a) -> Self {
        self.metric = Box::new(metric);
        self
    }

    /// Trains the encoders.
    ///
    /// # Errors
    /// [`Error::Training`] if there are fewer than two examples, no modality, one without a stand-in whose inputs are to be dropped, a question whose labels are all of one
    /// class, no validation example where validation or patience is asked for, or a slot that can't name a checkpoint's
    /// file; [`Error::NotFinite`] if soft tokens, a loss, a gradient or a validation metric is NaN or infinite: the
    /// encoders then have their last good weights; [`Error::Io`] or [`Error::Encoder`] if a checkpoint can't be written.
    pub fn fit(
        &self,
        helm: &mut Helm,
        train: &Examples,
        observer: &mut dyn TrainObserver,
    ) -> Result<TrainReport, Error> {
        let config = &self.config;
        self.check(helm, train)?;
        let adamw = AdamWConfig::new().with_weight_decay(config.weight_decay as f32);
        helm.modalities.iter_mut().for_each(|modality| modality.start_training(&adamw));
        let weights = match config.imbalance {
            Imbalance::Weights => class_weights(train),
            Imbalance::None | Imbalance::Sampling => vec![[1.0; 2]; train.n_questions()],
        };
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        // A stream of its own, so that the order of the participants is the same with and without.
        let mut dropout_rng = ChaCha8Rng::seed_from_u64(config.seed);
        dropout_rng.set_stream(1);
        // Batches of two at least: batch norm takes no batch of a single example.
        let steps_per_epoch = train.len().div_ceil(config.batch_size).min(train.len() / 2);
        let n_steps = steps_per_epoch * config.epochs;
        let begin = Instant::now();
        let mut report = TrainReport { steps: 0, last_loss: f64::NAN, best_epoch: None, best_metric: None };
        let mut best: Option<Vec<ModalitySnapshot>> = None;
        let mut seen = 0;
        for epoch in 1..=config.epochs {
            let order = epoch_order(train, config.imbalance, &mut rng);
            let mut losses = 0.0;
            for batch in even_batches(&order, steps_per_epoch) {
                let rate = learning_rate(config.learning_rate, config.warmup, report.steps, n_steps);
                // A step that fails has moved batch norms' running statistics already.
                let before: Vec<_> = helm.modalities.iter().map(Modality::snapshot).collect();
                let whole = batch.iter().map(|&example| &train.prompts()[example]);
                let prompts = drop_inputs(whole, helm.modalities(), config.modality_dropout, &mut dropout_rng);
                let prompts: Vec<&Prompt> = prompts.iter().map(Cow::as_ref).collect();
                let labels: Vec<_> = batch.iter().map(|&example| train.labels()[example].as_slice()).collect();
                let step = self.step(helm, &prompts, &labels, &weights, rate, report.steps + 1);
                let (loss, gradient_norm) = step.inspect_err(|_| restore(helm, &before))?;
                report.steps += 1;
                losses += loss;
                seen += batch.len();
                observer.step(&StepReport {
                    step: report.steps,
                    n_steps,
                    loss,
                    learning_rate: rate,
                    gradient_norm,
                    participants_per_second: seen as f64 / begin.elapsed().as_secs_f64(),
                });
            }
            report.last_loss = losses / steps_per_epoch as f64;
            let mut metric = -report.last_loss;
            if let Some(validation) = &self.validation {
                let found = validate(helm, validation, &weights, config.likelihood_weight);
                metric = (self.metric)(&found);
                if !metric.is_finite() {
                    best.iter().for_each(|best| restore(helm, best));
                    let what = "validation metric".into();
                    return Err(Error::NotFinite { step: report.steps, what, found: metric });
                }
                let better = report.best_metric.is_none_or(|best| metric > best);
                if better {
                    report.best_metric = Some(metric);
                    report.best_epoch = Some(epoch);
                    best = Some(helm.modalities.iter().map(|modality| modality.snapshot()).collect::<Vec<_>>());
                }
                observer.validated(&ValidationReport { epoch, loss: found.loss, metric, best: better });
            }
            if let Some(folder) = &config.checkpoints {
                let language_model_sha256 = helm.model.frozen().weights_sha256();
                let state = State { step: report.steps, epoch, metric, language_model_sha256 };
                checkpoint::write(folder, &helm.modalities, &state)?;
            }
            if config.patience > 0 && report.best_epoch.is_some_and(|best| epoch - best >= config.patience) {
                break;
            }
        }
        if let Some(best) = best {
            restore(helm, &best);
        }
        Ok(report)
    }

    fn check(&self, helm: &Helm, train: &Examples) -> Result<(), Error> {
        let wrong = |expected: &str, found: String| Err(Error::Training { expected: expected.into(), found });
        if helm.modalities.is_empty() {
            return wrong("at least one modality or a soft prompt to train", "none".into());
        }
        if self.config.modality_dropout > 0.0
            && let Some(without) = helm.modalities().iter().find(|modality| modality.stand_in().is_none())
        {
            let found = format!("none in slot {}", without.slot());
            return wrong("a stand-in for every modality whose inputs are dropped", found);
        }
        for examples in self.validation.iter().chain([train]) {
            helm.check_prompts(examples.prompts())?;
        }
        if train.len() < 2 {
            return wrong("at least two examples with a label", train.len().to_string());
        }
        if let Some(validation) = self.validation.as_ref().filter(|other| other.n_questions() != train.n_questions()) {
            let expected = format!("validation examples with {} questions", train.n_questions());
            return wrong(&expected, validation.n_questions().to_string());
        }
        if self.validation.as_ref().is_some_and(Examples::is_empty) {
            return wrong("validation examples with a label", "none".into());
        }
        if self.config.patience > 0 && self.validation.is_none() {
            return wrong("validation examples to be patient with", "none".into());
        }
        if self.config.checkpoints.is_some() {
            // They name the checkpoints' files.
            let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if let Some(modality) = helm.modalities.iter().find(|modality| !plain(modality.slot().as_str())) {
                let found = format!("slot {:?}", modality.slot().as_str());
                return wrong("slots named by letters, digits, - and _ where checkpoints are written", found);
            }
        }
        for question in 0..train.n_questions() {
            let [controls, cases] = train.counts(question);
            if controls == 0 || cases == 0 {
                let expected = format!("cases and controls for question {}", question + 1);
                return wrong(&expected, format!("{cases} cases and {controls} controls"));
            }
        }
        Ok(())
    }

    /// One step; the batch's mean loss and the gradient's norm before clipping.
    fn step(
        &self,
        helm: &mut Helm,
        prompts: &[&Prompt],
        labels: &[&[Option<bool>]],
        weights: &[[f64; 2]],
        rate: f64,
        step: usize,
    ) -> Result<(f64, f64), Error> {
        let soft_batch = SoftBatch::new(prompts, helm.modalities.len());
        let present: Vec<usize> =
            (0..helm.modalities.len()).filter(|&modality| !soft_batch.rows[modality].is_empty()).collect();
        let soft: Vec<Tensor<3>> = present
            .iter()
            .map(|&modality| helm.modalities[modality].forward(&soft_batch.inputs(prompts, modality)))
            .collect();
        for (&modality, soft) in present.iter().zip(&soft) {
            if !soft.clone().is_finite().all().into_scalar::<bool>() {
                let what = format!("output of {}", helm.modalities[modality].slot());
                return Err(Error::NotFinite { step, what, found: f64::NAN });
            }
        }
        let shapes: Vec<[usize; 3]> = soft.iter().map(Tensor::dims).collect();
        // A batch in which nobody has any modality teaches the encoders nothing.
        let Some(soft) = helm.flatten(soft) else { return Ok((0.0, 0.0)) };

        let total_weight = total_weight(labels, weights);
        let passes: Vec<Pass<'_>> = helm.passes(prompts, &soft_batch, Some(soft.clone())).collect();
        let per_pass = helm.trees_per_pass;
        let frozen = helm.model.frozen();
        let likelihood_weight = self.config.likelihood_weight;
        // Passes run side by side; their sums are taken in their order, so that the threads' number changes nothing.
        let results: Vec<(f64, Option<SoftGradient>)> = passes
            .into_par_iter()
            .enumerate()
            .map(|(index, pass)| {
                let first = index * per_pass;
                let labels = &labels[first..first + pass.trees.len()];
                pass_gradient(frozen, pass, labels, weights, total_weight, likelihood_weight)
            })
            .collect();
        let loss: f64 = results.iter().map(|(loss, _)| loss).sum();
        if !loss.is_finite() {
            return Err(Error::NotFinite { step, what: "loss".into(), found: loss });
        }
        let gradients = results.into_iter().filter_map(|(_, gradient)| gradient).collect();
        let gradient = gather(gradients, soft.dims()[0]);
        let mut start = 0;
        for (&modality, [rows, n_soft, d_model]) in present.iter().zip(shapes) {
            // [rows * n_soft, d_model] -> [rows, n_soft, d_model]
            let own = gradient.clone().narrow(0, start, rows * n_soft).reshape([rows, n_soft, d_model]);
            start += rows * n_soft;
            helm.modalities[modality].backward(own);
        }
        let mut norm_squared = 0.0;
        for modality in &helm.modalities {
            let own = modality.gradient_norm_squared();
            if !own.is_finite() {
                let what = format!("gradient of {}", modality.slot());
                return Err(Error::NotFinite { step, what, found: own });
            }
            norm_squared += own;
        }
        let norm = norm_squared.sqrt();
        let scale = (self.config.max_gradient_norm / norm.max(1e-12)).min(1.0);
        helm.modalities.iter_mut().for_each(|modality| modality.step(rate, scale));
        Ok((loss, norm))
    }
}

/// Loss of one pass, as its share of the batch's mean, and the gradient of its soft tokens.
fn pass_gradient(
    frozen: &dyn FrozenModel,
    pass: Pass<'_>,
    labels: &[&[Option<bool>]],
    weights: &[[f64; 2]],
    total_weight: f64,
    likelihood_weight: f64,
) -> (f64, Option<SoftGradient>) {
    let (log_probs, vjp) = match pass.soft {
        Some(soft) => {
            let (log_probs, vjp) = frozen.log_probs_with_vjp(&pass.packed, soft);
            (log_probs, Some(vjp))
        }
        None => (frozen.log_probs(&pass.packed, None), None),
    };
    let mut loss = 0.0;
    let mut gradient = Vec::with_capacity(log_probs.len());
    let mut rest = &log_probs[..];
    for (tree, labels) in pass.trees.iter().zip(labels) {
        let (own, others) = rest.split_at(tree.targets().count());
        rest = others;
        let answers = answer_log_likelihoods(tree, own);
        let of_answers: Vec<(f64, f64)> = answers
            .into_iter()
            .zip(labels.iter().zip(weights))
            .map(|(answer, (label, weights))| match label {
                None => (0.0, 0.0),
                Some(case) => {
                    let weight = weights[usize::from(*case)] / total_weight;
                    let (own, (positive, negative)) = answer_loss(answer, *case, likelihood_weight);
                    loss += weight * own;
                    (weight * positive, weight * negative)
                }
            })
            .collect();
        gradient.extend(target_gradients(tree, own, &of_answers));
    }
    (loss, vjp.map(|vjp| SoftGradient { rows: pass.rows, gradient: vjp.apply(&gradient) }))
}

fn total_weight(labels: &[&[Option<bool>]], weights: &[[f64; 2]]) -> f64 {
    labels
        .iter()
        .flat_map(|labels| super::sampler::label_weights(labels, weights))
        .flatten()
        .sum::<f64>()
        .max(f64::MIN_POSITIVE)
}

/// Returns to earlier weights.
fn restore(helm: &mut Helm, snapshots: &[ModalitySnapshot]) {
    helm.modalities.iter_mut().zip(snapshots).for_each(|(modality, snapshot)| modality.restore(snapshot));
}

/// An epoch's order in batches whose sizes differ by one at most.
fn even_batches(order: &[usize], n: usize) -> impl Iterator<Item = &[usize]> {
    (0..n).map(move |i| &order[i * order.len() / n..(i + 1) * order.len() / n])
}

fn validate(helm: &Helm, examples: &Examples, weights: &[[f64; 2]], likelihood_weight: f64) -> Validation {
    let mut loss = 0.0;
    let mut questions = vec![(Vec::new(), Vec::new()); examples.n_questions()];
    let labels: Vec<&[Option<bool>]> = examples.labels().iter().map(Vec::as_slice).collect();
    let total = total_weight(&labels, weights);
    let batch = helm.trees_per_pass * rayon::current_num_threads().max(1);
    for (prompts, labels) in examples.prompts().chunks(batch).zip(labels.chunks(batch)) {
        let answers = helm.answers(&prompts.iter().collect::<Vec<_>>());
        for (answers, labels) in answers.into_iter().zip(labels) {
            for (question, (answer, label)) in answers.into_iter().zip(labels.iter()).enumerate() {
                let Some(case) = *label else { continue };
                loss += weights[question][usize::from(case)] / total * answer_loss(answer, case, likelihood_weight).0;
                questions[question].0.push(answer.risk().log_odds);
                questions[question].1.push(case);
            }
        }
    }
    Validation { loss, questions }
}
