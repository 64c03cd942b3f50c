use helm_core::{Record, Signal, Standardizer};
use serde::{Deserialize, Serialize};

use super::SeriesInput;
use crate::{Error, InputReader};

/// Reads a record's signal as the input of a [`SeriesEncoder`](crate::SeriesEncoder): each channel standardised by the
/// mean and standard deviation of its samples in the training split, cut to the first `max_samples` samples.
///
/// A signal of other channels, of another rate or in another unit than the training ones is refused: its samples would
/// mean something else. A participant without the signal, or with one that can't be used, has no input. All samples of
/// a [`Signal`] are valid; a reader of your own may tell more by [`SeriesInput`]'s mask.
///
/// ```
/// use helm_core::{Cohort, ParticipantId, Schema, Signal, SignalState};
/// use helm_encoders::{InputReader, SeriesReader};
///
/// let schema = Schema::new(vec![], vec!["ecg".into()], vec![])?;
/// let ecg = |samples: Vec<f32>| Signal::new(samples, 1, 300.0, "mV").map(SignalState::Present);
/// let cohort = Cohort::builder(schema, ["a", "b", "c"].map(ParticipantId::new).to_vec())?
///     .signal("ecg", vec![ecg(vec![1.0, 3.0])?, ecg(vec![1.0, 3.0, 1.0, 3.0])?, SignalState::Absent])?
///     .build()?;
/// let reader = SeriesReader::fit("ecg", cohort.records())?.with_max_samples(3);
/// let input = reader.read(cohort.record(1))?.expect("an ECG");
/// assert_eq!(input.channel(0), [-1.0, 1.0, -1.0]);
/// assert!(reader.read(cohort.record(2))?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct SeriesReader {
    /// The signal's name in the schema.
    signal: String,
    rate_hz: f64,
    unit: String,
    max_samples: usize,
    /// One column a channel.
    standardizer: Standardizer,
}

impl SeriesReader {
    /// Learns channels, rate, unit, statistics and the longest length from the training records that have the signal.
    ///
    /// # Errors
    /// [`Error::Core`] if the schema lacks the signal; [`Error::Input`] if no record has it, or two differ in channels,
    /// rate or unit.
    pub fn fit<'a>(signal: impl Into<String>, train: impl Iterator<Item = Record<'a>>) -> Result<Self, Error> {
        let name = signal.into();
        let mut signals: Vec<&Signal> = Vec::new();
        for record in train {
            let Some(signal) = record.signal(&name)?.signal() else { continue };
            if let Some(first) = signals.first() {
                check(&name, record, signal, first.n_channels(), first.rate_hz(), first.unit())?;
            }
            signals.push(signal);
        }
        let Some(first) = signals.first() else {
            let (what, expected) = (format!("signal {name:?}"), "at least one training record that has it".into());
            return Err(Error::Input { what, expected, found: "none".into() });
        };
        let moments = signals.iter().flat_map(|signal| {
            (0..signal.len()).map(|moment| {
                (0..signal.n_channels())
                    .map(|channel| Some(f64::from(signal.channel(channel)[moment])))
                    .collect::<Vec<_>>()
            })
        });
        Ok(Self {
            rate_hz: first.rate_hz(),
            unit: first.unit().into(),
            max_samples: signals.iter().map(|signal| signal.len()).max().unwrap_or(1),
            standardizer: Standardizer::fit(moments)?,
            signal: name,
        })
    }

    /// Cuts signals to their first so many samples; by default, to the longest of the training records'.
    ///
    /// # Panics
    /// If it is 0.
    pub fn with_max_samples(mut self, max_samples: usize) -> Self {
        assert!(max_samples > 0, "a series has at least one sample");
        self.max_samples = max_samples;
        self
    }

    /// Channels of the signal.
    pub fn n_channels(&self) -> usize {
        self.standardizer.width()
    }

    /// Samples a second.
    pub fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// The most samples of a channel that are read.
    pub fn max_samples(&self) -> usize {
        self.max_samples
    }

    /// Whether a signal is longer than what is read of it.
    pub fn cuts(&self, signal: &Signal) -> bool {
        signal.len() > self.max_samples
    }
}

/// Refuses a signal whose samples mean something else than the training records'.
fn check(
    name: &str,
    record: Record<'_>,
    signal: &Signal,
    n_channels: usize,
    rate_hz: f64,
    unit: &str,
) -> Result<(), Error> {
    let same_rate = (signal.rate_hz() / rate_hz - 1.0).abs() < 1e-6;
    if signal.n_channels() == n_channels && same_rate && signal.unit() == unit {
        return Ok(());
    }
    Err(Error::Input {
        what: format!("signal {name:?} in row {}", record.row() + 1),
        expected: format!("{n_channels} channels at {rate_hz} Hz in {unit:?}, as in the first training record"),
        found: format!("{} at {} Hz in {:?}", signal.n_channels(), signal.rate_hz(), signal.unit()),
    })
}

impl InputReader for SeriesReader {
    type Input = SeriesInput;

    fn read(&self, record: Record<'_>) -> Result<Option<SeriesInput>, Error> {
        let Some(signal) = record.signal(&self.signal)?.signal() else { return Ok(None) };
        check(&self.signal, record, signal, self.n_channels(), self.rate_hz, &self.unit)?;
        let n = signal.len().min(self.max_samples);
        let (mean, sd) = (self.standardizer.mean(), self.standardizer.sd());
        let standardised = (0..signal.n_channels()).flat_map(|channel| {
            let samples = signal.channel(channel)[..n].iter();
            samples.map(move |&sample| ((f64::from(sample) - mean[channel]) / sd[channel]) as f32)
        });
        SeriesInput::new(standardised.collect(), vec![true; n]).map(Some)
    }
}

/// A reader as a file has it, before it is checked.
#[derive(Deserialize)]
#[serde(rename = "SeriesReader")]
struct Stored {
    signal: String,
    rate_hz: f64,
    unit: String,
    max_samples: usize,
    standardizer: Standardizer,
}

impl TryFrom<Stored> for SeriesReader {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self, Error> {
        let Stored { signal, rate_hz, unit, max_samples, standardizer } = stored;
        let wrong = |expected: &str, found: String| {
            Err(Error::Config { what: "series reader", expected: expected.into(), found })
        };
        if !(rate_hz.is_finite() && rate_hz > 0.0) {
            return wrong("a rate above 0 Hz", rate_hz.to_string());
        }
        if max_samples == 0 || standardizer.width() == 0 {
            return wrong("at least one sample and one channel", format!("{max_samples} and {}", standardizer.width()));
        }
        Ok(Self { signal, rate_hz, unit, max_samples, standardizer })
    }
}
