//! The 24 volume–time and 26 flow–time waveforms of the American Thoracic Society against their headers.

use std::io::Write as _;

use helm_core::spirometry::{Fault, MeasureSettings, Measures, Quality, WaveformFile};

use super::test_data;

/// The waveforms of a set; every one must be there.
fn waveforms(set: &str, n: usize) -> Option<Vec<WaveformFile>> {
    let folder = test_data("data/waveforms")?.join(set.to_lowercase());
    let read = |index: usize| WaveformFile::read(&folder.join(format!("{}{index:02}.wf", &set[3..]))).unwrap();
    let waveforms: Vec<WaveformFile> = (1..=n).map(read).collect();
    for (index, waveform) in waveforms.iter().enumerate() {
        assert_eq!((waveform.group.as_str(), waveform.name.clone()), (set, format!("{:02}", index + 1)));
    }
    Some(waveforms)
}

/// The most that a measure is off in a set, with the waveform and the share of its limit.
#[derive(Default)]
struct Worst {
    name: String,
    off: f64,
    expected: f64,
    of_limit: f64,
}

/// Checks a measure on every waveform: within `absolute`, or within `relative` of the header's.
fn check(waveforms: &[WaveformFile], parameter: &str, absolute: f64, relative: f64, get: impl Fn(&Measures) -> f64) {
    let mut worst = Worst::default();
    for waveform in waveforms {
        let measures = Measures::new(&waveform.blow, &MeasureSettings::default()).unwrap();
        let (expected, found) = (waveform.parameters[parameter], get(&measures));
        let off = found - expected;
        let of_limit = off.abs() / absolute.max(relative * expected);
        assert!(of_limit <= 1.0, "{} {} {parameter}: {found} {expected}", waveform.group, waveform.name);
        if of_limit >= worst.of_limit {
            worst = Worst { name: waveform.name.clone(), off, expected, of_limit };
        }
    }
    let Worst { name, off, expected, of_limit } = worst;
    let group = &waveforms[0].group;
    // Not println, which a passing test swallows.
    let _ = writeln!(
        std::io::stderr(),
        "{group} {parameter}: worst {off:+.4} of {expected:.3} on waveform {name}, {:.0} % of the limit",
        100.0 * of_limit
    );
}

#[test]
fn volume_waveforms_measure_what_their_headers_say() {
    let Some(waveforms) = waveforms("ATS24", 24) else { return };
    check(&waveforms, "FVC", 0.020, 0.01, |measures| measures.fvc_litres);
    check(&waveforms, "FEV1", 0.020, 0.01, |measures| measures.fev1_litres.unwrap());
    check(&waveforms, "PEF", 0.2, 0.05, |measures| measures.pef_litres_per_second);
    check(&waveforms, "FEF2575", 0.1, 0.05, |measures| measures.fef25_75_litres_per_second.unwrap());
    // Their ratio, in percent of one decimal.
    check(&waveforms, "FEV1FVC", 0.3, 0.0, |measures| 100.0 * measures.fev1_fvc().unwrap());
}

#[test]
fn flow_waveforms_measure_what_their_headers_say() {
    let Some(waveforms) = waveforms("ATS26", 26) else { return };
    check(&waveforms, "FEV1", 0.020, 0.01, |measures| measures.fev1_litres.unwrap());
    check(&waveforms, "PEF", 0.2, 0.05, |measures| measures.pef_litres_per_second);
}

/// The flow of some falls and rises again, but none comes to a stop.
#[test]
fn no_cough_is_seen_in_them() {
    let Some(mut all) = waveforms("ATS24", 24) else { return };
    all.extend(waveforms("ATS26", 26).unwrap());
    for waveform in all {
        let measures = Measures::new(&waveform.blow, &MeasureSettings::default()).unwrap();
        let quality = Quality::new(&waveform.blow, &measures);
        assert!(!quality.faults().contains(&Fault::CoughInFirstSecond), "{} {}", waveform.group, waveform.name);
    }
}
