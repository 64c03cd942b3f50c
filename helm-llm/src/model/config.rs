use std::path::Path;

use serde::Deserialize;

use crate::Error;

/// The shape of a decoder, in the field's terms.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Width of the embedding space and of the residual stream.
    pub d_model: usize,
    /// Width of the hidden layer of a block's perceptron.
    pub d_hidden: usize,
    /// Blocks.
    pub n_layers: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of a head.
    pub d_head: usize,
    /// Tokens of the vocabulary.
    pub n_vocab: usize,
    /// The longest sequence that the model was made for, soft tokens included.
    pub n_positions: usize,
    /// The number added to the mean square in a norm.
    pub norm_epsilon: f64,
    /// The base of the rotary positions' wavelengths.
    pub rope_theta: f64,
    /// Whether the output layer is the embedding, transposed.
    pub tied_embedding: bool,
}

/// `config.json` as Hugging Face writes it.
#[derive(Deserialize)]
struct HuggingFaceConfig {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_scaling: Option<serde_json::Value>,
    /// Where transformers 5 writes the two above.
    rope_parameters: Option<RopeParameters>,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default = "silu")]
    hidden_act: String,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
}

#[derive(Deserialize)]
struct RopeParameters {
    rope_theta: Option<f64>,
    #[serde(default = "default_rope")]
    rope_type: String,
}

fn default_rope() -> String {
    "default".into()
}

fn silu() -> String {
    "silu".into()
}

/// Only the architecture, to name it in an error before its other fields are missed.
#[derive(Deserialize)]
struct ModelType {
    model_type: Option<String>,
}

impl DecoderConfig {
    /// Reads `config.json` of a Hugging Face folder.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`] if the file can't be read, is of another architecture than Llama, or has a
    /// setting that this decoder does not compute.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let wrong =
            |expected: &str, found: String| Error::Format { path: path.into(), expected: expected.into(), found };
        let ModelType { model_type } =
            serde_json::from_str(&text).map_err(|error| wrong("a JSON object", error.to_string()))?;
        match model_type.as_deref() {
            Some("llama") => {}
            Some(other) => return Err(wrong("model_type \"llama\"", format!("{other:?}"))),
            None => return Err(wrong("model_type \"llama\"", "no model_type".into())),
        }
        let hf: HuggingFaceConfig =
            serde_json::from_str(&text).map_err(|error| wrong("the settings of a Llama decoder", error.to_string()))?;
        for (what, set) in [
            ("rope_scaling null", hf.rope_scaling.as_ref().is_some_and(|scaling| !scaling.is_null())),
            ("attention_bias false", hf.attention_bias),
            ("mlp_bias false", hf.mlp_bias),
        ] {
            if set {
                return Err(wrong(what, "another setting".into()));
            }
        }
        if hf.hidden_act != "silu" {
            return Err(wrong("hidden_act \"silu\"", format!("{:?}", hf.hidden_act)));
        }
        let rope_type = hf.rope_parameters.as_ref().map_or("default", |rope| rope.rope_type.as_str());
        if rope_type != "default" {
            return Err(wrong("rope_type \"default\"", format!("{rope_type:?}")));
        }
        let rope_theta = hf.rope_parameters.and_then(|rope| rope.rope_theta).or(hf.rope_theta).unwrap_or(10_000.0);
        for (name, number) in [("rms_norm_eps", hf.rms_norm_eps), ("rope_theta", rope_theta)] {
            if !(number > 0.0 && number.is_finite()) {
                return Err(wrong(&format!("{name} above 0"), number.to_string()));
            }
        }
        let n_kv_heads = hf.num_key_value_heads.unwrap_or(hf.num_attention_heads);
        let sizes = [
            ("hidden_size", hf.hidden_size),
            ("intermediate_size", hf.intermediate_size),
            ("num_hidden_layers", hf.num_hidden_layers),
            ("num_attention_heads", hf.num_attention_heads),
            ("num_key_value_heads", n_kv_heads),
            ("vocab_size", hf.vocab_size),
            ("max_position_embeddings", hf.max_position_embeddings),
            ("head_dim", hf.head_dim.unwrap_or(1)),
        ];
        for (name, size) in sizes {
            // Numbers past these are no model but a damaged file.
            let most = if name == "num_hidden_layers" { 1024 } else { 1 << 24 };
            if !(1..=most).contains(&size) {
                return Err(wrong(&format!("{name} from 1 to {most}"), size.to_string()));
            }
        }
        if !hf.num_attention_heads.is_multiple_of(n_kv_heads) {
            let found = format!("{} and {n_kv_heads}", hf.num_attention_heads);
            return Err(wrong("num_attention_heads to be a multiple of num_key_value_heads", found));
        }
        let d_head = match hf.head_dim {
            Some(d_head) => d_head,
            None if hf.hidden_size.is_multiple_of(hf.num_attention_heads) => hf.hidden_size / hf.num_attention_heads,
            None => {
                let found = format!("{} and {}", hf.hidden_size, hf.num_attention_heads);
                return Err(wrong("hidden_size to be a multiple of num_attention_heads", found));
            }
        };
        if !d_head.is_multiple_of(2) {
            return Err(wrong("an even head_dim", d_head.to_string()));
        }
        Ok(Self {
            d_model: hf.hidden_size,
            d_hidden: hf.intermediate_size,
            n_layers: hf.num_hidden_layers,
            n_heads: hf.num_attention_heads,
            n_kv_heads,
            d_head,
            n_vocab: hf.vocab_size,
            n_positions: hf.max_position_embeddings,
            norm_epsilon: hf.rms_norm_eps,
            rope_theta,
            tied_embedding: hf.tie_word_embeddings,
        })
    }
}
