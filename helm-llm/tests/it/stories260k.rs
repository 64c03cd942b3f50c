//! The real pretrained model of models/stories260K, where `HELM_TEST_DATA` names its folder.

use std::path::PathBuf;

use helm_llm::LanguageModel;

const SENTENCE: &str = "Once upon a time, there was a little boy who was sick.";

fn folder() -> Option<PathBuf> {
    let Some(data) = std::env::var_os("HELM_TEST_DATA") else {
        eprintln!("skipped: HELM_TEST_DATA is not set");
        return None;
    };
    Some(PathBuf::from(data).join("models/stories260K"))
}

#[test]
fn continues_and_scores_as_transformers_does() {
    let Some(folder) = folder() else { return };
    let model = LanguageModel::load(&folder, &helm_encoders::device("cpu").unwrap()).unwrap();
    let loss = model.mean_loss(SENTENCE).unwrap();
    assert!((loss - 0.95720).abs() < 1e-5, "{loss}");
    let text = model.continue_greedily(SENTENCE, 60).unwrap();
    let expected = " He loved to play with his toys and run around the house. One day, he saw a big box in the ground. \
                    He wanted to play with it, but he was too small.";
    assert!(text.starts_with(expected), "{text}");
}
