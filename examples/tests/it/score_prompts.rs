//! `score_prompts` with the tiny random model, against the reference numbers that transformers made of it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::program::{refused, run};

fn llm_tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../helm-llm/tests/it")
}

/// Runs the example on lines of JSON.
fn score(lines: &str, more: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input.jsonl");
    std::fs::write(&input, lines).unwrap();
    let model = llm_tests().join("fixtures/tiny-llama");
    let mut arguments = vec!["--model", model.to_str().unwrap(), "--input", input.to_str().unwrap()];
    arguments.extend(more);
    run("score_prompts", arguments)
}

fn results(lines: &str, more: &[&str]) -> Vec<Value> {
    let output = score(lines, &[&["--json", "-"], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn log_likelihoods_equal_transformers() {
    let golden = std::fs::read_to_string(llm_tests().join("golden/tiny_llama.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let cases = golden["answers"].as_array().unwrap();
    let mut lines = String::new();
    for (id, case) in cases.iter().enumerate() {
        let forms = |answer: &str| -> Vec<&Value> {
            let forms = case["forms"].as_array().unwrap().iter();
            forms.filter(|form| form["answer"] == answer).map(|form| &form["form"]).collect()
        };
        let answers = json!({ "yes": forms("yes"), "no": forms("no") });
        let line = json!({
            "id": id, "context": case["context"], "questions": [case["question"], " And now?"], "answers": answers,
        });
        lines += &format!("{line}\n");
    }
    let together = results(&lines, &[]);
    assert_eq!(together.len(), cases.len());
    let mut n_forms = 0;
    for (case, found) in cases.iter().zip(&together) {
        let starts = || case["forms"].as_array().unwrap().iter().map(|form| form["start"].as_u64().unwrap());
        if starts().min() != starts().max() {
            continue;
        }
        let found = &found["questions"][0];
        for form in case["forms"].as_array().unwrap() {
            let (answer, text) = (form["answer"].as_str().unwrap(), form["form"].as_str().unwrap());
            let log_likelihood = found["log_likelihood"][answer][text].as_f64().unwrap();
            assert!((log_likelihood - form["log_likelihood"].as_f64().unwrap()).abs() < 1e-4, "{}", case["about"]);
            n_forms += 1;
        }
        let number = |key: &str| found[key].as_f64().unwrap();
        assert!((number("log_odds") - case["log_odds"].as_f64().unwrap()).abs() < 1e-4);
        assert!((number("answer_mass").ln() - case["log_answer_mass"].as_f64().unwrap()).abs() < 1e-4);
    }
    assert!(n_forms > 20, "{n_forms}");
    for (together, alone) in together.iter().zip(results(&lines, &["--no-sharing"])) {
        assert_eq!(together["id"], alone["id"]);
        for question in 0..2 {
            let log_odds = |line: &Value| line["questions"][question]["log_odds"].as_f64().unwrap();
            assert!((log_odds(together) - log_odds(&alone)).abs() < 1e-4);
        }
    }
}

#[test]
fn bad_lines_are_named_without_what_they_hold() {
    let good = r#"{"id": 1, "context": "a", "questions": [" b"], "answers": {"yes": [" yes"], "no": [" no"]}}"#;
    for (line, expected) in [
        ("{", "line 2: expected an object with id"),
        (r#"{"id": 1, "context": 98765}"#, "found another JSON value"),
        (r#"{"id": 1, "context": "98765", "questions": [], "answers": {"yes": ["a"], "no": ["b"]}}"#, "one question"),
        (r#"{"id": 1, "context": "98765", "questions": [""], "answers": {"yes": [], "no": ["b"]}}"#, "surface form"),
        (
            r#"{"id": 1, "context": "98765", "questions": [""], "answers": {"yes": [" no"], "no": [" no no"]}}"#,
            "begins",
        ),
    ] {
        let message = refused(&score(&format!("{good}\n{line}\n"), &["--json", "-"]));
        assert!(message.contains("input.jsonl, line 2: ") && message.contains(expected), "{message}");
        assert!(!message.contains("98765"), "{message}");
    }
    let message = refused(&score("\n", &[]));
    assert!(message.contains("found no line"), "{message}");
}
