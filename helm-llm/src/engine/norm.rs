use super::buffers::{Buffer, Buffers};
use super::elementwise::{layer_norm, layer_norm_vjp, rms_norm, rms_norm_vjp};
use crate::model::{NormKind, NormWeights};

/// What a norm's gradient needs beside its input: by what each row was multiplied, and its mean.
pub(super) struct Normed {
    scales: Buffer,
    means: Option<Buffer>,
}

/// The kind of a model's norms.
#[derive(Clone, Copy)]
pub(super) struct Norms {
    pub(super) kind: NormKind,
    pub(super) epsilon: f32,
}

impl Norms {
    /// The norm of each row.
    pub(super) fn forward(self, buffers: &Buffers, weights: &NormWeights, x: &[f32]) -> (Buffer, Normed) {
        let weight = weights.weight.f32();
        let rows = x.len() / weight.len();
        let (mut out, mut scales) = (buffers.take(x.len()), buffers.take(rows));
        match self.kind {
            NormKind::RootMeanSquare => {
                rms_norm(x, weight, self.epsilon, &mut out, &mut scales);
                (out, Normed { scales, means: None })
            }
            NormKind::Layer => {
                let bias = weights.bias.as_ref().map(|bias| bias.f32());
                let mut means = buffers.take(rows);
                layer_norm(x, weight, bias, self.epsilon, &mut out, &mut scales, &mut means);
                (out, Normed { scales, means: Some(means) })
            }
        }
    }

    /// Adds the gradient of the norm's input to `out`.
    pub(super) fn vjp(weights: &NormWeights, x: &[f32], normed: &Normed, gradient: &[f32], out: &mut [f32]) {
        let weight = weights.weight.f32();
        match &normed.means {
            None => rms_norm_vjp(x, weight, &normed.scales, gradient, out),
            Some(means) => layer_norm_vjp(x, weight, &normed.scales, means, gradient, out),
        }
    }
}
