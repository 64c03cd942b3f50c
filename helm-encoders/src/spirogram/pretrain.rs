use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::encoder::{SpirogramEncoder, SpirogramInput, curves, scalars};
use super::resnet::ResNet1d;
use crate::{FeatureEncoder, ReconstructingEncoder};

impl FeatureEncoder for SpirogramEncoder {
    fn d_features(&self) -> usize {
        self.resnet.d_features() + self.n_scalars
    }

    /// The ResNet's mean over the curve, and the scalars.
    fn features(&self, inputs: &[&SpirogramInput], device: &Device) -> Tensor<2> {
        self.pooled(curves(inputs, device), scalars(inputs, device))
    }

    fn freeze_features(mut self) -> Self {
        self.resnet = self.resnet.freeze();
        self
    }
}

/// The parts of a curve are the stretches of 32 points that the ResNet makes one position of; a hidden one has a flow
/// of 0. What comes before and after the breath, all 0, is not hidden.
impl ReconstructingEncoder for SpirogramEncoder {
    fn part_len(&self) -> usize {
        ResNet1d::STRIDE
    }

    fn d_part(&self) -> usize {
        self.resnet.d_features()
    }

    fn filled_parts(&self, input: &SpirogramInput) -> Vec<bool> {
        self.parts(input).iter().map(|part| part.iter().flatten().any(|&flow| flow != 0.0)).collect()
    }

    fn contents(&self, inputs: &[&SpirogramInput], device: &Device) -> (Tensor<3>, Tensor<3>) {
        let parts: Vec<Vec<Vec<Option<f32>>>> = inputs.iter().map(|input| self.parts(input)).collect();
        let shape = [inputs.len(), parts[0].len(), ResNet1d::STRIDE];
        let tensor = |of: fn(Option<f32>) -> f32| {
            let flat: Vec<f32> = parts.iter().flatten().flatten().map(|&flow| of(flow)).collect();
            Tensor::from_data(TensorData::new(flat, shape), device)
        };
        (tensor(Option::unwrap_or_default), tensor(|flow| f32::from(u8::from(flow.is_some()))))
    }

    fn encode_hiding(&self, inputs: &[&SpirogramInput], hidden: &[Vec<bool>], device: &Device) -> Tensor<3> {
        let curves = inputs.iter().zip(hidden).flat_map(|(input, hidden)| {
            let flow = input.flow_litres_per_second.iter().enumerate();
            flow.map(|(i, &flow)| if hidden[(i + self.resnet.padding()) / ResNet1d::STRIDE] { 0.0 } else { flow })
        });
        let curves: Vec<f32> = curves.collect();
        let shape = [inputs.len(), 1, curves.len() / inputs.len()];
        let sequence = self.resnet.sequence(Tensor::from_data(TensorData::new(curves, shape), device));
        // [batch, d_features, positions] -> [batch, positions, d_features]
        sequence.swap_dims(1, 2)
    }
}

impl SpirogramEncoder {
    /// The curve with the ResNet's padding, in stretches that are one position each; `None` for padding.
    fn parts(&self, input: &SpirogramInput) -> Vec<Vec<Option<f32>>> {
        let padding = self.resnet.padding();
        let flow = &input.flow_litres_per_second;
        let n = (flow.len() + 2 * padding).div_ceil(ResNet1d::STRIDE);
        let point = |at: usize| at.checked_sub(padding).and_then(|i| flow.get(i)).copied();
        let part = |part: usize| (0..ResNet1d::STRIDE).map(|i| point(part * ResNet1d::STRIDE + i)).collect();
        (0..n).map(part).collect()
    }
}
