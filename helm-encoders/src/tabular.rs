use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use helm_core::{Record, Standardizer};
use serde::{Deserialize, Serialize};

use crate::modality::check_sizes;
use crate::projector::{Projector, ProjectorConfig};
use crate::{EncoderConfig, Error, FeatureEncoder, InputReader, ModalityEncoder, SoftTokens};

/// Configuration of a [`TabularEncoder`].
#[derive(Config, Debug)]
pub struct TabularEncoderConfig {
    /// Columns of the input: [`TabularReader::width`].
    pub n_columns: usize,
    /// Soft tokens for each participant.
    pub n_soft: usize,
    /// Width of the language model's embedding space.
    pub d_model: usize,
    /// Width of the hidden layer.
    #[config(default = "128")]
    pub d_hidden: usize,
    /// Root mean square of the soft tokens at the start, best that of the language model's embeddings.
    #[config(default = "0.02")]
    pub initial_rms: f64,
}

/// A perceptron from standardised features to soft tokens.
///
/// Language models read numbers poorly; HeLM gives them the same row a second time as soft tokens beside the text.
#[derive(Module, Debug)]
pub struct TabularEncoder {
    projector: Projector,
}

impl TabularEncoderConfig {
    /// An encoder with random weights.
    pub fn init(&self, device: &Device) -> TabularEncoder {
        let projector = ProjectorConfig::new(self.n_columns, self.n_soft, self.d_model).with_d_hidden(self.d_hidden);
        let projector = projector.with_initial_rms(self.initial_rms);
        TabularEncoder { projector: projector.init(device) }
    }
}

impl EncoderConfig for TabularEncoderConfig {
    type Encoder = TabularEncoder;
    const KIND: &'static str = "tabular";

    fn check(&self) -> Result<(), Error> {
        check_sizes(&[
            ("n_columns", self.n_columns),
            ("n_soft", self.n_soft),
            ("d_model", self.d_model),
            ("d_hidden", self.d_hidden),
        ])
    }

    fn encoder(&self, device: &Device) -> TabularEncoder {
        self.init(device)
    }
}

impl ModalityEncoder for TabularEncoder {
    type Input = Vec<f32>;

    fn n_soft(&self) -> usize {
        self.projector.n_soft()
    }

    fn d_model(&self) -> usize {
        self.projector.d_model()
    }

    fn check_input(&self, input: &Vec<f32>) -> Result<(), Error> {
        check_length("columns of the tabular encoder", self.projector.d_features(), input.len())
    }

    fn encode(&self, inputs: &[&Vec<f32>], device: &Device) -> SoftTokens {
        self.projector.forward(rows(inputs.iter().map(|row| row.as_slice()), device))
    }

    fn samples<'a>(&self, input: &'a Vec<f32>) -> &'a [f32] {
        input
    }

    fn encode_samples(&self, _input: &Vec<f32>, samples: Tensor<2>) -> SoftTokens {
        self.projector.forward(samples)
    }
}

impl FeatureEncoder for TabularEncoder {
    fn d_features(&self) -> usize {
        self.projector.d_hidden()
    }

    /// The projector's hidden layer.
    fn features(&self, inputs: &[&Vec<f32>], device: &Device) -> Tensor<2> {
        self.projector.hidden(rows(inputs.iter().map(|row| row.as_slice()), device))
    }

    fn freeze_features(mut self) -> Self {
        self.projector = self.projector.freeze_hidden();
        self
    }
}

/// Checks that an input is as long as its encoder expects.
pub(crate) fn check_length(what: &str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Input { what: what.into(), expected: expected.to_string(), found: found.to_string() })
}

/// Rows of one width as a tensor `[batch, columns]`.
pub(crate) fn rows<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>, device: &Device) -> Tensor<2> {
    let batch = rows.len();
    let flat: Vec<f32> = rows.flatten().copied().collect();
    let columns = flat.len() / batch;
    Tensor::from_data(TensorData::new(flat, [batch, columns]), device)
}

/// Reads features of a record as standardised numbers (a category of three and more levels as a column for each), the
/// training mean where a value is missing, and for each feature that was ever missing in training whether it is missing
/// here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct TabularReader {
    features: Vec<String>,
    standardizer: Standardizer,
    /// The first columns of features that get a column of their own for being missing.
    may_be_missing: Vec<usize>,
}

impl TabularReader {
    /// Learns means and standard deviations from the training records.
    ///
    /// # Errors
    /// [`Error::Core`] if there is no record, or its schema lacks a feature.
    pub fn fit<'a, S: Into<String>>(
        features: impl IntoIterator<Item = S>,
        train: impl Iterator<Item = Record<'a>>,
    ) -> Result<Self, Error> {
        let features: Vec<String> = features.into_iter().map(Into::into).collect();
        let mut train = train.peekable();
        let starts = match train.peek() {
            Some(record) => first_columns(*record, &features)?,
            None => Vec::new(),
        };
        let rows = train.map(|record| record.model_inputs(&features)).collect::<Result<Vec<_>, _>>()?;
        let may_be_missing = starts.into_iter().filter(|&i| rows.iter().any(|row| row[i].is_none())).collect();
        let standardizer = Standardizer::fit(rows.iter().map(Vec::as_slice))?;
        Ok(Self { features, standardizer, may_be_missing })
    }

    /// How many columns an input has.
    pub fn width(&self) -> usize {
        self.standardizer.width() + self.may_be_missing.len()
    }

    /// One participant's columns.
    ///
    /// # Errors
    /// [`Error::Core`] if the record's schema lacks a feature, [`Error::Input`] if a category has other levels there.
    pub fn row(&self, record: Record<'_>) -> Result<Vec<f32>, Error> {
        let values = record.model_inputs(&self.features)?;
        check_length("columns of the tabular reader", self.standardizer.width(), values.len())?;
        let missing = self.may_be_missing.iter().map(|&i| if values[i].is_none() { 1.0 } else { 0.0 });
        let standardised = self.standardizer.apply(&values);
        Ok(standardised.into_iter().map(|value| value as f32).chain(missing).collect())
    }
}

/// The first of each feature's columns.
fn first_columns(record: Record<'_>, features: &[String]) -> Result<Vec<usize>, Error> {
    let schema = record.cohort().schema();
    let mut next = 0;
    let mut first = |name: &String| -> Result<usize, Error> {
        let width = schema.features()[schema.feature_index(name)?].n_model_inputs();
        next += width;
        Ok(next - width)
    };
    features.iter().map(&mut first).collect()
}

impl InputReader for TabularReader {
    type Input = Vec<f32>;

    fn read(&self, record: Record<'_>) -> Result<Option<Vec<f32>>, Error> {
        self.row(record).map(Some)
    }
}

/// A reader as a file has it, before it is checked.
#[derive(Deserialize)]
#[serde(rename = "TabularReader")]
struct Stored {
    features: Vec<String>,
    standardizer: Standardizer,
    may_be_missing: Vec<usize>,
}

impl TryFrom<Stored> for TabularReader {
    type Error = Error;

    fn try_from(Stored { features, standardizer, may_be_missing }: Stored) -> Result<Self, Error> {
        let wrong = |expected: String, found: String| Err(Error::Config { what: "tabular reader", expected, found });
        let width = standardizer.width();
        if width < features.len() {
            return wrong(format!("statistics of {} features or more columns", features.len()), width.to_string());
        }
        if let Some(index) = may_be_missing.iter().find(|&&index| index >= width) {
            return wrong(format!("indices below {width}"), index.to_string());
        }
        Ok(Self { features, standardizer, may_be_missing })
    }
}
