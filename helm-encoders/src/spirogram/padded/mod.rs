//! Convolutions with their batch norms on the CPU, forward and backward, each of which is one operation of burn's graph.
//!
//! burn's operations take a node of the graph, new memory and a pass over it for every step, most of them on one thread. Here a
//! convolution is a product of large matrices without copies ([`ConvShape`]), and what follows it (the norm, a shortcut, a
//! rectifier) one pass over its result, on all threads. Sums don't depend on how many there are.
//!
//! Sequences keep rows of zeros between them through a whole network: [`Padded`]. In a gradient, these rows hold anything,
//! and every backward pass leaves them unread.

mod backward;
mod each;
mod forward;
mod operation;
mod pool;
mod product;
mod shape;
#[cfg(test)]
mod tests;

use burn::backend::GradientCheckpointingStrategy;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv1d;
use burn::tensor::{DType, Tensor, s};

use self::backward::{Given, Wanted, backward};
use self::forward::{Norm, forward};
use self::operation::{Input, Kept, Numbers, operation};
use self::pool::{Pool, PoolShape};
use self::shape::{ConvShape, pitch};
use super::sequences::Sequences;

/// Sequences with channels last, and with rows of zeros in front of and behind each.
#[derive(Clone)]
pub(super) struct Padded {
    /// `[batch, pitch(length), channels]`
    rows: Tensor<3>,
    length: usize,
}

impl Padded {
    /// Whether sequences and a network's weights, as the first of them, are where these operations can be: on the device
    /// `cpu`, in f32, without gradient checkpointing.
    pub(super) fn suits(x: &Tensor<3>, weight: &Tensor<3>) -> bool {
        let suits = |tensor: &Tensor<3>| {
            let device = tensor.device();
            let keeps =
                device.gradient_checkpointing_strategy().is_none_or(|it| it == GradientCheckpointingStrategy::Disabled);
            let cpu = crate::device("cpu").is_ok_and(|cpu| cpu == device.inner());
            keeps && cpu && tensor.dtype() == DType::F32
        };
        suits(x) && suits(weight)
    }

    fn pool(self, pool: Pool) -> Self {
        let [batch, _, channels] = self.rows.dims();
        let shape = PoolShape { pool, batch, length: self.length, channels };
        let rows = operation([Input::new(self.rows)], |[x]| {
            let y = Numbers::new(shape.forward(x.as_slice()), [batch, pitch(shape.length_out()), channels]);
            (y, KeptPool { shape, x: (pool == Pool::Largest).then(|| x.clone()) })
        });
        Self { rows, length: shape.length_out() }
    }
}

impl Sequences for Padded {
    fn new(x: Tensor<3>) -> Self {
        let length = x.dims()[2];
        // [batch, channels, length] -> [batch, pitch, channels]
        let rows = x.pad([(1, pitch(length) - length - 1)], 0.0).swap_dims(1, 2);
        Self { rows, length }
    }

    fn into_tensor(self) -> Tensor<3> {
        self.rows.slice(s![.., 1..=self.length, ..]).swap_dims(1, 2)
    }

    fn conv_norm(self, conv: &Conv1d, bn: &BatchNorm, shortcut: Option<Self>, rectify: bool) -> Self {
        let weight = conv.weight.val();
        let ([batch, _, channels_in], [channels_out, _, kernel]) = (self.rows.dims(), weight.dims());
        let stride = conv.stride;
        assert!(
            matches!((kernel, stride), (3, 1 | 2) | (1, 1)) && conv.bias.is_none(),
            "a convolution of another kind: kernel {kernel}, stride {stride}, bias {}",
            conv.bias.is_some()
        );
        let shape = ConvShape { batch, length: self.length, channels_in, channels_out, kernel, stride };
        let (x, weight) = (Input::new(self.rows), Input::new(weight));
        let (gamma, beta) = (Input::new(bn.gamma.val()), Input::new(bn.beta.val()));
        let trains = bn.training.is_enabled() && [&x, &weight].into_iter().any(Input::has_autodiff);
        let running =
            (!trains).then(|| [&bn.running_mean, &bn.running_var].map(|running| Input::new(running.value()).numbers()));
        let mut statistics = None;
        let mut run = |x: &Numbers, weight: &Numbers, gamma: &Numbers, beta: &Numbers, shortcut: Option<&Numbers>| {
            let running = running.as_ref().map(|[mean, variance]| (mean.as_slice(), variance.as_slice()));
            let norm = Norm { gamma: gamma.as_slice(), beta: beta.as_slice(), epsilon: bn.epsilon, running };
            let made = forward(shape, x.as_slice(), weight.as_slice(), norm, shortcut.map(Numbers::as_slice), rectify);
            let y = Numbers::new(made.y, [batch, shape.pitch_out(), channels_out]);
            let [mean, variance] = [made.mean, made.variance].map(|it| Numbers::new(it, [channels_out]));
            statistics = trains.then(|| [mean.clone(), variance.clone()]);
            let kept = KeptConvNorm {
                shape,
                x: x.clone(),
                weight: weight.clone(),
                gamma: gamma.clone(),
                epsilon: bn.epsilon,
                products: Numbers::new(made.products, [batch, shape.pitch_products(), channels_out]),
                mean,
                variance,
                is_of_batch: trains,
                rectified: rectify.then(|| y.clone()),
            };
            (y, kept)
        };
        let rows = match shortcut {
            None => operation([x, weight, gamma, beta], |[x, weight, gamma, beta]| run(x, weight, gamma, beta, None)),
            Some(shortcut) => {
                operation([x, weight, gamma, beta, Input::new(shortcut.rows)], |[x, weight, gamma, beta, shortcut]| {
                    run(x, weight, gamma, beta, Some(shortcut))
                })
            }
        };
        if let Some(statistics) = statistics {
            for (running, of_batch) in [&bn.running_mean, &bn.running_var].into_iter().zip(statistics) {
                let (old, momentum) = (running.value_sync(), bn.momentum);
                let of_batch = of_batch.into_tensor().to_device(&old.device());
                running.update((old.mul_scalar(1.0 - momentum) + of_batch.mul_scalar(momentum)).detach());
            }
        }
        Self { rows, length: shape.length_out() }
    }

    fn max_pool(self) -> Self {
        self.pool(Pool::Largest)
    }

    fn average_pool(self) -> Self {
        self.pool(Pool::Mean)
    }
}

#[derive(Clone, Debug)]
struct KeptConvNorm {
    shape: ConvShape,
    x: Numbers,
    weight: Numbers,
    gamma: Numbers,
    epsilon: f64,
    products: Numbers,
    mean: Numbers,
    variance: Numbers,
    is_of_batch: bool,
    rectified: Option<Numbers>,
}

impl Kept for KeptConvNorm {
    fn gradients(&self, grad_output: &[f32], wanted: &[bool]) -> Vec<Option<Numbers>> {
        let shape = self.shape;
        let given = Given {
            shape,
            x: self.x.as_slice(),
            weight: self.weight.as_slice(),
            gamma: self.gamma.as_slice(),
            epsilon: self.epsilon,
            products: self.products.as_slice(),
            mean: self.mean.as_slice(),
            variance: self.variance.as_slice(),
            is_of_batch: self.is_of_batch,
            rectified: self.rectified.as_ref().map(Numbers::as_slice),
        };
        let shortcut = wanted.get(4).copied().unwrap_or(false);
        let found = backward(&given, grad_output, Wanted { x: wanted[0], weight: wanted[1], shortcut });
        let ConvShape { batch, channels_in, channels_out, kernel, .. } = shape;
        let rows = |numbers, pitch, channels| Numbers::new(numbers, [batch, pitch, channels]);
        vec![
            found.x.map(|it| rows(it, shape.pitch_in(), channels_in)),
            found.weight.map(|it| Numbers::new(it, [channels_out, channels_in, kernel])),
            Some(Numbers::new(found.gamma, [channels_out])),
            Some(Numbers::new(found.beta, [channels_out])),
            found.shortcut.map(|it| rows(it, shape.pitch_out(), channels_out)),
        ]
    }
}

#[derive(Clone, Debug)]
struct KeptPool {
    shape: PoolShape,
    /// Of the largest.
    x: Option<Numbers>,
}

impl Kept for KeptPool {
    fn gradients(&self, grad_output: &[f32], _: &[bool]) -> Vec<Option<Numbers>> {
        let PoolShape { batch, length, channels, .. } = self.shape;
        let gradient = self.shape.backward(self.x.as_ref().map(Numbers::as_slice), grad_output);
        vec![Some(Numbers::new(gradient, [batch, pitch(length), channels]))]
    }
}
