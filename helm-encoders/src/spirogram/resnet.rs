use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig1d};
use burn::tensor::{Device, Tensor};

use super::channels_first::ChannelsFirst;
#[cfg(feature = "flex")]
use super::padded::Padded;
use super::sequences::Sequences;

/// Configuration of a [`ResNet1d`].
#[derive(Config, Debug)]
pub struct ResNet1dConfig {
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the first stage; the later ones have 2, 4 and 8 times as many. 64 is the published ResNet18.
    #[config(default = "64")]
    pub width: usize,
    /// Zeros on each side of the input. The published model pads curves of 1000 points to 1024.
    #[config(default = "12")]
    pub padding: usize,
    /// The share of a batch's own mean and variance in the running ones, PyTorch's convention. The published model has
    /// 0.9 here (Keras' `momentum = 0.1` is the share of the old ones), which follows the last batch closely; 0.1 is
    /// what small batches need. The running variance takes the batch's variance divided by n, as in Keras; PyTorch
    /// divides by n − 1.
    #[config(default = "0.1")]
    pub momentum: f64,
}

/// The 1-D ResNet18-D of Google Health's ml-based-copd, which HeLM's spirogram encoder builds on.
///
/// A stem of three convolutions and a max pool; four stages of two blocks; shortcuts that change the shape are an
/// average pool, a 1 × 1 convolution and a batch norm (the "D" of He et al. 2019, arXiv 1812.01187). The last batch
/// norm of a block starts with γ = 0, so that every block starts as its shortcut. The input is 32 times as long as the
/// sequence that comes out.
#[derive(Module, Debug)]
pub struct ResNet1d {
    stem: Vec<ConvNorm>,
    stages: Vec<Vec<Block>>,
    #[module(skip)]
    padding: usize,
    #[module(skip)]
    width: usize,
}

impl ResNet1dConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> ResNet1d {
        let half = self.width.div_ceil(2);
        let norm = BatchNormConfig::new(1).with_momentum(self.momentum);
        let stem = vec![
            ConvNorm::init(self.channels_in, half, 2, &norm, device),
            ConvNorm::init(half, half, 1, &norm, device),
            ConvNorm::init(half, self.width, 1, &norm, device),
        ];
        let mut channels = self.width;
        let stages = (0..4)
            .map(|stage| {
                let (out, stride) = (self.width << stage, if stage == 0 { 1 } else { 2 });
                let blocks =
                    vec![Block::init(channels, out, stride, &norm, device), Block::init(out, out, 1, &norm, device)];
                channels = out;
                blocks
            })
            .collect();
        ResNet1d { stem, stages, padding: self.padding, width: self.width }
    }
}

impl ResNet1d {
    /// Points of the input for each position of the sequence.
    pub(super) const STRIDE: usize = 32;

    /// Zeros on each side of the input.
    pub(super) fn padding(&self) -> usize {
        self.padding
    }

    /// Channels of the sequence that comes out.
    pub fn d_features(&self) -> usize {
        self.width * 8
    }

    /// The sequence before pooling.
    ///
    /// # Shapes
    /// - `x`: `[batch, channels_in, length]`
    /// - result: `[batch, 8 * width, (length + 2 * padding) / 32]`, each division rounded up
    ///
    /// # Panics
    /// If the batch or the sequences are empty, or have another number of channels.
    pub fn sequence(&self, x: Tensor<3>) -> Tensor<3> {
        let ([batch, channels, length], [_, expected, _]) = (x.dims(), self.stem[0].conv.weight.dims());
        assert!(
            batch > 0 && length > 0 && channels == expected,
            "ResNet1d: expected [batch, {expected}, length], found [{batch}, {channels}, {length}]"
        );
        let x = x.pad([(self.padding, self.padding)], 0.0);
        #[cfg(feature = "flex")]
        if Padded::suits(&x, &self.stem[0].conv.weight.val()) {
            return self.through::<Padded>(x);
        }
        self.through::<ChannelsFirst>(x)
    }

    fn through<S: Sequences>(&self, x: Tensor<3>) -> Tensor<3> {
        let mut x = S::new(x);
        for ConvNorm { conv, bn } in &self.stem {
            x = x.conv_norm(conv, bn, None, true);
        }
        x = x.max_pool();
        for block in self.stages.iter().flatten() {
            x = block.forward(x);
        }
        x.into_tensor()
    }

    /// The features: the sequence's mean over its positions.
    ///
    /// # Shapes
    /// - `x`: `[batch, channels_in, length]`
    /// - result: `[batch, 8 * width]`
    ///
    /// # Panics
    /// As [`sequence`](Self::sequence).
    pub fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        self.sequence(x).mean_dim(2).squeeze_dim(2)
    }
}

/// A convolution without bias, and its batch norm.
#[derive(Module, Debug)]
struct ConvNorm {
    conv: Conv1d,
    bn: BatchNorm,
}

impl ConvNorm {
    fn init(from: usize, to: usize, stride: usize, norm: &BatchNormConfig, device: &Device) -> Self {
        Self { conv: conv(from, to, 3, stride, device), bn: of_channels(norm, to).init(device) }
    }
}

/// Two convolutions beside a shortcut.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv1d,
    bn1: BatchNorm,
    conv2: Conv1d,
    bn2: BatchNorm,
    shortcut_conv: Option<Conv1d>,
    shortcut_bn: Option<BatchNorm>,
}

impl Block {
    fn init(from: usize, to: usize, stride: usize, norm: &BatchNormConfig, device: &Device) -> Self {
        let changes = stride != 1 || from != to;
        let norm = || of_channels(norm, to).init(device);
        let mut bn2 = norm();
        bn2.gamma = Initializer::Zeros.init([to], device);
        Self {
            conv1: conv(from, to, 3, stride, device),
            bn1: norm(),
            conv2: conv(to, to, 3, 1, device),
            bn2,
            shortcut_conv: changes.then(|| conv(from, to, 1, 1, device)),
            shortcut_bn: changes.then(norm),
        }
    }

    fn forward<S: Sequences>(&self, x: S) -> S {
        let mut shortcut = x.clone();
        if self.conv1.stride != 1 {
            shortcut = shortcut.average_pool();
        }
        if let (Some(conv), Some(bn)) = (&self.shortcut_conv, &self.shortcut_bn) {
            shortcut = shortcut.conv_norm(conv, bn, None, false);
        }
        x.conv_norm(&self.conv1, &self.bn1, None, true).conv_norm(&self.conv2, &self.bn2, Some(shortcut), true)
    }
}

fn conv(from: usize, to: usize, kernel: usize, stride: usize, device: &Device) -> Conv1d {
    Conv1dConfig::new(from, to, kernel)
        .with_stride(stride)
        .with_padding(PaddingConfig1d::Explicit(kernel / 2, kernel / 2))
        .with_bias(false)
        .with_initializer(Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: false })
        .init(device)
}

/// The same batch norm over another number of channels.
fn of_channels(norm: &BatchNormConfig, channels: usize) -> BatchNormConfig {
    BatchNormConfig { num_features: channels, ..norm.clone() }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::module::ModuleVisitor;
    use burn::module::Param;
    use burn::tensor::{Distribution, Gradients};

    use super::*;

    /// The gradients of all weights, one after another.
    struct Collected<'a>(&'a Gradients, Vec<f32>);

    impl ModuleVisitor for Collected<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            // Running statistics have none.
            if let Some(gradient) = param.val().grad(self.0) {
                self.1.extend(gradient.into_data().try_to_vec::<f32>().expect("f32"));
            }
        }
    }

    fn pass<S: Sequences>(network: &ResNet1d, x: &Tensor<3>) -> [Vec<f32>; 3] {
        let y = network.through::<S>(x.clone());
        let gradients = y.clone().powi_scalar(2).sum().backward();
        let mut collected = Collected(&gradients, Vec::new());
        network.visit(&mut collected);
        let numbers = |tensor: Tensor<3>| tensor.into_data().try_to_vec().expect("f32");
        let weights = collected.1;
        [numbers(y), numbers(x.grad(&gradients).expect("a gradient")), weights]
    }

    fn close(found: &[Vec<f32>], expected: &[Vec<f32>]) {
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.len(), expected.len());
            let scale = expected.iter().fold(0f32, |scale, x| scale.max(x.abs()));
            assert!(scale > 0.0 && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3 * scale));
        }
    }

    /// Goldens hold the one layout against PyTorch; on the CPU, this holds the other, which runs on all other devices.
    #[test]
    fn both_layouts_are_the_same_network() {
        let _alone = crate::spirogram::alone();
        let device = crate::device("cpu").expect("the CPU");
        device.seed(0);
        let mut plain = ResNet1dConfig::new(2).with_width(4).with_padding(3).init(&device);
        // With the γ = 0 of the beginning, half of the network would not be seen.
        for block in plain.stages.iter_mut().flatten() {
            block.bn2.gamma = Initializer::Ones.init(block.bn2.gamma.dims(), &device);
        }
        let x = Tensor::<3>::random([6, 2, 250], Distribution::Normal(0.0, 1.0), &device);
        // Clones would share their running statistics.
        let [one, other] = [(), ()].map(|()| plain.valid().train());
        let x = Tensor::from_inner(x).require_grad();
        close(&pass::<Padded>(&one, &x), &pass::<ChannelsFirst>(&other, &x));
        // Running statistics of both have moved by then.
        let inputs = x.inner();
        let evaluated = |y: Tensor<3>| [y.into_data().try_to_vec::<f32>().expect("f32")];
        close(
            &evaluated(one.valid().through::<Padded>(inputs.clone())),
            &evaluated(other.valid().through::<ChannelsFirst>(inputs)),
        );
    }

    #[test]
    fn a_graph_with_gradient_checkpointing_falls_back() {
        let _alone = crate::spirogram::alone();
        let device = crate::device("cpu").expect("the CPU");
        let gradient = |device: Device| {
            device.seed(1);
            let network = ResNet1dConfig::new(1).with_width(4).init(&device);
            let x = Tensor::<3>::random([3, 1, 100], Distribution::Normal(0.0, 1.0), &device);
            let gradients = network.forward(x).powi_scalar(2).sum().backward();
            let gradient = network.stem[0].conv.weight.val().grad(&gradients).expect("a gradient");
            [gradient.into_data().try_to_vec::<f32>().expect("f32")]
        };
        close(&gradient(device.clone().autodiff().gradient_checkpointing()), &gradient(device.autodiff()));
    }

    #[test]
    #[should_panic(expected = "expected [batch, 1, length], found [3, 2, 100]")]
    fn another_number_of_channels_is_refused() {
        let _alone = crate::spirogram::alone();
        let device = crate::device("cpu").expect("the CPU");
        let network = ResNet1dConfig::new(1).with_width(4).init(&device);
        network.forward(Tensor::zeros([3, 2, 100], &device));
    }
}
