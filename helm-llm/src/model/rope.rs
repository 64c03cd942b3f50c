use burn::tensor::{Device, Tensor, TensorData};

use super::DecoderConfig;

/// Rotary positions (Su et al. 2021, arXiv 2104.09864) for any list of positions: the halves of a head are the two
/// coordinates that turn, as in Hugging Face's Llama, not neighbouring pairs.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    /// The angle by which a pair of coordinates turns from one position to the next, one for each half-head coordinate.
    frequencies: Vec<f32>,
}

/// Cosines and sines of the positions of one batch, `[batch, 1, length, d_head]`.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rope {
    pub(crate) fn new(config: &DecoderConfig) -> Self {
        let d = config.d_head;
        // transformers computes frequencies and angles in f32, and so do we.
        let frequencies = (0..d / 2).map(|i| 1.0 / config.rope_theta.powf(2.0 * i as f64 / d as f64) as f32).collect();
        Self { frequencies }
    }

    /// The rotation of a batch of positions, row after row.
    ///
    /// # Shapes
    /// - `positions`: `[batch * length]`
    pub(crate) fn rotation(&self, positions: &[usize], batch: usize, device: &Device) -> Rotation {
        let half = self.frequencies.len();
        let (length, d) = (positions.len() / batch, 2 * half);
        // Positions repeat from row to row: each angle is computed once.
        let table: Vec<(f32, f32)> = (0..=positions.iter().copied().max().unwrap_or(0))
            .flat_map(|position| self.frequencies.iter().map(move |frequency| position as f32 * frequency))
            .map(|angle| (f64::from(angle).cos() as f32, f64::from(angle).sin() as f32))
            .collect();
        let mut cos: Vec<f32> = Vec::with_capacity(positions.len() * d);
        let mut sin: Vec<f32> = Vec::with_capacity(positions.len() * d);
        for &position in positions {
            let angles = &table[position * half..(position + 1) * half];
            for _ in 0..2 {
                cos.extend(angles.iter().map(|(cos, _)| cos));
                sin.extend(angles.iter().map(|(_, sin)| sin));
            }
        }
        let tensor = |values| Tensor::from_data(TensorData::new(values, [batch, 1, length, d]), device);
        Rotation { cos: tensor(cos), sin: tensor(sin) }
    }
}

impl Rotation {
    /// Turns queries or keys.
    ///
    /// # Shapes
    /// - `x` and result: `[batch, heads, length, d_head]`
    pub(crate) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let turned = Tensor::cat(vec![x.clone().narrow(3, half, half).neg(), x.clone().narrow(3, 0, half)], 3);
        x * self.cos.clone() + turned * self.sin.clone()
    }
}
