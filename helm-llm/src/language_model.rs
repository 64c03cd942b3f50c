use std::fmt;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use serde_json::Value;

use crate::frozen_decoder::existing;
use crate::{ChatTemplate, Error, FrozenDecoder, FrozenModel, Generation, GenerationConfig, Tokenizer};

/// A frozen language model with its tokenizer. Cloning shares both.
///
/// ```no_run
/// use std::path::Path;
///
/// use helm_llm::{GenerationConfig, LanguageModel};
///
/// let device = helm_encoders::device("cpu")?;
/// let model = LanguageModel::load(Path::new("stories260K"), &device)?;
/// for piece in model.generate("Once upon a time", GenerationConfig::default())? {
///     print!("{}", piece?);
/// }
/// # Ok::<(), helm_llm::Error>(())
/// ```
#[derive(Clone)]
pub struct LanguageModel {
    frozen: Arc<dyn FrozenModel>,
    tokenizer: Arc<Tokenizer>,
    end_tokens: Vec<u32>,
    chat_template: Option<ChatTemplate>,
}

impl LanguageModel {
    /// Loads a Hugging Face folder of a decoder of a [known family](crate::DecoderConfig): `config.json`,
    /// `tokenizer.json`, and `model.safetensors` or several files with their index; computes in f32.
    ///
    /// Weights may stay where they are in the mapped files, which must not change while the model lives.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Io`], [`Error::Format`] or [`Error::Weights`] with the file and what is wrong
    /// with it.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, Error> {
        Self::from_decoder(FrozenDecoder::load(folder, device)?, folder)
    }

    /// A decoder that was loaded in another way than [`load`](Self::load) does, for instance with a larger
    /// [cache](FrozenDecoder::with_cache_bytes), with the tokenizer and the settings of its folder.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_decoder(frozen: FrozenDecoder, folder: &Path) -> Result<Self, Error> {
        let tokenizer_path = existing(folder, "tokenizer.json")?;
        let tokenizer = Tokenizer::from_file(&tokenizer_path)?;
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
        let model = Self::new(Arc::new(frozen), Arc::new(tokenizer)).with_end_tokens(end_tokens(folder)?);
        Ok(Self { chat_template: ChatTemplate::from_folder(folder)?, ..model })
    }

    /// A language model from its parts.
    pub fn new(frozen: Arc<dyn FrozenModel>, tokenizer: Arc<Tokenizer>) -> Self {
        Self { frozen, tokenizer, end_tokens: Vec::new(), chat_template: None }
    }

    /// The frozen decoder.
    pub fn frozen(&self) -> &dyn FrozenModel {
        &*self.frozen
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tokens with which the model ends a text: none but those of `generation_config.json` or `config.json`, or of
    /// [`with_end_tokens`](Self::with_end_tokens).
    pub fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    /// Ends replies at these tokens.
    pub fn with_end_tokens(mut self, ids: impl Into<Vec<u32>>) -> Self {
        self.end_tokens = ids.into();
        self
    }

    /// The template of conversations, if the folder has one.
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.chat_template.as_ref()
    }

    /// Writes conversations by this template.
    pub fn with_chat_template(mut self, template: ChatTemplate) -> Self {
        self.chat_template = Some(template);
        self
    }

    /// What the model says after a text, piece by piece.
    ///
    /// # Errors
    /// [`Error::Generation`] if a setting is out of range, [`Error::Tokenizer`] if the tokenizer refuses the text,
    /// [`Error::Prompt`] if there is no token to begin with or the text is longer than the model's positions.
    pub fn generate(&self, text: &str, config: GenerationConfig) -> Result<Generation<'_>, Error> {
        config.check()?;
        let ids = self.prompt_ids(text)?;
        if ids.is_empty() {
            return Err(Error::Prompt { expected: "at least one token".into(), found: "none".into() });
        }
        check_length(ids.len(), self.frozen.n_positions())?;
        let mut state = self.frozen.decode();
        let logits = state.push_tokens(&ids);
        Generation::new(self, state, logits, &ids, config)
    }

    /// The mean negative log-likelihood of a text's tokens after the first, special tokens in front included: the
    /// loss that a language model is trained on.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer refuses the text, [`Error::Prompt`] if it is longer than the model's
    /// positions or shorter than two tokens.
    pub fn mean_loss(&self, text: &str) -> Result<f64, Error> {
        let ids = self.prompt_ids(text)?;
        check_length(ids.len(), self.frozen.n_positions())?;
        if ids.len() < 2 {
            return Err(Error::Prompt { expected: "at least two tokens".into(), found: ids.len().to_string() });
        }
        Ok(self.mean_loss_of(&ids))
    }

    /// The mean negative log-likelihood of tokens after the first, of which there are at least two.
    pub(crate) fn mean_loss_of(&self, ids: &[u32]) -> f64 {
        let logits = self.frozen.next_token_logits(ids);
        let losses = logits.iter().zip(&ids[1..]).map(|(logits, &next)| {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit - most).exp()).sum();
            sum.ln() - f64::from(logits[next as usize] - most)
        });
        losses.sum::<f64>() / (ids.len() - 1) as f64
    }

    pub(crate) fn prompt_ids(&self, text: &str) -> Result<Vec<u32>, Error> {
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

/// The tokens that end a text: one or a list in `generation_config.json`, or else in `config.json`.
fn end_tokens(folder: &Path) -> Result<Vec<u32>, Error> {
    for file in ["generation_config.json", "config.json"] {
        let path = folder.join(file);
        if !path.is_file() {
            continue;
        }
        let text = std::fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let wrong = |found: String| Error::Format {
            path: path.clone(),
            expected: "eos_token_id, a number or a list of numbers".into(),
            found,
        };
        let json: Value = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        match &json["eos_token_id"] {
            Value::Null => {}
            Value::Array(ids) => {
                return ids.iter().map(|value| id(value).ok_or_else(|| wrong("another list".into()))).collect();
            }
            value => return Ok(vec![id(value).ok_or_else(|| wrong("another value".into()))?]),
        }
    }
    Ok(Vec::new())
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
