use std::f64::consts::TAU;

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::config::{RopeConfig, RopeScaling};

/// Rotary positions (Su et al. 2021, arXiv 2104.09864) for any list of positions: the halves of what turns of a head are
/// the two coordinates of each pair, as in Hugging Face's models, not neighbours.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    /// The angle by which a pair of coordinates turns from one position to the next, one for each pair.
    frequencies: Vec<f32>,
    /// What cosines and sines are multiplied by.
    magnitude: f64,
}

/// Cosines and sines of the positions of one batch, `[batch, 1, length, d_rotary]`.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rope {
    pub(crate) fn new(config: &RopeConfig) -> Self {
        let d = config.d_rotary;
        // transformers computes frequencies and angles in f32, and so do we.
        let frequency = |pair: usize| 1.0 / config.theta.powf(2.0 * pair as f64 / d as f64) as f32;
        let mut magnitude = 1.0;
        let frequencies = match &config.scaling {
            RopeScaling::None => (0..d / 2).map(frequency).collect(),
            RopeScaling::Linear { factor } => (0..d / 2).map(|pair| frequency(pair) / *factor as f32).collect(),
            RopeScaling::Llama3 { factor, low, high, original_positions } => {
                let scaled = |pair| llama3(f64::from(frequency(pair)), *factor, *low, *high, *original_positions);
                (0..d / 2).map(|pair| scaled(pair) as f32).collect()
            }
            RopeScaling::Each { factors, magnitude: times } => {
                magnitude = *times;
                factors
                    .iter()
                    .enumerate()
                    .map(|(pair, factor)| {
                        1.0 / (*factor as f32 * config.theta.powf(2.0 * pair as f64 / d as f64) as f32)
                    })
                    .collect()
            }
        };
        Self { frequencies, magnitude }
    }

    /// Pairs of coordinates that turn.
    pub(crate) fn pairs(&self) -> usize {
        self.frequencies.len()
    }

    /// Cosines and sines of the first positions, `[positions, pairs]`.
    pub(crate) fn cosines_sines(&self, positions: usize) -> Vec<(f32, f32)> {
        (0..positions)
            .flat_map(|position| self.frequencies.iter().map(move |frequency| position as f32 * frequency))
            .map(|angle| f64::from(angle).sin_cos())
            .map(|(sin, cos)| ((self.magnitude * cos) as f32, (self.magnitude * sin) as f32))
            .collect()
    }

    /// The rotation of a batch of positions, row after row.
    ///
    /// # Shapes
    /// - `positions`: `[batch * length]`
    pub(crate) fn rotation(&self, positions: &[usize], batch: usize, device: &Device, dtype: DType) -> Rotation {
        let half = self.frequencies.len();
        let (length, d) = (positions.len() / batch, 2 * half);
        // Positions repeat from row to row: each angle is computed once.
        let table = self.cosines_sines(positions.iter().copied().max().unwrap_or(0) + 1);
        let mut cos: Vec<f32> = Vec::with_capacity(positions.len() * d);
        let mut sin: Vec<f32> = Vec::with_capacity(positions.len() * d);
        for &position in positions {
            let angles = &table[position * half..(position + 1) * half];
            for _ in 0..2 {
                cos.extend(angles.iter().map(|(cos, _)| cos));
                sin.extend(angles.iter().map(|(_, sin)| sin));
            }
        }
        let tensor = |values| Tensor::from_data(TensorData::new(values, [batch, 1, length, d]), (device, dtype));
        Rotation { cos: tensor(cos), sin: tensor(sin) }
    }
}

/// A frequency as Llama 3 scales it: by wavelength, between two bounds smoothly.
fn llama3(frequency: f64, factor: f64, low: f64, high: f64, original_positions: f64) -> f64 {
    let turns = original_positions * frequency / TAU;
    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
    kept * frequency + (1.0 - kept) * frequency / factor
}

impl Rotation {
    /// Turns queries or keys.
    ///
    /// # Shapes
    /// - `x` and result: `[batch, heads, length, d_head]`
    pub(crate) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let (d_head, d_rotary) = (x.dims()[3], self.cos.dims()[3]);
        if d_rotary == d_head {
            return self.turn(x);
        }
        let turned = self.turn(x.clone().narrow(3, 0, d_rotary));
        Tensor::cat(vec![turned, x.narrow(3, d_rotary, d_head - d_rotary)], 3)
    }

    fn turn(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let turned = Tensor::cat(vec![x.clone().narrow(3, half, half).neg(), x.clone().narrow(3, 0, half)], 3);
        x * self.cos.clone() + turned * self.sin.clone()
    }
}
