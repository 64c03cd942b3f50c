use std::collections::HashMap;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use safetensors::tensor::{Dtype, TensorView};

/// The shape of a Llama with a tied embedding.
#[derive(Clone, Copy, Debug)]
pub struct LlamaShape {
    /// Width of the residual stream.
    pub d_model: usize,
    /// Width of the perceptrons' hidden layers.
    pub d_hidden: usize,
    /// Blocks.
    pub n_layers: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Tokens of the vocabulary.
    pub n_vocab: usize,
}

impl LlamaShape {
    /// SmolLM2-135M's.
    pub const SMOLLM2_135M: Self =
        Self { d_model: 576, d_hidden: 1536, n_layers: 30, n_heads: 9, n_kv_heads: 3, n_vocab: 49152 };
}

/// Writes a Hugging Face folder of a Llama with random weights, in f32, and the small tokenizer of helm-llm's tests.
///
/// # Panics
/// If the folder can't be written.
#[allow(clippy::expect_used, reason = "a bench ends by panicking")]
pub fn random_llama(folder: &Path, shape: LlamaShape) {
    let LlamaShape { d_model, d_hidden, n_layers, n_heads, n_kv_heads, n_vocab } = shape;
    let config = serde_json::json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu",
        "hidden_size": d_model, "intermediate_size": d_hidden, "num_hidden_layers": n_layers,
        "num_attention_heads": n_heads, "num_key_value_heads": n_kv_heads, "vocab_size": n_vocab,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("a writable folder");
    let tokenizer = concat!(env!("CARGO_MANIFEST_DIR"), "/../helm-llm/tests/it/fixtures/tiny-llama/tokenizer.json");
    std::fs::copy(tokenizer, folder.join("tokenizer.json")).expect("the tests' tokenizer");
    let kv = d_model / n_heads * n_kv_heads;
    let mut shapes = vec![("model.embed_tokens.weight".into(), vec![n_vocab, d_model])];
    for layer in 0..n_layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        shapes.extend([
            (name("self_attn.q_proj"), vec![d_model, d_model]),
            (name("self_attn.k_proj"), vec![kv, d_model]),
            (name("self_attn.v_proj"), vec![kv, d_model]),
            (name("self_attn.o_proj"), vec![d_model, d_model]),
            (name("mlp.gate_proj"), vec![d_hidden, d_model]),
            (name("mlp.up_proj"), vec![d_hidden, d_model]),
            (name("mlp.down_proj"), vec![d_model, d_hidden]),
            (name("input_layernorm"), vec![d_model]),
            (name("post_attention_layernorm"), vec![d_model]),
        ]);
    }
    shapes.push(("model.norm.weight".into(), vec![d_model]));
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .map(|(name, shape)| {
            // Matrices that keep the scale of what they multiply, norms near 1.
            let (low, high) = match shape[..] {
                [_, inputs] => (-1.5 / (inputs as f32).sqrt(), 1.5 / (inputs as f32).sqrt()),
                _ => (0.5, 1.5),
            };
            let bytes = (0..shape.iter().product()).flat_map(|_| rng.random_range(low..high).to_le_bytes());
            let bytes = bytes.collect();
            (name, shape, bytes)
        })
        .collect();
    let views: HashMap<&str, TensorView<'_>> = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a tensor's bytes"))
        })
        .collect();
    let metadata = Some(HashMap::from([("format".to_owned(), "pt".to_owned())]));
    safetensors::serialize_to_file(views, metadata, &folder.join("model.safetensors")).expect("a writable folder");
}
