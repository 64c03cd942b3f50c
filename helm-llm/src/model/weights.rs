//! From the tensors of files to the parts of a decoder.
#![allow(clippy::single_range_in_vec_init, reason = "runs of numbers, often a single one")]

use std::collections::BTreeSet;
use std::ops::Range;

use burn::tensor::{DType, Device};
use bytes::Bytes;
use half::{bf16, f16};
use safetensors::Dtype;

use super::checkpoint::{Checkpoint, Stored};
use super::config::{DecoderConfig, NormKind};
use super::decoder_weights::{BlockWeights, DecoderWeights, LinearWeights, NormWeights, Owned, Weight};
use super::names::{BUFFERS, Names, QkvNames};
use super::{Decoder, LoadReport};
use crate::Error;

/// A checkpoint on its way into a decoder: hands out weights by their names and shapes, and keeps account of them.
///
/// A weight that is missing or unfit is recorded, and a single number stands in its place until [`load`] refuses the
/// whole.
pub(crate) struct Weights<'a> {
    config: &'a DecoderConfig,
    names: Names,
    checkpoint: &'a Checkpoint,
    dtype: DType,
    applied: BTreeSet<String>,
    missing: Vec<String>,
    unfit: Vec<String>,
    failed: Option<Error>,
}

/// Reads a decoder's weights: all of them or none. With `keep`, they are also returned as they are, and share their
/// memory with the decoder's where the device is the CPU.
///
/// # Errors
/// [`Error::Weights`] if tensors are missing, unknown, or of another shape or type than the configuration says;
/// [`Error::Io`] if a file can't be read.
pub(crate) fn load(
    checkpoint: &Checkpoint,
    config: &DecoderConfig,
    names: Names,
    device: &Device,
    dtype: DType,
    keep: bool,
) -> Result<(Decoder, Option<DecoderWeights>, LoadReport), Error> {
    let mut weights = Weights {
        config,
        names,
        checkpoint,
        dtype,
        applied: BTreeSet::new(),
        missing: Vec::new(),
        unfit: Vec::new(),
        failed: None,
    };
    let (decoder, kept) = Decoder::load(config, &mut weights, device, keep);
    let Weights { applied, missing, unfit, failed, .. } = weights;
    if let Some(error) = failed {
        return Err(error);
    }
    let left = checkpoint.names().filter(|name| !applied.contains(*name)).cloned();
    // Tied files may hold a second copy of the embedding.
    let second_copy = |name: &String| config.tied_embedding && *name == format!("{}.weight", names.head);
    let known = |name: &String| BUFFERS.iter().any(|buffer| name.ends_with(buffer)) || second_copy(name);
    let (ignored, unused): (Vec<String>, Vec<String>) = left.partition(known);
    if missing.is_empty() && unused.is_empty() && unfit.is_empty() {
        return Ok((decoder, kept, LoadReport { applied: applied.into_iter().collect(), ignored }));
    }
    Err(Error::Weights { path: checkpoint.path().into(), missing, unused, unfit })
}

impl Weights<'_> {
    pub(crate) fn names(&self) -> Names {
        self.names
    }

    /// A matrix outside the layers, as it stands in the file.
    pub(crate) fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Weight {
        let name = format!("{}{name}", self.names.body);
        self.weight(&name, &shape, &shape, || vec![0..shape[0] * shape[1]])
    }

    /// The output layer, `[n_vocab, d_model]`.
    pub(crate) fn head(&mut self, shape: [usize; 2]) -> Weight {
        let name = format!("{}.weight", self.names.head);
        self.weight(&name, &shape, &shape, || vec![0..shape[0] * shape[1]])
    }

    /// All of a block.
    pub(crate) fn block(&mut self, layer: usize) -> BlockWeights {
        let (names, config) = (self.names, self.config);
        let heads = |name| config.attention.norms_heads.then_some(name);
        let (d, d_head) = (config.d_model, config.d_head);
        let [q, k, v] = self.queries_keys_values(layer);
        let (gate, up) = self.gate_and_up(layer);
        BlockWeights {
            attention_norm: self.layer_norm(layer, names.norms.attention, d),
            q,
            k,
            v,
            q_norm: heads(names.attention.q_norm).map(|name| self.layer_norm(layer, name, d_head)),
            k_norm: heads(names.attention.k_norm).map(|name| self.layer_norm(layer, name, d_head)),
            out: self.attention_out(layer),
            attention_out_norm: names.norms.attention_out.map(|name| self.layer_norm(layer, name, d)),
            perceptron_norm: self.layer_norm(layer, names.norms.perceptron, d),
            gate,
            up,
            down: self.down(layer),
            perceptron_out_norm: names.norms.perceptron_out.map(|name| self.layer_norm(layer, name, d)),
        }
    }

    /// The output of attention.
    fn attention_out(&mut self, layer: usize) -> LinearWeights {
        let (d, mixed) = (self.config.d_model, self.config.n_heads * self.config.d_head);
        self.linear(layer, self.names.attention.out, mixed, d, &[0..d], self.config.attention.out_bias)
    }

    /// The matrices of queries, keys and values, whatever they are stored as.
    fn queries_keys_values(&mut self, layer: usize) -> [LinearWeights; 3] {
        let config = self.config;
        let (heads, d) = (config.n_heads, config.d_head);
        let (inputs, bias) = (config.d_model, config.attention.qkv_bias);
        let (queries, keys) = (heads * d, config.n_kv_heads * d);
        let whole = queries + 2 * keys;
        let (name, rows) = match self.names.attention.qkv {
            QkvNames::Each([q, k, v]) => {
                return [(q, queries), (k, keys), (v, keys)]
                    .map(|(name, outputs)| self.linear(layer, name, inputs, outputs, &[0..outputs], bias));
            }
            QkvNames::Stacked(name) => {
                let part = |start, length| vec![start..start + length];
                (name, [part(0, queries), part(queries, keys), part(queries + keys, keys)])
            }
            QkvNames::ByHead(name) => {
                let part = |part| (0..heads).map(|head| (3 * head + part) * d..(3 * head + part + 1) * d).collect();
                (name, [part(0), part(1), part(2)])
            }
        };
        rows.map(|rows| self.linear(layer, name, inputs, whole, &rows, bias))
    }

    /// The perceptron's gate, if it has one, and its other hidden layer.
    fn gate_and_up(&mut self, layer: usize) -> (Option<LinearWeights>, LinearWeights) {
        let (config, names) = (self.config, self.names.perceptron);
        let (hidden, d, bias) = (config.d_hidden, config.d_model, config.perceptron.bias);
        let stacked = names.gate == Some(names.up);
        let (whole, first) = if stacked { (2 * hidden, hidden) } else { (hidden, 0) };
        let gate = names.gate.map(|gate| self.linear(layer, gate, d, whole, &[0..hidden], bias));
        (gate, self.linear(layer, names.up, d, whole, &[first..first + hidden], bias))
    }

    /// The perceptron's output.
    fn down(&mut self, layer: usize) -> LinearWeights {
        let (d, hidden) = (self.config.d_model, self.config.d_hidden);
        self.linear(layer, self.names.perceptron.down, hidden, d, &[0..d], self.config.perceptron.bias)
    }

    /// A norm of a layer.
    fn layer_norm(&mut self, layer: usize, name: &str, width: usize) -> NormWeights {
        self.norm(&format!("{}{layer}.{name}", self.names.layer), width)
    }

    /// A norm outside the layers.
    pub(crate) fn norm(&mut self, name: &str, width: usize) -> NormWeights {
        let name = format!("{}{name}", self.names.body);
        let biased = self.config.norm == NormKind::Layer;
        // Norms are computed in f32.
        let dtype = std::mem::replace(&mut self.dtype, DType::F32);
        let mut vector = |end| self.weight(&format!("{name}.{end}"), &[width], &[width], || vec![0..width]);
        let weight = vector("weight");
        let bias = biased.then(|| vector("bias"));
        self.dtype = dtype;
        let offset = self.names.norm_offset as f32;
        let weight = if offset == 0.0 { weight } else { weight.plus(offset) };
        NormWeights { weight, bias }
    }

    /// Some outputs of a linear part of a layer that has `whole` of them.
    fn linear(
        &mut self,
        layer: usize,
        name: &str,
        inputs: usize,
        whole: usize,
        outputs: &[Range<usize>],
        bias: bool,
    ) -> LinearWeights {
        let name = format!("{}{}{layer}.{name}", self.names.body, self.names.layer);
        let n: usize = outputs.iter().map(Range::len).sum();
        let weight = if self.names.inputs_first {
            let of_row = |row| outputs.iter().map(move |run| row * whole + run.start..row * whole + run.end);
            let runs = || (0..inputs).flat_map(of_row).collect();
            self.weight(&format!("{name}.weight"), &[inputs, whole], &[inputs, n], runs)
        } else {
            self.transposed(&format!("{name}.weight"), [whole, inputs], outputs)
        };
        let bias = bias.then(|| self.weight(&format!("{name}.bias"), &[whole], &[n], || outputs.to_vec()));
        LinearWeights { weight, bias }
    }

    /// The numbers of a tensor in some runs, in the shape `taken`; the file must have it in the shape `stored`. They
    /// are used where they stand in the mapped file if that can be.
    fn weight(
        &mut self,
        name: &str,
        stored: &[usize],
        taken: &[usize],
        runs: impl FnOnce() -> Vec<Range<usize>>,
    ) -> Weight {
        let dtype = self.dtype;
        self.taken(name, stored, taken, |checkpoint, found| {
            let runs = merged(runs());
            if let ([run], true) = (&runs[..], float(found.dtype) == dtype) {
                let mapped = checkpoint.mapped(found).slice(run.start * dtype.size()..run.end * dtype.size());
                if mapped.as_ptr().align_offset(dtype.size()) == 0 {
                    return Ok(mapped);
                }
            }
            Ok(Numbers::read(checkpoint, found, &runs, dtype)?.into_bytes())
        })
    }

    /// Some rows of a matrix `[rows, columns]`, moved to `[columns, rows]`: products with it so are faster than with a
    /// view of it.
    fn transposed(&mut self, name: &str, stored: [usize; 2], rows: &[Range<usize>]) -> Weight {
        let (dtype, columns) = (self.dtype, stored[1]);
        let n = rows.iter().map(Range::len).sum();
        self.taken(name, &stored, &[columns, n], |checkpoint, found| {
            let runs: Vec<_> = rows.iter().map(|run| run.start * columns..run.end * columns).collect();
            Ok(Numbers::read(checkpoint, found, &runs, dtype)?.transposed(n, columns).into_bytes())
        })
    }

    /// A weight of the bytes that a function makes of what is stored; on anything wrong, that is recorded, and the
    /// weight is a single number.
    fn taken(
        &mut self,
        name: &str,
        stored: &[usize],
        taken: &[usize],
        bytes: impl FnOnce(&Checkpoint, &Stored) -> Result<Bytes, Error>,
    ) -> Weight {
        let none = Weight::none(taken.len(), self.dtype);
        let bare = name.strip_prefix(self.names.body).unwrap_or(name);
        let found = [name, bare].into_iter().find_map(|name| Some((name, self.checkpoint.get(name)?)));
        let Some((name, found)) = found else {
            self.missing.push(name.into());
            return none;
        };
        self.applied.insert(name.into());
        if !matches!(found.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) || found.shape != stored {
            let expected = format!("{stored:?} of f32, f16 or bf16");
            self.unfit.push(format!("{name}: expected {expected}, found {:?} of {:?}", found.shape, found.dtype));
            return none;
        }
        match bytes(self.checkpoint, found) {
            Ok(bytes) => Weight::new(bytes, taken, self.dtype),
            Err(error) => {
                self.failed.get_or_insert(error);
                none
            }
        }
    }
}

/// Numbers of the dtype to compute in.
enum Numbers {
    F32(Vec<f32>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
}

impl Numbers {
    /// The numbers of some runs of a tensor.
    fn read(checkpoint: &Checkpoint, stored: &Stored, runs: &[Range<usize>], to: DType) -> Result<Self, Error> {
        let n = runs.iter().map(Range::len).sum();
        let mut numbers = match to {
            DType::F32 => Self::F32(Vec::with_capacity(n)),
            DType::F16 => Self::F16(Vec::with_capacity(n)),
            _ => Self::BF16(Vec::with_capacity(n)),
        };
        let from = float(stored.dtype);
        for run in runs {
            let part = run.start * from.size()..run.end * from.size();
            checkpoint.read(stored, part, |piece| numbers.extend(piece, from))?;
        }
        Ok(numbers)
    }

    fn transposed(self, rows: usize, columns: usize) -> Self {
        match self {
            Self::F32(own) => Self::F32(transposed(&own, rows, columns)),
            Self::F16(own) => Self::F16(transposed(&own, rows, columns)),
            Self::BF16(own) => Self::BF16(transposed(&own, rows, columns)),
        }
    }

    /// Adds the numbers of a piece of a file, rounded to the nearest.
    fn extend(&mut self, piece: &[u8], from: DType) {
        match self {
            Self::F32(own) => extend(own, piece, from, |number| number),
            Self::F16(own) => extend(own, piece, from, f16::from_f32),
            Self::BF16(own) => extend(own, piece, from, bf16::from_f32),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::F32(own) => Bytes::from_owner(Owned(own)),
            Self::F16(own) => Bytes::from_owner(Owned(own)),
            Self::BF16(own) => Bytes::from_owner(Owned(own)),
        }
    }
}

fn extend<T>(own: &mut Vec<T>, piece: &[u8], from: DType, to: impl Fn(f32) -> T) {
    let two = piece.chunks_exact(2).map(|bytes| [bytes[0], bytes[1]]);
    match from {
        DType::F32 => {
            own.extend(piece.chunks_exact(4).map(|b| to(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))));
        }
        DType::F16 => own.extend(two.map(|bytes| to(f16::from_le_bytes(bytes).to_f32()))),
        _ => own.extend(two.map(|bytes| to(bf16::from_le_bytes(bytes).to_f32()))),
    }
}

/// A matrix `[rows, columns]` as `[columns, rows]`, in tiles that a cache holds.
fn transposed<T: Copy + Default>(matrix: &[T], rows: usize, columns: usize) -> Vec<T> {
    const TILE: usize = 32;
    let mut turned = vec![T::default(); matrix.len()];
    for first_row in (0..rows).step_by(TILE) {
        for first_column in (0..columns).step_by(TILE) {
            for row in first_row..rows.min(first_row + TILE) {
                for column in first_column..columns.min(first_column + TILE) {
                    turned[column * rows + row] = matrix[row * columns + column];
                }
            }
        }
    }
    turned
}

/// The dtype of a floating-point tensor of a file.
fn float(dtype: Dtype) -> DType {
    match dtype {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        _ => DType::BF16,
    }
}

/// Runs of which none begins where the one before ends.
fn merged(runs: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(runs.len());
    for run in runs {
        match merged.last_mut() {
            Some(last) if last.end == run.start => last.end = run.end,
            _ => merged.push(run),
        }
    }
    merged
}
