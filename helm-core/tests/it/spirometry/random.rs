//! A thousand random blows.

use helm_core::spirometry::{MeasureSettings, Measures, MidFlows, Quality, Session, Spirogram};
use proptest::prelude::*;

const RATE_HZ: f64 = 100.0;

/// Volumes in litres at 100 Hz after 0.1 s of rest: any walk that a curve could take, with falls and jumps.
fn any_walk() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-0.02f32..0.06, 20..1500).prop_map(|steps| {
        let walk = steps.iter().scan(0.0f32, |litres, step| {
            *litres = (*litres + step).clamp(-0.05, 9.0);
            Some(*litres)
        });
        std::iter::repeat_n(0.0, 10).chain(walk).collect()
    })
}

/// A smooth blow: vital capacity, time constant, time to full force, length.
#[derive(Clone, Debug)]
struct Lung {
    fvc_litres: f64,
    constant_seconds: f64,
    rise_seconds: f64,
    seconds: f64,
}

fn lung() -> impl Strategy<Value = Lung> {
    (0.5f64..7.0, 0.4f64..2.5, 0.03f64..0.15, 1.5f64..12.0).prop_map(
        |(fvc_litres, constant_seconds, rise_seconds, seconds)| Lung {
            fvc_litres,
            constant_seconds,
            rise_seconds,
            seconds,
        },
    )
}

impl Lung {
    /// Volumes after 0.2 s of rest. The time constant's decay, whose force sets in evenly.
    fn blow(&self, rate_hz: f64) -> Spirogram {
        let n = ((self.seconds + 0.2) * rate_hz) as usize;
        let volume = (0..=n).map(|i| {
            let t = (i as f64 / rate_hz - 0.2).max(0.0);
            // The integral of min(1, t / rise).
            let effort =
                if t < self.rise_seconds { t * t / (2.0 * self.rise_seconds) } else { t - self.rise_seconds / 2.0 };
            (self.fvc_litres * (1.0 - (-effort / self.constant_seconds).exp())) as f32
        });
        Spirogram::from_volume_litres(volume.collect(), rate_hz).unwrap()
    }
}

fn measure(litres: &[f32], rate_hz: f64) -> Option<Measures> {
    let blow = Spirogram::from_volume_litres(litres.to_vec(), rate_hz).ok()?;
    Measures::new(&blow, &MeasureSettings::default()).ok()
}

/// All measures, by name, that change neither with a shift in time nor with the rate. FEFs apart: a walk crosses a
/// volume where it stands still.
fn numbers(measures: &Measures) -> Vec<(&'static str, Option<f64>)> {
    vec![
        ("FVC", Some(measures.fvc_litres)),
        ("FEV0.5", measures.fev0_5_litres),
        ("FEV0.75", measures.fev0_75_litres),
        ("FEV1", measures.fev1_litres),
        ("FEV3", measures.fev3_litres),
        ("FEV6", measures.fev6_litres),
        ("PEF", Some(measures.pef_litres_per_second)),
        ("FEF25–75", measures.fef25_75_litres_per_second),
        ("FEF25", measures.fef25_litres_per_second),
        ("FEF50", measures.fef50_litres_per_second),
        ("FEF75", measures.fef75_litres_per_second),
        ("BEV", Some(measures.bev_litres)),
        ("FET", Some(measures.fet_seconds)),
        ("last second", measures.last_second_litres),
    ]
}

fn check_near(a: &Measures, b: &Measures, absolute: f64, relative: f64) -> Result<(), TestCaseError> {
    for ((name, a), (_, b)) in numbers(a).into_iter().zip(numbers(b)) {
        match (a, b) {
            (Some(a), Some(b)) => {
                prop_assert!((a - b).abs() <= absolute + relative * a.abs(), "{name}: {a} {b}");
            }
            (a, b) => prop_assert_eq!(a.is_some(), b.is_some(), "{}", name),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_walk_is_measured_or_refused(walk in any_walk(), rate_hz in 5.0f64..1000.0, flow in any::<bool>()) {
        let blow = match flow {
            true => Spirogram::from_flow_litres_per_second(walk, rate_hz),
            false => Spirogram::from_volume_litres(walk, rate_hz),
        };
        let Ok(blow) = blow else { return Ok(()) };
        for mid_flows in [MidFlows::Clinical, MidFlows::Samples] {
            let settings = MeasureSettings { mid_flows, ..MeasureSettings::default() };
            let Ok(measures) = Measures::new(&blow, &settings) else { continue };
            for (name, number) in numbers(&measures) {
                prop_assert!(number.is_none_or(f64::is_finite), "{name}");
            }
            for (name, volume) in &numbers(&measures)[1..6] {
                prop_assert!(volume.is_none_or(|volume| volume <= measures.fvc_litres), "{name}");
            }
            prop_assert!(measures.fev1_fvc().is_none_or(|ratio| ratio <= 1.0));
            prop_assert!(measures.fet_seconds >= 0.0 && measures.bev_litres >= 0.0);
            let quality = Quality::new(&blow, &measures);
            let session = Session::new(&[(measures.clone(), quality.clone()), (measures, quality)], 40.0).unwrap();
            prop_assert!(session.fvc.n_acceptable <= session.fvc.n_usable);
        }
    }

    #[test]
    fn a_shift_in_time_changes_nothing(walk in any_walk(), rest in 1usize..300) {
        let shifted: Vec<f32> = std::iter::repeat_n(0.0, rest).chain(walk.iter().copied()).collect();
        let (Some(measures), Some(later)) = (measure(&walk, RATE_HZ), measure(&shifted, RATE_HZ)) else { return Ok(()) };
        check_near(&measures, &later, 1e-9, 1e-9)?;
        let shift = later.time_zero_seconds - measures.time_zero_seconds;
        prop_assert!((shift - rest as f64 / RATE_HZ).abs() < 1e-9);
    }

    #[test]
    fn samples_between_samples_change_nothing(walk in any_walk()) {
        let mut finer = vec![walk[0]];
        for pair in walk.windows(2) {
            finer.extend([((f64::from(pair[0]) + f64::from(pair[1])) / 2.0) as f32, pair[1]]);
        }
        let (Some(measures), Some(finer)) = (measure(&walk, RATE_HZ), measure(&finer, 2.0 * RATE_HZ)) else { return Ok(()) };
        prop_assert!((measures.fvc_litres - finer.fvc_litres).abs() < 1e-9);
        prop_assert!((measures.pef_litres_per_second - finer.pef_litres_per_second).abs() < 1e-4);
    }

    #[test]
    fn the_rate_hardly_matters(lung in lung(), rate_hz in prop::sample::select(vec![60.0, 125.0, 200.0, 333.0, 1000.0])) {
        let settings = MeasureSettings::default();
        let at = |rate_hz: f64| Measures::new(&lung.blow(rate_hz), &settings).unwrap();
        let (a, b) = (at(RATE_HZ), at(rate_hz));
        // The last sample may lie up to a sample earlier: what exists only just then may be missing, and the last second
        // is another one, in which a short blow still flows.
        let of_a_sample = a.pef_litres_per_second / 60.0;
        for ((name, a), (_, b)) in numbers(&a).into_iter().zip(numbers(&b)) {
            if let (Some(a), Some(b)) = (a, b) {
                let more = if name == "last second" { of_a_sample } else { 0.0 };
                prop_assert!((a - b).abs() <= 0.02 + 0.01 * a.abs() + more, "{name}: {a} {b}");
            }
        }
    }

    #[test]
    fn volumes_scale(walk in any_walk(), factor in 0.5f64..2.0) {
        let scaled: Vec<f32> = walk.iter().map(|&litres| (f64::from(litres) * factor) as f32).collect();
        let (Some(measures), Some(scaled)) = (measure(&walk, RATE_HZ), measure(&scaled, RATE_HZ)) else { return Ok(()) };
        prop_assert!((scaled.fvc_litres - factor * measures.fvc_litres).abs() < 1e-5);
        let (pef, other) = (measures.pef_litres_per_second, scaled.pef_litres_per_second);
        prop_assert!((other - factor * pef).abs() < 1e-3);
    }

    #[test]
    fn volumes_of_a_lung_scale(lung in lung(), factor in 0.3f64..2.0) {
        let settings = MeasureSettings::default();
        let larger = Lung { fvc_litres: lung.fvc_litres * factor, ..lung.clone() };
        let a = Measures::new(&lung.blow(RATE_HZ), &settings).unwrap();
        let Ok(b) = Measures::new(&larger.blow(RATE_HZ), &settings) else { return Ok(()) };
        for ((name, a), (_, b)) in numbers(&a).into_iter().zip(numbers(&b)) {
            let factor = if name == "FET" { 1.0 } else { factor };
            match (a, b) {
                (Some(a), Some(b)) => prop_assert!((b - factor * a).abs() <= 5e-4 + 1e-4 * b, "{name}: {a} {b}"),
                (a, b) => prop_assert_eq!(a.is_some(), b.is_some()),
            }
        }
        // Two windows that are as steep but for rounding may change places.
        prop_assert!((a.time_zero_seconds - b.time_zero_seconds).abs() < 5e-4);
    }
}
