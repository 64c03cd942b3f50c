use std::borrow::Cow;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{AllocationProperty, DType, Device, Tensor, TensorData};
use bytes::Bytes;
use half::bf16;

/// The numbers of one weight, in the mapped file or in a copy of what stands there; clones share them, and so do the
/// tensors that are made of it on the CPU.
#[derive(Clone)]
pub(crate) struct Weight {
    bytes: Bytes,
    shape: Vec<usize>,
    dtype: DType,
}

/// A linear layer.
pub(crate) struct LinearWeights {
    /// `[inputs, outputs]`
    pub(crate) weight: Weight,
    /// `[outputs]`
    pub(crate) bias: Option<Weight>,
}

/// A norm, in f32.
pub(crate) struct NormWeights {
    /// `[width]`
    pub(crate) weight: Weight,
    /// `[width]`
    pub(crate) bias: Option<Weight>,
}

/// A block: attention and perceptron.
pub(crate) struct BlockWeights {
    pub(crate) attention_norm: NormWeights,
    pub(crate) q: LinearWeights,
    pub(crate) k: LinearWeights,
    pub(crate) v: LinearWeights,
    pub(crate) q_norm: Option<NormWeights>,
    pub(crate) k_norm: Option<NormWeights>,
    pub(crate) out: LinearWeights,
    /// `None` where attention's output is added as it is.
    pub(crate) attention_out_norm: Option<NormWeights>,
    pub(crate) perceptron_norm: NormWeights,
    /// `None` where the perceptron isn't gated.
    pub(crate) gate: Option<LinearWeights>,
    pub(crate) up: LinearWeights,
    pub(crate) down: LinearWeights,
    pub(crate) perceptron_out_norm: Option<NormWeights>,
}

/// A whole decoder.
pub(crate) struct DecoderWeights {
    /// `[n_vocab, d_model]`
    pub(crate) embedding: Weight,
    /// `[n_positions, d_model]`, `None` where positions are rotary.
    pub(crate) positions: Option<Weight>,
    pub(crate) layers: Vec<BlockWeights>,
    pub(crate) norm: NormWeights,
    /// `[n_vocab, d_model]`, `None` where the output layer is the embedding.
    pub(crate) head: Option<Weight>,
}

impl Weight {
    pub(crate) fn new(bytes: Bytes, shape: &[usize], dtype: DType) -> Self {
        Self { bytes, shape: shape.into(), dtype }
    }

    /// A single number that stands for a weight that isn't there.
    pub(crate) fn none(dimensions: usize, dtype: DType) -> Self {
        Self { bytes: vec![0; dtype.size()].into(), shape: vec![1; dimensions], dtype }
    }

    /// Each of its numbers, of f32, and another one added.
    pub(crate) fn plus(&self, number: f32) -> Self {
        let numbers = self.bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let sums: Vec<f32> = numbers.map(|own| own + number).collect();
        Self { bytes: Bytes::from_owner(Owned(sums)), ..self.clone() }
    }

    /// It as a tensor.
    pub(crate) fn tensor<const D: usize>(&self, device: &Device) -> Tensor<D> {
        let bytes = burn::tensor::Bytes::from_shared(self.bytes.clone(), AllocationProperty::Other);
        Tensor::from_data(TensorData::from_bytes(bytes, self.shape.clone(), self.dtype), (device, self.dtype))
    }

    /// The length of a row.
    pub(crate) fn width(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }

    /// Its numbers, row after row.
    ///
    /// # Panics
    /// If they are f16.
    pub(crate) fn numbers(&self) -> WeightNumbers<'_> {
        match self.dtype {
            DType::F32 => WeightNumbers::F32(bytemuck::cast_slice(&self.bytes)),
            DType::BF16 => WeightNumbers::Bf16(bytemuck::cast_slice(&self.bytes)),
            other => unreachable!("the engine takes f32 and bf16, found {other:?}"),
        }
    }

    /// All of its numbers in f32.
    ///
    /// # Panics
    /// If they are f16.
    pub(crate) fn f32(&self) -> Cow<'_, [f32]> {
        match self.numbers() {
            WeightNumbers::F32(numbers) => Cow::Borrowed(numbers),
            WeightNumbers::Bf16(numbers) => Cow::Owned(numbers.iter().map(|x| x.to_f32()).collect()),
        }
    }
}

/// The numbers of a weight that the engine takes.
#[derive(Clone, Copy)]
pub(crate) enum WeightNumbers<'a> {
    F32(&'a [f32]),
    Bf16(&'a [bf16]),
}

/// Numbers as the owner of their bytes.
pub(crate) struct Owned<T>(pub(crate) Vec<T>);

impl<T: bytemuck::Pod> AsRef<[u8]> for Owned<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl LinearWeights {
    pub(crate) fn inputs(&self) -> usize {
        self.weight.shape[0]
    }

    pub(crate) fn outputs(&self) -> usize {
        self.weight.shape[1]
    }

    /// The layer in burn.
    pub(crate) fn linear(&self, device: &Device) -> Linear {
        Linear {
            weight: Param::from_tensor(self.weight.tensor(device)),
            bias: self.bias.as_ref().map(|bias| Param::from_tensor(bias.tensor(device))),
        }
    }
}
