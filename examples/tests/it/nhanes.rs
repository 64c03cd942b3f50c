//! `nhanes` on the survey's real files, where `HELM_TEST_DATA` names their folder.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{refused, run};

/// The survey's folder and the model's.
pub(crate) fn real() -> Option<(PathBuf, PathBuf)> {
    let Some(data) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else {
        // Not eprintln, which a passing test swallows.
        let _ = writeln!(std::io::stderr(), "skipped: HELM_TEST_DATA is not set");
        return None;
    };
    let data = PathBuf::from(data);
    Some((data.join("data/nhanes_2011_2012"), data.join("models/stories260K")))
}

pub(crate) fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        // A copy of a read-only file would be read-only, too.
        fs::write(copy.path().join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap();
    }
    copy
}

fn arguments(data: &Path, model: &Path, more: &[&str]) -> Vec<OsString> {
    let folders = ["--data".into(), data.into(), "--model".into(), model.into()];
    folders.into_iter().chain(more.iter().map(OsString::from)).collect()
}

/// The message with which `nhanes` refuses a folder of the survey that was changed, or a model's.
fn refused_after(change: impl FnOnce(&Path, &Path), more: &[&str]) -> Option<String> {
    let (data, model) = real()?;
    let (data, model) = (copy(&data), copy(&model));
    change(data.path(), model.path());
    let json = data.path().join("result.json");
    let mut arguments = arguments(data.path(), model.path(), more);
    arguments.extend(["--json".into(), json.clone().into()]);
    let message = refused(&run("nhanes", arguments));
    assert!(!json.exists(), "a partial output file");
    assert!(message.starts_with("error: ") && message.trim_end().lines().count() == 1, "{message}");
    Some(message)
}

pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Sets a column of a CSV file in some rows, counted from 0.
fn set_column(path: &Path, column: &str, value: &str, rows: impl Fn(usize) -> bool) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let index = header.iter().position(|name| name == column).unwrap();
    let rows: Vec<csv::StringRecord> = reader
        .records()
        .enumerate()
        .map(|(row, record)| {
            let record = record.unwrap();
            let cell =
                |(i, old): (usize, &str)| if i == index && rows(row) { value.to_owned() } else { old.to_owned() };
            record.iter().enumerate().map(cell).collect()
        })
        .collect();
    let mut writer = csv::Writer::from_path(path).unwrap();
    writer.write_record(&header).unwrap();
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.flush().unwrap();
}

fn expect(message: Option<String>, parts: &[&str]) {
    let Some(message) = message else { return };
    for part in parts {
        assert!(message.contains(part), "expected {part:?} in {message}");
    }
}

#[test]
fn damaged_survey_files_are_refused() {
    let truncated = |data: &Path, _: &Path| edit(&data.join("SPX_G.XPT"), |bytes| bytes.truncate(bytes.len() / 3));
    expect(refused_after(truncated, &[]), &["SPX_G.XPT", "expected", "truncated"]);
    let header = |data: &Path, _: &Path| edit(&data.join("DEMO_G.XPT"), |bytes| bytes[..80].fill(b' '));
    expect(refused_after(header, &[]), &["DEMO_G.XPT", "expected", "found"]);
    let column = |data: &Path, _: &Path| {
        edit(&data.join("SPX_G.XPT"), |bytes| {
            let name = bytes.windows(8).position(|eight| eight == b"SPXNFVC ").unwrap();
            bytes[name..name + 8].copy_from_slice(b"SPXNFVX ");
        });
    };
    expect(refused_after(column, &[]), &["SPX_G.XPT", "column \"SPXNFVC\"", "found"]);
    let gone = |data: &Path, _: &Path| fs::remove_file(data.join("BMX_G.XPT")).unwrap();
    expect(refused_after(gone, &[]), &["BMX_G.XPT"]);
    let nan =
        |data: &Path, _: &Path| set_column(&data.join("diagnoses_labs.csv"), "systolic_mmhg", "NaN", |row| row == 8);
    expect(refused_after(nan, &[]), &["diagnoses_labs.csv", "row 9", "systolic_mmhg", "finite number", "NaN"]);
    let text =
        |data: &Path, _: &Path| set_column(&data.join("diagnoses_labs.csv"), "systolic_mmhg", "high", |row| row == 8);
    expect(refused_after(text, &[]), &["diagnoses_labs.csv", "row 9", "systolic_mmhg"]);
}

#[test]
fn codes_that_the_survey_lacks_are_refused() {
    let stroke = |data: &Path, _: &Path| set_column(&data.join("diagnoses_labs.csv"), "stroke", "2", |_| true);
    expect(refused_after(stroke, &[]), &["diagnoses_labs.csv", "row", "stroke", "another code"]);
    let text = |data: &Path, _: &Path| set_column(&data.join("diagnoses_labs.csv"), "hypertension_jnc7", "1", |_| true);
    expect(refused_after(text, &[]), &["diagnoses_labs.csv", "hypertension_jnc7", "Yes, No"]);
}

#[test]
fn damaged_models_are_refused() {
    let tokenizer = |_: &Path, model: &Path| fs::remove_file(model.join("tokenizer.json")).unwrap();
    expect(refused_after(tokenizer, &[]), &["tokenizer.json", "expected", "found"]);
    let header = |_: &Path, model: &Path| {
        edit(&model.join("model.safetensors"), |bytes| bytes[..8].copy_from_slice(&(1u64 << 60).to_le_bytes()));
    };
    expect(refused_after(header, &[]), &["model.safetensors", "expected", "found"]);
    let short =
        |_: &Path, model: &Path| edit(&model.join("model.safetensors"), |bytes| bytes.truncate(bytes.len() / 2));
    expect(refused_after(short, &[]), &["model.safetensors", "expected", "found"]);
    let architecture = |_: &Path, model: &Path| {
        let path = model.join("config.json");
        let config = fs::read_to_string(&path).unwrap().replace("\"llama\"", "\"bert\"");
        fs::write(path, config).unwrap();
    };
    expect(refused_after(architecture, &[]), &["config.json", "llama", "bert"]);
}

#[test]
fn impossible_requests_are_refused() {
    let nothing = |_: &Path, _: &Path| {};
    let one_class = |data: &Path, _: &Path| set_column(&data.join("diagnoses_labs.csv"), "stroke", "0", |_| true);
    expect(refused_after(one_class, &["--outcome", "stroke"]), &["stroke", "0 cases", "controls"]);
    expect(refused_after(nothing, &["--outcome", "asthma"]), &["outcome \"asthma\"", "wheeze"]);
    expect(refused_after(nothing, &["--outcome", "death", "--outcome", "death"]), &["--outcome", "twice"]);
    expect(refused_after(nothing, &["--device", "abacus"]), &["abacus", "cpu"]);
    expect(refused_after(nothing, &["--predictions", "no/such/folder/f.csv"]), &["no/such/folder/f.csv"]);
    for wrong in [["--folds", "1"], ["--epochs", "0"], ["--bootstrap", "1"], ["--seed", "x"]] {
        let message = refused(&run("nhanes", [&["--data", ".", "--model", "."], &wrong[..]].concat()));
        assert!(message.contains(wrong[0]), "{message}");
    }
}

#[test]
fn help_and_missing_arguments_say_what_is_needed() {
    let help = run("nhanes", ["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success());
    for part in
        ["--data <DIR>", "--model <DIR|NAME>", "SPX_G.XPT", "tokenizer.json", "not a medical device", "helm_multimodal"]
    {
        assert!(text.contains(part), "{part}");
    }
    assert!(refused(&run::<&str>("nhanes", [])).contains("--data"));
}

#[test]
fn a_short_run_writes_what_it_says_and_can_be_repeated() {
    let Some((data, model)) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let once = |name: &str| -> Value {
        let path = |file: &str| folder.path().join(name).join(file).into_os_string();
        fs::create_dir(folder.path().join(name)).unwrap();
        let mut arguments = arguments(&data, &model, &["--epochs", "1", "--folds", "2", "--bootstrap", "100"]);
        arguments.extend(
            ["--outcome", "wheeze", "--outcome", "hypertension", "--json", "-", "--predictions"].map(OsString::from),
        );
        arguments.extend([path("predictions.csv"), "--report".into(), path("report")]);
        let output = run("nhanes", arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "silent where it is no terminal");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let mut first = once("first");
    let wheeze = &first["outcomes"]["wheeze"];
    assert_eq!((&wheeze["n"], &wheeze["cases"]), (&4340.into(), &557.into()));
    let models = wheeze["models"].as_object().unwrap();
    assert_eq!(models.len(), 6);
    for (model, measures) in models {
        for measure in ["auroc", "auprc"] {
            let measure = &measures[measure];
            let number = |value: &Value| value.as_f64().unwrap();
            let (value, lower, upper) =
                (number(&measure["value"]), number(&measure["ci"][0]), number(&measure["ci"][1]));
            assert!(0.0 < lower && lower < value && value < upper && upper < 1.0, "{model}: {measure}");
        }
    }
    assert_eq!(first["outcomes"]["hypertension"]["cases"], 1362);
    assert_eq!(wheeze["paired"][0]["a"], "helm_multimodal");
    assert!(first["manifest"]["files_sha256"]["model.safetensors"].as_str().unwrap().len() == 64);
    let report = folder.path().join("first/report");
    for file in ["table.md", "table.csv", "results.json", "roc_wheeze.svg", "roc_hypertension.svg", "forest.svg"] {
        assert!(fs::metadata(report.join(file)).unwrap().len() > 100, "{file}");
    }
    let predictions = fs::read_to_string(folder.path().join("first/predictions.csv")).unwrap();
    let mut lines = predictions.lines();
    assert_eq!(lines.next(), Some("row,fold,outcome,model,log_odds,answer_mass,label"));
    assert_eq!(lines.count(), 2 * 6 * 4340);

    // The same seed gives the same numbers, to the last bit.
    let mut second = once("second");
    for result in [&mut first, &mut second] {
        result["seconds"] = Value::Null;
    }
    assert_eq!(first, second);
    assert_eq!(predictions, fs::read_to_string(folder.path().join("second/predictions.csv")).unwrap());
}

/// Two accepted breaths and one refused one of a participant: the larger accepted one is the spirogram.
#[test]
fn whole_breaths_are_used_where_they_are() {
    let Some((data, _)) = real() else { return };
    let data = copy(&data);
    let before = helm_examples::nhanes::load(data.path()).unwrap();
    assert_eq!(before.whole_curves, 0);
    // mL of each hundredth of a second, for 7 s; at body temperature, a tenth more.
    let curve = |most: f64| {
        let volume = |i: i32| most * (1.0 - (-f64::from(i) / 60.0).exp());
        let changes: Vec<String> = (1..700).map(|i| format!("{:.0}", volume(i) - volume(i - 1))).collect();
        format!("0,{}", changes.join(","))
    };
    let mut text = "SEQN,SPATTYPE,SPAMANU,SPAFACT,SPAPOS,SPAPLAT,SPAACC,SPAQEFF,SPXPTS,SPXRAW\n".to_owned();
    let id = before.cohort.participants()[7].as_str().to_owned();
    for (number, test, accepted, most) in
        [(1, "Pre", "Y", 3000.0), (2, "Pre", "Y", 4000.0), (3, "Pre", "N", 5000.0), (4, "Bron", "Y", 6000.0)]
    {
        text += &format!("{id},{test},{number},1.1,Standing,Y,{accepted},A,700,\"{}\"\n", curve(most));
    }
    fs::write(data.path().join("SPXRAW_G.csv"), &text).unwrap();
    let after = helm_examples::nhanes::load(data.path()).unwrap();
    assert_eq!(after.whole_curves, 1);
    let (old, new) = (before.cohort.signals("spirogram").unwrap(), after.cohort.signals("spirogram").unwrap());
    assert!(old.iter().zip(new).enumerate().all(|(row, (old, new))| (row == 7) != (old == new)));
    let signal = new[7].signal().unwrap();
    let largest = signal.channel(0).iter().copied().fold(0.0, f32::max);
    // Rounded to whole millilitres, the end of a breath is lost.
    assert!((4.2..4.45).contains(&largest), "{largest}");
    let message = refused_after(|data, _| fs::write(data.join("SPXRAW_G.csv"), "SEQN,SPXRAW\n1,0\n").unwrap(), &[]);
    assert!(message.is_some_and(|message| message.contains("SPXRAW_G.csv")));
}
