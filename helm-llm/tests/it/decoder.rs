use crate::golden;

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
        eprintln!("largest difference of a logit: {worst:e}");
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
        let text = model.continue_greedily(&generate.text, generate.new_ids.len()).unwrap();
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
    let error = crate::models::tiny().continue_greedily("She was sick.", 300).unwrap_err().to_string();
    assert!(error.contains("256") && error.contains("at most"), "{error}");
}
