use crate::{Error, Signal};

/// The most a pair of human lungs can blow out, with room to spare; above it, litres were taken for millilitres.
const MOST_LITRES: f32 = 15.0;

/// A forced breath: the volume blown out since its start, in litres, at a fixed rate.
///
/// ```
/// use helm_core::{Signal, spirometry::Spirogram};
///
/// let blow = Spirogram::from_volume_litres(vec![0.0, 0.05, 0.15, 0.20], 100.0)?;
/// assert_eq!(blow.fvc_litres(), 0.20);
/// // A curve in millilitres is refused.
/// assert!(Spirogram::from_volume_litres(vec![0.0, 50.0, 150.0], 100.0).is_err());
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spirogram(Signal);

impl Spirogram {
    /// A blow from its volumes in litres, at `rate_hz` samples a second.
    ///
    /// # Errors
    /// [`Error::Invalid`] where [`Signal::new`] has one, or if no volume is above 0 or one is above 15 L.
    pub fn from_volume_litres(volume_litres: Vec<f32>, rate_hz: f64) -> Result<Self, Error> {
        Self::from_signal(Signal::new(volume_litres, 1, rate_hz, "L")?)
    }

    /// A blow from a signal of one channel in litres.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the signal has another unit or number of channels, no volume above 0 or one above 15 L.
    pub fn from_signal(signal: Signal) -> Result<Self, Error> {
        let invalid = |expected: &str, found: String| {
            Err(Error::Invalid { what: "spirogram".into(), expected: expected.into(), found })
        };
        if signal.unit() != "L" || signal.n_channels() != 1 {
            return invalid(
                "one channel of volumes in L",
                format!("{} channels in {:?}", signal.n_channels(), signal.unit()),
            );
        }
        let blow = Self(signal);
        if blow.fvc_litres() <= 0.0 {
            return invalid("a volume above 0 L", "none".into());
        }
        if blow.fvc_litres() > MOST_LITRES {
            return invalid("volumes up to 15 L", "a larger one: is the curve in millilitres?".into());
        }
        Ok(blow)
    }

    /// The volumes, in litres.
    pub fn volume_litres(&self) -> &[f32] {
        self.0.channel(0)
    }

    /// Samples a second.
    pub fn rate_hz(&self) -> f64 {
        self.0.rate_hz()
    }

    /// The forced vital capacity: the largest volume of the curve, in litres.
    pub fn fvc_litres(&self) -> f32 {
        self.volume_litres().iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// The blow as a signal for a cohort's column.
    pub fn into_signal(self) -> Signal {
        self.0
    }
}
