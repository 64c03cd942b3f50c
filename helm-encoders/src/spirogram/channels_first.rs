use burn::nn::BatchNorm;
use burn::nn::conv::Conv1d;
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, s};

use super::sequences::Sequences;

/// The layout of any device, `[channels, batch, length]`: channels first, a convolution is one product of two matrices,
/// and batch norm goes along the rows of one.
#[derive(Clone)]
pub(super) struct ChannelsFirst(Tensor<3>);

impl Sequences for ChannelsFirst {
    fn new(x: Tensor<3>) -> Self {
        Self(x.swap_dims(0, 1))
    }

    fn into_tensor(self) -> Tensor<3> {
        self.0.swap_dims(0, 1)
    }

    fn conv_norm(self, conv: &Conv1d, bn: &BatchNorm, shortcut: Option<Self>, rectify: bool) -> Self {
        let mut x = normalise(bn, convolve(conv, self.0));
        if let Some(Self(shortcut)) = shortcut {
            x = x + shortcut;
        }
        Self(if rectify { relu(x) } else { x })
    }

    fn max_pool(self) -> Self {
        Self(max_pool(self.0))
    }

    fn average_pool(self) -> Self {
        Self(average_pool(self.0))
    }
}

/// A convolution without bias and with as many zeros at both ends as keep the length at stride 1.
///
/// # Shapes
/// - `x`: `[channels_in, batch, length]`
/// - result: `[channels_out, batch, length / stride]`, rounded up
fn convolve(conv: &Conv1d, x: Tensor<3>) -> Tensor<3> {
    let [channels, batch, length] = x.dims();
    let weight = conv.weight.val();
    let [out, _, kernel] = weight.dims();
    let length_out = length.div_ceil(conv.stride);
    // [out, channels, kernel] -> [out, kernel * channels]
    let weight = weight.swap_dims(1, 2).reshape([out, kernel * channels]);
    // [kernel * channels, batch * length_out]
    let columns = if kernel == 1 { x } else { Tensor::cat(taps(x, kernel, conv.stride, 0.0), 0) };
    weight.matmul(columns.reshape([kernel * channels, batch * length_out])).reshape([out, batch, length_out])
}

/// What each weight of a kernel meets: `x` from `kernel / 2` values to the left of each stride to as many to its right,
/// with a value of its own past the ends.
///
/// # Shapes
/// - `x`: `[channels, batch, length]`
/// - results: `[channels, batch, length / stride]`, rounded up
fn taps(x: Tensor<3>, kernel: usize, stride: usize, past_the_ends: f32) -> Vec<Tensor<3>> {
    let [_, _, length] = x.dims();
    let x = x.pad([(kernel / 2, kernel / 2)], past_the_ends);
    let last = (length.div_ceil(stride) - 1) * stride;
    (0..kernel).map(|tap| x.clone().slice(s![.., .., tap..tap + last + 1;stride])).collect()
}

fn normalise(bn: &BatchNorm, x: Tensor<3>) -> Tensor<3> {
    let [channels, batch, length] = x.dims();
    bn.forward(x.reshape([1, channels, batch * length])).reshape([channels, batch, length])
}

/// The largest of three values at every second.
fn max_pool(x: Tensor<3>) -> Tensor<3> {
    let taps = taps(x, 3, 2, f32::NEG_INFINITY);
    taps.into_iter().reduce(Tensor::max_pair).expect("a kernel has taps")
}

/// The mean of each pair; a last value without another stays.
fn average_pool(x: Tensor<3>) -> Tensor<3> {
    let [_, _, length] = x.dims();
    let first = x.clone().slice(s![.., .., 0..length;2]);
    let second = if length % 2 == 0 {
        x.slice(s![.., .., 1..length;2])
    } else {
        let last = x.clone().slice(s![.., .., length - 1..length]);
        Tensor::cat(vec![x.slice(s![.., .., 1..length;2]), last], 2)
    };
    (first + second).mul_scalar(0.5)
}
