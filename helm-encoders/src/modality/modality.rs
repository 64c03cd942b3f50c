use std::any::Any;
use std::fmt;

use burn::optim::AdamWConfig;
use burn::tensor::{Device, Tensor};
use helm_core::{Record, SlotId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::description::{Description, EncoderConfig, settled};
use super::input::ModalityInput;
use super::sample_graph::SampleGraph;
use super::trainable::{Erased, Trainable};
use crate::encoder::{InputReader, ModalityEncoder};
use crate::{Error, gradients};

/// An encoder with its slot, its reader and its optimiser, of which a model may hold any number of any kind.
///
/// burn's modules and optimisers are generic and can't stand behind `dyn`; a `Modality` owns both and offers what
/// training and scoring need: read, encode, forward, backward, gradient norm (so that clipping is global over all
/// modalities), step, save and load.
///
/// ```
/// use burn::tensor::Tensor;
/// use helm_core::{Cohort, Feature, ParticipantId, Schema, Value};
/// use helm_encoders::{Modality, TabularEncoderConfig, TabularReader};
///
/// let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![])?;
/// let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
///     .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])?
///     .build()?;
///
/// let device = helm_encoders::device("cpu")?;
/// let reader = TabularReader::fit(["age"], cohort.records())?;
/// let encoder = TabularEncoderConfig::new(reader.width(), 6, 64).init(&device);
/// let mut modality = Modality::new("tabular", encoder, reader, &device);
///
/// let inputs: Vec<_> = cohort.records().map(|record| modality.read(record)).collect::<Result<Vec<_>, _>>()?;
/// let inputs: Vec<_> = inputs.iter().flatten().collect();
/// let soft = modality.forward(&inputs);
/// assert_eq!(soft.dims(), [2, 6, 64]);
/// // The gradient comes back from the language model.
/// modality.backward(Tensor::ones([2, 6, 64], &device));
/// assert!(modality.gradient_norm_squared() > 0.0);
/// modality.step(1e-3, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Modality {
    pub(super) slot: SlotId,
    n_soft: usize,
    d_model: usize,
    pub(super) erased: Box<dyn Erased>,
    /// What is needed beside the weights to make it anew; `None` where that isn't known.
    pub(super) description: Option<Description>,
}

impl Modality {
    /// A modality from an encoder that was initialised on `device`, and the reader of its input.
    pub fn new<E, R>(slot: impl Into<SlotId>, encoder: E, reader: R, device: &Device) -> Self
    where
        E: ModalityEncoder,
        R: InputReader<Input = E::Input>,
    {
        gradients::initialise(&encoder);
        let device = device.clone().without_autodiff();
        Self {
            slot: slot.into(),
            n_soft: encoder.n_soft(),
            d_model: encoder.d_model(),
            erased: Box::new(Trainable::new(encoder, reader, device)),
            description: None,
        }
    }

    /// A modality with random weights that can be saved whole, by [`save_in`](Self::save_in): its encoder is described
    /// by a configuration, and its reader by what it serialises to.
    ///
    /// # Errors
    /// [`Error::Config`] if a setting is out of range, or JSON can't hold the reader.
    pub fn from_config<C, R>(slot: impl Into<SlotId>, config: &C, reader: &R, device: &Device) -> Result<Self, Error>
    where
        C: EncoderConfig,
        R: InputReader<Input = <C::Encoder as ModalityEncoder>::Input> + Serialize + DeserializeOwned,
    {
        config.check()?;
        Self::from_trained(slot, config, config.encoder(&device.clone().without_autodiff()), reader, device)
    }

    /// As [`from_config`](Self::from_config), with an encoder of that configuration that has weights already: one that
    /// was pretrained.
    ///
    /// # Errors
    /// [`Error::Config`] if a setting is out of range, or JSON can't hold the reader.
    pub fn from_trained<C, R>(
        slot: impl Into<SlotId>,
        config: &C,
        encoder: C::Encoder,
        reader: &R,
        device: &Device,
    ) -> Result<Self, Error>
    where
        C: EncoderConfig,
        R: InputReader<Input = <C::Encoder as ModalityEncoder>::Input> + Serialize + DeserializeOwned,
    {
        config.check()?;
        let slot = slot.into();
        let (reader, json) = settled(reader)?;
        let description = Description::new(&slot, config, json)?;
        Ok(Self { description: Some(description), ..Self::new(slot, encoder, reader, device) })
    }

    /// Adds a learned stand-in: soft tokens for participants who lack the input. It is trained, saved, loaded and
    /// restored with the encoder. `initial_rms` is the root mean square of its numbers at the start, best that of the
    /// language model's embeddings.
    ///
    /// A context that has the slot for everyone then works for everyone; one that leaves it out where a signal is
    /// missing has no use of the stand-in. For the stand-in to be learned, some training participants must lack the
    /// input, or inputs must be dropped at random in training.
    ///
    /// ```
    /// use helm_core::{Cohort, ParticipantId, Schema, Signal, SignalState};
    /// use helm_encoders::{Modality, SeriesEncoderConfig, SeriesReader};
    ///
    /// let schema = Schema::new(vec![], vec!["ecg".into()], vec![])?;
    /// let ecg = SignalState::Present(Signal::new(vec![0.1, 0.9, 0.1], 1, 300.0, "mV")?);
    /// let cohort = Cohort::builder(schema, ["a", "b"].map(ParticipantId::new).to_vec())?
    ///     .signal("ecg", vec![ecg, SignalState::Absent])?
    ///     .build()?;
    /// let device = helm_encoders::device("cpu")?;
    /// let reader = SeriesReader::fit("ecg", cohort.records())?;
    /// let config = SeriesEncoderConfig::new(reader.n_channels(), reader.max_samples(), 2, 32);
    /// let modality = Modality::from_config("ecg", &config, &reader, &device)?.with_stand_in(0.02);
    /// let inputs: Vec<_> = cohort.records().map(|record| modality.read(record)).collect::<Result<_, _>>()?;
    /// assert!(inputs[1].is_none());
    /// let stand_in = modality.stand_in().expect("it was added");
    /// let inputs: Vec<_> = inputs.iter().map(|input| input.as_ref().unwrap_or(&stand_in)).collect();
    /// assert_eq!(modality.encode(&inputs).dims(), [2, 2, 32]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_stand_in(mut self, initial_rms: f64) -> Self {
        self.erased.add_stand_in(self.n_soft, self.d_model, initial_rms);
        self
    }

    /// The input of a participant for whom the stand-in is used; `None` without one.
    pub fn stand_in(&self) -> Option<ModalityInput> {
        self.erased.has_stand_in().then(ModalityInput::missing)
    }

    /// The slot in which the soft tokens stand.
    pub fn slot(&self) -> &SlotId {
        &self.slot
    }

    /// Soft tokens for each participant.
    pub fn n_soft(&self) -> usize {
        self.n_soft
    }

    /// The width of the language model's embedding space.
    pub fn d_model(&self) -> usize {
        self.d_model
    }

    /// Trainable numbers.
    pub fn n_parameters(&self) -> usize {
        self.erased.n_parameters()
    }

    /// Reads a participant's input: `None` where the participant has no such modality.
    ///
    /// # Errors
    /// The reader's; [`Error::Input`] if what was read doesn't [suit](ModalityEncoder::check_input) the encoder.
    pub fn read(&self, record: Record<'_>) -> Result<Option<ModalityInput>, Error> {
        self.erased.read(record)
    }

    /// Encodes a batch for scoring: batch norm uses its running statistics, and nothing is kept for a backward pass.
    ///
    /// # Shapes
    /// The result is `[inputs.len(), n_soft, d_model]`, on the plain device.
    ///
    /// # Panics
    /// If there is no input, one was read by another modality, or one is the stand-in of a modality without.
    pub fn encode(&self, inputs: &[&ModalityInput]) -> Tensor<3> {
        self.checked(inputs.len(), self.erased.encode(inputs))
    }

    /// The numbers of an input to which a risk may be attributed; none where the encoder says of none, or of a stand-in.
    ///
    /// # Panics
    /// If the input was read by another modality.
    pub fn samples(&self, input: &ModalityInput) -> Vec<f32> {
        self.erased.samples(input)
    }

    /// Encodes an input for scoring with other samples in the place of its own, and keeps what their gradient needs.
    ///
    /// # Panics
    /// If there is no row, a row has not as many samples as the input, the input has none, or it was read by another
    /// modality.
    pub fn encode_samples(&self, input: &ModalityInput, samples: &[Vec<f32>]) -> SampleGraph {
        self.erased.encode_samples(input, samples)
    }

    /// Encodes a batch for training and keeps what [`backward`](Self::backward) needs.
    ///
    /// # Shapes
    /// The result is `[inputs.len(), n_soft, d_model]`, on the plain device.
    ///
    /// # Panics
    /// If there is no input, one was read by another modality, or one is the stand-in of a modality without.
    pub fn forward(&mut self, inputs: &[&ModalityInput]) -> Tensor<3> {
        let soft = self.erased.forward(inputs);
        self.checked(inputs.len(), soft)
    }

    /// Carries the gradient of a loss with respect to the last [`forward`](Self::forward)'s soft tokens to the
    /// encoder's weights, and adds it to what earlier batches left since the last [`step`](Self::step).
    ///
    /// # Shapes
    /// - `gradient`: as the soft tokens, on the plain device
    ///
    /// # Panics
    /// If no `forward` came before, or the shape is another.
    pub fn backward(&mut self, gradient: Tensor<3>) {
        self.erased.backward(gradient);
    }

    /// The sum of squares of the gradients gathered since the last [`step`](Self::step); NaN or infinite where one of
    /// them is.
    pub fn gradient_norm_squared(&self) -> f64 {
        self.erased.gradient_norm_squared()
    }

    /// Starts training anew: AdamW as configured, but for its clipping, which is the caller's; its moments empty.
    pub fn start_training(&mut self, optimizer: &AdamWConfig) {
        self.erased.start_training(optimizer);
    }

    /// One step of the optimiser along the gathered gradients, multiplied by `scale` (clipping), which are used up.
    pub fn step(&mut self, learning_rate: f64, scale: f64) {
        self.erased.step(learning_rate, scale);
    }

    /// The weights as they are now, to return to with [`restore`](Self::restore).
    pub fn snapshot(&self) -> ModalitySnapshot {
        ModalitySnapshot(self.erased.snapshot())
    }

    /// Returns to the weights of a snapshot of this modality.
    ///
    /// # Panics
    /// If the snapshot is of another encoder type.
    pub fn restore(&mut self, snapshot: &ModalitySnapshot) {
        self.erased.restore(&*snapshot.0);
    }

    fn checked(&self, batch: usize, soft: Tensor<3>) -> Tensor<3> {
        assert_eq!(soft.dims(), [batch, self.n_soft, self.d_model], "soft tokens of slot {}", self.slot);
        soft
    }
}

impl fmt::Debug for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Modality({}, {} × {}, {} parameters)", self.slot, self.n_soft, self.d_model, self.n_parameters())
    }
}

/// A [`Modality`]'s weights at some moment.
pub struct ModalitySnapshot(pub(super) Box<dyn Any>);
