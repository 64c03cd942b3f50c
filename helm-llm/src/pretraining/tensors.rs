use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use half::bf16;
use rand::SeedableRng;
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::Normal;
use safetensors::tensor::{Dtype, TensorView};

use crate::Error;
use crate::files::io_error;
use crate::model::{Decoder, DecoderConfig, Names, QkvNames};

/// A tensor of a decoder as its file has it.
pub(super) struct FileTensor {
    /// Its name in the file.
    pub(super) name: String,
    /// Its path in the decoder.
    path: String,
    /// Its shape in the file.
    pub(super) shape: Vec<usize>,
    /// What its random numbers spread by; `None` for a norm's weights, which start as ones.
    spread: Option<f64>,
}

/// The spread of random weights, as GPT-2 and Llama start.
const SPREAD: f64 = 0.02;

/// All tensors of a decoder whose matrices are each a tensor `[outputs, inputs]`.
///
/// # Errors
/// What the family has instead, if its file is laid out in another way.
pub(super) fn file_tensors(config: &DecoderConfig, names: Names) -> Result<Vec<FileTensor>, Error> {
    let refused = |found: &str| {
        let expected = "a decoder laid out as Llama's: rotary positions, no biases, tied embeddings".to_owned();
        Error::Training { expected, found: format!("{} with {found}", config.family) }
    };
    let QkvNames::Each([q, k, v]) = names.attention.qkv else { return Err(refused("stacked attention weights")) };
    let Some(gate) = names.perceptron.gate.filter(|gate| *gate != names.perceptron.up) else {
        return Err(refused("another perceptron"));
    };
    let attention = config.attention;
    for (is_other, what) in [
        (names.positions.is_some(), "learned positions"),
        (names.norm_offset != 0.0 || names.norms.attention_out.is_some(), "other norms"),
        (attention.qkv_bias || attention.out_bias || config.perceptron.bias, "biases"),
        (attention.norms_heads, "norms of heads"),
        (config.window.is_some(), "windows"),
        (!config.tied_embedding, "an output layer of its own"),
    ] {
        if is_other {
            return Err(refused(what));
        }
    }
    let (d, hidden) = (config.d_model, config.d_hidden);
    let (queries, keys) = (config.n_heads * config.d_head, config.n_kv_heads * config.d_head);
    // What is added to the stream in each layer starts smaller, so that the stream doesn't grow with depth.
    let small = SPREAD / (2.0 * config.n_layers as f64).sqrt();
    let body = |name: &str| format!("{}{name}", names.body);
    let norm = |name: String, path: String| FileTensor { name, path, shape: vec![d], spread: None };
    let mut tensors = vec![FileTensor {
        name: body(names.embedding),
        path: "embedding".into(),
        shape: vec![config.n_vocab, d],
        spread: Some(SPREAD),
    }];
    for layer in 0..config.n_layers {
        let name = |part: &str| format!("{}{}{layer}.{part}.weight", names.body, names.layer);
        let path = |part: &str| format!("layers.{layer}.{part}");
        tensors.push(norm(name(names.norms.attention), path("attention_norm.RootMeanSquare.gamma")));
        tensors.push(norm(name(names.norms.perceptron), path("mlp_norm.RootMeanSquare.gamma")));
        for (part, own, shape, spread) in [
            (q, "attention.q", [queries, d], SPREAD),
            (k, "attention.k", [keys, d], SPREAD),
            (v, "attention.v", [keys, d], SPREAD),
            (names.attention.out, "attention.out", [d, queries], small),
            (gate, "mlp.gate", [hidden, d], SPREAD),
            (names.perceptron.up, "mlp.up", [hidden, d], SPREAD),
            (names.perceptron.down, "mlp.down", [d, hidden], small),
        ] {
            let path = format!("{}.weight", path(own));
            tensors.push(FileTensor { name: name(part), path, shape: shape.into(), spread: Some(spread) });
        }
    }
    tensors.push(norm(body(&format!("{}.weight", names.final_norm)), "norm.RootMeanSquare.gamma".into()));
    Ok(tensors)
}

impl FileTensor {
    /// Random numbers to start from.
    fn random(&self, seed: u64) -> Vec<f32> {
        let n = self.shape.iter().product();
        let Some(spread) = self.spread else { return vec![1.0; n] };
        // Each tensor's numbers depend on its name alone.
        let stream = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let normal = Normal::new(0.0, spread).expect("a finite spread");
        (0..n).map(|_| normal.sample(&mut rng) as f32).collect()
    }
}

/// Writes random weights.
pub(super) fn write_random(tensors: &[FileTensor], seed: u64, path: &Path) -> Result<(), Error> {
    write(tensors.iter().map(|tensor| (tensor, tensor.random(seed))), Dtype::F32, path)
}

/// Writes a decoder's weights, in f32 or rounded to bf16.
pub(super) fn write_decoder(tensors: &[FileTensor], decoder: &Decoder, dtype: Dtype, path: &Path) -> Result<(), Error> {
    let mut collected = Collect { path: Vec::new(), tensors: BTreeMap::new() };
    decoder.visit(&mut collected);
    let mut found = collected.tensors;
    let of_file = tensors.iter().map(|tensor| {
        let numbers = found.remove(&tensor.path).expect("the decoder was made of these tensors");
        (tensor, numbers)
    });
    write(of_file, dtype, path)
}

fn write<'a>(
    tensors: impl Iterator<Item = (&'a FileTensor, Vec<f32>)>,
    dtype: Dtype,
    path: &Path,
) -> Result<(), Error> {
    let bytes = |numbers: Vec<f32>| -> Vec<u8> {
        match dtype {
            Dtype::BF16 => numbers.into_iter().flat_map(|number| bf16::from_f32(number).to_le_bytes()).collect(),
            _ => numbers.into_iter().flat_map(f32::to_le_bytes).collect(),
        }
    };
    let parts: Vec<(&FileTensor, Vec<u8>)> = tensors.map(|(tensor, numbers)| (tensor, bytes(numbers))).collect();
    let wrong = |error: safetensors::SafeTensorError| Error::Format {
        path: path.into(),
        expected: "tensors that can be written".into(),
        found: error.to_string(),
    };
    let views = parts.iter().map(|(tensor, bytes)| {
        Ok((tensor.name.as_str(), TensorView::new(dtype, tensor.shape.clone(), bytes).map_err(wrong)?))
    });
    let views = views.collect::<Result<Vec<_>, Error>>()?;
    // transformers wants to know where the tensors come from.
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let file = safetensors::serialize(views, Some(metadata)).map_err(wrong)?;
    let partial = path.with_extension("partial");
    fs::write(&partial, file).map_err(io_error(&partial))?;
    fs::rename(&partial, path).map_err(io_error(path))
}

/// The numbers of all parameters, matrices of linear layers turned to `[outputs, inputs]`.
struct Collect {
    path: Vec<String>,
    tensors: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let is_linear = D == 2 && self.path.len() > 1;
        let tensor = if is_linear { tensor.swap_dims(0, 1) } else { tensor };
        let data: TensorData = tensor.into_data();
        let numbers = data.convert::<f32>().try_into_vec::<f32>().expect("numbers that were converted to f32");
        self.tensors.insert(self.path.join("."), numbers);
    }
}
