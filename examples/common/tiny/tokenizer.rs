use std::path::Path;

use helm_llm::WeightedText;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer, TokenizerBuilder, TokenizerImpl};

use super::Text;
use crate::Failure;

/// Begins every text.
const START: &str = "<s>";
/// Ends a turn of a conversation, and a text.
pub const END: &str = "<|end|>";
const SPECIAL: [&str; 5] = [START, END, "<|system|>", "<|user|>", "<|assistant|>"];

/// How the model wants conversations written.
pub const CHAT_TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\
    {{ message['content'] }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

/// The embedded model's tokenizer: byte-level BPE in which every digit is a token of its own, so that numbers are read
/// digit by digit.
pub struct TinyTokenizer(Tokenizer);

impl TinyTokenizer {
    /// Learns merges from texts.
    ///
    /// # Errors
    /// If the texts teach none.
    pub fn train(texts: impl Iterator<Item = String> + Send, n_vocab: usize) -> Result<Self, Failure> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Failure::new(error);
        let special: Vec<AddedToken> = SPECIAL.iter().map(|token| AddedToken::from(*token, true)).collect();
        let byte_level = ByteLevel::new(false, true, true);
        let split = Sequence::new(vec![
            PreTokenizerWrapper::Digits(Digits::new(true)),
            PreTokenizerWrapper::ByteLevel(byte_level),
        ]);
        let start = TemplateProcessing::builder()
            .try_single(format!("{START} $A"))
            .map_err(Failure::new)?
            .special_tokens(vec![(START, 0)])
            .build()
            .map_err(Failure::new)?;
        let mut tokenizer: TokenizerImpl<BPE, tokenizers::NormalizerWrapper, Sequence, TemplateProcessing, ByteLevel> =
            TokenizerBuilder::new()
                .with_model(BPE::default())
                .with_normalizer(None)
                .with_pre_tokenizer(Some(split))
                .with_post_processor(Some(start))
                .with_decoder(Some(byte_level))
                .build()
                .map_err(failed)?;
        let mut trainer = BpeTrainerBuilder::new()
            .vocab_size(n_vocab)
            .min_frequency(2)
            .show_progress(false)
            .special_tokens(special.clone())
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        tokenizer.train(&mut trainer, texts).map_err(failed)?;
        tokenizer.add_special_tokens(special).map_err(failed)?;
        let json = serde_json::to_string(&tokenizer)?;
        Self::parse(&json)
    }

    /// Reads a tokenizer that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file can't be read, or is none.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?)
    }

    fn parse(json: &str) -> Result<Self, Failure> {
        Ok(Self(json.parse().map_err(|error: Box<dyn std::error::Error + Send + Sync>| Failure::new(error))?))
    }

    /// Writes it as Hugging Face's `tokenizer.json`.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        self.0.save(path, true).map_err(Failure::new)
    }

    /// Tokens.
    pub fn n_vocab(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    /// A text's tokens, the start in front, cut off at a length; each weighs what its last byte does.
    ///
    /// # Errors
    /// If the tokenizer refuses the text.
    pub fn weighted(&self, text: &Text, most: usize) -> Result<WeightedText, Failure> {
        let encoding = self.0.encode(text.whole(), true).map_err(Failure::new)?;
        let weights = encoding.get_offsets().iter().map(|&(_, end)| text.weight_at(end.saturating_sub(1)));
        let mut weighted = WeightedText { ids: encoding.get_ids().to_vec(), weights: weights.collect() };
        weighted.ids.truncate(most);
        weighted.weights.truncate(most);
        Ok(weighted)
    }
}
