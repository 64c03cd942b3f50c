//! Text that grows with its keys and values kept equals the same text computed at once.

use std::fs;

use burn::tensor::{Tensor, TensorData};
use helm_llm::{Error, FinishReason, Generation, GenerationConfig, LanguageModel};
use proptest::prelude::*;

use crate::golden;
use crate::models::{device, tiny, tiny_folder};

fn close(found: &[f32], expected: &[f32]) -> bool {
    let most = expected.iter().fold(0f32, |most, logit| most.max(logit.abs()));
    found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5 * most)
}

fn collect(generation: &mut Generation<'_>) -> String {
    generation.collect::<Result<_, _>>().unwrap()
}

fn config(max_tokens: usize) -> GenerationConfig {
    let mut config = GenerationConfig::default();
    config.max_tokens = max_tokens;
    config
}

fn greedy_ids(model: &LanguageModel, ids: &[u32], n: usize) -> Vec<u32> {
    let mut text = model.frozen().decode();
    let mut logits = text.push_tokens(ids);
    (0..n)
        .map(|_| {
            let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap() as u32;
            logits = text.push_tokens(&[best]);
            best
        })
        .collect()
}

#[test]
fn greedy_tokens_with_kept_keys_equal_transformers() {
    for (name, model, golden) in golden::families() {
        assert_eq!(greedy_ids(&model, &golden.ids, golden.greedy_ids.len()), golden.greedy_ids, "{name}");
    }
}

#[test]
fn embeddings_pushed_as_soft_tokens_are_the_tokens() {
    // Llama's embeddings enter as they are stored.
    let model = tiny();
    let weights = fs::read(tiny_folder().join("model.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let embedding = weights.tensor("model.embed_tokens.weight").unwrap();
    let ids = [0u32, 60, 70, 80];
    let row = |id: u32| &embedding.data()[id as usize * 64..(id as usize + 1) * 64];
    let rows: Vec<f32> = ids
        .iter()
        .flat_map(|&id| {
            row(id).chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect::<Vec<_>>()
        })
        .collect();
    let soft = Tensor::<2>::from_data(TensorData::new(rows, [4, 16]), &device());
    let (mut as_soft, mut as_tokens) = (model.frozen().decode(), model.frozen().decode());
    assert!(close(&as_soft.push_soft(soft), &as_tokens.push_tokens(&ids)));
    assert!(close(&as_soft.push_tokens(&[90, 91]), &as_tokens.push_tokens(&[90, 91])));
    assert_eq!(as_soft.length(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever a text is cut, in every family.
    #[test]
    fn pieces_equal_the_whole(ids in prop::collection::vec(2u32..300, 2..40), cut in 0.0f64..1.0) {
        for (name, model, _) in golden::families() {
            let whole = model.frozen().next_token_logits(&ids);
            let mut text = model.frozen().decode();
            let cut = 1 + (cut * (ids.len() - 1) as f64) as usize;
            prop_assert!(close(&text.push_tokens(&ids[..cut]), &whole[cut - 1]), "{}", name);
            if cut < ids.len() {
                prop_assert!(close(&text.push_tokens(&ids[cut..]), &whole[ids.len() - 1]), "{}", name);
            }
        }
    }
}

#[test]
fn a_reply_comes_in_whole_characters_and_ends_where_it_should() {
    let model = tiny();
    let whole = collect(&mut model.generate("She was sick.", config(60)).unwrap());
    let mut reply = model.generate("She was sick.", config(60)).unwrap();
    let pieces: Vec<String> = reply.by_ref().map(Result::unwrap).collect();
    assert!(pieces.len() > 3 && pieces.iter().all(|piece| !piece.is_empty()));
    assert_eq!((pieces.concat(), reply.finish_reason()), (whole.clone(), Some(FinishReason::Length)));
    assert!(reply.next().is_none() && reply.n_tokens() == 60);

    // A stop string is found across pieces, and nothing of it is handed out.
    let middle: Vec<char> = whole.chars().collect();
    let stop: String = middle[middle.len() / 2..middle.len() / 2 + 4].iter().collect();
    let mut stopping = config(60);
    stopping.stop = vec![stop.clone()];
    let mut reply = model.generate("She was sick.", stopping).unwrap();
    let text = collect(&mut reply);
    assert_eq!(reply.finish_reason(), Some(FinishReason::Stop));
    assert_eq!(text, whole[..whole.find(&stop).unwrap()]);

    // The token after the first ones ends the text if the model says so.
    let ids = [model.tokenizer().start(), &model.tokenizer().encode("She was sick.").unwrap()].concat();
    let end = greedy_ids(&model, &ids, 60)[2];
    let model = tiny().with_end_tokens([end]);
    let mut reply = model.generate("She was sick.", config(60)).unwrap();
    collect(&mut reply);
    assert_eq!((reply.finish_reason(), reply.n_tokens() <= 2), (Some(FinishReason::EndOfText), true));

    // The model's positions end it, too.
    let model = tiny();
    let mut reply = model.generate("She was sick.", config(1000)).unwrap();
    drop(collect(&mut reply));
    assert_eq!(reply.finish_reason(), Some(FinishReason::Length));
    assert_eq!(reply.n_tokens() + ids.len(), 256 + 1);
}

#[test]
fn a_seed_decides_the_draws() {
    let model = tiny();
    let sampled = |seed| {
        let mut config = config(30);
        (config.temperature, config.top_p, config.seed) = (1.0, 0.9, seed);
        collect(&mut model.generate("She was sick.", config).unwrap())
    };
    assert_eq!(sampled(1), sampled(1));
    assert_ne!(sampled(1), sampled(2));
}

#[test]
fn settings_out_of_range_are_errors() {
    let model = tiny();
    for (temperature, top_p, max_tokens, stop) in [
        (-1.0, 1.0, 5, "x"),
        (f64::NAN, 1.0, 5, "x"),
        (1.0, 0.0, 5, "x"),
        (1.0, 1.1, 5, "x"),
        (1.0, 1.0, 0, "x"),
        (1.0, 1.0, 5, ""),
    ] {
        let mut config = config(max_tokens);
        (config.temperature, config.top_p, config.stop) = (temperature, top_p, vec![stop.into()]);
        assert!(matches!(model.generate("a", config), Err(Error::Generation { .. })));
    }
}
