use half::{bf16, f16};
use helm_llm::{GenerationConfig, LanguageModel};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::golden;
use crate::models::{device, tiny_folder};

/// Largest difference of a logit from transformers'.
const LOGIT: f64 = 1e-4;

#[test]
fn logits_equal_transformers() {
    for (model, golden) in golden::all() {
        let mut ids = model.tokenizer().start().to_vec();
        ids.extend(model.tokenizer().encode(&golden.logits.text).unwrap());
        assert_eq!(ids, golden.logits.ids);
        let logits = model.frozen().next_token_logits(&ids);
        let mut worst = 0f64;
        for at in &golden.logits.full {
            assert_eq!(logits[at.position].len(), at.logits.len());
            for (&found, &expected) in logits[at.position].iter().zip(&at.logits) {
                worst = worst.max((f64::from(found) - expected).abs());
            }
        }
        for (found, expected) in logits.iter().zip(&golden.logits.some) {
            for (&id, &expected) in golden.logits.vocabulary_ids.iter().zip(expected) {
                worst = worst.max((f64::from(found[id]) - expected).abs());
            }
        }
        assert!(worst < LOGIT, "{worst:e}");
    }
}

#[test]
fn logits_equal_those_of_a_left_padded_batch() {
    for (model, golden) in golden::all() {
        for prompt in golden.padding.prompts {
            let logits = model.frozen().next_token_logits(&prompt.ids);
            let last = logits.last().unwrap();
            for (&id, expected) in golden.padding.vocabulary_ids.iter().zip(prompt.logits) {
                assert!((f64::from(last[id]) - expected).abs() < LOGIT);
            }
        }
    }
}

#[test]
fn greedy_text_and_mean_loss_equal_transformers() {
    for (model, golden) in golden::all() {
        let generate = golden.generate;
        let text = crate::models::continuation(&model, &generate.text, generate.new_ids.len());
        assert_eq!(text, generate.new_text);
        let loss = model.mean_loss(&generate.text).unwrap();
        assert!((loss - generate.mean_loss).abs() < 1e-5, "{loss} against {}", generate.mean_loss);
    }
}

#[test]
fn soft_tokens_start_at_the_scale_of_embeddings() {
    // numpy: sqrt(mean(square(embed_tokens.weight)))
    if let Some((model, _)) = golden::all().into_iter().nth(1) {
        assert!((model.frozen().embedding_rms() - 0.308_792_9).abs() < 1e-6);
    }
}

#[test]
fn too_long_a_text_is_an_error_with_both_numbers() {
    let model = crate::models::tiny();
    let error = model.generate(&"9 ".repeat(150), GenerationConfig::default()).unwrap_err().to_string();
    assert!(error.contains("256") && error.contains("301") && error.contains("at most"), "{error}");
}

/// A copy of the tiny model whose weights went through `narrow`, stored as `dtype` and, rounded alike, as f32.
fn rounded(dtype: Dtype, narrow: impl Fn(f32) -> (f32, Vec<u8>)) -> [LanguageModel; 2] {
    let bytes = std::fs::read(tiny_folder().join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    [dtype, Dtype::F32].map(|stored| {
        let folder = tempfile::tempdir().unwrap();
        for file in ["config.json", "tokenizer.json"] {
            std::fs::copy(tiny_folder().join(file), folder.path().join(file)).unwrap();
        }
        let narrowed: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .map(|(name, view)| {
                let values = view.data().chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
                let bytes = values.flat_map(|value| {
                    let (wide, narrow) = narrow(value);
                    if stored == Dtype::F32 { wide.to_le_bytes().to_vec() } else { narrow }
                });
                (name.to_owned(), view.shape().to_vec(), bytes.collect())
            })
            .collect();
        let views = narrowed
            .iter()
            .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(stored, shape.clone(), bytes).unwrap()));
        safetensors::serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();
        LanguageModel::load(folder.path(), &device()).unwrap()
    })
}

#[test]
fn half_precision_files_load_with_the_same_values() {
    let [narrow, wide] = rounded(Dtype::BF16, |value| {
        let value = bf16::from_f32(value);
        (value.to_f32(), value.to_le_bytes().to_vec())
    });
    assert_eq!(narrow.frozen().weights_sha256(), wide.frozen().weights_sha256());
    let [narrow, wide] = rounded(Dtype::F16, |value| {
        let value = f16::from_f32(value);
        (value.to_f32(), value.to_le_bytes().to_vec())
    });
    assert_eq!(narrow.frozen().weights_sha256(), wide.frozen().weights_sha256());
    assert_ne!(narrow.frozen().weights_sha256(), crate::models::tiny().frozen().weights_sha256());
}
