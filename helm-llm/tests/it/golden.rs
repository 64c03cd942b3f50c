//! Reference numbers that scripts/golden_llama.py made with transformers; tolerances are beside each test.

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
