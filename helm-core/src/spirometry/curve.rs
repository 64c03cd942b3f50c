use super::Spirogram;

/// How far below the largest volume a curve may fall after it before an inspiration is assumed, in litres.
const INSPIRATION_LITRES: f64 = 0.100;
/// What counts as no change of volume: the plateau of ATS/ERS 2019, in litres in a second.
pub(super) const PLATEAU_LITRES: f64 = 0.025;

/// The expiration of a blow as a function of time: linear between samples, its places in samples from the first one.
pub(super) struct Curve<'a> {
    /// Up to the end of the expiration.
    litres: &'a [f32],
    flow: Option<&'a [f32]>,
    rate_hz: f64,
    fvc_litres: f64,
}

impl<'a> Curve<'a> {
    pub(super) fn new(blow: &'a Spirogram) -> Self {
        let litres = blow.volume_litres();
        let fvc_litres = f64::from(blow.fvc_litres());
        let is_within = |litres: f32, tolerance: f64| f64::from(litres) >= fvc_litres - tolerance;
        let peak = litres.iter().position(|&litres| is_within(litres, 0.0)).unwrap_or(0);
        // An inspiration after the expiration is none of the blow.
        let end = match litres[peak..].iter().position(|&litres| !is_within(litres, INSPIRATION_LITRES)) {
            None => litres.len(),
            Some(fallen) => {
                let plateau = litres[peak..peak + fallen].iter().rposition(|&it| is_within(it, PLATEAU_LITRES));
                peak + plateau.unwrap_or(0) + 1
            }
        };
        let flow = blow.recorded_flow_litres_per_second().map(|flow| &flow[..end]);
        Self { litres: &litres[..end], flow, rate_hz: blow.rate_hz(), fvc_litres }
    }

    pub(super) fn fvc_litres(&self) -> f64 {
        self.fvc_litres
    }

    /// The place of the last sample.
    fn last(&self) -> usize {
        self.litres.len() - 1
    }

    /// When the expiration ends, in seconds from the first sample.
    pub(super) fn end_seconds(&self) -> f64 {
        self.last() as f64 / self.rate_hz
    }

    /// Samples.
    pub(super) fn len(&self) -> usize {
        self.litres.len()
    }

    fn litres(&self, index: usize) -> f64 {
        f64::from(self.litres[index])
    }

    /// A value of samples at a place between them; at the nearest end outside.
    fn interpolate(samples: &[f32], place: f64) -> f64 {
        let last = samples.len() - 1;
        let place = place.clamp(0.0, last as f64);
        let before = (place as usize).min(last.saturating_sub(1));
        let after = (before + 1).min(last);
        let (from, to) = (f64::from(samples[before]), f64::from(samples[after]));
        from + (to - from) * (place - before as f64)
    }

    /// The volume at a time in seconds.
    pub(super) fn litres_at(&self, seconds: f64) -> f64 {
        Self::interpolate(self.litres, seconds * self.rate_hz)
    }

    /// The mean flow over a window about a time, in litres a second; the window is cut at the curve's ends.
    pub(super) fn slope_at(&self, seconds: f64, window_seconds: f64) -> f64 {
        let from = (seconds - window_seconds / 2.0).max(0.0);
        let to = (seconds + window_seconds / 2.0).min(self.end_seconds());
        (self.litres_at(to) - self.litres_at(from)) / (to - from)
    }

    /// The recorded flow at a time, or the mean flow over a window about it.
    pub(super) fn flow_at(&self, seconds: f64, window_seconds: f64) -> f64 {
        match self.flow {
            Some(flow) => Self::interpolate(flow, seconds * self.rate_hz),
            None => self.slope_at(seconds, window_seconds),
        }
    }

    /// The largest recorded flow.
    pub(super) fn largest_recorded_flow(&self) -> Option<f64> {
        self.flow.map(|flow| f64::from(flow.iter().copied().fold(f32::NEG_INFINITY, f32::max)))
    }

    /// The flow of a sample: recorded, or the difference to the sample before.
    pub(super) fn sample_flow(&self, index: usize) -> f64 {
        match (self.flow, index) {
            (Some(flow), _) => f64::from(flow[index]),
            (None, 0) => 0.0,
            (None, _) => (self.litres(index) - self.litres(index - 1)) * self.rate_hz,
        }
    }

    /// The steepest slope over a window, in litres a second, and the time of the window's middle; `None` where the
    /// curve is shorter than the window.
    ///
    /// The slope is largest where the window begins or ends at a sample, as the curve is linear between samples.
    pub(super) fn steepest(&self, window_seconds: f64) -> Option<(f64, f64)> {
        let width = window_seconds * self.rate_hz;
        let last = self.last() as f64;
        // 80 ms at 100 Hz are 8 samples, whatever the rounding says.
        let width = if (width - width.round()).abs() < 1e-6 { width.round() } else { width };
        if width > last || width <= 0.0 {
            return None;
        }
        let mut best = (f64::NEG_INFINITY, 0.0);
        let mut consider = |rise: f64, from: f64| {
            if rise > best.0 {
                best = (rise, from);
            }
        };
        let steps = width as usize;
        if width == width.trunc() {
            for from in 0..self.len() - steps {
                consider(self.litres(from + steps) - self.litres(from), from as f64);
            }
        } else {
            for at in 0..self.len() {
                let place = at as f64;
                if place + width <= last {
                    consider(Self::interpolate(self.litres, place + width) - self.litres(at), place);
                }
                if place >= width {
                    consider(self.litres(at) - Self::interpolate(self.litres, place - width), place - width);
                }
            }
        }
        let (rise, from) = best;
        Some((rise * self.rate_hz / width, (from + width / 2.0) / self.rate_hz))
    }

    /// The first sample with a share of the vital capacity.
    pub(super) fn first_with(&self, share: f64) -> usize {
        let level = share * self.fvc_litres;
        self.litres.iter().position(|&litres| f64::from(litres) >= level).unwrap_or(self.last())
    }

    /// When a share of the vital capacity is first blown out, in seconds; `None` where the curve begins above it.
    pub(super) fn seconds_to(&self, share: f64) -> Option<f64> {
        let after = self.first_with(share);
        let before = after.checked_sub(1)?;
        let (from, to) = (self.litres(before), self.litres(after));
        Some((before as f64 + (share * self.fvc_litres - from) / (to - from)) / self.rate_hz)
    }

    /// By how much the volume varies over the last second; `None` where that begins before a time, the blow's start.
    pub(super) fn last_second_litres(&self, start_seconds: f64) -> Option<f64> {
        let from = self.end_seconds() - 1.0;
        if from < start_seconds.max(0.0) - 1e-9 {
            return None;
        }
        let at_start = self.litres_at(from);
        let samples = &self.litres[(from * self.rate_hz).max(0.0).ceil() as usize..];
        let all = samples.iter().map(|&litres| f64::from(litres)).chain([at_start]);
        let (least, most) =
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), litres| (least.min(litres), most.max(litres)));
        Some(most - least)
    }
}
