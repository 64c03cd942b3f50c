//! Every family against transformers; the settings are small, so that each of them makes a difference.

use std::fs;

use burn::tensor::DType;
use helm_llm::{Error, FrozenDecoder, FrozenModel};

use crate::golden;
use crate::models::{device, family_folder};

/// Largest difference of a logit from transformers', as a share of the largest.
const LOGIT: f64 = 1e-4;

fn relative_difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let most = expected.iter().map(|logit| logit.abs()).fold(0.0, f64::max);
    found.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).abs() / most).fold(0.0, f64::max)
}

#[test]
fn logits_equal_transformers() {
    let families = golden::families();
    assert_eq!(families.len(), 10);
    for (name, model, golden) in families {
        let mut ids = model.tokenizer().start().to_vec();
        ids.extend(model.tokenizer().encode(&golden.text).unwrap());
        assert_eq!(ids, golden.ids, "{name}");
        let by_burn = FrozenDecoder::load(&family_folder(&name), &device()).unwrap().without_engine();
        for frozen in [model.frozen(), &by_burn] {
            let logits = frozen.next_token_logits(&ids);
            for (place, expected) in [(ids.len() / 2, &golden.middle_logits), (ids.len() - 1, &golden.last_logits)] {
                let difference = relative_difference(&logits[place], expected);
                assert!(difference < LOGIT, "{name} at {place}: {difference:e}");
            }
        }
    }
}

#[test]
fn greedy_continuations_equal_transformers() {
    for (name, model, golden) in golden::families() {
        let mut ids = golden.ids.clone();
        for _ in 0..golden.greedy_ids.len() {
            let last = model.frozen().next_token_logits(&ids).pop().unwrap();
            let best = (0..last.len()).max_by(|&a, &b| last[a].total_cmp(&last[b])).unwrap();
            ids.push(best as u32);
        }
        assert_eq!(ids[golden.ids.len()..], golden.greedy_ids, "{name}");
    }
}

#[test]
fn a_configuration_of_transformers_5_means_the_same() {
    for (name, _, _) in golden::families() {
        let (old, new) = (family_folder(&name), tempfile::tempdir().unwrap());
        for file in fs::read_dir(&old).unwrap() {
            let file = file.unwrap().path();
            fs::copy(&file, new.path().join(file.file_name().unwrap())).unwrap();
        }
        fs::rename(new.path().join("config_v5.json"), new.path().join("config.json")).unwrap();
        let load = |folder| FrozenDecoder::load(folder, &device()).unwrap();
        assert_eq!(load(&old).config(), load(new.path()).config(), "{name}");
    }
}

#[test]
fn every_tensor_is_accounted_for() {
    for (name, ignored) in [("llama", 0), ("gpt2", 2), ("qwen2", 0)] {
        let model = FrozenDecoder::load(&family_folder(name), &device()).unwrap();
        assert_eq!(model.load_report().ignored.len(), ignored, "{name}");
        assert!(model.load_report().applied.len() > 20, "{name}");
    }
}

/// Halves of the numbers' digits are gone, so that only the likeness is tested, in every dtype on the CPU, by the engine
/// where it takes the dtype and by burn.
#[test]
fn other_dtypes_give_nearly_the_same() {
    for (dtype, near) in [(DType::BF16, 0.2), (DType::F16, 0.03)] {
        if !device().supports_dtype(dtype) {
            let refused = FrozenDecoder::load_in(&family_folder("llama"), &device(), dtype);
            assert!(matches!(refused, Err(Error::Dtype { .. })), "{dtype:?}");
            continue;
        }
        for (name, _, golden) in golden::families() {
            let load = || FrozenDecoder::load_in(&family_folder(&name), &device(), dtype).unwrap();
            for model in [load(), load().without_engine()] {
                let logits = model.next_token_logits(&golden.ids);
                let difference = relative_difference(logits.last().unwrap(), &golden.last_logits);
                assert!(difference < near, "{name} in {dtype:?}: {difference:e}");
            }
        }
    }
    let refused = FrozenDecoder::load_in(&family_folder("llama"), &device(), DType::F64);
    assert!(refused.is_err_and(|error| error.to_string().contains("expected f32, bf16 or f16")));
}
