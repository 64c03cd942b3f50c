use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Device, Tensor};
use helm_core::Record;

use crate::{Error, SoftTokens};

/// An encoder of one modality: any burn module that turns a batch of inputs into soft tokens.
///
/// This is what the author of an encoder writes. The input may be of any type; how it is read from a participant's
/// record is an [`InputReader`]'s business, so that the module holds weights and nothing else. A [`Modality`] joins
/// the two for training and scoring.
///
/// An encoder that turns an image of 8 × 8 pixels into two soft tokens:
///
/// ```
/// use burn::module::Module;
/// use burn::nn::{Linear, LinearConfig};
/// use burn::tensor::{Device, Tensor, TensorData};
/// use helm_encoders::{ModalityEncoder, SoftTokens};
///
/// #[derive(Module, Debug)]
/// struct ImageEncoder {
///     linear: Linear,
/// }
///
/// impl ModalityEncoder for ImageEncoder {
///     type Input = [f32; 64];
///
///     fn n_soft(&self) -> usize {
///         2
///     }
///
///     fn d_model(&self) -> usize {
///         self.linear.weight.dims()[1] / 2
///     }
///
///     fn encode(&self, inputs: &[&[f32; 64]], device: &Device) -> SoftTokens {
///         let pixels: Vec<f32> = inputs.iter().flat_map(|image| image.iter().copied()).collect();
///         let images = Tensor::<2>::from_data(TensorData::new(pixels, [inputs.len(), 64]), device);
///         SoftTokens::new(self.linear.forward(images).reshape([inputs.len(), 2, self.d_model()]))
///     }
/// }
///
/// let device = helm_encoders::device("cpu")?;
/// let encoder = ImageEncoder { linear: LinearConfig::new(64, 2 * 16).init(&device) };
/// assert_eq!(encoder.encode(&[&[0.5; 64]], &device).d_model(), 16);
/// # Ok::<(), helm_encoders::Error>(())
/// ```
///
/// [`Modality`]: crate::Modality
pub trait ModalityEncoder: Module + ModuleDisplay + 'static {
    /// What one participant's input is.
    type Input: Send + Sync + 'static;

    /// Soft tokens for each input.
    fn n_soft(&self) -> usize;

    /// The width of the language model's embedding space.
    fn d_model(&self) -> usize;

    /// Whether the encoder can take an input: [`Modality::read`](crate::Modality::read) asks it of whatever a reader
    /// read, since the reader may be another than the encoder was made for. Any input by default.
    ///
    /// # Errors
    /// [`Error::Input`] if it can't.
    fn check_input(&self, _input: &Self::Input) -> Result<(), Error> {
        Ok(())
    }

    /// Encodes a batch on `device`, which is the device of the module's weights: with autodiff in training, without in
    /// scoring.
    ///
    /// # Shapes
    /// The result is `[inputs.len(), n_soft, d_model]`.
    fn encode(&self, inputs: &[&Self::Input], device: &Device) -> SoftTokens;

    /// The numbers of an input to which a risk may be attributed, such as the samples of a curve. None by default.
    fn samples<'a>(&self, _input: &'a Self::Input) -> &'a [f32] {
        &[]
    }

    /// Encodes an input with other samples in the place of its own, a row each, so that gradients with respect to them
    /// can be taken. Encoders that have [`samples`](Self::samples) have this, too.
    ///
    /// # Shapes
    /// - `samples`: `[batch, samples(input).len()]`
    /// - result: `[batch, n_soft, d_model]`
    ///
    /// # Panics
    /// By default.
    fn encode_samples(&self, _input: &Self::Input, _samples: Tensor<2>) -> SoftTokens {
        panic!("an encoder that has samples encodes them")
    }
}

/// Reads one participant's input of an encoder from the record: `None` where the participant has no such modality.
///
/// Closures `Fn(Record<'_>) -> Result<Option<I>, Error>` are readers. One that serialises, with what it learned on the
/// training records, is saved with its modality ([`Modality::from_config`](crate::Modality::from_config)).
pub trait InputReader: Send + Sync + 'static {
    /// What the encoder takes.
    type Input;

    /// Reads the input.
    ///
    /// # Errors
    /// Where the record can't hold such an input at all: its schema lacks a feature or a signal.
    fn read(&self, record: Record<'_>) -> Result<Option<Self::Input>, Error>;
}

impl<I, F> InputReader for F
where
    F: Fn(Record<'_>) -> Result<Option<I>, Error> + Send + Sync + 'static,
{
    type Input = I;

    fn read(&self, record: Record<'_>) -> Result<Option<I>, Error> {
        self(record)
    }
}
