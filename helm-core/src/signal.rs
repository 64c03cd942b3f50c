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
        assert!(channel < self.n_channels, "channel {channel} of {} channels", self.n_channels);
        &self.samples[channel * self.len()..][..self.len()]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_follow_one_another() {
        let signal = Signal::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 500.0, "mV").expect("a signal");
        assert_eq!((signal.n_channels(), signal.len()), (2, 3));
        assert_eq!(signal.channel(0), [1.0, 2.0, 3.0]);
        assert_eq!(signal.channel(1), [4.0, 5.0, 6.0]);
        assert_eq!((signal.rate_hz(), signal.unit(), signal.duration_seconds()), (500.0, "mV", 0.006));
    }

    #[test]
    #[should_panic(expected = "channel 2 of 2 channels")]
    fn channels_past_the_last_panic() {
        Signal::new(vec![1.0, 2.0], 2, 500.0, "mV").expect("a signal").channel(2);
    }

    #[test]
    fn bad_signals_are_errors() {
        let message = |samples: &[f32], n_channels, rate_hz| {
            Signal::new(samples.to_vec(), n_channels, rate_hz, "L").expect_err("a bad signal").to_string()
        };
        assert_eq!(message(&[], 1, 1.0), "signal: expected at least one sample and one channel, found 0 and 1");
        assert_eq!(message(&[1.0], 0, 1.0), "signal: expected at least one sample and one channel, found 1 and 0");
        assert_eq!(message(&[1.0; 3], 2, 1.0), "signal: expected as many samples in every channel, found 3 in 2");
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(
                message(&[1.0, bad], 1, 1.0),
                "signal: expected finite samples, found NaN or infinity at index 1"
            );
        }
        for rate_hz in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(message(&[1.0], 1, rate_hz).starts_with("signal: expected a rate above 0 Hz"));
        }
    }

    #[test]
    fn debug_shows_no_sample() {
        let signal = Signal::new(vec![0.0, 7.654], 1, 100.0, "L").expect("a signal");
        assert_eq!(format!("{signal:?}"), "Signal(1 × 2 samples at 100 Hz in L)");
        assert_eq!(format!("{:?}", SignalState::Present(signal.clone())), format!("Present({signal:?})"));
        assert!(SignalState::Present(signal).signal().is_some());
        assert!(SignalState::Unusable("too short".into()).signal().is_none() && SignalState::Absent.signal().is_none());
    }
}
