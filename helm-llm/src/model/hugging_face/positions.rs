//! What a configuration says of positions and of windows.

use serde_json::Value;

use super::{Family, Raw, RawRope, Wrong, positive, sized};
use crate::model::config::{RopeConfig, RopeScaling, Window};

impl Raw {
    /// Rotary positions, and those of layers with a window if they have others; `None` for learned positions.
    pub(super) fn positions(
        &self,
        family: &Family,
        d_head: usize,
    ) -> Result<Option<(RopeConfig, Option<RopeConfig>)>, Wrong> {
        if family.names.positions.is_some() {
            return Ok(None);
        }
        let parameters = |value: &Value| -> Result<RawRope, Wrong> {
            serde_json::from_value(value.clone())
                .map_err(|error| ("rope_parameters of a decoder".into(), error.to_string()))
        };
        let gemma3 = family.name == "gemma3_text";
        let (all, near) = match &self.rope_parameters {
            // transformers 5: of each kind of layer, or of all.
            Some(value) if value.get("full_attention").is_some() => {
                (parameters(&value["full_attention"])?, Some(parameters(&value["sliding_attention"])?))
            }
            Some(value) => (parameters(value)?, None),
            None => (self.rope_scaling.clone().unwrap_or_default(), None),
        };
        let near = match near {
            None if gemma3 => Some(RawRope { rope_theta: self.rope_local_base_freq, ..RawRope::default() }),
            near => near,
        };
        let theta = self.rope_theta.or(self.rotary_emb_base).unwrap_or(if gemma3 { 1e6 } else { 1e4 });
        let near = near.map(|near| self.rope(&near, family, d_head, 1e4)).transpose()?;
        Ok(Some((self.rope(&all, family, d_head, theta)?, near.filter(|_| gemma3))))
    }

    fn rope(&self, raw: &RawRope, family: &Family, d_head: usize, theta: f64) -> Result<RopeConfig, Wrong> {
        let theta = positive(raw.rope_theta.unwrap_or(theta), "rope_theta")?;
        let share = match family.name {
            "gpt_neox" => self.rotary_pct.or(raw.partial_rotary_factor).or(self.partial_rotary_factor).unwrap_or(0.25),
            "phi3" => raw.partial_rotary_factor.or(self.partial_rotary_factor).unwrap_or(1.0),
            _ => 1.0,
        };
        let d_rotary = (d_head as f64 * share) as usize;
        let fine = share > 0.0 && share <= 1.0 && d_rotary > 0 && d_rotary.is_multiple_of(2);
        if !fine {
            return Err(("a head_dim with an even number of rotary coordinates".into(), d_rotary.to_string()));
        }
        let factor = |value: Option<f64>, name: &str| positive(value.unwrap_or(f64::NAN), name);
        let scaling = match raw.rope_type.as_deref().unwrap_or("default") {
            "default" => RopeScaling::None,
            "linear" => RopeScaling::Linear { factor: factor(raw.factor, "factor")? },
            "llama3" => {
                let (low, high) = (
                    factor(raw.low_freq_factor, "low_freq_factor")?,
                    factor(raw.high_freq_factor, "high_freq_factor")?,
                );
                if high <= low {
                    return Err(("high_freq_factor above low_freq_factor".into(), format!("{high} and {low}")));
                }
                let original = raw.original_max_position_embeddings.map(|original| original as f64);
                RopeScaling::Llama3 {
                    factor: factor(raw.factor, "factor")?,
                    low,
                    high,
                    original_positions: factor(original, "original_max_position_embeddings")?,
                }
            }
            "longrope" | "su" => {
                let factors = raw.short_factor.clone().unwrap_or_default();
                if factors.len() != d_rotary / 2 || factors.iter().any(|factor| !(*factor > 0.0 && factor.is_finite()))
                {
                    let found = format!("{} numbers", factors.len());
                    return Err((format!("a short_factor of {} numbers above 0", d_rotary / 2), found));
                }
                let given =
                    raw.attention_factor.map(|magnitude| positive(magnitude, "attention_factor")).transpose()?;
                RopeScaling::Each { factors, magnitude: given.unwrap_or_else(|| self.longrope_magnitude()) }
            }
            other => return Err(("a rope_type default, linear, llama3 or longrope".into(), format!("{other:?}"))),
        };
        Ok(RopeConfig { theta, d_rotary, scaling })
    }

    pub(super) fn original_positions(&self) -> Option<usize> {
        let own = self.rope_scaling.as_ref().and_then(|rope| rope.original_max_position_embeddings);
        let new = self.rope_parameters.as_ref().and_then(|rope| rope["original_max_position_embeddings"].as_u64());
        self.original_max_position_embeddings.or(own).or(new.map(|positions| positions as usize))
    }

    /// What LongRoPE multiplies cosines and sines by: √(1 + ln(length ratio) / ln(original length)).
    fn longrope_magnitude(&self) -> f64 {
        match (self.max_position_embeddings, self.original_positions()) {
            (Some(all), Some(original)) if all > original && original > 1 => {
                (1.0 + (all as f64 / original as f64).ln() / (original as f64).ln()).sqrt()
            }
            _ => 1.0,
        }
    }

    pub(super) fn window(
        &self,
        family: &Family,
        n_layers: usize,
        rope: Option<RopeConfig>,
    ) -> Result<Option<Window>, Wrong> {
        let length = match family.name {
            "llama" | "gpt2" | "gpt_neox" => None,
            "qwen2" | "qwen3" => self.sliding_window.filter(|_| self.use_sliding_window == Some(true)),
            _ => self.sliding_window,
        };
        let Some(length) = length else {
            // Rotary positions of their own need the layers that have them.
            return match rope {
                None => Ok(None),
                Some(_) => Err(("a sliding_window".into(), "none".into())),
            };
        };
        let length = sized(length, "sliding_window")?;
        let layers: Vec<bool> = match &self.layer_types {
            Some(types) if types.len() == n_layers => types
                .iter()
                .map(|kind| match kind.as_str() {
                    "sliding_attention" => Ok(true),
                    "full_attention" => Ok(false),
                    other => Err(("layer_types full_attention or sliding_attention".into(), format!("{other:?}"))),
                })
                .collect::<Result<_, Wrong>>()?,
            Some(types) => return Err((format!("{n_layers} layer_types"), types.len().to_string())),
            None => (0..n_layers)
                .map(|layer| match family.name {
                    "qwen2" | "qwen3" => self.max_window_layers.is_some_and(|first| layer >= first),
                    "gemma2" => layer % 2 == 0,
                    "gemma3_text" => (layer + 1) % self.sliding_window_pattern.unwrap_or(6).max(1) != 0,
                    _ => true,
                })
                .collect(),
        };
        Ok(Some(Window { length, layers, rope }))
    }
}
