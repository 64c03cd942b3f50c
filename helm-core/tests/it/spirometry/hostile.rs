//! Files that lie, are cut, or hold something else.

use helm_core::spirometry::{NhanesCurve, NhanesTest, UkbBlow, WaveformFile, read_nhanes_curves};
use helm_core::{Cells, Error, Table, TableColumn};
use proptest::prelude::*;

#[test]
fn fields_of_uk_biobank_that_lie_are_errors() {
    let message = |text: &str| UkbBlow::parse(text).unwrap_err().to_string();
    for (text, found) in [
        ("", "\"blow1\""),
        ("blow,3,0,100,200", "\"blow1\""),
        ("0,0,100,200", "\"blow1\""),
        ("blow1", "no whole number"),
        ("blow1,", "no whole number"),
        ("blow1,-3,0,100,200", "no whole number"),
        ("blow1,99999999999999999999999,0,100", "no whole number"),
        ("blow1,18446744073709551615,0,100", "18446744073709551615 volumes, as declared, found 2 volumes"),
        ("blow1,4,0,100,200", "4 volumes, as declared, found 3 volumes"),
        ("blow1,2,10,100,200", "nothing but zeros in front"),
        ("blow1,3,0,12x,300", "a volume in mL as point 2, found no finite number"),
        ("blow1,3,0,nan,300", "point 2"),
        ("blow1,3,0,,300", "point 2"),
        ("blow1,3,0,100,200,", "point 4"),
        ("blow1,0", "at least one sample"),
        ("blow1,4,0,0.3,1.2,4.5", "in litres?"),
        ("blow1,3,0,-200,300", "sign turned"),
    ] {
        assert!(message(text).contains(found), "{text}: {}", message(text));
    }
    // What a file says is not repeated.
    assert!(!message("blow1,2,0,secret77").contains("secret"));
    assert!(UkbBlow::parse(" \"blow3,3,0,100,200\"\r\n").is_ok_and(|blow| blow.order == 3));
    let long = format!("blow1,60000{}", ",500".repeat(60_000));
    assert!(message(&long).contains("up to 60 s"));
}

fn waveform(content: impl AsRef<[u8]>) -> Result<WaveformFile, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let waveform = WaveformFile::read(file.path());
    if let Err(error) = &waveform {
        let name = file.path().file_name().unwrap().to_string_lossy().into_owned();
        assert!(error.to_string().contains(&name), "an error without the file's name: {error}");
    }
    waveform
}

const WAVEFORM: &str =
    "[Header]\nGroup=ATS26 \nName=07\nType=FT\nFreq=500\nExpStart=0\n \n[Parameters]\nPEF=2.5\n\n[Data]\n";

#[test]
fn waveforms_end_with_the_end_mark_or_without() {
    for end in ["", "\u{1a}", "\n\u{1a}\r\n", "\u{1a}\u{1a}"] {
        let file = waveform(format!("{WAVEFORM}0\n1.5\n2.5\n1\n{end}").replace('\n', "\r\n")).unwrap();
        assert_eq!((file.group.as_str(), file.name.as_str(), file.blow.rate_hz()), ("ATS26", "07", 500.0));
        assert_eq!(file.parameters.into_iter().collect::<Vec<_>>(), [("PEF".into(), 2.5)]);
        assert_eq!(file.blow.recorded_flow_litres_per_second().unwrap(), [0.0, 1.5, 2.5, 1.0]);
    }
}

#[test]
fn waveforms_that_are_none_are_errors() {
    let samples = format!("{WAVEFORM}0\n1.5\n2.5\n");
    let message = |content: &str| waveform(content).unwrap_err().to_string();
    for (content, found) in [
        (String::new(), "an entry Freq, found none"),
        (WAVEFORM.into(), "at least one sample"),
        (samples.replace("Freq=500\n", ""), "an entry Freq, found none"),
        (samples.replace("500", "fast"), "header, Freq"),
        (samples.replace("500", "0"), "above 0 Hz"),
        (samples.replace("500", "nan"), "above 0 Hz"),
        (samples.replace("=FT", "=XY"), "VT (volume) or FT (flow)"),
        (samples.replace("ExpStart=0", "ExpStart=9"), "header, ExpStart"),
        (samples.replace("[Data]", "[Dat]"), "line 11: expected [Header], [Parameters] or [Data]"),
        (samples.replace("PEF=2.5", "PEF"), "line 9: expected NAME=VALUE"),
        (samples.replace("PEF=2.5", "PEF=high"), "line 9: expected a finite number"),
        (samples.replace("1.5", "1,5"), "line 13: expected a finite number"),
        (samples.replace("1.5", "inf"), "line 13: expected a finite number"),
        (samples.replace("2.5\n", "2.5\n\u{1a}3.5\n"), "end mark"),
        (samples.replace("1.5", "450"), "L/min or mL/s?"),
        (samples.replace("[Header]", "Header"), "line 1: expected [Header]"),
    ] {
        assert!(message(&content).contains(found), "{content}: {}", message(&content));
    }
    assert!(waveform(b"[Header]\n\xff\xfe").unwrap_err().to_string().contains("expected text"));
    assert!(matches!(WaveformFile::read("no/such.wf".as_ref()), Err(Error::Io { .. })));
}

const NAMES: [&str; 10] =
    ["SEQN", "SPATTYPE", "SPAMANU", "SPAFACT", "SPAPOS", "SPAPLAT", "SPAACC", "SPAQEFF", "SPXPTS", "SPXRAW"];

/// A table of one curve with some cells changed.
fn nhanes(changes: &[(&str, &str)]) -> Result<Vec<NhanesCurve>, Error> {
    let usual = ["41475", "Bron", "2", "1.1", "Sitting", "N", "Y", "C", "5", "0, 10,100,40,-5"];
    let columns = NAMES.into_iter().zip(usual).map(|(name, usual)| {
        let cell = changes.iter().find(|change| change.0 == name).map_or(usual, |change| change.1);
        let cells = Cells::Text(vec![Some(cell.to_owned()).filter(|cell| !cell.is_empty())]);
        TableColumn { name: name.into(), label: None, cells }
    });
    read_nhanes_curves(&Table::new("SPXRAW_E.csv", columns.collect()).unwrap())
}

#[test]
fn nhanes_curves_are_changes_of_volume_at_ambient_temperature() {
    let curve = nhanes(&[]).unwrap().remove(0);
    assert_eq!((curve.test, curve.number, curve.effort), (NhanesTest::AfterBronchodilator, 2, Some('C')));
    let seen = (curve.is_sitting, curve.has_plateau, curve.is_acceptable);
    assert_eq!(seen, (Some(true), Some(false), Some(true)));
    assert_eq!(curve.participant.as_str(), "41475");
    let blow = curve.blow.unwrap();
    assert_eq!((blow.rate_hz(), blow.volume_litres().len()), (100.0, 6));
    for (found, millilitres) in blow.volume_litres().iter().zip([0.0, 0.0, 10.0, 110.0, 150.0, 145.0]) {
        assert!((f64::from(*found) - millilitres * 1.1 / 1000.0).abs() < 1e-7);
    }
    let missing = nhanes(&[("SPAPOS", ""), ("SPAPLAT", ""), ("SPAACC", ""), ("SPAQEFF", "")]).unwrap().remove(0);
    assert_eq!(
        (missing.is_sitting, missing.has_plateau, missing.is_acceptable, missing.effort),
        (None, None, None, None)
    );
    assert!(!format!("{missing:?}").contains("41475"));
}

#[test]
fn a_bad_curve_is_its_own_error_and_a_bad_row_the_tables() {
    for (column, cell, found) in [
        ("SPXPTS", "6", "as many points as SPXPTS declares, found 5 points"),
        ("SPXPTS", "", "found 5 points"),
        ("SPXRAW", "", "found 0 points"),
        ("SPXRAW", "0,10,100,40", "found 4 points"),
        ("SPXRAW", "0,10,9000,40,5", "as point 3"),
        ("SPXRAW", "0,10,1x,40,5", "as point 3"),
        ("SPXRAW", "0,10,,40,5", "as point 3"),
        ("SPXRAW", "0,-60,-60,-60,5", "sign turned"),
        ("SPXRAW", "0,0,0,0,0", "a volume above 0 L"),
        ("SPAFACT", "", "a factor SPAFACT"),
        ("SPAFACT", "11", "a factor SPAFACT"),
    ] {
        let error = nhanes(&[(column, cell)]).unwrap().remove(0).blow.unwrap_err().to_string();
        assert!(error.contains(found), "{column} {cell}: {error}");
    }
    for (column, cell) in [
        ("SEQN", ""),
        ("SEQN", "x7"),
        ("SPATTYPE", ""),
        ("SPATTYPE", "Post"),
        ("SPAMANU", "0"),
        ("SPAMANU", "1.5"),
        ("SPAPOS", "Lying"),
        ("SPAPLAT", "maybe"),
        ("SPAQEFF", "G"),
    ] {
        let error = nhanes(&[(column, cell)]).unwrap_err();
        assert!(matches!(&error, Error::Cell { row: 1, column: found, .. } if found == column), "{error}");
    }
    let table = Table::new("SPXRAW_E.csv", vec![]).unwrap();
    assert!(matches!(read_nhanes_curves(&table), Err(Error::Unknown { .. })));
}

#[cfg(feature = "csv")]
#[test]
fn columns_of_samples() {
    use helm_core::spirometry::{CurveUnit, read_blow_column, read_rate_column};

    let table = |text: &str| crate::file::read("blows.csv", text.as_bytes(), helm_core::read_csv).unwrap();
    let two = table("t,a,b,c\n0.00,0,0,0\n0.01,0.2,120,1\n0.02,0.5,300,x\n0.03,,400,2\n");
    assert_eq!(read_rate_column(&two, "t").unwrap(), 100.0);
    let blow = |column: &str, unit| read_blow_column(&two, column, unit, 100.0);
    assert_eq!(blow("a", CurveUnit::Litres).unwrap().volume_litres(), [0.0, 0.2, 0.5]);
    assert_eq!(blow("b", CurveUnit::Millilitres).unwrap().fvc_litres(), 0.4);
    assert!(blow("b", CurveUnit::Litres).unwrap_err().to_string().contains("in millilitres?"));
    assert!(blow("a", CurveUnit::Millilitres).unwrap_err().to_string().contains("in litres?"));
    assert!(matches!(blow("c", CurveUnit::Litres), Err(Error::Cell { row: 3, .. })));
    assert!(matches!(blow("d", CurveUnit::Litres), Err(Error::Unknown { .. })));
    let holes = table("x\n0\n\"\"\n0.3\n");
    assert!(matches!(read_blow_column(&holes, "x", CurveUnit::Litres, 100.0), Err(Error::Cell { row: 2, .. })));
    for times in ["t\n0\n", "t\n0\n0\n", "t\n0\n-1\n", "t\n0\n1\n2\n9\n", "t\n-1e308\n1e308\n"] {
        assert!(matches!(read_rate_column(&table(times), "t"), Err(Error::Invalid { .. })), "{times}");
    }
    let thirds = table("t\n0\n0.33\n0.67\n1.00\n");
    assert_eq!(read_rate_column(&thirds, "t").unwrap(), 3.0);
}

proptest! {
    #[test]
    fn any_bytes_are_a_waveform_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..300) {
        let _ = waveform(&bytes);
        let whole = format!("{WAVEFORM}0\n1.5\n2.5\n");
        let _ = waveform(&whole.as_bytes()[..cut.min(whole.len())]);
    }

    #[test]
    fn any_text_is_a_field_or_an_error(text in "(blow[0-9]{0,2},?)?[0-9,.e-]{0,60}") {
        let _ = UkbBlow::parse(&text);
    }

    #[test]
    fn any_text_is_a_curve_or_an_error(text in "[0-9,. x-]{0,60}", points in "[0-9]{0,3}") {
        let _ = nhanes(&[("SPXRAW", &text), ("SPXPTS", &points)]);
    }
}
