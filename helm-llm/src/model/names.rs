/// What a family calls its tensors, and how it lays them out. Names of a layer are continued from `layer` and its
/// number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    /// In front of all names but the output layer's; a file may leave it out.
    pub(crate) body: &'static str,
    pub(crate) embedding: &'static str,
    /// Learned positions.
    pub(crate) positions: Option<&'static str>,
    pub(crate) layer: &'static str,
    pub(crate) norms: NormNames,
    pub(crate) attention: AttentionNames,
    pub(crate) perceptron: PerceptronNames,
    pub(crate) final_norm: &'static str,
    pub(crate) head: &'static str,
    /// Whether matrices are `[inputs, outputs]`, not `[outputs, inputs]`.
    pub(crate) inputs_first: bool,
    /// What norms' weights lack.
    pub(crate) norm_offset: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct NormNames {
    pub(crate) attention: &'static str,
    pub(crate) attention_out: Option<&'static str>,
    pub(crate) perceptron: &'static str,
    pub(crate) perceptron_out: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionNames {
    pub(crate) qkv: QkvNames,
    pub(crate) out: &'static str,
    pub(crate) q_norm: &'static str,
    pub(crate) k_norm: &'static str,
}

/// Where queries, keys and values come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum QkvNames {
    /// A matrix each.
    Each([&'static str; 3]),
    /// One matrix: all queries, all keys, all values.
    Stacked(&'static str),
    /// One matrix: queries, keys and values of the first head, of the second, and so on.
    ByHead(&'static str),
}

/// The layers of the perceptron; where gate and up have one name, their matrix holds the gate above.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerceptronNames {
    pub(crate) gate: Option<&'static str>,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
}

/// Ends of names of what some files hold beside weights: masks and tables that are computed here.
pub(crate) const BUFFERS: [&str; 4] = ["rotary_emb.inv_freq", "attn.bias", "attn.masked_bias", "attention.masked_bias"];

/// Llama's, which Mistral, Qwen and others took over.
pub(crate) const LLAMA: Names = Names {
    body: "model.",
    embedding: "embed_tokens.weight",
    positions: None,
    layer: "layers.",
    norms: NormNames {
        attention: "input_layernorm",
        attention_out: None,
        perceptron: "post_attention_layernorm",
        perceptron_out: None,
    },
    attention: AttentionNames {
        qkv: QkvNames::Each(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
        out: "self_attn.o_proj",
        q_norm: "self_attn.q_norm",
        k_norm: "self_attn.k_norm",
    },
    perceptron: PerceptronNames { gate: Some("mlp.gate_proj"), up: "mlp.up_proj", down: "mlp.down_proj" },
    final_norm: "norm",
    head: "lm_head",
    inputs_first: false,
    norm_offset: 0.0,
};

/// Gemma 2's and 3's: norms' weights are kept less 1.
pub(crate) const GEMMA: Names = Names {
    norms: NormNames {
        attention: "input_layernorm",
        attention_out: Some("post_attention_layernorm"),
        perceptron: "pre_feedforward_layernorm",
        perceptron_out: Some("post_feedforward_layernorm"),
    },
    norm_offset: 1.0,
    ..LLAMA
};

/// Phi-3's.
pub(crate) const PHI: Names = Names {
    attention: AttentionNames { qkv: QkvNames::Stacked("self_attn.qkv_proj"), ..LLAMA.attention },
    perceptron: PerceptronNames { gate: Some("mlp.gate_up_proj"), up: "mlp.gate_up_proj", down: "mlp.down_proj" },
    ..LLAMA
};

/// GPT-2's.
pub(crate) const GPT2: Names = Names {
    body: "transformer.",
    embedding: "wte.weight",
    positions: Some("wpe.weight"),
    layer: "h.",
    norms: NormNames { attention: "ln_1", attention_out: None, perceptron: "ln_2", perceptron_out: None },
    attention: AttentionNames { qkv: QkvNames::Stacked("attn.c_attn"), out: "attn.c_proj", ..LLAMA.attention },
    perceptron: PerceptronNames { gate: None, up: "mlp.c_fc", down: "mlp.c_proj" },
    final_norm: "ln_f",
    head: "lm_head",
    inputs_first: true,
    norm_offset: 0.0,
};

/// GPT-NeoX's, which Pythia has.
pub(crate) const GPT_NEOX: Names = Names {
    body: "gpt_neox.",
    embedding: "embed_in.weight",
    positions: None,
    layer: "layers.",
    norms: LLAMA.norms,
    attention: AttentionNames {
        qkv: QkvNames::ByHead("attention.query_key_value"),
        out: "attention.dense",
        ..LLAMA.attention
    },
    perceptron: PerceptronNames { gate: None, up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h" },
    final_norm: "final_layer_norm",
    head: "embed_out",
    inputs_first: false,
    norm_offset: 0.0,
};
