use std::fmt;
use std::sync::Arc;

use crate::Error;

/// A sampled waveform with its rate and unit, cheap to clone.
///
/// Samples stand channel by channel: all of the first, then all of the second. `Debug` shows shape and rate only.
///
/// ```
/// use helm_core::Signal;
///
/// let signal = Signal::new(vec![0.0, 0.1, 0.3], 1, 100.0, "L")?;
/// assert_eq!(signal.channel(0), [0.0, 0.1, 0.3]);
/// assert_eq!(signal.duration_seconds(), 0.03);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Signal {
    samples: Arc<[f32]>,
    n_channels: usize,
    rate_hz: f64,
    unit: String,
}

impl Signal {
    /// A waveform from its samples.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no sample or channel, the samples don't divide into the channels, a sample is
    /// not finite or the rate is not a positive number.
    pub fn new(samples: Vec<f32>, n_channels: usize, rate_hz: f64, unit: impl Into<String>) -> Result<Self, Error> {
        let invalid = |expected: &str, found: String| {
            Err(Error::Invalid { what: "signal".into(), expected: expected.into(), found })
        };
        if samples.is_empty() || n_channels == 0 {
            return invalid("at least one sample and one channel", format!("{} and {n_channels}", samples.len()));
        }
        if !samples.len().is_multiple_of(n_channels) {
            return invalid("as many samples in every channel", format!("{} in {n_channels}", samples.len()));
        }
        if let Some(index) = samples.iter().position(|sample| !sample.is_finite()) {
            return invalid("finite samples", format!("NaN or infinity at index {index}"));
        }
        if !(rate_hz.is_finite() && rate_hz > 0.0) {
            return invalid("a rate above 0 Hz", format!("{rate_hz} Hz"));
        }
        Ok(Self { samples: samples.into(), n_channels, rate_hz, unit: unit.into() })
    }

    /// One channel's samples.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn channel(&self, channel: usize) -> &[f32] {
        &self.samples[channel * self.len()..(channel + 1) * self.len()]
    }

    /// Samples in each channel.
    #[expect(clippy::len_without_is_empty, reason = "a signal has at least one sample")]
    pub fn len(&self) -> usize {
        self.samples.len() / self.n_channels
    }

    /// Channels.
    pub fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// Samples a second.
    pub fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// The unit of the samples.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// How long the signal lasts.
    pub fn duration_seconds(&self) -> f64 {
        self.len() as f64 / self.rate_hz
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({} × {} samples at {} Hz in {})", self.n_channels, self.len(), self.rate_hz, self.unit)
    }
}

/// What a cohort knows of one signal of one participant.
#[derive(Clone, Debug, PartialEq)]
pub enum SignalState {
    /// It was recorded and can be used.
    Present(Signal),
    /// It was recorded, but it can't be used, and why: "fewer than three measured points".
    Unusable(String),
    /// It was not recorded.
    Absent,
}

impl SignalState {
    /// The signal, where it can be used.
    pub fn signal(&self) -> Option<&Signal> {
        match self {
            Self::Present(signal) => Some(signal),
            _ => None,
        }
    }
}
