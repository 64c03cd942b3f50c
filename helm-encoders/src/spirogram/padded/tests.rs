//! The operations against burn's own.

use burn::module::{Module, Param, RunningState};
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig1d};
use burn::tensor::{Device, Distribution, Tensor};
use proptest::prelude::*;

use super::Padded;
use crate::spirogram::alone;
use crate::spirogram::channels_first::ChannelsFirst;
use crate::spirogram::sequences::Sequences;

/// The largest difference, as a share of the largest entry or of 1.
const TOLERANCE: f32 = 1e-4;

/// A layer, and which of x, weight, γ, β and the shortcut learn.
#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    length: usize,
    channels_in: usize,
    channels_out: usize,
    kernel: usize,
    stride: usize,
    with_shortcut: bool,
    rectify: bool,
    frozen: bool,
    epsilon: f64,
    momentum: f64,
    learn: [bool; 5],
    seed: u64,
}

/// A batch norm over two values hardly depends on them, and its gradient is the difference of large numbers: only batches
/// with more are drawn.
fn cases() -> impl Strategy<Value = Case> {
    let kernel = prop_oneof![Just((3, 1)), Just((3, 2)), Just((1, 1))];
    let sizes = (1usize..6, 1usize..40, 1usize..20, 1usize..20, kernel);
    let numbers = (prop_oneof![Just(1e-5), Just(0.1)], prop_oneof![Just(0.1), Just(0.9)]);
    let case = (sizes, any::<[bool; 3]>(), numbers, any::<[bool; 5]>(), any::<u64>());
    let case = case.prop_map(|(sizes, [with_shortcut, rectify, frozen], (epsilon, momentum), learn, seed)| {
        let (batch, length, channels_in, channels_out, (kernel, stride)) = sizes;
        Case {
            batch,
            length,
            channels_in,
            channels_out,
            kernel,
            stride,
            with_shortcut,
            rectify,
            frozen,
            epsilon,
            momentum,
            learn,
            seed,
        }
    });
    case.prop_filter("enough values", |case| case.batch * case.length.div_ceil(case.stride) > 4)
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("f32")
}

/// What a layer is given, and its weights; drawn once for both ways to compute it.
struct Drawn {
    case: Case,
    x: Tensor<3>,
    shortcut: Option<Tensor<3>>,
    conv: Conv1d,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    running: [Tensor<1>; 2],
    /// What the result's numbers are multiplied with before they are summed up.
    weights: Tensor<3>,
}

impl Drawn {
    fn new(case: Case) -> Self {
        let device = crate::device("cpu").expect("the CPU");
        device.seed(case.seed);
        let device = device.autodiff();
        let Case { batch, length, channels_in, channels_out, kernel, stride, learn, .. } = case;
        let out = [batch, channels_out, length.div_ceil(stride)];
        let mut conv = Conv1dConfig::new(channels_in, channels_out, kernel)
            .with_stride(stride)
            .with_padding(PaddingConfig1d::Explicit(kernel / 2, kernel / 2))
            .with_bias(false)
            .init(&device);
        conv.weight = conv.weight.set_require_grad(learn[1]);
        let constant = |x: Tensor<3>, learns: bool| if learns { x.require_grad() } else { x };
        let variance = Tensor::random([channels_out], Distribution::Uniform(0.1, 2.0), &device);
        Self {
            case,
            // A constant may also be a tensor without autodiff.
            x: if learn[0] || !learn[1] {
                constant(random([batch, channels_in, length], &device), learn[0])
            } else {
                random([batch, channels_in, length], &device.clone().inner())
            },
            shortcut: case.with_shortcut.then(|| constant(random(out, &device), learn[4])),
            conv,
            gamma: random([channels_out], &device),
            beta: random([channels_out], &device),
            running: [random([channels_out], &device), variance],
            weights: random(out, &device),
        }
    }

    /// A norm with running statistics of its own.
    fn norm(&self) -> BatchNorm {
        let Case { channels_out, frozen, epsilon, momentum, learn, .. } = self.case;
        let config = BatchNormConfig::new(channels_out).with_epsilon(epsilon).with_momentum(momentum);
        let mut bn = config.init(&self.gamma.device());
        bn.gamma = Param::from_tensor(self.gamma.clone()).set_require_grad(learn[2]);
        bn.beta = Param::from_tensor(self.beta.clone()).set_require_grad(learn[3]);
        // A norm that is frozen takes the running statistics, and its γ and β may learn here all the same.
        bn.training = Param::from_bool(!frozen);
        let [mean, variance] = self.running.clone();
        (bn.running_mean, bn.running_var) = (RunningState::new(mean), RunningState::new(variance));
        bn
    }

    /// What the layer makes, and all gradients of a weighted sum of it.
    fn pass<S: Sequences>(&self, bn: &BatchNorm) -> Vec<Vec<f32>> {
        let shortcut = self.shortcut.clone().map(S::new);
        let y = S::new(self.x.clone()).conv_norm(&self.conv, bn, shortcut, self.case.rectify).into_tensor();
        let mut made = vec![numbers(y.clone())];
        // On which side of a rectifier a number near 0 lies, rounding decides.
        let far = y.clone().detach().abs().greater_elem(1e-4).float();
        let gradients = (y * self.weights.clone() * far).sum().backward();
        let of = |tensor: &Tensor<3>| tensor.grad(&gradients).map(numbers);
        made.extend([&self.x].into_iter().chain(&self.shortcut).chain([&self.conv.weight.val()]).filter_map(of));
        made.extend([&bn.gamma, &bn.beta].into_iter().filter_map(|it| it.val().grad(&gradients).map(numbers)));
        made.extend([&bn.running_mean, &bn.running_var].map(|it| numbers(it.value_sync())));
        made
    }

    /// Two passes, of which the second reads what the first did to the running statistics; and one without autodiff.
    fn passes<S: Sequences>(&self) -> Vec<Vec<f32>> {
        let bn = self.norm();
        let mut made = self.pass::<S>(&bn);
        made.extend(self.pass::<S>(&bn));
        let plain =
            |tensor: &Tensor<3>| if tensor.device().is_autodiff() { tensor.clone().inner() } else { tensor.clone() };
        let shortcut = self.shortcut.as_ref().map(|it| S::new(plain(it)));
        let (conv, bn) = (self.conv.clone().valid(), bn.valid());
        made.push(numbers(S::new(plain(&self.x)).conv_norm(&conv, &bn, shortcut, self.case.rectify).into_tensor()));
        made
    }
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
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_layer_is_as_burns_own(case in cases()) {
        prop_assume!(case.learn.iter().take(4).any(|&learns| learns));
        let _alone = alone();
        let drawn = Drawn::new(case);
        close(&drawn.passes::<Padded>(), &drawn.passes::<ChannelsFirst>())?;
    }

    /// Of small whole numbers, many are equal.
    #[test]
    fn pools_are_as_burns_own(batch in 1usize..5, channels in 1usize..10, length in 1usize..40, seed: u64) {
        let _alone = alone();
        let device = crate::device("cpu").expect("the CPU");
        device.seed(seed);
        let device = device.autodiff();
        let x = random([batch, channels, length], &device).round().require_grad();
        let weights = random([batch, channels, length.div_ceil(2)], &device);
        let pooled = |y: Tensor<3>| {
            let gradients = (y.clone() * weights.clone()).sum().backward();
            [y, x.grad(&gradients).expect("a gradient")].map(numbers)
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

/// Sizes whose products are cut into pieces and whose loops run on several threads.
#[test]
fn a_large_layer_is_as_burns_own_and_the_same_on_any_number_of_threads() {
    for (kernel, stride) in [(3, 1), (3, 2), (1, 1)] {
        let _alone = alone();
        let drawn = Drawn::new(Case {
            batch: 16,
            length: 250,
            channels_in: 64,
            channels_out: 128,
            kernel,
            stride,
            with_shortcut: true,
            rectify: true,
            frozen: false,
            epsilon: 1e-5,
            momentum: 0.1,
            learn: [true; 5],
            seed: 1,
        });
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| drawn.passes::<Padded>())
        };
        let found = on(1);
        close(&found, &drawn.passes::<ChannelsFirst>()).expect("the same");
        assert!(on(2) == found && on(3) == found);
    }
}
