use burn::tensor::{Device, Tensor};

use crate::ModalityEncoder;

/// An encoder whose features, in front of its projector, can be trained or used by themselves.
///
/// ```
/// use helm_encoders::{FeatureEncoder, SeriesEncoderConfig, SeriesInput};
///
/// let device = helm_encoders::device("cpu")?;
/// let encoder = SeriesEncoderConfig::new(1, 64, 2, 16).init(&device);
/// let wave = SeriesInput::new(vec![0.5; 50], vec![true; 50])?;
/// assert_eq!(encoder.features(&[&wave], &device).dims(), [1, encoder.d_features()]);
/// # Ok::<(), helm_encoders::Error>(())
/// ```
pub trait FeatureEncoder: ModalityEncoder {
    /// Width of the features.
    fn d_features(&self) -> usize;

    /// The features of a batch, on the device of the weights as in [`encode`](ModalityEncoder::encode).
    ///
    /// # Shapes
    /// The result is `[inputs.len(), d_features]`.
    fn features(&self, inputs: &[&Self::Input], device: &Device) -> Tensor<2>;

    /// Freezes what makes the features, running statistics of batch norms included, by burn's
    /// [`freeze`](burn::module::Module::freeze); the projector goes on learning.
    fn freeze_features(self) -> Self;
}

/// An encoder that can be trained to fill in hidden parts of its input: patches of a waveform, stretches of a curve.
///
/// ```
/// use helm_encoders::{ReconstructingEncoder, SeriesEncoderConfig, SeriesInput};
///
/// let device = helm_encoders::device("cpu")?;
/// let encoder = SeriesEncoderConfig::new(1, 64, 2, 16).with_patch_samples(16).init(&device);
/// let wave = SeriesInput::new(vec![0.5; 50], vec![true; 50])?;
/// assert_eq!(encoder.filled_parts(&wave), [true; 4]);
/// let hidden = vec![vec![false, true, false, false]];
/// assert_eq!(encoder.encode_hiding(&[&wave], &hidden, &device).dims(), [1, 4, encoder.d_part()]);
/// # Ok::<(), helm_encoders::Error>(())
/// ```
pub trait ReconstructingEncoder: ModalityEncoder {
    /// Numbers in a part.
    fn part_len(&self) -> usize;

    /// Width of what the encoder makes of a part.
    fn d_part(&self) -> usize;

    /// For each part of an input, whether there is anything in it to be hidden.
    fn filled_parts(&self, input: &Self::Input) -> Vec<bool>;

    /// What is in the parts, and which of it counts (1, or 0 for what is missing).
    ///
    /// # Shapes
    /// Both are `[inputs.len(), n_parts, part_len]`, `n_parts` of the input that has the most.
    fn contents(&self, inputs: &[&Self::Input], device: &Device) -> (Tensor<3>, Tensor<3>);

    /// What the encoder makes of each part without seeing the hidden ones. `hidden` has a row of `n_parts` flags for
    /// each input.
    ///
    /// # Shapes
    /// The result is `[inputs.len(), n_parts, d_part]`.
    fn encode_hiding(&self, inputs: &[&Self::Input], hidden: &[Vec<bool>], device: &Device) -> Tensor<3>;
}
