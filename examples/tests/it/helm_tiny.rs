//! The embedded language model against transformers, which loads the same folder; `scripts/golden_tiny.py` made the
//! numbers.

use std::path::{Path, PathBuf};

use helm_llm::LanguageModel;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Largest difference of a logit; the largest that was found is 6e-6.
const LOGIT: f32 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    weights_sha256: String,
    parameters: usize,
    texts: Vec<Text>,
    replies: Vec<Reply>,
}

/// A text, its tokens, and the logits after the last.
#[derive(Deserialize)]
struct Text {
    text: String,
    ids: Vec<u32>,
    logits: Vec<f32>,
}

/// A question as a conversation's tokens, and what the model says, the most likely token each time.
#[derive(Deserialize)]
struct Reply {
    prompt_ids: Vec<u32>,
    reply_ids: Vec<u32>,
    reply: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("helm-tiny")
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/helm_tiny.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn model() -> LanguageModel {
    LanguageModel::load(&folder(), &helm_encoders::device("cpu").unwrap()).unwrap()
}

#[test]
fn weights_are_those_of_the_numbers_and_small_enough() {
    let (weights, golden) = (std::fs::read(folder().join("model.safetensors")).unwrap(), golden());
    let sha256: String = Sha256::digest(&weights).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sha256, golden.weights_sha256);
    assert!(weights.len() <= 8_000_000 && golden.parameters <= 4_000_000);
    // The model's card has the hashes of what lies beside it.
    let card = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for file in
        ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    {
        let content = std::fs::read(folder().join(file)).unwrap();
        let sha256: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(card.contains(&sha256), "{file}: {sha256}");
    }
}

#[test]
fn tokens_and_logits_equal_transformers() {
    let model = model();
    let mut worst = 0.0_f32;
    for Text { text, ids, logits } in golden().texts {
        let own = [model.tokenizer().start(), &model.tokenizer().encode_continuation(&text).unwrap()].concat();
        assert_eq!(own, ids, "{text}");
        let own = model.frozen().next_token_logits(&ids);
        let own = own.last().unwrap();
        assert_eq!(own.len(), logits.len());
        own.iter().zip(logits).for_each(|(own, expected)| worst = worst.max((own - expected).abs()));
    }
    assert!(worst <= LOGIT, "{worst:.2e}");
}

#[test]
fn replies_equal_transformers() {
    let model = model();
    for Reply { prompt_ids, reply_ids, reply } in golden().replies {
        let ids = [prompt_ids.as_slice(), &reply_ids].concat();
        let logits = model.frozen().next_token_logits(&ids);
        for (position, &next) in reply_ids.iter().enumerate() {
            let logits = &logits[prompt_ids.len() + position - 1];
            let most = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
            assert_eq!(most, next as usize, "token {position} of the reply");
        }
        let said = model.tokenizer().decode(&reply_ids).unwrap();
        assert_eq!(said, reply.trim_end_matches("<|end|>"));
        assert!(said.ends_with(['.', '!', '?']) && said.split(' ').count() > 5, "{said}");
    }
}
