use super::pchip::Pchip;
use super::spirogram::Spirogram;
use crate::Error;

/// The largest fall between two measured volumes that is levelled, in litres: two blows of one person may differ by as
/// much and still count as repeatable (ATS/ERS 2019). Summary files take their volumes from several blows.
const REPEATABLE_LITRES: f64 = 0.150;

/// A forced breath of which only a few volumes were kept, as in the NHANES 2007–2012 summary files: the volume at some
/// times (FEV0.5, FEV0.75, FEV1, FEV3, FEV6), and the forced vital capacity at the end.
///
/// ```
/// use helm_core::spirometry::MeasuredPoints;
///
/// let points = MeasuredPoints {
///     volume_litres_at_seconds: vec![(0.5, 2.6), (0.75, 3.0), (1.0, 3.3), (3.0, 4.1), (6.0, 4.4)],
///     expiratory_time_seconds: 7.5,
///     fvc_litres: 4.5,
/// };
/// let blow = points.to_spirogram(100.0)?;
/// assert_eq!(blow.volume_litres().len(), 751);
/// assert_eq!(blow.volume_litres()[100], 3.3);
/// assert_eq!(blow.fvc_litres(), 4.5);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct MeasuredPoints {
    /// Time since the (back-extrapolated) start, and the volume blown out by then. What lies at or past the end of the
    /// blow is not on the curve and is passed over.
    pub volume_litres_at_seconds: Vec<(f64, f64)>,
    /// When the blow ended.
    pub expiratory_time_seconds: f64,
    /// The volume at the end.
    pub fvc_litres: f64,
}

impl MeasuredPoints {
    /// The monotone curve through (0, 0), the measured volumes before the end, and the end, sampled at `rate_hz`.
    ///
    /// A volume below an earlier one by up to 0.150 L, the repeatability that ATS/ERS 2019 asks of two blows, is raised
    /// to it: summary files take their volumes from several blows. [`largest_fall_litres`](Self::largest_fall_litres)
    /// tells where that was done.
    ///
    /// It is a *sparse measured* curve: between the points it is an interpolation (monotone piecewise cubic), and it
    /// has no shape of its own there. Its peak flow, above all, is not the measured one.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a number is not finite or not positive, the blow lasts over 60 s, no point lies before
    /// the end, times don't rise, or volumes fall by more than 0.150 L.
    pub fn to_spirogram(&self, rate_hz: f64) -> Result<Spirogram, Error> {
        let invalid = |expected: &str, found: &str| {
            Err(Error::Invalid {
                what: "measured spirometry points".into(),
                expected: expected.into(),
                found: found.into(),
            })
        };
        let end = self.expiratory_time_seconds;
        // Not `end <= 0.0`: NaN must fail too.
        if !(end > 0.0 && end <= 60.0) {
            return invalid("an expiratory time above 0 and up to 60 s", "another");
        }
        if !(rate_hz > 0.0 && rate_hz <= 10_000.0) {
            return invalid("a rate above 0 and up to 10,000 Hz", "another");
        }
        let (mut seconds, mut litres) = (vec![0.0], vec![0.0]);
        for (at, volume) in self.points_of_curve() {
            if !(at.is_finite() && volume.is_finite()) {
                return invalid("finite times and volumes", "NaN or infinity");
            }
            if at <= seconds[seconds.len() - 1] {
                return invalid("times that rise", "one that doesn't");
            }
            let most = litres[litres.len() - 1];
            if volume < most - REPEATABLE_LITRES {
                return invalid("volumes that fall by 0.150 L at most", "one that falls by more");
            }
            seconds.push(at);
            litres.push(volume.max(most));
        }
        if seconds.len() < 3 {
            return invalid("at least one measured volume before the end", "none");
        }
        let curve = Pchip::new(seconds, litres);
        let last = (end * rate_hz).floor() as usize;
        let mut volume: Vec<f32> = (0..=last).map(|i| curve.eval((i as f64 / rate_hz).min(end)) as f32).collect();
        if (last as f64) < end * rate_hz {
            volume.push(curve.eval(end) as f32);
        }
        Spirogram::from_volume_litres(volume, rate_hz)
    }

    /// By how much a measured volume of the curve lies below an earlier one, at most; 0 where volumes never fall.
    pub fn largest_fall_litres(&self) -> f64 {
        let (mut most, mut fall) = (0.0f64, 0.0f64);
        for (_, volume) in self.points_of_curve() {
            fall = fall.max(most - volume);
            most = most.max(volume);
        }
        fall
    }

    /// The points before the end, and the end.
    fn points_of_curve(&self) -> impl Iterator<Item = (f64, f64)> {
        let end = (self.expiratory_time_seconds, self.fvc_litres);
        // A time that is NaN stays, to be refused.
        let before_end = move |(seconds, _): &(f64, f64)| seconds.is_nan() || *seconds < end.0;
        self.volume_litres_at_seconds.iter().copied().filter(before_end).chain([end])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points() -> MeasuredPoints {
        MeasuredPoints {
            volume_litres_at_seconds: vec![(0.5, 2.6), (0.75, 3.0), (1.0, 3.3), (3.0, 4.1), (6.0, 4.4)],
            expiratory_time_seconds: 7.5,
            fvc_litres: 4.5,
        }
    }

    /// Index at 100 Hz and volume, from scipy 1.17.1:
    /// `PchipInterpolator([0, .5, .75, 1, 3, 6, 7.5], [0, 2.6, 3, 3.3, 4.1, 4.4, 4.5])([.1, .25, .6, 2, 4.5, 7])`.
    const SCIPY: [(usize, f32); 6] =
        [(10, 0.719822), (25, 1.630556), (60, 2.791086), (200, 3.830674), (450, 4.283152), (700, 4.470424)];

    #[test]
    fn equals_scipy() {
        let blow = points().to_spirogram(100.0).expect("a blow");
        for (index, volume) in SCIPY {
            approx::assert_abs_diff_eq!(blow.volume_litres()[index], volume, epsilon = 1e-6);
        }
    }

    #[test]
    fn small_falls_are_levelled() {
        let mut falling = points();
        falling.fvc_litres = 4.3;
        assert!((falling.largest_fall_litres() - 0.1).abs() < 1e-12);
        let blow = falling.to_spirogram(100.0).expect("a blow");
        assert_eq!(blow.fvc_litres(), 4.4);
        assert!(blow.volume_litres().windows(2).all(|pair| pair[1] >= pair[0]));
        assert_eq!(points().largest_fall_litres(), 0.0);
    }

    #[test]
    fn bad_points_are_errors() {
        let mut falling = points();
        falling.volume_litres_at_seconds[1].1 = 2.0;
        let mut nan = points();
        nan.fvc_litres = f64::NAN;
        let mut endless = points();
        endless.expiratory_time_seconds = f64::INFINITY;
        let mut short = points();
        short.expiratory_time_seconds = 0.4;
        let mut timeless = points();
        timeless.volume_litres_at_seconds[2].0 = f64::NAN;
        for bad in [falling, nan, endless, short, timeless] {
            assert!(matches!(bad.to_spirogram(100.0), Err(Error::Invalid { .. })));
        }
        assert!(points().to_spirogram(0.0).is_err());
    }

    proptest! {
        #[test]
        fn never_falls_and_meets_every_point(
            steps in proptest::collection::vec((1u32..200, 0.0f64..1.0), 2..8),
            rate_hz in prop::sample::select(vec![50.0, 100.0, 200.0]),
        ) {
            let (mut at, mut volume, mut all) = (0.0, 0.0, Vec::new());
            for (centiseconds, litres) in steps {
                at += f64::from(centiseconds) * 0.04;
                volume += litres + 1e-3;
                all.push((at, volume));
            }
            let (end, fvc) = all.pop().expect("two points or more");
            let points =
                MeasuredPoints { volume_litres_at_seconds: all.clone(), expiratory_time_seconds: end, fvc_litres: fvc };
            let blow = points.to_spirogram(rate_hz).expect("a blow");
            let litres = blow.volume_litres();
            prop_assert!(litres.windows(2).all(|pair| pair[1] >= pair[0] - 1e-6));
            for (at, volume) in all {
                let index = (at * rate_hz).round() as usize;
                prop_assert!((f64::from(litres[index]) - volume).abs() < 1e-5);
            }
        }
    }
}
