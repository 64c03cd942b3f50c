use super::curve::{Curve, PLATEAU_LITRES};
use super::fault::{Fault, GradedVolume, Remark};
use super::{Measures, Spirogram};

/// Rounding of volumes that are stored as `f32` or were whole millilitres.
pub(super) const ROUNDING_LITRES: f64 = 1e-6;
/// The window over which flow is taken to find coughs and closures, in seconds.
const WINDOW_SECONDS: f64 = 0.04;

/// Whether a blow may be used, by ATS/ERS 2019 (Graham et al., Am J Respir Crit Care Med 2019;200:e70–e88, table 7),
/// with the reasons.
///
/// Found in the curve: the back-extrapolated volume, coughs and a closed glottis, the end of forced expiration. The
/// statement leaves coughs and closures to an operator's eye. Here, of the flow over 40 ms: a cough falls to a quarter
/// or less of what it rises to again, by a fifth of peak flow or more, after peak flow or 0.25 s from time zero; a closure is a fall from 0.5 L/s and a tenth of
/// peak flow, or more, to 0.05 L/s within 0.1 s, lasting 0.2 s or to the end. What no expiration shows (leaks, an
/// obstructed mouthpiece, the zero-flow setting, the inspiration after it) is [added](Self::add).
///
/// The third way to end a blow, a vital capacity that repeats an earlier one, takes a [`Session`](super::Session).
///
/// ```
/// use helm_core::spirometry::{Fault, GradedVolume, MeasureSettings, Measures, Quality, Spirogram};
///
/// // A fine start, but the person stops after 2 s, while air still flows.
/// let litres = (0..=200).map(|i| 4.0 * (1.0 - (-f64::from(i) / 80.0).exp()) as f32);
/// let blow = Spirogram::from_volume_litres(litres.collect(), 100.0)?;
/// let quality = Quality::new(&blow, &Measures::new(&blow, &MeasureSettings::default())?);
/// assert_eq!(quality.faults(), [Fault::NoEndOfExpiration]);
/// assert!(quality.is_acceptable(GradedVolume::Fev1) && !quality.is_acceptable(GradedVolume::Fvc));
/// assert!(quality.is_usable(GradedVolume::Fvc));
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quality {
    faults: Vec<Fault>,
    remarks: Vec<Remark>,
}

impl Quality {
    /// Judges a blow with its measures.
    pub fn new(blow: &Spirogram, measures: &Measures) -> Self {
        let flow = FlowInTime::new(&Curve::new(blow), blow.rate_hz());
        let first_second = measures.time_zero_seconds + 1.0;
        let closed = flow.glottis_closes_seconds();
        let is_early = |seconds: f64| seconds <= first_second;
        let bev_limit = (0.05 * measures.fvc_litres).max(0.100);
        let plateau = measures.last_second_litres.is_some_and(|litres| litres <= PLATEAU_LITRES + ROUNDING_LITRES);
        let faults = [
            (Fault::BackExtrapolatedVolume, measures.bev_litres > bev_limit + ROUNDING_LITRES),
            (Fault::FirstSecondMissing, measures.fev1_litres.is_none()),
            (Fault::CoughInFirstSecond, flow.cough_seconds(measures.time_zero_seconds).is_some_and(is_early)),
            (Fault::GlottisClosedInFirstSecond, closed.is_some_and(is_early)),
            (Fault::GlottisClosedLater, closed.is_some_and(|seconds| !is_early(seconds))),
            (Fault::NoEndOfExpiration, !plateau && measures.fet_seconds < 15.0),
        ];
        let first_air = blow.volume_litres().iter().position(|&litres| litres >= 0.010).unwrap_or(0);
        let hesitation = measures.time_zero_seconds - first_air as f64 / blow.rate_hz();
        let remarks = [
            (Remark::SlowRise, flow.rise_seconds().is_some_and(|seconds| seconds > 0.150)),
            (Remark::Hesitation, hesitation > 2.0),
        ];
        Self {
            faults: faults.into_iter().filter_map(|(fault, is_found)| is_found.then_some(fault)).collect(),
            remarks: remarks.into_iter().filter_map(|(remark, is_found)| is_found.then_some(remark)).collect(),
        }
    }

    /// Notes a fault that somebody saw.
    pub fn add(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Everything that is wrong.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What could be better and does not count against the blow.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Whether the blow is acceptable for a volume.
    pub fn is_acceptable(&self, volume: GradedVolume) -> bool {
        !self.faults.iter().any(|fault| fault.prevents_acceptance(volume))
    }

    /// Whether the blow is usable for a volume; every acceptable blow is.
    pub fn is_usable(&self, volume: GradedVolume) -> bool {
        !self.faults.iter().any(|fault| fault.prevents_use(volume))
    }
}

/// The flow of a blow at each sample, taken over a window, so that single samples' noise is no cough.
struct FlowInTime {
    flow: Vec<f64>,
    peak: f64,
    /// The first sample with half of the peak.
    start: usize,
    rate_hz: f64,
}

impl FlowInTime {
    fn new(curve: &Curve<'_>, rate_hz: f64) -> Self {
        // At low rates the window holds at least two samples.
        let window = WINDOW_SECONDS.max(2.0 / rate_hz);
        let flow: Vec<f64> = (0..curve.len()).map(|index| curve.slope_at(index as f64 / rate_hz, window)).collect();
        let peak = flow.iter().copied().fold(0.0, f64::max);
        let start = flow.iter().position(|&flow| flow >= 0.5 * peak).unwrap_or(0);
        Self { flow, peak, start, rate_hz }
    }

    fn samples(&self, seconds: f64) -> usize {
        (seconds * self.rate_hz).ceil().max(1.0) as usize
    }

    fn seconds(&self, index: usize) -> f64 {
        index as f64 / self.rate_hz
    }

    /// When the flow is at its lowest before the first rise that only a cough makes. How it rises to its peak is no
    /// cough: an unsteady start has a large back-extrapolated volume.
    fn cough_seconds(&self, time_zero_seconds: f64) -> Option<f64> {
        let peak = self.flow.iter().position(|&flow| flow >= self.peak)?;
        let start = peak.min(self.samples(time_zero_seconds + 0.25));
        let (mut high, mut trough, mut at) = (0.0, 0.0, start);
        for (index, &flow) in self.flow.iter().enumerate().skip(start) {
            if flow - trough >= 0.2 * self.peak && trough <= 0.25 * flow && index > start && high > trough {
                return Some(self.seconds(at));
            }
            if flow >= high {
                (high, trough) = (flow, flow);
            } else if flow < trough {
                (trough, at) = (flow, index);
            }
        }
        None
    }

    /// When the flow stops at once.
    fn glottis_closes_seconds(&self) -> Option<f64> {
        let is_closed = |flow: &f64| flow.abs() <= 0.05;
        let from_flow = (0.1 * self.peak).max(0.5);
        let (fall, hold) = (self.samples(0.1), self.samples(0.2));
        let mut last_flowing = None;
        for (index, flow) in self.flow.iter().enumerate().skip(self.start) {
            if *flow >= from_flow {
                last_flowing = Some(index);
            }
            if is_closed(flow) && last_flowing.is_some_and(|flowing| index - flowing <= fall) {
                let end = (index + hold).min(self.flow.len());
                if self.flow[index..end].iter().all(is_closed) {
                    return Some(self.seconds(index));
                }
            }
        }
        None
    }

    /// How long the flow takes from 10 % to 90 % of its peak.
    fn rise_seconds(&self) -> Option<f64> {
        let peak = self.flow.iter().position(|&flow| flow >= self.peak)?;
        let below = |share: f64| self.flow[..=peak].iter().rposition(|&flow| flow < share * self.peak);
        Some(self.seconds(below(0.9)? - below(0.1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spirometry::MeasureSettings;

    /// Faults of a blow whose flow, in L/s at 100 Hz, is given by a function of time.
    fn judge(seconds: f64, flow: impl Fn(f64) -> f64) -> Quality {
        let flow = (0..=(seconds * 100.0) as usize).map(|i| flow(i as f64 / 100.0) as f32).collect();
        let blow = Spirogram::from_flow_litres_per_second(flow, 100.0).expect("a blow");
        Quality::new(&blow, &Measures::new(&blow, &MeasureSettings::default()).expect("measures"))
    }

    fn sound(seconds: f64) -> f64 {
        (8.0 * (-seconds / 0.5).exp()) * (seconds / 0.05).min(1.0)
    }

    #[test]
    fn a_sound_blow_has_no_fault() {
        let quality = judge(6.0, sound);
        assert!(quality.faults().is_empty() && quality.remarks().is_empty(), "{quality:?}");
        for volume in [GradedVolume::Fev1, GradedVolume::Fvc] {
            assert!(quality.is_acceptable(volume) && quality.is_usable(volume));
        }
    }

    #[test]
    fn every_fault_is_found() {
        let cough = |t: f64| if (0.4..0.5).contains(&t) { 0.1 } else { sound(t) };
        assert_eq!(judge(6.0, cough).faults(), [Fault::CoughInFirstSecond]);
        let late_cough = |t: f64| if (1.4..1.6).contains(&t) { 0.1 } else { sound(t) + 0.2 };
        assert!(!judge(6.0, late_cough).faults().contains(&Fault::CoughInFirstSecond));
        let early = |t: f64| if t < 0.7 { sound(t) } else { 0.0 };
        assert_eq!(judge(6.0, early).faults(), [Fault::GlottisClosedInFirstSecond]);
        let later = |t: f64| if t < 1.2 { sound(t) } else { 0.0 };
        assert_eq!(judge(6.0, later).faults(), [Fault::GlottisClosedLater]);
        assert_eq!(judge(1.5, sound).faults(), [Fault::NoEndOfExpiration]);
        assert_eq!(judge(0.8, sound).faults(), [Fault::FirstSecondMissing, Fault::NoEndOfExpiration]);
        let slow = |t: f64| if t < 1.0 { 0.5 } else { sound(t - 1.0) };
        let quality = judge(7.0, slow);
        assert_eq!(quality.faults(), [Fault::BackExtrapolatedVolume]);
        assert!(!quality.is_usable(GradedVolume::Fev1) && !quality.is_usable(GradedVolume::Fvc));
        let hesitant = |t: f64| if t < 2.5 { 0.02 } else { sound(t - 2.5) };
        assert_eq!(judge(9.0, hesitant).remarks(), [Remark::Hesitation]);
        let weak = |t: f64| 8.0 * (t / 0.4).min(1.0) * (-(t - 0.4).max(0.0) / 0.4).exp();
        assert!(judge(6.0, weak).remarks().contains(&Remark::SlowRise));
    }

    #[test]
    fn what_an_operator_saw_counts() {
        let mut quality = judge(6.0, sound);
        quality.add(Fault::Leak);
        quality.add(Fault::Leak);
        assert_eq!(quality.faults(), [Fault::Leak]);
        assert!(!quality.is_acceptable(GradedVolume::Fev1) && quality.is_usable(GradedVolume::Fev1));
    }
}
