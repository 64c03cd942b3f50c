//! PhysioNet's records against its own package (scripts/golden_wfdb.py), real and hostile ones.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use helm_core::{Error, Signal, read_wfdb};
use proptest::prelude::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/wfdb").join(name)
}

#[test]
fn records_are_those_of_physionets_package() {
    let values = std::fs::read_to_string(golden("values.txt")).unwrap();
    let mut channels = std::collections::BTreeMap::<&str, Vec<(f64, Vec<f64>)>>::new();
    for line in values.lines() {
        let mut fields = line.split(' ');
        let name = fields.next().unwrap();
        let mut numbers = fields.map(|field| field.parse::<f64>().unwrap());
        channels.entry(name).or_default().push((numbers.next().unwrap(), numbers.collect()));
    }
    assert_eq!(channels.len(), 4);
    for (name, channels) in channels {
        let signal = read_wfdb(&golden(&format!("{name}.hea"))).unwrap();
        assert_eq!((signal.n_channels(), signal.unit(), signal.len()), (2, "mV", 41), "{name}");
        for (index, (rate_hz, values)) in channels.iter().enumerate() {
            assert_eq!(signal.rate_hz(), *rate_hz);
            let expected: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            assert_eq!(signal.channel(index), expected, "{name}, channel {index}");
        }
    }
}

/// A record of a header and samples; every error must name the header or the samples' file.
fn read(header: &str, samples: &[u8]) -> Result<Signal, Error> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.hea"), header).unwrap();
    std::fs::write(folder.path().join("a.dat"), samples).unwrap();
    let signal = read_wfdb(&folder.path().join("a.hea"));
    if let Err(error) = &signal {
        let text = error.to_string();
        assert!(
            ["a.hea", "a.dat", "b.dat"].iter().any(|name| text.contains(name)) || text.starts_with("signal:"),
            "{text}"
        );
    }
    signal
}

fn message(header: &str, samples: &[u8]) -> String {
    let text = read(header, samples).unwrap_err().to_string();
    text.split_once(".hea: ").or(text.split_once(".dat: ")).map_or(text.clone(), |(_, rest)| rest.to_owned())
}

#[test]
fn what_a_header_leaves_out_has_the_formats_defaults() {
    // 250 Hz, as many samples as there are, 200 units per millivolt.
    let signal = read("a 1\na.dat 16\n", &[200, 0, 56, 255]).unwrap();
    assert_eq!((signal.rate_hz(), signal.unit(), signal.channel(0)), (250.0, "mV", [1.0, -1.0].as_slice()));
    // The converter's zero is the baseline where none is said.
    let signal = read("a 1 100 2\na.dat 16 10/mmHg 12 20\n", &[30, 0, 10, 0]).unwrap();
    assert_eq!((signal.unit(), signal.channel(0)), ("mmHg", [1.0, -1.0].as_slice()));
    let signal =
        read("#a\n\na 1 100 2 12:00:00 1/1/2000\na.dat 61+1 10(0)/mV\n# age 54\n", &[9, 0, 10, 0, 20]).unwrap();
    assert_eq!(signal.channel(0), [1.0, 2.0]);
}

#[test]
fn headers_that_lie_are_errors() {
    let four = [1, 0, 2, 0, 3, 0, 4, 0];
    let one = |line: &str| format!("a 1 100 4\n{line}\n");
    for (header, expected) in [
        (String::new(), "line 1: expected a line for the record, found none"),
        ("a".into(), "line 1: expected a number of signals, found none"),
        ("a 0 100 4".into(), "line 1: expected 1 to 4096 signals, found 0"),
        ("a/2 1 100 4".into(), "line 1: expected a record in one segment, found several segments"),
        ("a 2 100 2\na.dat 16".into(), "line 1: expected a line for each of 2 signals, found 1"),
        ("a 1 none 4\na.dat 16".into(), "line 1: expected a sampling rate in Hz, found something else"),
        ("a 1 0 4\na.dat 16".into(), "line 1: expected a sampling rate above 0 Hz, found another"),
        ("a 1 100 3\na.dat 16".into(), "line 1: expected 3 samples, found 2 more bytes in a.dat"),
        ("a 1 100 99999999999\na.dat 16".into(), "line 1: expected at most 536870912 samples, found more"),
        (
            "a 1 100 9999\na.dat 16".into(),
            "9999 samples from byte 1: expected 19998 bytes, found 8: the file is truncated",
        ),
        ("a 1 100 4\na.dat 16+9".into(), "4 samples from byte 10: expected 8 bytes, found 0: the file is truncated"),
        (one("a.dat 311"), "line 2: expected storage format 16, 61, 80 or 212, found 311"),
        (one("a.dat 16x4"), "line 2: expected storage format 16, 61, 80 or 212, found 16x4"),
        (one("../a.dat 16"), "line 2: expected the name of a file in the header's folder, found another"),
        (one("a.dat 16 much/mV"), "line 2: expected a gain, found something else"),
        (one("a.dat 16 inf/mV"), "line 2: expected a finite gain, found another"),
        (one("a.dat 16 1 16 0 1 11"), "line 2: expected samples of the checksum it says, found another sum"),
        (
            "a 2 100 2\na.dat 16 1/mV\na.dat 16 1/uV".into(),
            "line 3: expected the first signal's file, format, offset and unit, found others",
        ),
    ] {
        assert_eq!(message(&header, &four), expected, "{header}");
    }
    assert_eq!(
        message(&one("a.dat 16"), &[1, 0, 0, 128, 3, 0, 4, 0]),
        "line 2: expected valid samples, found sample 2 marked as invalid"
    );
    assert_eq!(message("a 1 100\na.dat 16\n", &[]), "line 1: expected at least one sample, found none");
    assert!(read("a 1 100 4\nb.dat 16\n", &four).is_err_and(|error| matches!(error, Error::Io { .. })));
    assert_eq!(read(&one("a.dat 16 1 16 0 1 10"), &four).unwrap().len(), 4);
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused(header in "[a0-9 ./x:+()-]{0,40}\na.dat (16|61|80|212)[0-9x:+ ()/mV-]{0,30}\n", samples in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = read(&header, &samples);
    }
}

#[test]
fn real_records() {
    let Some(data) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else {
        // Not eprintln, which a passing test swallows.
        let _ = writeln!(std::io::stderr(), "skipped: HELM_TEST_DATA is not set");
        return;
    };
    let folder = PathBuf::from(data).join("data/physionet2017");
    let names = std::fs::read_to_string(folder.join("RECORDS")).unwrap();
    let mut seconds = 0.0;
    for name in names.lines() {
        let signal = read_wfdb(&folder.join(format!("{name}.hea"))).unwrap();
        assert_eq!((signal.n_channels(), signal.rate_hz(), signal.unit()), (1, 300.0, "mV"));
        // The challenge's records last from 9 to 61 seconds, and a heart makes some millivolts.
        assert!((9.0..=61.0).contains(&signal.duration_seconds()));
        assert!(signal.channel(0).iter().all(|value| value.abs() < 15.0));
        seconds += signal.duration_seconds();
    }
    assert_eq!(names.lines().count(), 300);
    assert!((9000.0..11_000.0).contains(&seconds), "{seconds}");
}
