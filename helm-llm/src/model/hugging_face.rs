use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::config::{
    Activation, AttentionSettings, DecoderConfig, NormKind, PerceptronSettings, Positions, Residual, RopeScaling,
};
use super::names::{GEMMA, GPT_NEOX, GPT2, LLAMA, Names, PHI};
use crate::Error;

mod positions;

/// `config.json` as Hugging Face writes it, of any of the families; what one lacks has the family's default.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    model_type: Option<String>,
    #[serde(alias = "n_embd")]
    hidden_size: Option<usize>,
    #[serde(alias = "n_inner")]
    intermediate_size: Option<usize>,
    #[serde(alias = "n_layer")]
    num_hidden_layers: Option<usize>,
    #[serde(alias = "n_head")]
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: Option<usize>,
    #[serde(alias = "n_positions")]
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    #[serde(alias = "layer_norm_epsilon")]
    layer_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rotary_emb_base: Option<f64>,
    rope_local_base_freq: Option<f64>,
    partial_rotary_factor: Option<f64>,
    rotary_pct: Option<f64>,
    rope_scaling: Option<RawRope>,
    /// Where transformers 5 writes all of the above; for each kind of layer in Gemma 3.
    rope_parameters: Option<Value>,
    original_max_position_embeddings: Option<usize>,
    sliding_window: Option<usize>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
    #[serde(alias = "_sliding_window_pattern")]
    sliding_window_pattern: Option<usize>,
    layer_types: Option<Vec<String>>,
    tie_word_embeddings: Option<bool>,
    #[serde(alias = "activation_function")]
    hidden_act: Option<String>,
    hidden_activation: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    use_parallel_residual: Option<bool>,
    scale_attn_weights: Option<bool>,
    scale_attn_by_inverse_layer_idx: Option<bool>,
    use_bidirectional_attention: Option<bool>,
}

/// Scaling of rotary positions; also all of them where transformers 5 writes it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct RawRope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
    short_factor: Option<Vec<f64>>,
    attention_factor: Option<f64>,
}

/// What is expected, and what was found.
type Wrong = (String, String);

/// Reads `config.json` of a Hugging Face folder; also says what the family calls its tensors.
///
/// # Errors
/// [`Error::Io`] or [`Error::Format`] if the file can't be read, is of another architecture, or has a setting that the
/// decoder does not compute.
pub(crate) fn read_config(path: &Path) -> Result<(DecoderConfig, Names), Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
    let wrong = |(expected, found)| Error::Format { path: path.into(), expected, found };
    let json: Value =
        serde_json::from_str(&text).map_err(|error| wrong(("a JSON object".into(), error.to_string())))?;
    if !json.is_object() {
        return Err(wrong(("a JSON object".into(), "another value".into())));
    }
    // The architecture first: another one has other settings, of which an error would say nothing.
    let family = family(json["model_type"].as_str()).map_err(wrong)?;
    let raw: Raw =
        serde_json::from_value(json).map_err(|error| wrong(("the settings of a decoder".into(), error.to_string())))?;
    Ok((raw.decoder(&family).map_err(wrong)?, family.names))
}

/// What a family computes where its configuration doesn't say.
struct Family {
    name: &'static str,
    names: Names,
    norm: NormKind,
    activation: &'static str,
    gated: bool,
    tied: bool,
    qkv_bias: bool,
    out_bias: bool,
    mlp_bias: bool,
    norms_heads: bool,
}

const FAMILIES: [&str; 9] = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "gpt2", "gpt_neox"];

fn family(model_type: Option<&str>) -> Result<Family, Wrong> {
    let llama = Family {
        name: "llama",
        names: LLAMA,
        norm: NormKind::RootMeanSquare,
        activation: "silu",
        gated: true,
        tied: false,
        qkv_bias: false,
        out_bias: false,
        mlp_bias: false,
        norms_heads: false,
    };
    let gemma = Family { names: GEMMA, activation: "gelu_pytorch_tanh", tied: true, ..llama };
    let gpt = Family { norm: NormKind::Layer, gated: false, qkv_bias: true, out_bias: true, mlp_bias: true, ..llama };
    Ok(match model_type {
        Some("llama") => llama,
        Some("mistral") => Family { name: "mistral", ..llama },
        Some("qwen2") => Family { name: "qwen2", qkv_bias: true, ..llama },
        Some("qwen3") => Family { name: "qwen3", norms_heads: true, ..llama },
        Some("gemma2") => Family { name: "gemma2", ..gemma },
        Some("gemma3_text") => Family { name: "gemma3_text", norms_heads: true, ..gemma },
        Some("phi3") => Family { name: "phi3", names: PHI, ..llama },
        Some("gpt2") => Family { name: "gpt2", names: GPT2, activation: "gelu_new", tied: true, ..gpt },
        Some("gpt_neox") => Family { name: "gpt_neox", names: GPT_NEOX, activation: "gelu", ..gpt },
        other => {
            let found = match other {
                Some(kind @ ("t5" | "mt5" | "bart" | "umt5" | "t5gemma")) => {
                    format!("{kind:?}, an encoder–decoder, which helm does not read")
                }
                Some("gemma3") => "\"gemma3\", text and images: its text model alone has gemma3_text".into(),
                Some(kind) => format!("{kind:?}"),
                None => "none".into(),
            };
            return Err((format!("a model_type of {}", FAMILIES.join(", ")), found));
        }
    })
}

impl Raw {
    fn decoder(&self, family: &Family) -> Result<DecoderConfig, Wrong> {
        let is = |name: &str| family.name == name;
        let needed = |value: Option<usize>, name: &str| sized(value.ok_or((name.into(), "none".into()))?, name);
        let d_model = needed(self.hidden_size, "hidden_size")?;
        let n_heads = needed(self.num_attention_heads, "num_attention_heads")?;
        let n_layers = needed(self.num_hidden_layers, "num_hidden_layers")?;
        if n_layers > 1024 {
            return Err(("num_hidden_layers from 1 to 1024".into(), n_layers.to_string()));
        }
        let d_hidden = match self.intermediate_size {
            None if is("gpt2") => 4 * d_model,
            given => needed(given, "intermediate_size")?,
        };
        // GPT-2 and GPT-NeoX have no groups, whatever their files say.
        let grouped = !(is("gpt2") || is("gpt_neox"));
        let n_kv_heads = sized(self.num_key_value_heads.filter(|_| grouped).unwrap_or(n_heads), "num_key_value_heads")?;
        if !n_heads.is_multiple_of(n_kv_heads) {
            let found = format!("{n_heads} and {n_kv_heads}");
            return Err(("num_attention_heads to be a multiple of num_key_value_heads".into(), found));
        }
        let d_head = match self.head_dim.filter(|_| grouped) {
            Some(d_head) => sized(d_head, "head_dim")?,
            None if is("qwen3") => 128,
            None if family.names.norm_offset > 0.0 => 256,
            None if d_model.is_multiple_of(n_heads) => d_model / n_heads,
            None => {
                let found = format!("{d_model} and {n_heads}");
                return Err(("hidden_size to be a multiple of num_attention_heads".into(), found));
            }
        };
        let norm_epsilon = match family.norm {
            NormKind::Layer => positive(self.layer_norm_eps.unwrap_or(1e-5), "layer_norm_eps")?,
            NormKind::RootMeanSquare => positive(self.rms_norm_eps.unwrap_or(1e-6), "rms_norm_eps")?,
        };
        for (expected, refused) in [
            ("scale_attn_weights true", self.scale_attn_weights == Some(false)),
            ("scale_attn_by_inverse_layer_idx false", self.scale_attn_by_inverse_layer_idx == Some(true)),
            ("use_bidirectional_attention false", self.use_bidirectional_attention == Some(true)),
        ] {
            if refused {
                return Err((expected.into(), "another setting".into()));
            }
        }
        // Only these let the file decide.
        let bias = |default, says: Option<bool>| says.unwrap_or(default);
        let decides = ["llama", "qwen3", "gemma2", "gemma3_text", "gpt_neox"].contains(&family.name);
        let attention_bias = self.attention_bias.filter(|_| decides);
        let scale = self.query_pre_attn_scalar.filter(|_| family.names.norm_offset > 0.0).unwrap_or(d_head as f64);
        let cap = |cap: Option<f64>, name| cap.map(|cap| positive(cap, name)).transpose();
        let mut n_positions = needed(self.max_position_embeddings, "max_position_embeddings")?;
        let (positions, windowed_rope) = match self.positions(family, d_head)? {
            Some((rope, windowed)) => {
                if let (RopeScaling::Each { .. }, Some(original)) = (&rope.scaling, self.original_positions()) {
                    n_positions = n_positions.min(original);
                }
                (Positions::Rotary(rope), windowed)
            }
            None => (Positions::Learned, None),
        };
        Ok(DecoderConfig {
            family: family.name.into(),
            d_model,
            d_hidden,
            n_layers,
            n_heads,
            n_kv_heads,
            d_head,
            n_vocab: needed(self.vocab_size, "vocab_size")?,
            n_positions,
            embedding_scale: if family.names.norm_offset > 0.0 { (d_model as f64).sqrt() } else { 1.0 },
            norm: family.norm,
            norm_epsilon,
            residual: match family.name {
                "gpt_neox" if self.use_parallel_residual != Some(false) => Residual::Parallel,
                _ if family.names.norms.attention_out.is_some() => Residual::NormedTwice,
                _ => Residual::Sequential,
            },
            positions,
            window: self.window(family, n_layers, windowed_rope)?,
            attention: AttentionSettings {
                scale: positive(scale, "query_pre_attn_scalar")?.sqrt().recip(),
                qkv_bias: bias(family.qkv_bias, attention_bias),
                out_bias: bias(family.out_bias, attention_bias),
                norms_heads: family.norms_heads,
                score_cap: cap(self.attn_logit_softcapping.filter(|_| is("gemma2")), "attn_logit_softcapping")?,
            },
            perceptron: PerceptronSettings {
                gated: family.gated,
                activation: self.activation(family)?,
                bias: bias(family.mlp_bias, self.mlp_bias.filter(|_| is("llama"))),
            },
            logit_cap: cap(
                self.final_logit_softcapping.filter(|_| family.names.norm_offset > 0.0),
                "final_logit_softcapping",
            )?,
            tied_embedding: self.tie_word_embeddings.unwrap_or(family.tied),
        })
    }

    fn activation(&self, family: &Family) -> Result<Activation, Wrong> {
        // Gemma's files have both, of which the second counts.
        let name = self.hidden_activation.as_deref().or(self.hidden_act.as_deref()).unwrap_or(family.activation);
        match name {
            "silu" | "swish" => Ok(Activation::Silu),
            "gelu" => Ok(Activation::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
            other => Err(("an activation silu, gelu, gelu_new or gelu_pytorch_tanh".into(), format!("{other:?}"))),
        }
    }
}

/// A size that a model can have; larger ones are no model but a damaged file.
fn sized(size: usize, name: &str) -> Result<usize, Wrong> {
    const MOST: usize = 1 << 24;
    if (1..=MOST).contains(&size) {
        return Ok(size);
    }
    Err((format!("{name} from 1 to {MOST}"), size.to_string()))
}

fn positive(number: f64, name: &str) -> Result<f64, Wrong> {
    if number > 0.0 && number.is_finite() {
        return Ok(number);
    }
    Err((format!("{name} above 0"), number.to_string()))
}
