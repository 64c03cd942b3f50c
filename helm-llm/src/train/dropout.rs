use std::borrow::Cow;

use helm_encoders::Modality;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::prompt::Prompt;

/// A batch's prompts, in which each input is replaced by its modality's stand-in with some probability.
///
/// The numbers are drawn prompt by prompt, modality by modality, so that a seed decides them.
pub(crate) fn drop_inputs<'a>(
    prompts: impl Iterator<Item = &'a Prompt>,
    modalities: &[Modality],
    probability: f64,
    rng: &mut ChaCha8Rng,
) -> Vec<Cow<'a, Prompt>> {
    prompts
        .map(|prompt| {
            let mut prompt = Cow::Borrowed(prompt);
            for (index, modality) in modalities.iter().enumerate() {
                if probability > 0.0 && prompt.inputs[index].is_some() && rng.random_bool(probability) {
                    prompt.to_mut().inputs[index] = modality.stand_in();
                }
            }
            prompt
        })
        .collect()
}
