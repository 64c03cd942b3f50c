use std::any::Any;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::{Device, Tensor};
use helm_core::{Record, SlotId};

use crate::encoder::{InputReader, ModalityEncoder};
use crate::tabular::rows as rows_of;
use crate::{Error, SoftTokens, gradients};

/// One participant's input of one modality, of a type that only its encoder knows. Cloning shares it.
#[derive(Clone)]
pub struct ModalityInput(Arc<dyn Any + Send + Sync>);

impl fmt::Debug for ModalityInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModalityInput")
    }
}

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
    slot: SlotId,
    n_soft: usize,
    d_model: usize,
    erased: Box<dyn Erased>,
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
            erased: Box::new(Trainable {
                encoder: Some(encoder.train()),
                reader,
                optimizer: AdamWConfig::new().init(),
                device,
                output: None,
                gradients: None,
            }),
        }
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
    /// The reader's.
    pub fn read(&self, record: Record<'_>) -> Result<Option<ModalityInput>, Error> {
        self.erased.read(record)
    }

    /// Encodes a batch for scoring: batch norm uses its running statistics, and nothing is kept for a backward pass.
    ///
    /// # Shapes
    /// The result is `[inputs.len(), n_soft, d_model]`, on the plain device.
    ///
    /// # Panics
    /// If there is no input or one was read by another modality.
    pub fn encode(&self, inputs: &[&ModalityInput]) -> Tensor<3> {
        self.checked(inputs.len(), self.erased.encode(inputs))
    }

    /// The numbers of an input to which a risk may be attributed; none where the encoder says of none.
    ///
    /// # Panics
    /// If the input was read by another modality.
    pub fn samples(&self, input: &ModalityInput) -> Vec<f32> {
        self.erased.samples(input)
    }

    /// Encodes an input for scoring with other samples in the place of its own, and keeps what their gradient needs.
    ///
    /// # Panics
    /// If there is no row, a row has not as many samples as the input, the encoder has none, or the input was read by
    /// another modality.
    pub fn encode_samples(&self, input: &ModalityInput, samples: &[Vec<f32>]) -> SampleGraph {
        self.erased.encode_samples(input, samples)
    }

    /// Encodes a batch for training and keeps what [`backward`](Self::backward) needs.
    ///
    /// # Shapes
    /// The result is `[inputs.len(), n_soft, d_model]`, on the plain device.
    ///
    /// # Panics
    /// If there is no input or one was read by another modality.
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

    /// Starts training anew: AdamW as configured, its moments empty.
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

    /// Writes the weights and buffers as safetensors.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.erased.save(path)
    }

    /// Reads weights and buffers that [`save`](Self::save) wrote for an encoder of the same configuration.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read, or its tensors are not exactly this encoder's; the weights are
    /// unchanged then.
    pub fn load(&mut self, path: &Path) -> Result<(), Error> {
        self.erased.load(path)
    }

    fn checked(&self, batch: usize, soft: SoftTokens) -> Tensor<3> {
        let soft = soft.into_tensor();
        assert_eq!(soft.dims(), [batch, self.n_soft, self.d_model], "soft tokens of slot {}", self.slot);
        soft
    }
}

impl fmt::Debug for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Modality({}, {} × {}, {} parameters)", self.slot, self.n_soft, self.d_model, self.n_parameters())
    }
}

/// Soft tokens of some samples, with the graph that leads back to them.
pub struct SampleGraph {
    samples: Tensor<2>,
    soft: Tensor<3>,
}

impl SampleGraph {
    /// The soft tokens, `[rows, n_soft, d_model]`, on the plain device.
    pub fn soft(&self) -> Tensor<3> {
        self.soft.clone().inner()
    }

    /// The gradient of each row's samples from that of its soft tokens.
    ///
    /// # Shapes
    /// - `gradient`: as the soft tokens, on the plain device
    ///
    /// # Panics
    /// If the shape is another.
    pub fn gradient(self, gradient: Tensor<3>) -> Vec<Vec<f32>> {
        assert_eq!(self.soft.dims(), gradient.dims(), "the gradient has the shape of the soft tokens");
        let [rows, n_samples] = self.samples.dims();
        let gradients = (self.soft * Tensor::from_inner(gradient)).sum().backward();
        let gradient = self.samples.grad(&gradients).map(|gradient| gradient.into_data().convert::<f32>());
        // Soft tokens that don't depend on the samples have no gradient.
        let flat = gradient.and_then(|data| data.try_into_vec::<f32>().ok());
        flat.map_or_else(
            || vec![vec![0.0; n_samples]; rows],
            |flat| flat.chunks(n_samples).map(<[f32]>::to_vec).collect(),
        )
    }
}

/// A [`Modality`]'s weights at some moment.
pub struct ModalitySnapshot(Box<dyn Any>);

/// What a [`Modality`] needs of an encoder whose type it no longer knows.
trait Erased: Send {
    fn n_parameters(&self) -> usize;
    fn read(&self, record: Record<'_>) -> Result<Option<ModalityInput>, Error>;
    fn encode(&self, inputs: &[&ModalityInput]) -> SoftTokens;
    fn samples(&self, input: &ModalityInput) -> Vec<f32>;
    fn encode_samples(&self, input: &ModalityInput, samples: &[Vec<f32>]) -> SampleGraph;
    fn forward(&mut self, inputs: &[&ModalityInput]) -> SoftTokens;
    fn backward(&mut self, gradient: Tensor<3>);
    fn gradient_norm_squared(&self) -> f64;
    fn start_training(&mut self, optimizer: &AdamWConfig);
    fn step(&mut self, learning_rate: f64, scale: f64);
    fn snapshot(&self) -> Box<dyn Any>;
    fn restore(&mut self, snapshot: &dyn Any);
    fn save(&self, path: &Path) -> Result<(), Error>;
    fn load(&mut self, path: &Path) -> Result<(), Error>;
}

struct Trainable<E: ModalityEncoder, R> {
    /// On the autodiff device; `None` only inside `step`, where the optimiser takes it.
    encoder: Option<E>,
    reader: R,
    optimizer: ModuleOptimizer,
    /// The plain device.
    device: Device,
    /// The last forward pass' soft tokens with their graph.
    output: Option<Tensor<3>>,
    gradients: Option<GradientsParams>,
}

impl<E: ModalityEncoder, R> Trainable<E, R> {
    fn encoder(&self) -> &E {
        self.encoder.as_ref().expect("the encoder is away only inside step")
    }
}

fn downcast<'a, I: 'static>(inputs: &[&'a ModalityInput]) -> Vec<&'a I> {
    assert!(!inputs.is_empty(), "a batch of no input");
    inputs.iter().map(|input| input.0.downcast_ref().expect("an input that this modality read")).collect()
}

impl<E, R> Erased for Trainable<E, R>
where
    E: ModalityEncoder,
    R: InputReader<Input = E::Input>,
{
    fn n_parameters(&self) -> usize {
        gradients::n_trainable(self.encoder())
    }

    fn read(&self, record: Record<'_>) -> Result<Option<ModalityInput>, Error> {
        Ok(self.reader.read(record)?.map(|input| ModalityInput(Arc::new(input))))
    }

    fn encode(&self, inputs: &[&ModalityInput]) -> SoftTokens {
        self.encoder().valid().encode(&downcast(inputs), &self.device)
    }

    fn samples(&self, input: &ModalityInput) -> Vec<f32> {
        self.encoder().samples(downcast(&[input])[0]).to_vec()
    }

    fn encode_samples(&self, input: &ModalityInput, samples: &[Vec<f32>]) -> SampleGraph {
        let rows = samples.iter().map(Vec::as_slice);
        let samples = rows_of(rows, &self.device.clone().autodiff()).require_grad();
        // As in scoring, on the device of training: nothing of the encoder is trained, its statistics stand still.
        let encoder = self.encoder().valid().train().freeze();
        let soft = encoder.encode_samples(downcast(&[input])[0], samples.clone()).into_tensor();
        SampleGraph { samples, soft }
    }

    fn forward(&mut self, inputs: &[&ModalityInput]) -> SoftTokens {
        let device = self.device.clone().autodiff();
        let soft = self.encoder().encode(&downcast(inputs), &device).into_tensor();
        self.output = Some(soft.clone());
        SoftTokens::new(soft.inner())
    }

    fn backward(&mut self, gradient: Tensor<3>) {
        let soft = self.output.take().expect("forward comes before backward");
        assert_eq!(soft.dims(), gradient.dims(), "the gradient has the shape of the soft tokens");
        // d(Σ soft · g) / d weights is the vector–Jacobian product of the encoder with g.
        let graph = (soft * Tensor::from_inner(gradient)).sum();
        let new = GradientsParams::from_grads(graph.backward(), self.encoder());
        self.gradients = Some(match self.gradients.take() {
            None => new,
            Some(old) => {
                let mut sum = GradientsAccumulator::new();
                sum.accumulate(self.encoder(), old);
                sum.accumulate(self.encoder(), new);
                sum.grads()
            }
        });
    }

    fn gradient_norm_squared(&self) -> f64 {
        self.gradients.as_ref().map_or(0.0, |gradients| gradients::norm_squared(self.encoder(), gradients))
    }

    fn start_training(&mut self, optimizer: &AdamWConfig) {
        self.optimizer = optimizer.init();
        self.gradients = None;
        self.output = None;
    }

    fn step(&mut self, learning_rate: f64, scale: f64) {
        if let (Some(gradients), Some(encoder)) = (self.gradients.take(), self.encoder.take()) {
            let gradients = gradients::scale(&encoder, gradients, scale);
            self.encoder = Some(self.optimizer.step(learning_rate, encoder, gradients));
        }
    }

    fn snapshot(&self) -> Box<dyn Any> {
        // `valid` copies the batch norms' running statistics; a clone would share them.
        Box::new(self.encoder().valid())
    }

    fn restore(&mut self, snapshot: &dyn Any) {
        let encoder: &E = snapshot.downcast_ref().expect("a snapshot of this modality");
        self.encoder = Some(encoder.valid().train());
        self.output = None;
        self.gradients = None;
    }

    fn save(&self, path: &Path) -> Result<(), Error> {
        let mut store = SafetensorsStore::from_file(path).overwrite(true);
        self.encoder()
            .valid()
            .save_into(&mut store)
            .map_err(|error| Error::File { path: path.into(), problem: error.to_string() })
    }

    fn load(&mut self, path: &Path) -> Result<(), Error> {
        let file_error = |problem: String| Error::File { path: path.into(), problem };
        let mut loaded = self.encoder().valid();
        let mut store = SafetensorsStore::from_file(path);
        let report = loaded.load_from(&mut store).map_err(|error| file_error(error.to_string()))?;
        if !(report.missing.is_empty() && report.unused.is_empty() && report.errors.is_empty()) {
            return Err(file_error(format!(
                "expected the tensors of this encoder, found {} missing, {} unknown, {} of another shape",
                report.missing.len(),
                report.unused.len(),
                report.errors.len()
            )));
        }
        self.encoder = Some(loaded.train());
        Ok(())
    }
}
