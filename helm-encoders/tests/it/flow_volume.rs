//! The flow–volume curve against the published processing, on UK Biobank's public demonstration blow.

use std::io::Write as _;

use helm_core::spirometry::Spirogram;
use helm_encoders::FlowVolume;
use proptest::prelude::*;

/// The demonstration blow of field 3066, trimmed to its declared points; `None` where the file is not at hand.
fn demonstration() -> Option<Spirogram> {
    let Some(data) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else {
        // Not eprintln, which a passing test swallows.
        let _ = writeln!(std::io::stderr(), "skipped: HELM_TEST_DATA is not set");
        return None;
    };
    let path = std::path::PathBuf::from(data).join("golden/ukb_3066_demo_blow.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let numbers: Vec<f64> = text.trim().split(',').filter_map(|field| field.trim().parse().ok()).collect();
    let (declared, millilitres) = (numbers[0] as usize, &numbers[1..]);
    // One leading zero is kept in front of the declared points.
    let zeros = millilitres.len() - declared - 1;
    assert!(millilitres[..=zeros].iter().all(|&volume| volume == 0.0) && millilitres[zeros + 1] > 0.0);
    let litres = millilitres[zeros..].iter().map(|volume| (volume * 0.001) as f32).collect();
    Some(Spirogram::from_volume_litres(litres, 100.0).unwrap())
}

/// Numbers of Google Health's ml-based-copd processing on this blow. Volumes are f32 here, which moves a flow by up to
/// 100 Hz × 2⁻²² L ≈ 5e-5 L/s.
#[test]
fn equals_the_published_processing() {
    let Some(blow) = demonstration() else { return };
    assert_eq!(blow.fvc_litres(), 5.836);
    assert_eq!(*blow.volume_litres().last().unwrap(), 5.831);
    let curve = FlowVolume::default().curve(&blow);
    assert_eq!(curve.len(), 1000);
    let expected = [
        (0, 0.0),
        (1, 0.504_947_81),
        (2, 0.869_24),
        (3, 1.220_52),
        (73, 11.489_833),
        (100, 10.333_756_9),
        (500, 4.370_024_9),
        (890, 0.0),
    ];
    for (index, flow) in expected {
        assert!((f64::from(curve[index]) - flow).abs() < 1e-4, "{index}: {} {flow}", curve[index]);
    }
    let most = curve.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    assert_eq!(most.0, 73);
    let sum: f64 = curve.iter().map(|&flow| f64::from(flow)).sum();
    assert!((sum - 4493.6181).abs() < 1e-2, "{sum}");
}

#[test]
fn a_grid_cuts_what_is_larger_and_says_so() {
    let litres: Vec<f32> = (0..=400).map(|i| 7.0 * (i as f32 / 400.0)).collect();
    let blow = Spirogram::from_volume_litres(litres, 100.0).unwrap();
    assert!(FlowVolume::default().cuts(&blow));
    let wide = FlowVolume { max_volume_litres: 8.0, ..FlowVolume::default() };
    assert!(!wide.cuts(&blow));
    // An even breath of 7 L in 4 s flows at 1.75 L/s up to its end, and nothing flows after.
    let curve = wide.curve(&blow);
    for (i, flow) in curve.iter().enumerate().skip(3) {
        let litres = 8.0 * i as f64 / 999.0;
        let expected = if litres <= 7.0 { 1.75 } else { 0.0 };
        assert!((f64::from(*flow) - expected).abs() < 1e-3, "{litres} L: {flow}");
    }
}

proptest! {
    #[test]
    fn a_curve_is_finite_and_bounded_by_the_flows_of_the_blow(steps in prop::collection::vec(-0.01f32..0.1, 2..300)) {
        let litres: Vec<f32> = steps
            .iter()
            .scan(0.0f32, |volume, step| {
                *volume = (*volume + step).clamp(0.0, 10.0);
                Some(*volume)
            })
            .collect();
        prop_assume!(litres.iter().any(|&volume| volume > 0.0));
        let blow = Spirogram::from_volume_litres(litres.clone(), 100.0).unwrap();
        let curve = FlowVolume::default().curve(&blow);
        let flows = litres.windows(2).map(|pair| (pair[1] - pair[0]) * 100.0);
        let (least, most) = flows.fold((0.0f32, 0.0f32), |(least, most), flow| (least.min(flow), most.max(flow)));
        prop_assert!(curve.iter().all(|&flow| flow >= least - 1e-3 && flow <= most + 1e-3));
    }
}
