use crate::{Error, Signal};

/// The most a pair of human lungs can blow out, with room to spare; above it, litres were taken for millilitres.
const MOST_LITRES: f32 = 15.0;
/// The least that the largest volume of a curve in millilitres must be; below it, millilitres were taken for litres.
const LEAST_MILLILITRES: f32 = 100.0;
/// How far a volume may lie below the start of the blow: the sensor's noise and drift. It is the back-extrapolated
/// volume that ATS/ERS 2019 allows the smallest lungs.
const NOISE_LITRES: f32 = 0.100;
/// The longest recording that is taken for one blow.
const MOST_SECONDS: f64 = 60.0;
/// No healthy athlete blows faster; above it, the flow is in L/min or mL/s.
pub(super) const MOST_LITRES_PER_SECOND: f64 = 25.0;

/// A forced breath: the volume blown out since its start, in litres, at a fixed rate, with the recorded flow where the
/// device measures flow.
///
/// A volume may lie a little below 0, down to −0.100 L: that is a sensor's noise. What lies lower is no expiration:
/// the sign is turned, or the recording goes on into a deeper inspiration and must be cut before it.
///
/// ```
/// use helm_core::{Signal, spirometry::Spirogram};
///
/// let blow = Spirogram::from_volume_litres(vec![0.0, 0.05, 0.15, 0.20], 100.0)?;
/// assert_eq!(blow.fvc_litres(), 0.20);
/// // A curve in millilitres is refused.
/// assert!(Spirogram::from_volume_litres(vec![0.0, 50.0, 150.0], 100.0).is_err());
/// // The same, said to be in millilitres.
/// let blow = Spirogram::from_volume_millilitres(vec![0.0, 50.0, 150.0], 100.0)?;
/// assert_eq!(blow.fvc_litres(), 0.15);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spirogram {
    volume: Signal,
    flow: Option<Signal>,
}

impl Spirogram {
    /// A blow from its volumes in litres, at `rate_hz` samples a second.
    ///
    /// # Errors
    /// [`Error::Invalid`] where [`Signal::new`] has one, or if no volume is above 0, one is above 15 L or below
    /// −0.100 L, or the recording is longer than 60 s.
    pub fn from_volume_litres(volume_litres: Vec<f32>, rate_hz: f64) -> Result<Self, Error> {
        Self::from_signal(Signal::new(volume_litres, 1, rate_hz, "L")?)
    }

    /// A blow from its volumes in millilitres, at `rate_hz` samples a second.
    ///
    /// # Errors
    /// As [`from_volume_litres`](Self::from_volume_litres), and [`Error::Invalid`] if the largest volume is below
    /// 100 mL: the curve is in litres then.
    pub fn from_volume_millilitres(volume_millilitres: Vec<f32>, rate_hz: f64) -> Result<Self, Error> {
        let most = volume_millilitres.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if most > 0.0 && most < LEAST_MILLILITRES {
            return invalid("a largest volume of 100 mL or more", "a smaller one: is the curve in litres?".into());
        }
        let litres = volume_millilitres.iter().map(|&millilitres| (f64::from(millilitres) * 0.001) as f32).collect();
        Self::from_volume_litres(litres, rate_hz)
    }

    /// A blow from its flow in litres a second, at `rate_hz` samples a second. Volumes are its integral by the
    /// trapezoidal rule, from 0 at the first sample.
    ///
    /// # Errors
    /// [`Error::Invalid`] where [`Signal::new`] has one, if a flow is above 25 L/s, or as
    /// [`from_volume_litres`](Self::from_volume_litres).
    pub fn from_flow_litres_per_second(flow_litres_per_second: Vec<f32>, rate_hz: f64) -> Result<Self, Error> {
        let flow = Signal::new(flow_litres_per_second, 1, rate_hz, "L/s")?;
        if flow.channel(0).iter().any(|&flow| f64::from(flow) > MOST_LITRES_PER_SECOND) {
            return invalid("flows up to 25 L/s", "a larger one: is the curve in L/min or mL/s?".into());
        }
        let (mut litres, mut volume) = (0.0, vec![0.0]);
        for pair in flow.channel(0).windows(2) {
            litres += (f64::from(pair[0]) + f64::from(pair[1])) / 2.0 / rate_hz;
            volume.push(litres as f32);
        }
        let blow = Self::from_volume_litres(volume, rate_hz)?;
        Ok(Self { flow: Some(flow), ..blow })
    }

    /// A blow from a signal of one channel in litres.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the signal has another unit or number of channels, no volume above 0, one above 15 L or
    /// below −0.100 L, or is longer than 60 s.
    pub fn from_signal(signal: Signal) -> Result<Self, Error> {
        if signal.unit() != "L" || signal.n_channels() != 1 {
            return invalid(
                "one channel of volumes in L",
                format!("{} channels in {:?}", signal.n_channels(), signal.unit()),
            );
        }
        // From the first sample to the last.
        let seconds = (signal.len() - 1) as f64 / signal.rate_hz();
        if seconds > MOST_SECONDS {
            return invalid("one blow of up to 60 s", format!("{seconds:.0} s"));
        }
        if let Some(index) = signal.channel(0).iter().position(|&litres| litres < -NOISE_LITRES) {
            let found = format!("a lower one at index {index}: is the sign turned, or is it an inspiration?");
            return invalid("volumes of −0.1 L or more", found);
        }
        let blow = Self { volume: signal, flow: None };
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
        self.volume.channel(0)
    }

    /// The flow that the device recorded, in litres a second; `None` where it recorded volume.
    pub fn recorded_flow_litres_per_second(&self) -> Option<&[f32]> {
        self.flow.as_ref().map(|flow| flow.channel(0))
    }

    /// Samples a second.
    pub fn rate_hz(&self) -> f64 {
        self.volume.rate_hz()
    }

    /// The forced vital capacity: the largest volume of the curve, in litres.
    pub fn fvc_litres(&self) -> f32 {
        self.volume_litres().iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// The volumes as a signal for a cohort's column.
    pub fn into_signal(self) -> Signal {
        self.volume
    }
}

fn invalid<T>(expected: &str, found: String) -> Result<T, Error> {
    Err(Error::Invalid { what: "spirogram".into(), expected: expected.into(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(blow: Result<Spirogram, Error>) -> String {
        blow.expect_err("no blow").to_string()
    }

    #[test]
    fn wrong_scales_signs_and_lengths_are_errors() {
        let litres = |volume: &[f32]| message(Spirogram::from_volume_litres(volume.to_vec(), 100.0));
        assert!(litres(&[]).contains("at least one sample"));
        assert!(litres(&[0.0, f32::NAN]).contains("NaN or infinity at index 1"));
        assert!(litres(&[0.0, -0.01]).ends_with("expected a volume above 0 L, found none"));
        assert!(litres(&[0.0, 1.0, -0.2]).contains("a lower one at index 2"));
        assert!(litres(&[0.0, 2000.0]).contains("in millilitres?"));
        assert!(litres(&vec![1.0; 60_000]).ends_with("up to 60 s, found 600 s"));
        let millilitres = |volume: &[f32]| message(Spirogram::from_volume_millilitres(volume.to_vec(), 100.0));
        assert!(millilitres(&[0.0, 4.5]).contains("in litres?"));
        assert!(millilitres(&[0.0, 4.5e6]).contains("up to 15 L"));
        let flow = |flow: &[f32]| message(Spirogram::from_flow_litres_per_second(flow.to_vec(), 100.0));
        assert!(flow(&[0.0, 480.0]).contains("L/min or mL/s?"));
        assert!(flow(&[0.0, -4.0, -4.0]).contains("expected"));
        assert!(Spirogram::from_volume_litres(vec![-0.02, 0.01, 1.0], 100.0).is_ok());
        assert!(Spirogram::from_volume_litres(vec![1.0; 6001], 100.0).is_ok());
    }

    #[test]
    fn flow_integrates_to_volume() {
        let flow: Vec<f32> = (0..=200).map(|i| i as f32 * 0.01).collect();
        let blow = Spirogram::from_flow_litres_per_second(flow.clone(), 100.0).expect("a blow");
        // ∫ t dt from 0 to 2 s.
        assert!((blow.fvc_litres() - 2.0).abs() < 1e-5);
        assert_eq!(blow.volume_litres()[0], 0.0);
        assert_eq!(blow.recorded_flow_litres_per_second(), Some(&flow[..]));
        let constant = Spirogram::from_flow_litres_per_second(vec![1.0; 101], 100.0).expect("a blow");
        assert!((constant.fvc_litres() - 1.0).abs() < 1e-6 && constant.volume_litres()[0].abs() < 1e-9);
    }
}
