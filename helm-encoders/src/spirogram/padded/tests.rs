//! The operations against burn's own, on any sizes.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig1d};
use burn::tensor::{Device, Distribution, Tensor};
use proptest::prelude::*;

use super::Padded;
use crate::spirogram::sequences::{ChannelsFirst, Sequences};

/// The largest difference, as a share of the largest entry or of 1.
const TOLERANCE: f32 = 1e-4;

#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    length: usize,
    channels_in: usize,
    channels_out: usize,
    kernel: usize,
    stride: usize,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let kernel = prop_oneof![Just((3, 1)), Just((3, 2)), Just((1, 1))];
    (1usize..6, 1usize..40, 1usize..20, 1usize..20, kernel).prop_map(|sizes| {
        let (batch, length, channels_in, channels_out, (kernel, stride)) = sizes;
        Sizes { batch, length, channels_in, channels_out, kernel, stride }
    })
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn layers(sizes: Sizes, device: &Device) -> (Conv1d, BatchNorm) {
    let conv = Conv1dConfig::new(sizes.channels_in, sizes.channels_out, sizes.kernel)
        .with_stride(sizes.stride)
        .with_padding(PaddingConfig1d::Explicit(sizes.kernel / 2, sizes.kernel / 2))
        .with_bias(false);
    let mut bn = BatchNormConfig::new(sizes.channels_out).init(device);
    bn.gamma = Param::from_tensor(random([sizes.channels_out], device));
    bn.beta = Param::from_tensor(random([sizes.channels_out], device));
    (conv.init(device), bn)
}

/// Random numbers come from one generator.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What a layer makes, and all gradients of a weighted sum of it.
fn made<S: Sequences>(
    (conv, bn): &(Conv1d, BatchNorm),
    x: &Tensor<3>,
    shortcut: Option<&Tensor<3>>,
    (rectify, weights): (bool, &Tensor<3>),
) -> Vec<Vec<f32>> {
    let y = S::new(x.clone()).conv_norm(conv, bn, shortcut.cloned().map(S::new), rectify).into_tensor();
    let gradients = (y.clone() * weights.clone()).sum().backward();
    let numbers = |tensor: Tensor<3>| tensor.into_data().try_to_vec().expect("f32");
    let vector = |tensor: Tensor<1>| tensor.into_data().try_to_vec().expect("f32");
    let mut made = vec![numbers(y)];
    made.extend([x].into_iter().chain(shortcut).map(|it| numbers(it.grad(&gradients).expect("a gradient"))));
    made.push(numbers(conv.weight.val().grad(&gradients).expect("a gradient")));
    made.extend([&bn.gamma, &bn.beta].map(|it| vector(it.val().grad(&gradients).expect("a gradient"))));
    made.extend([&bn.running_mean, &bn.running_var].map(|it| vector(it.value_sync())));
    made
}

fn close(found: &[Vec<f32>], expected: &[Vec<f32>]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (which, (found, expected)) in found.iter().zip(expected).enumerate() {
        prop_assert_eq!(found.len(), expected.len());
        let scale = expected.iter().fold(1f32, |scale, x| scale.max(x.abs()));
        for (&found, &expected) in found.iter().zip(expected) {
            prop_assert!((found - expected).abs() <= TOLERANCE * scale, "{which}: {found} is not {expected}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A batch norm over two values hardly depends on them, and its gradient is the difference of large numbers: only
    /// batches with more are compared.
    #[test]
    fn a_layer_is_as_burns_own(sizes in sizes(), with_shortcut: bool, rectify: bool, frozen: bool, seed: u64) {
        let n = sizes.batch * sizes.length.div_ceil(sizes.stride);
        prop_assume!(n > 4);
        let _alone = alone();
        let device = crate::device("cpu").expect("the CPU");
        device.seed(seed);
        let device = device.autodiff();
        let out = [sizes.batch, sizes.channels_out, sizes.length.div_ceil(sizes.stride)];
        let x = random([sizes.batch, sizes.channels_in, sizes.length], &device).require_grad();
        let shortcut = with_shortcut.then(|| random(out, &device).require_grad());
        let weights = random(out, &device);
        let (conv, mut bn) = layers(sizes, &device);
        // A norm that is frozen takes the running statistics, and its γ and β still have gradients here.
        bn.training = Param::from_bool(!frozen);
        let layers = [(conv.clone(), copy(&bn, &device)), (conv, bn)];
        let found = made::<Padded>(&layers[0], &x, shortcut.as_ref(), (rectify, &weights));
        let expected = made::<ChannelsFirst>(&layers[1], &x, shortcut.as_ref(), (rectify, &weights));
        close(&found, &expected)?;
        // Without a graph, from the running statistics.
        let plain = |layers: &(Conv1d, BatchNorm)| (layers.0.clone().valid(), layers.1.clone().valid());
        let (conv, bn) = plain(&layers[0]);
        let inner = (x.clone().inner(), shortcut.clone().map(Tensor::inner));
        let y = Padded::new(inner.0.clone()).conv_norm(&conv, &bn, inner.1.clone().map(Padded::new), rectify);
        let (conv, bn) = plain(&layers[1]);
        let other = ChannelsFirst::new(inner.0).conv_norm(&conv, &bn, inner.1.map(ChannelsFirst::new), rectify);
        let numbers = |y: Tensor<3>| y.into_data().try_to_vec().expect("f32");
        close(&[numbers(y.into_tensor())], &[numbers(other.into_tensor())])?;
    }

    #[test]
    fn pools_are_as_burns_own(batch in 1usize..5, channels in 1usize..10, length in 1usize..40, seed: u64) {
        let _alone = alone();
        let device = crate::device("cpu").expect("the CPU");
        device.seed(seed);
        let device = device.autodiff();
        let x = random([batch, channels, length], &device).require_grad();
        let weights = random([batch, channels, length.div_ceil(2)], &device);
        let pooled = |y: Tensor<3>| {
            let gradients = (y.clone() * weights.clone()).sum().backward();
            [y, x.grad(&gradients).expect("a gradient")].map(|it| it.into_data().try_to_vec().expect("f32"))
        };
        close(
            &pooled(Padded::new(x.clone()).max_pool().into_tensor()),
            &pooled(ChannelsFirst::new(x.clone()).max_pool().into_tensor()),
        )?;
        close(
            &pooled(Padded::new(x.clone()).average_pool().into_tensor()),
            &pooled(ChannelsFirst::new(x.clone()).average_pool().into_tensor()),
        )?;
    }
}

/// A norm with running statistics of its own, which a clone would share.
fn copy(bn: &BatchNorm, device: &Device) -> BatchNorm {
    let mut copy = BatchNormConfig::new(bn.gamma.val().dims()[0]).init(device);
    (copy.gamma, copy.beta, copy.training) = (bn.gamma.clone(), bn.beta.clone(), bn.training.clone());
    copy
}
