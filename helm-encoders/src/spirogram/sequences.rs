use burn::nn::BatchNorm;
use burn::nn::conv::Conv1d;
use burn::tensor::Tensor;

/// A batch of sequences on their way through a network, in the layout that suits a device.
pub(super) trait Sequences: Clone {
    /// From `[batch, channels, length]`.
    fn new(x: Tensor<3>) -> Self;

    /// As `[batch, channels, length]`.
    fn into_tensor(self) -> Tensor<3>;

    /// `relu(bn(conv(x)) + shortcut)`; the shortcut, where there is one, and the rectifier, where it is wanted.
    ///
    /// The convolution has no bias, a kernel of 3 and a stride of 1 or 2, or a kernel of 1, and as many zeros at both ends
    /// as keep the length at stride 1. The norm takes the batch's own mean and variance, and moves the running ones, where
    /// the sequences or the convolution's weights are on a device with autodiff and it is not frozen.
    fn conv_norm(self, conv: &Conv1d, bn: &BatchNorm, shortcut: Option<Self>, rectify: bool) -> Self;

    /// The largest of three values at every second; of equal ones, the first has the gradient. Of NaN nothing is promised.
    fn max_pool(self) -> Self;

    /// The mean of each pair; a last value without another stays.
    fn average_pool(self) -> Self;
}
