use std::fmt;

use burn::tensor::Tensor;
use helm_core::SlotId;
use helm_encoders::ModalityInput;

use crate::helm::SoftBatch;
use crate::likelihood::{AnswerLogLikelihoods, answer_log_likelihoods, take, target_gradients};
use crate::prompt::Prompt;
use crate::soft_gradient::{SoftGradient, gather};
use crate::{Error, Helm};

/// How much each part of a participant's signal moves the log-odds of a question, by integrated gradients
/// (Sundararajan et al. 2017, arXiv 1703.01365): the gradient on a straight path from a baseline to the signal, on
/// average, times the way.
///
/// The values add up to the difference in log-odds between signal and baseline, as far as the path has enough steps:
/// [`completeness_error`](Self::completeness_error) tells. `Debug` shows the size only: values are a participant's.
#[derive(Clone, PartialEq)]
pub struct Attribution {
    /// One number a sample, or a soft token, in log-odds; above 0 it speaks for the outcome.
    pub values: Vec<f64>,
    /// The question's log-odds with the signal.
    pub log_odds: f64,
    /// The question's log-odds with the baseline in its place.
    pub baseline_log_odds: f64,
}

impl Attribution {
    /// By how much the values miss the difference that they explain, in log-odds. More steps make it smaller.
    pub fn completeness_error(&self) -> f64 {
        (self.values.iter().sum::<f64>() - (self.log_odds - self.baseline_log_odds)).abs()
    }
}

impl fmt::Debug for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attribution({} values)", self.values.len())
    }
}

impl Helm {
    /// Attributes a question's log-odds to the samples of the input in a slot, against a baseline of as many samples:
    /// a mean curve, a predicted one, or zeros. `question` counts from 0; 50 `steps` are usual.
    ///
    /// The encoder must say what its samples are ([`ModalityEncoder::samples`](helm_encoders::ModalityEncoder::samples)).
    ///
    /// # Errors
    /// [`Error::Prompt`] if the prompt has no such question or slot, the encoder has no samples, the baseline has
    /// another length, or there is no step; [`Error::RiskNotFinite`] if the log-odds are not finite.
    pub fn attribute_samples(
        &self,
        prompt: &Prompt,
        question: usize,
        slot: &SlotId,
        baseline: &[f32],
        steps: usize,
    ) -> Result<Attribution, Error> {
        let (modality, input) = self.slot_with_input(prompt, question, slot, steps)?;
        let samples = self.modalities[modality].samples(input);
        if samples.is_empty() {
            let (expected, found) = (format!("samples in slot {slot}"), "an encoder that has none".into());
            return Err(Error::Prompt { expected, found });
        }
        if baseline.len() != samples.len() {
            let expected = format!("a baseline of {} samples for slot {slot}", samples.len());
            return Err(Error::Prompt { expected, found: baseline.len().to_string() });
        }
        let path = path(baseline, &samples, steps);
        let graph = self.modalities[modality].encode_samples(input, &path);
        let (log_odds, gradient) = self.log_odds_gradient(prompt, question, modality, graph.soft());
        attribution(question, &graph.gradient(gradient), &log_odds, baseline, &samples, 1)
    }

    /// Attributes a question's log-odds to the soft tokens in a slot, against others in their place: those of another
    /// participant, or a mean, as [`soft_tokens`](Self::soft_tokens) gives them. Zeros are no baseline: a language model
    /// normalises every token, and what it makes of a path that starts at nothing jumps there.
    ///
    /// # Errors
    /// [`Error::Prompt`] if the prompt has no such question or slot, the baseline has not `n_soft * d_model` numbers, or
    /// there is no step; [`Error::RiskNotFinite`] if the log-odds are not finite.
    pub fn attribute_soft_tokens(
        &self,
        prompt: &Prompt,
        question: usize,
        slot: &SlotId,
        baseline: &[f32],
        steps: usize,
    ) -> Result<Attribution, Error> {
        let (modality, input) = self.slot_with_input(prompt, question, slot, steps)?;
        let soft = self.modalities[modality].encode(&[input]);
        let [_, n_soft, d_model] = soft.dims();
        let values = soft.into_data().convert::<f32>().try_into_vec::<f32>().unwrap_or_default();
        if baseline.len() != values.len() {
            let expected = format!("a baseline of {n_soft} × {d_model} numbers for slot {slot}");
            return Err(Error::Prompt { expected, found: baseline.len().to_string() });
        }
        let rows: Vec<f32> = path(baseline, &values, steps).concat();
        // [path, n_soft, d_model]
        let data = burn::tensor::TensorData::new(rows, [steps + 2, n_soft, d_model]);
        let soft = Tensor::<3>::from_data(data, self.model.frozen().device());
        let (log_odds, gradient) = self.log_odds_gradient(prompt, question, modality, soft);
        let flat = gradient.into_data().convert::<f32>().try_into_vec::<f32>().unwrap_or_default();
        let rows: Vec<Vec<f32>> = flat.chunks(values.len()).map(<[f32]>::to_vec).collect();
        attribution(question, &rows, &log_odds, baseline, &values, d_model)
    }

    /// The soft tokens that participants have in a slot, `n_soft * d_model` numbers each, token after token; `None` for
    /// those without the slot. They are what the encoder knows of a participant, for other models to use as well: as
    /// [`helm_core::Cells::Lists`] of a table, `helm_core::write_parquet` (feature `parquet`) writes them.
    ///
    /// # Errors
    /// [`Error::Prompt`] if no modality has the slot.
    pub fn soft_tokens(&self, prompts: &[Prompt], slot: &SlotId) -> Result<Vec<Option<Vec<f32>>>, Error> {
        let modality = self.modality_of(slot)?;
        let mut tokens = Vec::with_capacity(prompts.len());
        for batch in prompts.chunks(self.trees_per_pass) {
            let inputs: Vec<_> = batch.iter().filter_map(|prompt| prompt.inputs[modality].as_ref()).collect();
            let flat = if inputs.is_empty() {
                Vec::new()
            } else {
                let soft = self.modalities[modality].encode(&inputs).into_data().convert::<f32>();
                soft.try_into_vec::<f32>().unwrap_or_default()
            };
            let mut rows = flat.chunks((flat.len() / inputs.len().max(1)).max(1)).map(<[f32]>::to_vec);
            let of_prompt = |prompt: &Prompt| prompt.inputs[modality].as_ref().and_then(|_| rows.next());
            tokens.extend(batch.iter().map(of_prompt));
        }
        Ok(tokens)
    }

    /// The modality of a slot and the prompt's input for it, after what can be checked of a request.
    fn slot_with_input<'a>(
        &self,
        prompt: &'a Prompt,
        question: usize,
        slot: &SlotId,
        steps: usize,
    ) -> Result<(usize, &'a ModalityInput), Error> {
        if question >= prompt.n_questions() {
            let expected = format!("a question from 0 to {}", prompt.n_questions() - 1);
            return Err(Error::Prompt { expected, found: question.to_string() });
        }
        if steps == 0 {
            return Err(Error::Prompt { expected: "at least one step of attribution".into(), found: "0".into() });
        }
        let index = self.modality_of(slot)?;
        let input = prompt.inputs[index].as_ref().ok_or_else(|| unknown_slot(slot))?;
        Ok((index, input))
    }

    fn modality_of(&self, slot: &SlotId) -> Result<usize, Error> {
        self.modalities.iter().position(|modality| modality.slot() == slot).ok_or_else(|| unknown_slot(slot))
    }

    /// A question's log-odds with each of some soft tokens in a slot, and their gradients; all else of the prompt stays.
    ///
    /// # Shapes
    /// - `soft` and the gradient: `[n, n_soft, d_model]`, on the plain device
    fn log_odds_gradient(
        &self,
        prompt: &Prompt,
        question: usize,
        modality: usize,
        soft: Tensor<3>,
    ) -> (Vec<f64>, Tensor<3>) {
        let [n, n_soft, d_model] = soft.dims();
        let prompts = vec![prompt; n];
        let batch = SoftBatch::new(&prompts, self.modalities.len());
        let start = self.soft_starts(&batch)[modality];
        let others = self.modalities.iter().zip(&prompt.inputs).enumerate().filter_map(|(index, (own, input))| {
            let input = input.as_ref()?;
            // [1, n_soft, d_model] -> [n, n_soft, d_model]
            Some(if index == modality { soft.clone() } else { own.encode(&[input]).repeat_dim(0, n) })
        });
        let flat = self.flatten(others.collect());
        let n_rows = flat.as_ref().map_or(0, |flat| flat.dims()[0]);
        let (mut log_odds, mut gradients) = (Vec::with_capacity(n), Vec::new());
        for pass in self.passes(&prompts, &batch, flat, self.trees_per_pass) {
            let Some(soft) = pass.soft else { continue };
            let (log_probs, vjp) = self.model.frozen().log_probs_with_vjp(&pass.packed, soft);
            let mut of_targets = Vec::with_capacity(log_probs.len());
            let mut rest = &log_probs[..];
            for tree in &pass.trees {
                let own = take(&mut rest, tree.targets().count());
                let answers = answer_log_likelihoods(tree, own);
                log_odds.push(AnswerLogLikelihoods::risk(answers[question]).log_odds);
                let mut of_answers = vec![(0.0, 0.0); answers.len()];
                of_answers[question] = (1.0, -1.0);
                of_targets.extend(target_gradients(tree, own, &of_answers));
            }
            gradients.push(SoftGradient { rows: pass.rows, gradient: vjp.apply(&of_targets) });
        }
        let gradient = gather(gradients, n_rows).narrow(0, start, n * n_soft);
        // [n * n_soft, d_model] -> [n, n_soft, d_model]
        (log_odds, gradient.reshape([n, n_soft, d_model]))
    }
}

/// Points on the straight line from the baseline to the input: both ends, then the middles of the steps.
fn path(baseline: &[f32], input: &[f32], steps: usize) -> Vec<Vec<f32>> {
    let at = |share: f32| baseline.iter().zip(input).map(|(base, own)| base + share * (own - base)).collect();
    let middles = (0..steps).map(|step| (step as f32 + 0.5) / steps as f32);
    [0.0, 1.0].into_iter().chain(middles).map(at).collect()
}

/// Sums of the attributions of as many neighbours each, from gradients along the path of [`path`].
fn attribution(
    question: usize,
    gradients: &[Vec<f32>],
    log_odds: &[f64],
    baseline: &[f32],
    input: &[f32],
    neighbours: usize,
) -> Result<Attribution, Error> {
    let steps = &gradients[2..];
    let of_each: Vec<f64> = (0..input.len())
        .map(|index| {
            let mean = steps.iter().map(|gradient| f64::from(gradient[index])).sum::<f64>() / steps.len() as f64;
            mean * f64::from(input[index] - baseline[index])
        })
        .collect();
    let values: Vec<f64> = of_each.chunks(neighbours).map(|own| own.iter().sum()).collect();
    let (baseline_log_odds, log_odds) = (log_odds[0], log_odds[1]);
    if !values.iter().chain([&log_odds, &baseline_log_odds]).all(|value| value.is_finite()) {
        return Err(Error::RiskNotFinite { participant: 1, question: question + 1 });
    }
    Ok(Attribution { values, log_odds, baseline_log_odds })
}

fn unknown_slot(slot: &SlotId) -> Error {
    Error::Prompt { expected: format!("a prompt with an input in slot {slot}"), found: "none".into() }
}
