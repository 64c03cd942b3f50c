use std::fmt;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::frozen::Decoding;
use crate::tokenizer::TextStream;
use crate::{Error, GenerationConfig, LanguageModel};

/// A reply on its way: an iterator over its pieces of text, each as soon as it is known.
///
/// A piece is some whole characters; a character that several tokens make up comes when it is complete, and text that
/// may be the beginning of a stop string when it is known not to be.
///
/// ```
/// use helm_llm::{FinishReason, GenerationConfig, LanguageModel};
///
/// let device = helm_encoders::device("cpu")?;
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/tiny-llama");
/// let model = LanguageModel::load(folder.as_ref(), &device)?;
/// let mut config = GenerationConfig::default();
/// config.max_tokens = 8;
/// let mut reply = model.generate("She was sick.", config)?;
/// let text: String = reply.by_ref().collect::<Result<_, _>>()?;
/// assert!(!text.is_empty());
/// assert_eq!(reply.finish_reason(), Some(FinishReason::Length));
/// # Ok::<(), helm_llm::Error>(())
/// ```
pub struct Generation<'a> {
    model: &'a LanguageModel,
    config: GenerationConfig,
    text: Box<dyn Decoding + 'a>,
    stream: TextStream<'a>,
    rng: ChaCha8Rng,
    /// Of what follows the text as it was read so far.
    logits: Vec<f32>,
    /// A token of the reply that was not read yet: the last of all never is.
    unread: Option<u32>,
    n_tokens: usize,
    /// Decoded text that may be the beginning of a stop string.
    held: String,
    finished: Option<FinishReason>,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishReason {
    /// The model ended it.
    EndOfText,
    /// A stop string came.
    Stop,
    /// It has as many tokens as were asked for, or the model has no positions left.
    Length,
    /// A number was not one; the error says so.
    Failed,
}

impl<'a> Generation<'a> {
    /// What follows a text that was read already; `logits` are those of the next token, and `seam` the ids of the
    /// text's end, so that a blank between it and the reply is kept.
    pub(crate) fn new(
        model: &'a LanguageModel,
        text: Box<dyn Decoding + 'a>,
        logits: Vec<f32>,
        seam: &[u32],
        config: GenerationConfig,
    ) -> Result<Self, Error> {
        config.check()?;
        let stream = model.tokenizer().stream_after(seam)?;
        let rng = ChaCha8Rng::seed_from_u64(config.seed);
        let (held, finished) = (String::new(), None);
        Ok(Self { model, config, text, stream, rng, logits, unread: None, n_tokens: 0, held, finished })
    }

    /// Why the reply ended; `None` while it goes on.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.finished
    }

    /// Tokens of the reply so far.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// Draws the next token and adds its text; `Ok` also where the reply ends instead.
    fn advance(&mut self) -> Result<(), Error> {
        if self.n_tokens >= self.config.max_tokens {
            return self.end(FinishReason::Length);
        }
        if let Some(id) = self.unread.take() {
            if self.text.length() >= self.model.frozen().n_positions() {
                return self.end(FinishReason::Length);
            }
            self.logits = self.text.push_tokens(&[id]);
        }
        if !self.logits.iter().all(|logit| logit.is_finite()) {
            let expected = format!("finite logits of token {}", self.n_tokens + 1);
            return Err(Error::Generation { expected, found: "NaN or infinity".into() });
        }
        let id = draw(&self.logits, self.config.temperature, self.config.top_p, &mut self.rng);
        if self.model.end_tokens().contains(&id) {
            return self.end(FinishReason::EndOfText);
        }
        self.n_tokens += 1;
        self.unread = Some(id);
        let piece = self.stream.step(id)?;
        self.hold(&piece);
        Ok(())
    }

    /// Ends the reply by its last text.
    fn end(&mut self, reason: FinishReason) -> Result<(), Error> {
        self.finished = Some(reason);
        let rest = self.stream.rest()?;
        self.hold(&rest);
        Ok(())
    }

    /// Adds text, and ends the reply where a stop string begins.
    fn hold(&mut self, text: &str) {
        self.held.push_str(text);
        let first_stop = self.config.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(end) = first_stop {
            self.held.truncate(end);
            self.finished = Some(FinishReason::Stop);
        }
    }

    /// The end of the held text that may be the beginning of a stop string.
    fn kept(&self) -> usize {
        let held = self.held.as_str();
        let begins = |&start: &usize| self.config.stop.iter().any(|stop| stop.starts_with(&held[start..]));
        held.char_indices().map(|(start, _)| start).find(begins).unwrap_or(held.len())
    }
}

impl Iterator for Generation<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.finished.is_none() {
            if let Err(error) = self.advance() {
                self.finished = Some(FinishReason::Failed);
                self.held.clear();
                return Some(Err(error));
            }
            let sure = self.kept();
            if self.finished.is_none() && sure > 0 {
                let rest = self.held.split_off(sure);
                return Some(Ok(std::mem::replace(&mut self.held, rest)));
            }
        }
        let rest = std::mem::take(&mut self.held);
        (!rest.is_empty()).then_some(Ok(rest))
    }
}

impl fmt::Debug for Generation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({} tokens, {:?})", self.n_tokens, self.finished)
    }
}

/// A token by its logits: the most likely one, or one drawn among the most likely.
fn draw(logits: &[f32], temperature: f64, top_p: f64, rng: &mut ChaCha8Rng) -> u32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if temperature == 0.0 {
        // The first of equals, as argmax elsewhere.
        return logits.iter().position(|&logit| logit == most).unwrap_or(0) as u32;
    }
    let weight = |logit: f32| (f64::from(logit - most) / temperature).exp();
    let mut weights: Vec<(f64, usize)> = logits.iter().map(|&logit| weight(logit)).zip(0..).collect();
    weights.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let total: f64 = weights.iter().map(|(weight, _)| weight).sum();
    // The fewest tokens whose share reaches top_p, one at least.
    let mut reached = 0.0;
    let nucleus = weights.iter().position(|(weight, _)| {
        reached += weight;
        reached >= top_p * total
    });
    weights.truncate(nucleus.map_or(weights.len(), |last| last + 1));
    let sum: f64 = weights.iter().map(|(weight, _)| weight).sum();
    let mut left = rng.random::<f64>() * sum;
    for &(weight, id) in &weights {
        left -= weight;
        if left < 0.0 {
            return id as u32;
        }
    }
    weights.last().map_or(0, |&(_, id)| id as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_temperature_and_nucleus() {
        let logits = [1.0f32, 3.0, 2.0, -1.0];
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        assert_eq!(draw(&logits, 0.0, 1.0, &mut rng), 1);
        let shares = |temperature: f64, top_p: f64| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut counts = [0.0; 4];
            (0..20_000).for_each(|_| counts[draw(&logits, temperature, top_p, &mut rng) as usize] += 1.0 / 20_000.0);
            counts
        };
        for temperature in [0.5, 1.0, 3.0] {
            let weights = logits.map(|logit| (f64::from(logit) / temperature).exp());
            let total: f64 = weights.iter().sum();
            for (share, weight) in shares(temperature, 1.0).into_iter().zip(weights) {
                assert!((share - weight / total).abs() < 0.015, "{share} {}", weight / total);
            }
        }
        // The two most likely have 0.88 of the probability.
        let [first, second, third, fourth] = shares(1.0, 0.8);
        assert!(first == 0.0 && fourth == 0.0 && (second / third - 1f64.exp()).abs() < 0.2);
        assert!((shares(1.0, 1e-9)[1] - 1.0).abs() < 1e-9);
    }
}
