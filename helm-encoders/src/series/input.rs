use crate::Error;

/// A waveform as a [`SeriesEncoder`](crate::SeriesEncoder) takes it: standardised samples, and which of them are valid.
///
/// Samples stand channel by channel; a moment is valid or not in all channels together. Inputs of one batch may differ
/// in length. What is not valid influences nothing, whatever stands there.
///
/// There is no `Debug`: it is a participant's data.
///
/// ```
/// use helm_encoders::SeriesInput;
///
/// // Two channels of three moments, of which the last was not recorded.
/// let input = SeriesInput::new(vec![0.1, 0.2, f32::NAN, -1.0, -1.1, 7.0], vec![true, true, false])?;
/// assert_eq!((input.n_channels(), input.len()), (2, 3));
/// # Ok::<(), helm_encoders::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct SeriesInput {
    samples: Vec<f32>,
    valid: Vec<bool>,
}

impl SeriesInput {
    /// An input from samples, channel by channel, and the mask of its moments.
    ///
    /// # Errors
    /// [`Error::Input`] if no moment is valid, a valid sample is not finite, or the samples are not as many in each
    /// channel as the mask has moments.
    pub fn new(mut samples: Vec<f32>, valid: Vec<bool>) -> Result<Self, Error> {
        let wrong =
            |expected: &str, found: String| Error::Input { what: "series".into(), expected: expected.into(), found };
        if !valid.contains(&true) {
            return Err(wrong("at least one valid moment", format!("none among {}", valid.len())));
        }
        if samples.is_empty() || !samples.len().is_multiple_of(valid.len()) {
            let found = format!("{} samples and {} moments", samples.len(), valid.len());
            return Err(wrong("as many samples in each channel as the mask has moments", found));
        }
        for (index, sample) in samples.iter_mut().enumerate() {
            if !valid[index % valid.len()] {
                *sample = 0.0;
            } else if !sample.is_finite() {
                return Err(wrong("finite samples where the mask says valid", format!("another at index {index}")));
            }
        }
        Ok(Self { samples, valid })
    }

    /// Moments, valid or not.
    #[expect(clippy::len_without_is_empty, reason = "a series has at least one moment")]
    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// Channels.
    pub fn n_channels(&self) -> usize {
        self.samples.len() / self.valid.len()
    }

    /// One channel's samples; 0 where they are not valid.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn channel(&self, channel: usize) -> &[f32] {
        &self.samples[channel * self.len()..][..self.len()]
    }

    /// Which moments are valid.
    pub fn valid(&self) -> &[bool] {
        &self.valid
    }
}
