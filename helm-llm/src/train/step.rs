use burn::tensor::Tensor;
use rayon::prelude::*;

use super::config::TrainConfig;
use super::loss::answer_loss;
use super::sampler::{even_parts, label_weights};
use crate::helm::{Pass, SoftBatch};
use crate::likelihood::{answer_log_likelihoods, take, target_gradients};
use crate::prompt::Prompt;
use crate::soft_gradient::{SoftGradient, gather};
use crate::{Error, FrozenModel, Helm};

/// One step's participants and what its errors need.
pub(super) struct Step<'a> {
    pub(super) config: &'a TrainConfig,
    /// The weights of a control and of a case of each question.
    pub(super) weights: &'a [[f64; 2]],
    /// The step, from 1.
    pub(super) number: usize,
}

impl Step<'_> {
    /// Takes the step; the mean loss of its participants and the gradient's norm before clipping.
    pub(super) fn take(
        &self,
        helm: &mut Helm,
        prompts: &[&Prompt],
        labels: &[&[Option<bool>]],
        learning_rate: f64,
    ) -> Result<(f64, f64), Error> {
        let total_weight = total_weight(labels, self.weights);
        // Parts of two at least: batch norm takes no single example.
        let parts = self.config.micro_batches.min(prompts.len() / 2).max(1);
        let mut loss = 0.0;
        for (prompts, labels) in even_parts(prompts, parts).zip(even_parts(labels, parts)) {
            loss += self.gather_gradients(helm, prompts, labels, total_weight)?;
        }
        let mut norm_squared = 0.0;
        for modality in &helm.modalities {
            let own = modality.gradient_norm_squared();
            if !own.is_finite() {
                return Err(self.not_finite(format!("gradient of {}", modality.slot()), own));
            }
            norm_squared += own;
        }
        let norm = norm_squared.sqrt();
        let scale = (self.config.max_gradient_norm / norm.max(1e-12)).min(1.0);
        helm.modalities.iter_mut().for_each(|modality| modality.step(learning_rate, scale));
        Ok((loss, norm))
    }

    /// Adds some participants' gradients to the modalities'; their share of the step's loss.
    fn gather_gradients(
        &self,
        helm: &mut Helm,
        prompts: &[&Prompt],
        labels: &[&[Option<bool>]],
        total_weight: f64,
    ) -> Result<f64, Error> {
        let soft_batch = SoftBatch::new(prompts, helm.modalities.len());
        let present: Vec<usize> =
            (0..helm.modalities.len()).filter(|&modality| !soft_batch.rows[modality].is_empty()).collect();
        let soft: Vec<Tensor<3>> = present
            .iter()
            .map(|&modality| helm.modalities[modality].forward(&soft_batch.inputs(prompts, modality)))
            .collect();
        for (&modality, soft) in present.iter().zip(&soft) {
            if !soft.clone().is_finite().all().into_scalar::<bool>() {
                return Err(self.not_finite(format!("output of {}", helm.modalities[modality].slot()), f64::NAN));
            }
        }
        let shapes: Vec<[usize; 3]> = soft.iter().map(Tensor::dims).collect();
        let soft = helm.flatten(soft);
        // A small batch is two passes, for two threads; not as many as there are threads, on which results must not
        // depend.
        let per_pass = helm.trees_per_pass.min(prompts.len().div_ceil(2));
        let passes: Vec<Pass<'_>> = helm.passes(prompts, &soft_batch, soft.clone(), per_pass).collect();
        let frozen = helm.model.frozen();
        // Passes run side by side; their sums are taken in their order, so that the threads' number changes nothing.
        let results: Vec<(f64, Option<SoftGradient>)> = passes
            .into_par_iter()
            .enumerate()
            .map(|(index, pass)| {
                let first = index * per_pass;
                let labels = &labels[first..first + pass.trees.len()];
                self.pass_gradient(frozen, pass, labels, total_weight)
            })
            .collect();
        let loss: f64 = results.iter().map(|(loss, _)| loss).sum();
        if !loss.is_finite() {
            return Err(self.not_finite("loss".into(), loss));
        }
        // Participants of whom nobody has any modality teach the encoders nothing.
        let Some(soft) = soft else { return Ok(loss) };
        let gradients = results.into_iter().filter_map(|(_, gradient)| gradient).collect();
        let gradient = gather(gradients, soft.dims()[0]);
        let mut start = 0;
        for (&modality, [rows, n_soft, d_model]) in present.iter().zip(shapes) {
            // [rows * n_soft, d_model] -> [rows, n_soft, d_model]
            let own = gradient.clone().narrow(0, start, rows * n_soft).reshape([rows, n_soft, d_model]);
            start += rows * n_soft;
            helm.modalities[modality].backward(own);
        }
        Ok(loss)
    }

    /// Loss of one pass, as its share of the step's mean, and the gradient of its soft tokens.
    fn pass_gradient(
        &self,
        frozen: &dyn FrozenModel,
        pass: Pass<'_>,
        labels: &[&[Option<bool>]],
        total_weight: f64,
    ) -> (f64, Option<SoftGradient>) {
        let (log_probs, vjp) = match pass.soft {
            Some(soft) => {
                let (log_probs, vjp) = frozen.log_probs_with_vjp(&pass.packed, soft);
                (log_probs, Some(vjp))
            }
            None => {
                let scores = frozen.target_scores(&pass.packed, None);
                (scores.into_iter().map(|score| score.log_prob).collect(), None)
            }
        };
        let mut loss = 0.0;
        let mut gradient = Vec::with_capacity(log_probs.len());
        let mut rest = &log_probs[..];
        for (tree, labels) in pass.trees.iter().zip(labels) {
            let own = take(&mut rest, tree.targets().count());
            let answers = answer_log_likelihoods(tree, own);
            let of_answers: Vec<(f64, f64)> = answers
                .into_iter()
                .zip(labels.iter().zip(self.weights))
                .map(|(answer, (label, weights))| match label {
                    None => (0.0, 0.0),
                    Some(case) => {
                        let weight = weights[usize::from(*case)] / total_weight;
                        let (own, (positive, negative)) = answer_loss(answer, *case, self.config.likelihood_weight);
                        loss += weight * own;
                        (weight * positive, weight * negative)
                    }
                })
                .collect();
            gradient.extend(target_gradients(tree, own, &of_answers));
        }
        (loss, vjp.map(|vjp| SoftGradient { rows: pass.rows, gradient: vjp.apply(&gradient) }))
    }

    fn not_finite(&self, what: String, found: f64) -> Error {
        Error::NotFinite { step: self.number, what, found }
    }
}

/// The sum of the weights of some participants' labels.
pub(super) fn total_weight(labels: &[&[Option<bool>]], weights: &[[f64; 2]]) -> f64 {
    labels.iter().flat_map(|labels| label_weights(labels, weights)).flatten().sum::<f64>().max(f64::MIN_POSITIVE)
}
