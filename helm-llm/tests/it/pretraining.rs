use std::path::Path;

use helm_llm::{Error, FrozenDecoder, FrozenModel, Pretraining, WeightedText};
use proptest::prelude::*;

use crate::models::device;

const CONFIG: &str = r#"{
    "model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 32, "max_position_embeddings": 24,
    "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": true
}"#;

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    folder
}

fn new_run(seed: u64) -> (tempfile::TempDir, Pretraining) {
    let folder = folder(CONFIG);
    Pretraining::write_random_weights(folder.path(), seed).unwrap();
    let run = Pretraining::new(folder.path(), &device()).unwrap();
    (folder, run)
}

/// Texts whose tokens follow from one another, of several lengths.
fn texts(n: usize) -> Vec<WeightedText> {
    let text = |number: usize| {
        let ids: Vec<u32> = (0..4 + number % 17).map(|place| ((number + 3 * place) % 32) as u32).collect();
        let weights = ids.iter().map(|&id| if id % 5 == 0 { 0.0 } else { 1.0 + id as f32 / 8.0 }).collect();
        WeightedText { ids, weights }
    };
    (0..n).map(text).collect()
}

fn weights(run: &Pretraining, folder: &Path) -> Vec<u8> {
    run.save_progress(folder).unwrap();
    std::fs::read(folder.join("model.safetensors")).unwrap()
}

#[test]
fn the_loss_is_that_of_the_decoder_that_scores() {
    let (folder, mut run) = new_run(1);
    let frozen = FrozenDecoder::load(folder.path(), &device()).unwrap();
    let texts = texts(19);
    let (mut sum, mut total) = (0.0, 0.0);
    for WeightedText { ids, weights } in &texts {
        let logits = frozen.next_token_logits(ids);
        for (place, logits) in logits.iter().enumerate().take(ids.len() - 1) {
            let normaliser = logits.iter().map(|&logit| f64::from(logit).exp()).sum::<f64>().ln();
            let weight = f64::from(weights[place + 1]);
            sum += weight * (normaliser - f64::from(logits[ids[place + 1] as usize]));
            total += weight;
        }
    }
    let all: Vec<&WeightedText> = texts.iter().collect();
    let loss = run.step(&all, 1e-3).unwrap().loss;
    assert!((loss - sum / total).abs() < 1e-5, "{loss} and {}", sum / total);
}

#[test]
fn a_run_that_stopped_ends_as_one_that_did_not() {
    // To the last bit on the CPU only.
    let device = || helm_encoders::device("cpu").unwrap();
    let folder = folder(CONFIG);
    Pretraining::write_random_weights(folder.path(), 2).unwrap();
    let mut whole = Pretraining::new(folder.path(), &device()).unwrap();
    let texts = texts(40);
    let batch = |step: usize| -> Vec<&WeightedText> { texts.iter().skip(step * 10).take(10).collect() };
    (0..4).for_each(|step| {
        whole.step(&batch(step), 1e-2).unwrap();
    });
    let mut first = Pretraining::new(folder.path(), &device()).unwrap();
    (0..2).for_each(|step| {
        first.step(&batch(step), 1e-2).unwrap();
    });
    first.save_progress(folder.path()).unwrap();
    let mut rest = Pretraining::load_progress(folder.path(), first.steps(), &device()).unwrap();
    (2..4).for_each(|step| {
        rest.step(&batch(step), 1e-2).unwrap();
    });
    assert_eq!(rest.steps(), 4);
    assert_eq!(weights(&rest, folder.path()), weights(&whole, folder.path()));
}

#[test]
fn a_seed_decides_the_start() {
    let of = |seed| {
        let (folder, run) = new_run(seed);
        weights(&run, folder.path())
    };
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}

#[test]
fn it_learns_and_what_is_saved_is_rounded_to_bf16() {
    let (folder, mut run) = new_run(5);
    let texts = texts(16);
    let batch: Vec<&WeightedText> = texts.iter().collect();
    let first = run.step(&batch, 1e-2).unwrap();
    let last = (0..60).map(|_| run.step(&batch, 1e-2).unwrap()).last().unwrap();
    assert!(last.loss < first.loss / 3.0, "{} after {}", last.loss, first.loss);
    run.save_weights(&folder.path().join("model.safetensors")).unwrap();
    let frozen = FrozenDecoder::load(folder.path(), &device()).unwrap();
    assert_eq!(frozen.load_report().applied.len(), 2 + 2 * 9);
    let mut rounded = Pretraining::new(folder.path(), &device()).unwrap();
    let loss = rounded.step(&batch, 0.0).unwrap().loss;
    let exact = run.step(&batch, 0.0).unwrap().loss;
    assert!((loss - exact).abs() < 0.05 * exact, "{loss} and {exact}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_folder, mut run) = new_run(6);
    let text = |ids: &[u32], weights: &[f32]| WeightedText { ids: ids.into(), weights: weights.into() };
    for (wrong, expected) in [
        (text(&[1], &[1.0]), "texts of 2 to 24 tokens"),
        (text(&[1; 25], &[1.0; 25]), "texts of 2 to 24 tokens"),
        (text(&[1, 2], &[1.0]), "2 weights, one a token"),
        (text(&[1, 32], &[1.0, 1.0]), "ids below 32"),
        (text(&[1, 2], &[1.0, f32::NAN]), "weights of at least 0"),
        (text(&[1, 2], &[1.0, 0.0]), "a token that counts"),
    ] {
        let error = run.step(&[&wrong], 1e-2).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let fine = text(&[1, 2], &[1.0, 1.0]);
    for rate in [f64::NAN, -1e-3, f64::INFINITY] {
        let error = run.step(&[&fine], rate).unwrap_err().to_string();
        assert!(error.contains("a learning rate of at least 0"), "{error}");
    }
    assert!(run.step(&[], 1e-3).unwrap_err().to_string().contains("a token that counts"));
    assert_eq!(run.steps(), 0);
    for (from, to, found) in [
        ("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false", "llama with an output layer of its own"),
        ("\"tie_word_embeddings\": true", "\"attention_bias\": true, \"tie_word_embeddings\": true", "biases"),
    ] {
        let folder = folder(&CONFIG.replace(from, to));
        let error = Pretraining::write_random_weights(folder.path(), 0).unwrap_err();
        assert!(matches!(&error, Error::Training { .. }) && error.to_string().contains(found), "{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Pretraining::new(empty.path(), &device()), Err(Error::MissingFile { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Texts in front of others in the batch, and how much they are filled up, change nothing but the order of sums.
    #[test]
    fn a_batch_is_the_mean_of_its_texts(n in 2_usize..30, seed in 0_u64..100) {
        let (folder, mut run) = new_run(seed);
        let texts = texts(n);
        let weight = |text: &WeightedText| text.weights[1..].iter().map(|&weight| f64::from(weight)).sum::<f64>();
        let (mut sum, mut total) = (0.0, 0.0);
        for text in &texts {
            let mut alone = Pretraining::new(folder.path(), &device()).unwrap();
            sum += weight(text) * alone.step(&[text], 0.0).unwrap().loss;
            total += weight(text);
        }
        let batch: Vec<&WeightedText> = texts.iter().collect();
        let loss = run.step(&batch, 0.0).unwrap().loss;
        prop_assert!((loss - sum / total).abs() < 1e-5, "{} and {}", loss, sum / total);
    }
}
