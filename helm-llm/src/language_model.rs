use std::fmt;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;

use crate::frozen_decoder::existing;
use crate::{Error, FrozenDecoder, FrozenModel, Tokenizer};

/// A frozen language model with its tokenizer. Cloning shares both.
///
/// ```no_run
/// use std::path::Path;
///
/// use helm_llm::LanguageModel;
///
/// let device = helm_encoders::device("cpu")?;
/// let model = LanguageModel::load(Path::new("stories260K"), &device)?;
/// println!("{}", model.continue_greedily("Once upon a time", 20)?);
/// # Ok::<(), helm_llm::Error>(())
/// ```
#[derive(Clone)]
pub struct LanguageModel {
    frozen: Arc<dyn FrozenModel>,
    tokenizer: Arc<Tokenizer>,
}

impl LanguageModel {
    /// Loads a Hugging Face folder: `config.json`, `model.safetensors` and `tokenizer.json` of a Llama decoder.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Io`], [`Error::Format`] or [`Error::Weights`] with the file and what is wrong
    /// with it.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, Error> {
        let tokenizer_path = existing(folder, "tokenizer.json")?;
        let tokenizer = Tokenizer::from_file(&tokenizer_path)?;
        let frozen = FrozenDecoder::load(folder, device)?;
        let n_vocab = frozen.config().n_vocab;
        match tokenizer.max_id() {
            Some(most) if (most as usize) < n_vocab => {}
            most => {
                return Err(Error::Format {
                    path: tokenizer_path,
                    expected: format!("ids below the model's {n_vocab}"),
                    found: most.map_or("no token".into(), |most| most.to_string()),
                });
            }
        }
        Ok(Self::new(Arc::new(frozen), Arc::new(tokenizer)))
    }

    /// A language model from its parts.
    pub fn new(frozen: Arc<dyn FrozenModel>, tokenizer: Arc<Tokenizer>) -> Self {
        Self { frozen, tokenizer }
    }

    /// The frozen decoder.
    pub fn frozen(&self) -> &dyn FrozenModel {
        &*self.frozen
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The text that the model finds most likely, token by token, to follow another: at most `n_tokens` of them.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer refuses the text, [`Error::Prompt`] if it is too long for the model.
    pub fn continue_greedily(&self, text: &str, n_tokens: usize) -> Result<String, Error> {
        let mut ids = self.prompt_ids(text)?;
        let n_prompt = ids.len();
        check_length(ids.len() + n_tokens, self.frozen.n_positions())?;
        for _ in 0..n_tokens {
            let logits = self.frozen.next_token_logits(&ids);
            let last =
                logits.last().ok_or_else(|| Error::Prompt { expected: "a text".into(), found: "none".into() })?;
            let best = last.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(id, _)| id);
            ids.push(best as u32);
        }
        // Decoded together, so that the seam keeps its blank.
        let prompt = self.tokenizer.decode(&ids[..n_prompt])?;
        let whole = self.tokenizer.decode(&ids)?;
        Ok(whole.strip_prefix(&prompt).unwrap_or(&whole).to_owned())
    }

    /// The mean negative log-likelihood of a text's tokens after the first, special tokens in front included: the
    /// loss that a language model is trained on.
    ///
    /// # Errors
    /// As [`continue_greedily`](Self::continue_greedily).
    pub fn mean_loss(&self, text: &str) -> Result<f64, Error> {
        let ids = self.prompt_ids(text)?;
        check_length(ids.len(), self.frozen.n_positions())?;
        if ids.len() < 2 {
            return Err(Error::Prompt { expected: "at least two tokens".into(), found: ids.len().to_string() });
        }
        let logits = self.frozen.next_token_logits(&ids);
        let losses = logits.iter().zip(&ids[1..]).map(|(logits, &next)| {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit - most).exp()).sum();
            sum.ln() - f64::from(logits[next as usize] - most)
        });
        Ok(losses.sum::<f64>() / (ids.len() - 1) as f64)
    }

    fn prompt_ids(&self, text: &str) -> Result<Vec<u32>, Error> {
        let mut ids = self.tokenizer.start().to_vec();
        ids.extend(self.tokenizer.encode(text)?);
        Ok(ids)
    }
}

impl fmt::Debug for LanguageModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LanguageModel(d_model {}, {:?})", self.frozen.d_model(), self.tokenizer)
    }
}

/// Checks a prompt's length against the model's.
pub(crate) fn check_length(length: usize, n_positions: usize) -> Result<(), Error> {
    if length <= n_positions {
        return Ok(());
    }
    Err(Error::Prompt {
        expected: format!("at most {n_positions} tokens, the model's positions"),
        found: length.to_string(),
    })
}
