//! UK Biobank's public demonstration blow of field 3066, against the processing of Google Health's ml-based-copd and an
//! independent back-extrapolation (both in Python, to the digits given here).

use helm_core::spirometry::{GradedVolume, MeasureSettings, Measures, MidFlows, Quality, Spirogram, UkbBlow};

use super::test_data;

fn demonstration() -> Option<Spirogram> {
    let path = test_data("golden/ukb_3066_demo_blow.txt")?;
    let blow = UkbBlow::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(blow.order, 2);
    Some(blow.spirogram)
}

/// Equal in the decimals that `expected` is written with.
fn near(found: f64, expected: &str) {
    let decimals = expected.split_once('.').unwrap().1.len();
    assert_eq!(format!("{found:.decimals$}"), expected);
}

#[test]
fn the_whole_blow_is_read() {
    let Some(blow) = demonstration() else { return };
    // One zero and 1224 declared points.
    assert_eq!(blow.volume_litres().len(), 1225);
    assert_eq!((blow.volume_litres()[0], blow.volume_litres()[1]), (0.0, 0.003));
    assert_eq!(*blow.volume_litres().last().unwrap(), 5.831);
}

#[test]
fn equals_the_published_processing() {
    let Some(blow) = demonstration() else { return };
    let settings = MeasureSettings { slope_window_seconds: 0.01, mid_flows: MidFlows::Samples };
    let measures = Measures::new(&blow, &settings).unwrap();
    near(measures.fvc_litres, "5.836");
    near(measures.pef_litres_per_second, "11.500");
    near(measures.fef25_litres_per_second.unwrap(), "8.300");
    near(measures.fef50_litres_per_second.unwrap(), "5.400");
    near(measures.fef75_litres_per_second.unwrap(), "1.900");
    near(measures.fef25_75_litres_per_second.unwrap(), "4.458209");
}

#[test]
fn back_extrapolation_depends_on_the_window() {
    let Some(blow) = demonstration() else { return };
    for (window, time_zero, bev, fev1) in
        [(0.01, "0.048435", "0.093643", "4.686809"), (0.08, "0.041174", "0.059516", "4.676643")]
    {
        let settings = MeasureSettings { slope_window_seconds: window, ..MeasureSettings::default() };
        let measures = Measures::new(&blow, &settings).unwrap();
        near(measures.time_zero_seconds, time_zero);
        near(measures.bev_litres, bev);
        near(measures.fev1_litres.unwrap(), fev1);
    }
}

#[test]
fn a_good_blow_is_acceptable() {
    let Some(blow) = demonstration() else { return };
    let measures = Measures::new(&blow, &MeasureSettings::default()).unwrap();
    let quality = Quality::new(&blow, &measures);
    assert!(quality.faults().is_empty() && quality.remarks().is_empty(), "{quality:?}");
    assert!(quality.is_acceptable(GradedVolume::Fev1) && quality.is_acceptable(GradedVolume::Fvc));
}
