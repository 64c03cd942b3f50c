//! `evaluate` on files as people have them, good and bad.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{refused, run};

/// A folder with one CSV file.
fn file(content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("risks.csv");
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn evaluate(content: impl AsRef<[u8]>, more: &[&str]) -> std::process::Output {
    let (_folder, path) = file(content);
    let input = ["--input", path.to_str().unwrap(), "--label", "y"];
    run("evaluate", input.iter().chain(more))
}

/// The JSON of a run that must succeed and print nothing else.
fn result(content: impl AsRef<[u8]>, more: &[&str]) -> Value {
    let output = evaluate(content, &[more, &["--json", "-"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "silent where it is no terminal");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Rows of labels and scores that overlap, with a group and a person of two rows each.
fn cohort(n: usize) -> String {
    let mut text = String::from("id,y,s,t,sex,w\n");
    for row in 0..n {
        let y = usize::from(row % 3 == 0);
        let s = (row * 37 % 101) as f64 / 150.0 + 0.3 * y as f64;
        let t = (row * 53 % 89) as f64 / 10.0 - 3.0;
        let sex = if row * 7 % 5 < 2 { "female" } else { "male" };
        text += &format!("p{},{y},{s},{t},{sex},{}\n", row / 2, row % 4 + 1);
    }
    text
}

#[test]
fn small_vectors() {
    let found = result("y,s\n0,.1\n0,.4\n1,.35\n1,.8\n", &["--score", "s"]);
    let model = &found["models"]["s"];
    assert_eq!((&found["n"], &found["cases"], &model["auroc"]["value"]), (&4.into(), &2.into(), &0.75.into()));
    let near = |value: &Value, expected: f64| assert!((value.as_f64().unwrap() - expected).abs() < 1e-7, "{value}");
    near(&model["auroc"]["delong_se"], 0.125_f64.sqrt());
    near(&model["auprc"]["value"], 0.8333333333);
    near(&model["brier"], (0.01 + 0.16 + 0.4225 + 0.04) / 4.0);
    assert_eq!(found["pairs"], Value::Array(vec![]));
    assert!(found["manifest"]["files_sha256"]["risks.csv"].as_str().unwrap().len() == 64);
    assert!(found.get("groups").is_none());
}

#[test]
fn everything_at_once_and_again() {
    let text = cohort(300);
    let more = ["--score", "s", "--score", "t", "--group", "sex", "--bootstrap", "200", "--seed", "5"];
    let found = result(&text, &more);
    assert_eq!(found, result(&text, &more), "the same seed, the same numbers");
    // t is no risk.
    assert!(found["models"]["s"]["ece"].is_number() && found["models"]["t"].get("ece").is_none());
    let pair = &found["pairs"][0];
    assert_eq!((&pair["a"], &pair["b"]), (&"s".into(), &"t".into()));
    for key in ["auroc_difference", "delong_z", "delong_p", "auprc_difference"] {
        assert!(pair[key].is_number(), "{key}");
    }
    assert_eq!(pair["auprc_bootstrap_ci"].as_array().unwrap().len(), 2);
    assert_eq!(found["groups"]["s"].as_array().unwrap().len(), 2);
    // Persons and weights.
    for column in ["cluster", "weight"] {
        let (option, name) = (format!("--{column}"), if column == "cluster" { "id" } else { "w" });
        let other = result(&text, &[&more[..], &[&option, name]].concat());
        assert!(other["models"]["s"]["auroc"]["delong_se"].is_number(), "{column}");
        assert_ne!(other["models"]["s"]["auroc"]["delong_se"], found["models"]["s"]["auroc"]["delong_se"]);
        assert_ne!(other["models"]["s"]["auroc"]["bootstrap_ci"], found["models"]["s"]["auroc"]["bootstrap_ci"]);
    }
}

#[test]
fn files_of_every_make() {
    let plain = result("y,s\n0,.1\n0,.4\n1,.35\n1,.8\n", &["--score", "s"]);
    for (content, score) in [
        ("y,s\r\n0,.1\r\n0,.4\r\n1,.35\r\n1,.8\r\n", "s"),
        ("\u{feff}y,s\n0,.1\n0,.4\n1,.35\n1,.8", "s"),
        ("\"y\",\"the \"\"s\"\", of us\"\n\"0\",\"0.1\"\n0,.4\n1,.35\n1,8e-1\n", "the \"s\", of us"),
        ("note,s,y\n\"a, b\nc\",.1,0\n5'11\",.4,0.0\n,.35,1.0\nd,.8,1\n\n", "s"),
    ] {
        let found = result(content, &["--score", score]);
        assert_eq!(found["models"][score], plain["models"]["s"], "{content:?}");
    }
}

#[test]
fn a_report_is_one_file_and_its_parts() {
    let (folder, path) = file(cohort(300));
    let report = folder.path().join("new/report");
    let arguments = ["--label", "y", "--score", "s", "--score", "t", "--group", "sex", "--bootstrap", "200"];
    let report_text = report.to_str().unwrap();
    let more = ["--input", path.to_str().unwrap(), "--report", report_text];
    let output = run("evaluate", arguments.iter().chain(&more));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("100 cases among 300") && stdout.contains("s − t"), "{stdout}");
    for name in ["roc.svg", "pr.svg", "forest.svg", "reliability.svg", "decision.svg", "table.md", "table.csv"] {
        assert!(fs::metadata(report.join(name)).unwrap().len() > 100, "{name}");
    }
    for name in ["differences.svg", "subgroups.svg", "table.tex"] {
        assert!(fs::metadata(report.join(name)).unwrap().len() > 100, "{name}");
    }
    let html = fs::read_to_string(report.join("report.html")).unwrap();
    assert_eq!(html.matches("<svg").count(), 7);
    for part in ["TRIPOD+AI", "100 cases and 200 controls", "for the authors", "files_sha256", "Calibration"] {
        assert!(html.contains(part), "{part}");
    }
    // Nothing from elsewhere: the only addresses are the names of XML's vocabularies.
    let addresses = html.matches("http").count();
    assert_eq!(addresses, html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert!(!html.contains("<script") && !html.contains("src="));
    assert!(serde_json::from_slice::<Value>(&fs::read(report.join("results.json")).unwrap()).is_ok());
}

#[test]
fn small_groups_are_not_shown() {
    let mut text = String::from("y,s,g\n");
    for row in 0..400 {
        let group = if row < 9 {
            "few"
        } else if row < 150 {
            "some"
        } else {
            "many"
        };
        text += &format!("{},{},{group}\n", row % 3 / 2, (row * 37 % 101) as f64 / 101.0);
    }
    let more = ["--score", "s", "--group", "g", "--bootstrap", "100"];
    let names = |found: &Value, shown: bool| -> Vec<String> {
        let groups = found["groups"]["s"].as_array().unwrap().iter();
        let groups = groups.filter(|group| group.get("n").is_some() == shown);
        groups.map(|group| group["name"].as_str().unwrap().to_owned()).collect()
    };
    let found = result(&text, &more);
    assert_eq!((names(&found, true), names(&found, false)), (vec!["many".into()], vec!["few".into(), "some".into()]));
    assert!(found["groups"]["s"][1]["suppressed"] == true);
    let all = result(&text, &[&more[..], &["--min-cell", "0"]].concat());
    assert_eq!(names(&all, true), ["few", "many", "some"]);
    let weighted = text.replace("y,s,g", "y,s,g,w").replace('\n', ",2\n").replacen(",2\n", "\n", 1);
    let weighted = result(weighted, &[&more[..], &["--weight", "w"]].concat());
    assert_eq!(weighted["groups"]["s"][0]["auroc"]["value"], found["groups"]["s"][0]["auroc"]["value"]);
}

fn refuses(content: impl AsRef<[u8]>, more: &[&str], parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("result.json");
    let report = folder.path().join("report");
    let paths = ["--json", json.to_str().unwrap(), "--report", report.to_str().unwrap()];
    let message = refused(&evaluate(content, &[more, &paths].concat()));
    assert!(message.starts_with("error: ") && message.trim_end().lines().count() == 1, "{message}");
    for part in parts {
        assert!(message.contains(part), "expected {part:?} in {message}");
    }
    assert!(!json.exists() && !report.exists(), "a partial output file");
}

#[test]
fn bad_files() {
    let score = ["--score", "s"];
    refuses("", &score, &["risks.csv", "header", "empty"]);
    refuses("y,s\n", &score, &["risks.csv", "at least one row"]);
    refuses("y,t\n0,.1\n1,.2\n", &score, &["risks.csv", "column \"s\"", "y", "t"]);
    refuses("label,s\n0,.1\n1,.2\n", &score, &["column \"y\"", "label"]);
    refuses("y,s,s\n0,.1,.2\n1,.2,.1\n", &score, &["\"s\" twice"]);
    refuses("y,s\n0,.1\n1,high\n", &score, &["row 2", "\"s\"", "finite number", "found text"]);
    refuses("y,s\n0,.1\n1,\n", &score, &["row 2", "\"s\"", "an empty cell"]);
    refuses("y,s\n0,NaN\n1,.2\n", &score, &["row 1", "\"s\"", "NaN or infinity"]);
    refuses("y,s\n1,.1\n2,.2\n", &score, &["row 2", "\"y\"", "0 or 1", "another number"]);
    refuses("y,s\n1,.1\nyes,.2\n", &score, &["row 2", "\"y\"", "0 or 1", "text"]);
    refuses("y,s\n1,.1\n1,.2\n", &score, &["2 cases and 0 controls"]);
    refuses("y,s\n1,.1\n0,.2,3\n", &score, &["row 2", "2 cells", "found 3"]);
    refuses("y,s\n1,.1\n0,\"2\n1,.3\n0,.1\n", &score, &["row 2"]);
    refuses("y,s,n\n1,.1,a\n0,.2,\"b\n1,.3,c\n0,.1,d\n", &score, &["a closing quote"]);
    refuses(b"y,s\n1,\xff\xfe\n0,.2\n", &score, &["row 1"]);
    refuses("y,s\n1,.1\n0,.2\n", &["--score", "s", "--weight", "w"], &["column \"w\""]);
    refuses("y,s,w\n1,.1,1\n0,.2,-1\n", &["--score", "s", "--weight", "w"], &["row 2", "\"w\"", "negative"]);
    refuses("y,s,g\n1,.1,a\n0,.2,\n", &["--score", "s", "--group", "g"], &["row 2", "\"g\"", "an empty cell"]);
    // Values of a file without a header don't turn up.
    let message = refused(&evaluate("0.125,0.25\n1,.2\n", &score));
    assert!(message.contains("column") && !message.contains("0.125"), "{message}");
    refuses("y,s\n0,.1\n1,.2\n", &["--score", "s", "--score", "s"], &["--score", "twice"]);
    let missing = refused(&run("evaluate", ["--input", "no/such.csv", "--label", "y", "--score", "s"]));
    assert!(missing.contains("no/such.csv"), "{missing}");
}

#[test]
fn help() {
    let output = run("evaluate", ["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["--input <F.csv>", "--score <COL>", "--report <DIR>", "not a medical device", "one pass"] {
        assert!(text.contains(part), "{part}");
    }
    assert!(refused(&run::<&str>("evaluate", [])).contains("--input"));
}
