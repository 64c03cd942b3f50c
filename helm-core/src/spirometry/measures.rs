use std::fmt;

use super::curve::Curve;
use super::spirogram::{MOST_LITRES_PER_SECOND, Spirogram};
use crate::Error;

/// The least vital capacity that is measured; a newborn's is about as large.
const LEAST_LITRES: f64 = 0.1;

/// How a blow is measured.
///
/// ```
/// use helm_core::spirometry::{MeasureSettings, MidFlows};
///
/// // The processing of Google Health's ml-based-copd, single samples without smoothing.
/// let settings = MeasureSettings { slope_window_seconds: 0.01, mid_flows: MidFlows::Samples };
/// assert_eq!(MeasureSettings::default().slope_window_seconds, 0.08);
/// # assert_ne!(settings, MeasureSettings::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasureSettings {
    /// The time over which the steepest slope of a volume curve is taken, in seconds: 0.08 by default (ATS/ERS 2019).
    /// Peak flow, time zero and the back-extrapolated volume depend on it.
    pub slope_window_seconds: f64,
    /// How the flows in the middle of the blow are taken.
    pub mid_flows: MidFlows,
}

impl Default for MeasureSettings {
    fn default() -> Self {
        Self { slope_window_seconds: 0.08, mid_flows: MidFlows::default() }
    }
}

/// How FEF25, FEF50, FEF75 and FEF25–75 are taken from a curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MidFlows {
    /// FEF25–75 is half the vital capacity over the time in which it was blown (ATS/ERS 2019); the others are the
    /// recorded flow at their volume, or the slope of the volume curve over the window about it.
    #[default]
    Clinical,
    /// FEF25–75 is the mean of the samples' flows from the first with 25 % of the vital capacity to the first with
    /// 75 %, and the others are single samples: the published processing of UK Biobank's spirograms.
    Samples,
}

/// What a blow measures, in litres, litres a second and seconds.
///
/// Time zero is where the tangent at peak flow meets zero volume (back-extrapolation); the tangent has the slope of the
/// steepest window and passes through the curve at the window's middle. Timed volumes are the curve's, linear between
/// samples, at time zero plus their time. Definitions are those of Graham et al., Standardization of Spirometry 2019
/// Update (ATS/ERS), Am J Respir Crit Care Med 2019;200:e70–e88.
///
/// The expiration ends with the recording, or where the volume begins to fall by more than 0.100 L below its largest:
/// an inspiration. A measure that lies past the end is `None`, so a blow of 3 s has no FEV6: ATS/ERS 2019 defines FEV6
/// as the volume of the first six seconds of a blow and knows no replacement for a shorter one. A recording that the
/// device padded with its last volume can't be told from a held plateau.
///
/// `Debug` shows no value.
///
/// ```
/// use helm_core::spirometry::{MeasureSettings, Measures, Spirogram};
///
/// // 4 L that leave with a time constant of half a second, for 8 s.
/// let litres = (0..=800).map(|i| 4.0 * (1.0 - (-f64::from(i) / 50.0).exp()) as f32);
/// let blow = Spirogram::from_volume_litres(litres.collect(), 100.0)?;
/// let measures = Measures::new(&blow, &MeasureSettings::default())?;
/// assert!((measures.fvc_litres - 4.0).abs() < 1e-3);
/// assert!((measures.fev1_fvc().unwrap() - 0.865).abs() < 0.005);
/// assert!(measures.fev6_litres.is_some());
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Measures {
    /// The forced vital capacity: the largest volume.
    pub fvc_litres: f64,
    /// The volume of the first half second.
    pub fev0_5_litres: Option<f64>,
    /// The volume of the first three quarters of a second.
    pub fev0_75_litres: Option<f64>,
    /// The volume of the first second.
    pub fev1_litres: Option<f64>,
    /// The volume of the first three seconds.
    pub fev3_litres: Option<f64>,
    /// The volume of the first six seconds.
    pub fev6_litres: Option<f64>,
    /// Peak expiratory flow: the largest recorded flow, or the steepest slope of a volume curve.
    pub pef_litres_per_second: f64,
    /// The flow at 25 % of the vital capacity blown out; `None` where the curve begins above that.
    pub fef25_litres_per_second: Option<f64>,
    /// The flow at 50 %.
    pub fef50_litres_per_second: Option<f64>,
    /// The flow at 75 %.
    pub fef75_litres_per_second: Option<f64>,
    /// The mean flow from 25 % to 75 %.
    pub fef25_75_litres_per_second: Option<f64>,
    /// Forced expiratory time: from time zero to the end of the expiration.
    pub fet_seconds: f64,
    /// Time zero, from the first sample; below 0 where the recording begins after it.
    pub time_zero_seconds: f64,
    /// The back-extrapolated volume: what was blown out before time zero, 0 at least.
    pub bev_litres: f64,
    /// By how much the volume varies in the last second of the expiration; `None` where it is shorter, from time
    /// zero. A plateau is 0.025 L at most.
    pub last_second_litres: Option<f64>,
}

impl Measures {
    /// Measures a blow.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the window is not a positive number, or the blow can't be measured: it is not longer than
    /// the window, its vital capacity is below 0.1 L, its volume does not rise, or its peak flow is above 25 L/s, which
    /// no lungs reach (a wrong rate, or a jump in the curve).
    pub fn new(blow: &Spirogram, settings: &MeasureSettings) -> Result<Self, Error> {
        let window = settings.slope_window_seconds;
        if !(window.is_finite() && window > 0.0) {
            return invalid("a slope window above 0 s", "another".into());
        }
        let curve = Curve::new(blow);
        let fvc = curve.fvc_litres();
        if fvc < LEAST_LITRES {
            return invalid("a vital capacity of 0.1 L or more", "a smaller one".into());
        }
        let Some((slope, at)) = curve.steepest(window) else {
            let found = format!("{:.3} s of expiration", curve.end_seconds());
            return invalid(&format!("a blow longer than the slope window of {window} s"), found);
        };
        if slope <= 0.0 {
            return invalid("a volume that rises", "one that doesn't".into());
        }
        let pef = curve.largest_recorded_flow().unwrap_or(slope);
        if pef > MOST_LITRES_PER_SECOND {
            return invalid("a peak flow up to 25 L/s", "a larger one: is the rate right?".into());
        }
        let zero = at - curve.litres_at(at) / slope;
        let timed = |seconds: f64| {
            // A sample's time has rounding in it.
            (zero + seconds <= curve.end_seconds() + 1e-9).then(|| curve.litres_at(zero + seconds))
        };
        let [fef25, fef50, fef75] = [0.25, 0.50, 0.75].map(|share| {
            let seconds = curve.seconds_to(share)?;
            Some(match settings.mid_flows {
                MidFlows::Clinical => curve.flow_at(seconds, window),
                MidFlows::Samples => curve.sample_flow(curve.first_with(share)),
            })
        });
        Ok(Self {
            fvc_litres: fvc,
            fev0_5_litres: timed(0.5),
            fev0_75_litres: timed(0.75),
            fev1_litres: timed(1.0),
            fev3_litres: timed(3.0),
            fev6_litres: timed(6.0),
            pef_litres_per_second: pef,
            fef25_litres_per_second: fef25,
            fef50_litres_per_second: fef50,
            fef75_litres_per_second: fef75,
            fef25_75_litres_per_second: mean_mid_flow(&curve, settings.mid_flows),
            fet_seconds: curve.end_seconds() - zero,
            time_zero_seconds: zero,
            bev_litres: curve.litres_at(zero).max(0.0),
            last_second_litres: curve.last_second_litres(zero),
        })
    }

    /// FEV1/FVC, between 0 and 1.
    pub fn fev1_fvc(&self) -> Option<f64> {
        self.fev1_litres.map(|fev1| fev1 / self.fvc_litres)
    }
}

fn mean_mid_flow(curve: &Curve<'_>, mid_flows: MidFlows) -> Option<f64> {
    match mid_flows {
        MidFlows::Clinical => {
            let seconds = curve.seconds_to(0.75)? - curve.seconds_to(0.25)?;
            Some(0.5 * curve.fvc_litres() / seconds)
        }
        MidFlows::Samples => {
            curve.seconds_to(0.25)?;
            let samples = curve.first_with(0.25)..=curve.first_with(0.75);
            let n = samples.clone().count() as f64;
            Some(samples.map(|index| curve.sample_flow(index)).sum::<f64>() / n)
        }
    }
}

fn invalid<T>(expected: &str, found: String) -> Result<T, Error> {
    Err(Error::Invalid { what: "spirogram".into(), expected: expected.into(), found })
}

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measures(..)")
    }
}
