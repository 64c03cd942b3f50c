//! `spirometry` on files as people have them, good and bad.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{refused, run};

/// A blow of 4 L with a time constant of half a second, for `n` samples at 100 Hz.
fn litres(n: usize) -> Vec<f64> {
    (0..n).map(|i| 4.0 * (1.0 - (-(i as f64) / 50.0).exp())).collect()
}

fn csv(column: &str, samples: &[f64]) -> String {
    samples.iter().fold(format!("{column}\n"), |text, sample| text + &format!("{sample:.4}\n"))
}

/// Runs on a file of a name and a content.
fn spirometry(name: &str, content: impl AsRef<[u8]>, more: &[&str]) -> (std::process::Output, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    let more = more.iter().map(|argument| argument.replace("FOLDER", folder.path().to_str().unwrap()));
    let arguments = ["--input".to_owned(), path.to_str().unwrap().to_owned()].into_iter().chain(more);
    (run("spirometry", arguments), folder)
}

/// The JSON of a run that must succeed and print nothing else.
fn result(name: &str, content: impl AsRef<[u8]>, more: &[&str]) -> Value {
    let (output, _folder) = spirometry(name, content, &[more, &["--json", "-"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
    serde_json::from_slice(&output.stdout).unwrap()
}

const CSV: [&str; 4] = ["--column", "v", "--rate-hz", "100"];
const WOMAN: [&str; 6] = ["--sex", "female", "--age-years", "45", "--height-cm", "162"];

fn near(value: &Value, expected: f64, tolerance: f64) {
    assert!((value.as_f64().unwrap() - expected).abs() < tolerance, "{value} {expected}");
}

#[test]
fn the_same_blow_from_every_file() {
    let blow = litres(800);
    let text = csv("v", &blow);
    let millilitres: String = blow.iter().map(|litres| format!(",{:.0}", litres * 1000.0)).collect();
    let waveform = "[Header]\nGroup=A\nName=1\nType=VT\nFreq=100\nExpStart=0\n[Parameters]\n[Data]\n";
    let waveform = waveform.to_owned() + text.strip_prefix("v\n").unwrap();
    for found in [
        result("blow.csv", &text, &CSV),
        result("blow.txt", format!("blow1,800{millilitres}\n"), &[]),
        result("blow.WF", waveform, &[]),
    ] {
        near(&found["fvc_litres"], 4.0, 1e-3);
        near(&found["fev1_litres"], 4.0 * (1.0 - (-2.0f64).exp()), 0.02);
        near(&found["fev1_fvc"], 0.865, 0.005);
        assert!(found["fev6_litres"].is_number());
        assert_eq!((&found["acceptable"], &found["reasons"]), (&Value::Bool(true), &Value::Array(vec![])));
        assert!(found["z"]["fev1"].is_null() && found["lln"]["fev1_fvc"].is_null());
    }
    let output = run("spirometry", ["--input", &format!("blow1,800{millilitres}"), "--json", "-"]);
    near(&serde_json::from_slice::<Value>(&output.stdout).unwrap()["fvc_litres"], 4.0, 1e-3);
}

#[test]
fn what_is_not_defined_is_null_and_reasons_are_named() {
    let found = result("blow.csv", csv("v", &litres(150)), &CSV);
    assert!(found["fev6_litres"].is_null() && found["fev1_litres"].is_number());
    assert_eq!(found["reasons"], serde_json::json!(["no_end_of_expiration"]));
    assert_eq!((&found["acceptable"], &found["fev1"]["acceptable"]), (&false.into(), &true.into()));
    let found = result("blow.csv", csv("v", &litres(80)), &[&CSV[..], &WOMAN].concat());
    assert!(found["fev1_litres"].is_null() && found["z"]["fev1"].is_null() && found["z"]["fvc"].is_number());
    near(&found["lln"]["fev1"], 2.043823, 1e-6);
}

#[test]
fn people_are_compared_and_drawn() {
    let text = csv("v", &litres(800));
    let more = [&CSV[..], &WOMAN, &["--reference", "gli2012", "--ethnicity", "caucasian"]].concat();
    let found = result("blow.csv", &text, &more);
    near(&found["lln"]["fev1"], 2.267352, 1e-6);
    near(&found["lln"]["fvc"], 2.809582, 1e-6);
    near(&found["lln"]["fev1_fvc"], 0.703695, 1e-6);
    assert!(!found.to_string().contains("162"), "a person's height stays out");
    let (output, folder) = spirometry("blow.csv", &text, &[&more[..], &["--plot", "FOLDER/a.svg"]].concat());
    assert!(output.status.success());
    let svg = fs::read_to_string(folder.path().join("a.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("lower limit of normal FVC 2.81 L"));
    assert!(String::from_utf8(output.stdout).unwrap().contains("FEV1 is acceptable"));
}

#[test]
fn bad_input_is_one_line_and_no_file() {
    let blow = litres(800);
    let text = csv("v", &blow);
    let scaled: Vec<f64> = blow.iter().map(|litres| litres * 1000.0).collect();
    let negative: Vec<f64> = blow.iter().map(|litres| -litres).collect();
    let with = |more: &[&str]| more.iter().map(|&argument| argument.to_owned()).collect::<Vec<String>>();
    let person = |age: &str, height: &str| {
        with(&[&CSV[..], &["--sex", "male", "--age-years", age, "--height-cm", height]].concat())
    };
    for (name, content, more, found) in [
        ("a.csv", csv("v", &scaled), with(&CSV), "is the curve in millilitres?"),
        ("a.csv", csv("v", &negative), with(&CSV), "is the sign turned"),
        ("a.csv", csv("v", &[3.0; 500]), with(&CSV), "a volume that rises"),
        ("a.csv", csv("v", &[0.5]), with(&CSV), "longer than the slope window"),
        ("a.csv", csv("v", &[]), with(&CSV), "at least one sample"),
        ("a.csv", csv("v", &litres(60_000)), with(&CSV), "found 600 s"),
        ("a.csv", text.replace("3.99", "secret"), with(&CSV), "expected a number or an empty cell, found text"),
        ("a.csv", text.clone(), with(&["--column", "w", "--rate-hz", "100"]), "expected a column \"w\""),
        ("a.csv", text.clone(), with(&["--column", "v"]), "expected --rate-hz"),
        ("a.csv", text.clone(), with(&["--column", "v", "--rate-hz", "0"]), "above 0 Hz"),
        ("a.csv", text.clone(), with(&["--column", "v", "--rate-hz", "5000"]), "is the rate right?"),
        ("a.csv", text.clone(), with(&[&CSV[..], &["--unit", "millilitres"]].concat()), "in litres?"),
        ("a.csv", text.clone(), person("99", "175"), "an age of 3 to 95 years"),
        ("a.csv", text.clone(), person("45", "1.75"), "is it in metres?"),
        ("a.csv", text.clone(), person("nan", "175"), "an age above 0 years"),
        ("a.txt", "blow1,9,0,0,1".into(), with(&[]), "9 volumes, as declared, found 3"),
        ("a.txt", "nothing".into(), with(&[]), "\"blow1\""),
        ("a.wf", "[Header]\nFreq=100\n".into(), with(&[]), "an entry"),
    ] {
        let mut more: Vec<&str> = more.iter().map(String::as_str).collect();
        more.extend(["--plot", "FOLDER/p.svg", "--json", "FOLDER/p.json"]);
        let (output, folder) = spirometry(name, content, &more);
        let message = refused(&output);
        assert!(message.contains(found) && message.trim_end().lines().count() == 1, "{found}: {message}");
        assert!(!message.contains("secret"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no file but the input");
    }
    let more = [&CSV[..], &WOMAN, &["--reference", "gli2012"]].concat();
    assert!(refused(&spirometry("a.csv", &text, &more).0).contains("--ethnicity: expected caucasian"));
    let more = [&CSV[..], &["--sex", "female"]].concat();
    assert!(refused(&spirometry("a.csv", &text, &more).0).contains("--age-years"));
    assert!(refused(&run("spirometry", ["--input", "no/such/file.wf"])).contains("no/such/file.wf"));
}
