//! Reference numbers that scripts/golden_llama.py and golden_families.py made with transformers; tolerances are beside each test.

use std::collections::BTreeMap;
use std::sync::Arc;

use helm_llm::{FrozenDecoder, LanguageModel, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) start_ids: Vec<u32>,
    pub(crate) logits: Logits,
    pub(crate) generate: Generate,
    pub(crate) answers: Vec<Answers>,
    pub(crate) soft: Vec<Soft>,
    pub(crate) padding: Padding,
    pub(crate) tokenizer: Vec<Tokens>,
}

#[derive(Deserialize)]
pub(crate) struct Logits {
    pub(crate) text: String,
    pub(crate) ids: Vec<u32>,
    pub(crate) full: Vec<At>,
    pub(crate) vocabulary_ids: Vec<usize>,
    pub(crate) some: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
pub(crate) struct At {
    pub(crate) position: usize,
    pub(crate) logits: Vec<f64>,
}

#[derive(Deserialize)]
pub(crate) struct Generate {
    pub(crate) text: String,
    pub(crate) new_ids: Vec<u32>,
    pub(crate) new_text: String,
    pub(crate) mean_loss: f64,
}

#[derive(Deserialize)]
pub(crate) struct Answers {
    pub(crate) about: String,
    pub(crate) context: String,
    pub(crate) question: String,
    pub(crate) forms: Vec<Form>,
    pub(crate) log_odds: f64,
    pub(crate) log_answer_mass: f64,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Form {
    pub(crate) answer: String,
    pub(crate) form: String,
    pub(crate) ids: Vec<u32>,
    pub(crate) start: usize,
    pub(crate) log_likelihood: f64,
}

#[derive(Deserialize)]
pub(crate) struct Soft {
    pub(crate) about: String,
    pub(crate) slots: Vec<Slot>,
    pub(crate) tail: String,
    pub(crate) question: String,
    pub(crate) forms: Vec<Form>,
    pub(crate) log_odds: f64,
    pub(crate) log_answer_mass: f64,
}

#[derive(Deserialize)]
pub(crate) struct Slot {
    pub(crate) text: String,
    pub(crate) soft: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
pub(crate) struct Padding {
    pub(crate) vocabulary_ids: Vec<usize>,
    pub(crate) prompts: Vec<Padded>,
}

#[derive(Deserialize)]
pub(crate) struct Padded {
    pub(crate) ids: Vec<u32>,
    pub(crate) logits: Vec<f64>,
}

#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) text: String,
    pub(crate) ids: Vec<u32>,
    pub(crate) continuation: Vec<u32>,
}

/// What golden_families.py wrote of one model.
#[derive(Deserialize)]
pub(crate) struct Family {
    pub(crate) text: String,
    pub(crate) ids: Vec<u32>,
    pub(crate) last_logits: Vec<f64>,
    pub(crate) middle_logits: Vec<f64>,
    pub(crate) greedy_ids: Vec<u32>,
    pub(crate) answers: Vec<Answers>,
    pub(crate) soft: Vec<Soft>,
}

/// A tiny random model of each family, by its name, with its goldens.
pub(crate) fn families() -> Vec<(String, LanguageModel, Family)> {
    #[derive(Deserialize)]
    struct Families {
        families: BTreeMap<String, Family>,
    }
    let Families { families } = serde_json::from_str(include_str!("golden/families.json")).unwrap();
    families.into_iter().map(|(name, golden)| (name.clone(), family(&name), golden)).collect()
}

/// One of them; all share a tokenizer.
pub(crate) fn family(name: &str) -> LanguageModel {
    let frozen = FrozenDecoder::load(&crate::models::family_folder(name), &crate::models::device()).unwrap();
    let tokenizer = Tokenizer::from_file(&crate::models::tiny_folder().join("tokenizer.json")).unwrap();
    LanguageModel::new(Arc::new(frozen), Arc::new(tokenizer))
}

/// Every model with its goldens of answers, plain and behind soft tokens.
pub(crate) fn all_answers() -> Vec<(LanguageModel, Vec<Answers>, Vec<Soft>)> {
    let llamas = all().into_iter().map(|(model, golden)| (model, golden.answers, golden.soft));
    llamas.chain(families().into_iter().map(|(_, model, golden)| (model, golden.answers, golden.soft))).collect()
}

pub(crate) fn tiny() -> Golden {
    serde_json::from_str(include_str!("golden/tiny_llama.json")).unwrap()
}

pub(crate) fn stories() -> Golden {
    serde_json::from_str(include_str!("golden/stories260k.json")).unwrap()
}

/// Both models with their goldens; the real one only where its folder is known.
pub(crate) fn all() -> Vec<(helm_llm::LanguageModel, Golden)> {
    let mut all = vec![(crate::models::tiny(), tiny())];
    if let Some(folder) = crate::models::stories_folder() {
        all.push((helm_llm::LanguageModel::load(&folder, &crate::models::device()).unwrap(), stories()));
    }
    all
}
