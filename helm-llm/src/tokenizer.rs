use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Error;

/// A text with known ends of token, put in front of a continuation and cut off again.
const SENTINELS: [&str; 4] = ["\n", "\u{1}", ".", "a"];

/// A model's tokenizer, as `tokenizer.json` of a Hugging Face folder describes it.
///
/// Text is data: what spells a special token (`</s>`) is encoded as plain text. Special tokens are added once, in
/// front of a whole prompt.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The special tokens in front of every prompt.
    start: Vec<u32>,
    /// Whether the tokenizer puts a blank in front of every text (SentencePiece's dummy prefix).
    adds_prefix: bool,
    /// Whether it does so behind a special token, too.
    adds_prefix_after_special: bool,
    /// The special tokens that a template may spell.
    special_tokens: Vec<Special>,
    /// Of the file.
    sha256: String,
}

/// A special token.
#[derive(Clone, Debug)]
pub(crate) struct Special {
    pub(crate) id: u32,
    pub(crate) text: String,
    /// Whether it takes the blanks in front of it with it.
    pub(crate) strips_left: bool,
    /// Whether it takes the blanks behind it with it.
    pub(crate) strips_right: bool,
}

/// Decodes ids one by one, each with those before it, since its text may depend on them.
pub(crate) struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    ids: Vec<u32>,
    /// Bytes of their text that were handed out, or stood before the first id of the stream.
    given: usize,
}

impl TextStream<'_> {
    /// The ids whose text is kept in front of the next one's.
    const SEAM: usize = 8;

    /// The text that a token completes; a character that is not whole yet waits for its other bytes.
    pub(crate) fn step(&mut self, id: u32) -> Result<String, Error> {
        self.ids.push(id);
        let text = self.tokenizer.decode(&self.ids)?;
        // What is no text yet is decoded as replacement characters.
        let whole = text.trim_end_matches('\u{fffd}').len();
        let piece = text.get(self.given..whole).unwrap_or_default().to_owned();
        self.given += piece.len();
        if self.ids.len() > 8 * Self::SEAM && whole == text.len() {
            self.ids.drain(..self.ids.len() - Self::SEAM);
            self.given = self.tokenizer.decode(&self.ids)?.len();
        }
        Ok(piece)
    }

    /// The text that is left at the end: bytes that no character has.
    pub(crate) fn rest(&self) -> Result<String, Error> {
        Ok(self.tokenizer.decode(&self.ids)?.get(self.given..).unwrap_or_default().to_owned())
    }
}

/// A token of a text, and the byte of the text at which it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: u32,
    pub(crate) end: usize,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`] if the file can't be read or is no tokenizer.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let wrong =
            |expected: &str, found: String| Error::Format { path: path.into(), expected: expected.into(), found };
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes)
            .map_err(|error| wrong("a tokenizer of the tokenizers library", error.to_string()))?;
        let json: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|error| wrong("a JSON object", error.to_string()))?;
        check_template(&json["post_processor"]).map_err(|found| wrong("a template of declared tokens", found))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(refused)?;
        let mut special_tokens: Vec<Special> = inner
            .get_added_tokens_decoder()
            .iter()
            .filter(|(_, token)| token.special && !token.content.is_empty())
            .map(|(&id, token)| Special {
                id,
                text: token.content.clone(),
                strips_left: token.lstrip,
                strips_right: token.rstrip,
            })
            .collect();
        // Of several that a text spells, the longest.
        special_tokens.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then(a.id.cmp(&b.id)));
        let behind_special = match special_tokens.first() {
            Some(token) => inner.encode(format!("{}a", token.text), false).map_err(refused)?.get_ids()[1..].to_vec(),
            None => Vec::new(),
        };
        inner.set_encode_special_tokens(true);
        let plain = inner.encode("a", false).map_err(refused)?;
        let special = inner.encode("a", true).map_err(refused)?;
        // What stands in front of the text; some tokenizers would also end it, which a prompt must not.
        let n_start = special.get_special_tokens_mask().iter().take_while(|&&special| special == 1).count();
        let start = special.get_ids()[..n_start].to_vec();
        let adds_prefix =
            plain.get_tokens().first().is_some_and(|token| token.chars().count() > 1) || plain.get_tokens().len() > 1;
        let adds_prefix_after_special = adds_prefix && behind_special == plain.get_ids();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { inner, start, adds_prefix, adds_prefix_after_special, special_tokens, sha256 })
    }

    /// SHA-256 of the file that it was read from.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The special tokens in front of every prompt, often one that marks its beginning.
    pub fn start(&self) -> &[u32] {
        &self.start
    }

    /// The ids of a text that begins a prompt, without the special tokens in front.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        Ok(self.pieces(text, false)?.into_iter().map(|piece| piece.id).collect())
    }

    /// The ids of a text that continues a prompt after a soft slot: no blank is put in front of it.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer refuses the text.
    pub fn encode_continuation(&self, text: &str) -> Result<Vec<u32>, Error> {
        Ok(self.pieces(text, true)?.into_iter().map(|piece| piece.id).collect())
    }

    /// The ids of a text that stands behind a special token.
    pub(crate) fn encode_after_special(&self, text: &str) -> Result<Vec<u32>, Error> {
        let pieces = self.pieces(text, !self.adds_prefix_after_special)?;
        Ok(pieces.into_iter().map(|piece| piece.id).collect())
    }

    /// The special tokens, longer spellings first.
    pub(crate) fn special(&self) -> &[Special] {
        &self.special_tokens
    }

    /// The text of the special tokens in front of every prompt.
    pub(crate) fn start_text(&self) -> String {
        self.start.iter().filter_map(|&id| self.inner.id_to_token(id)).collect()
    }

    /// The text of ids; special tokens are left out.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer refuses the ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, Error> {
        self.inner.decode(ids, true).map_err(refused)
    }

    /// Decodes ids one by one, as what follows others: only the last few of these count.
    pub(crate) fn stream_after(&self, before: &[u32]) -> Result<TextStream<'_>, Error> {
        let ids = before[before.len().saturating_sub(TextStream::SEAM)..].to_vec();
        let given = self.decode(&ids)?.len();
        Ok(TextStream { tokenizer: self, ids, given })
    }

    /// The largest id that a text, or the start of a prompt, may have; special tokens that no text spells may lie past a
    /// model's vocabulary.
    pub(crate) fn max_id(&self) -> Option<u32> {
        let added = self.inner.get_added_tokens_decoder();
        let plain = added.iter().filter(|(_, token)| !token.special).map(|(&id, _)| id);
        let vocabulary = self.inner.get_vocab(false).into_values();
        let special = |id: &u32| added.get(id).is_some_and(|token| token.special);
        vocabulary.filter(|id| !special(id)).chain(plain).chain(self.start.iter().copied()).max()
    }

    /// The tokens of a text with their ends in it.
    pub(crate) fn pieces(&self, text: &str, continuation: bool) -> Result<Vec<Piece>, Error> {
        if !(continuation && self.adds_prefix) {
            return self.raw_pieces(text);
        }
        for sentinel in SENTINELS {
            let pieces = self.raw_pieces(&format!("{sentinel}{text}"))?;
            // The sentinel is cut off where a token ends with it.
            let cut = pieces.partition_point(|piece| piece.end <= sentinel.len());
            if cut > 0 && pieces[..cut] == self.raw_pieces(sentinel)?[..] {
                let rest = pieces[cut..].iter();
                return Ok(rest.map(|piece| Piece { id: piece.id, end: piece.end - sentinel.len() }).collect());
            }
        }
        Err(Error::Tokenizer(
            "expected a text that can continue another, found one that merges with all of them".into(),
        ))
    }

    fn raw_pieces(&self, text: &str) -> Result<Vec<Piece>, Error> {
        let encoding = self.inner.encode(text, false).map_err(refused)?;
        let ends = encoding.get_offsets().iter().map(|&(_, end)| end);
        Ok(encoding.get_ids().iter().zip(ends).map(|(&id, end)| Piece { id, end }).collect())
    }
}

/// That the template around a text names declared special tokens and no second text, which the tokenizers library takes
/// for granted; else what it names.
fn check_template(processor: &serde_json::Value) -> Result<(), String> {
    if let Some(processors) = processor["processors"].as_array() {
        return processors.iter().try_for_each(check_template);
    }
    for piece in processor["single"].as_array().into_iter().flatten() {
        if let Some(token) = piece["SpecialToken"]["id"].as_str()
            && processor["special_tokens"][token].is_null()
        {
            return Err(format!("the undeclared token {token:?}"));
        }
        if let Some(text) = piece["Sequence"]["id"].as_str().filter(|&text| text != "A") {
            return Err(format!("a second text {text:?} around a single one"));
        }
    }
    Ok(())
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer({} tokens)", self.inner.get_vocab_size(true))
    }
}

fn refused(error: tokenizers::Error) -> Error {
    Error::Tokenizer(error.to_string())
}
