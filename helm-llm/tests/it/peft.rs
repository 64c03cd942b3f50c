//! Soft prompts as adapters of Hugging Face's PEFT: what helm writes, and what PEFT makes of it.

use std::fs;
use std::path::{Path, PathBuf};

use helm_core::{Answers, Context, Question};
use helm_llm::{Error, Helm, SoftPrompt};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;

use crate::models::{cohort, tiny};

/// Largest difference of a log-likelihood from PEFT's.
const LOG_LIKELIHOOD: f64 = 1e-4;
const FILES: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/tiny-llama-adapter")
}

/// Numbers that are the same in every format.
fn soft_prompt() -> SoftPrompt {
    let number = |row: usize, column: usize| ((7 * row + 3 * column) % 13) as f32 / 8.0 - 0.75;
    let vectors: Vec<Vec<f32>> = (0..5).map(|row| (0..16).map(|column| number(row, column)).collect()).collect();
    SoftPrompt::new(&vectors).unwrap()
}

#[test]
fn the_fixture_is_what_helm_writes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny-llama-adapter");
    soft_prompt().save_adapter(&folder, "tiny-llama").unwrap();
    for file in FILES {
        let (written, kept) =
            (fs::read(folder.join(file)).unwrap(), fs::read(fixture().join(file)).unwrap_or_default());
        assert!(written == kept, "{} differs from the fixture", folder.join(file).display());
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), FILES.len());
}

#[test]
fn risks_equal_those_of_peft() {
    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        context: String,
        question: String,
        yes: Vec<String>,
        no: Vec<String>,
        log_odds: f64,
        log_answer_mass: f64,
    }
    let golden: Golden = serde_json::from_str(include_str!("golden/peft.json")).unwrap();
    let loaded = SoftPrompt::load_adapter(&fixture()).unwrap();
    assert_eq!(loaded, soft_prompt());
    let helm = Helm::new(tiny(), vec![]).unwrap().with_soft_prompt(&loaded).unwrap();
    let cohort = cohort(1);
    for case in golden.cases {
        let question = Question { text: case.question, answers: Answers::new(case.yes, case.no).unwrap() };
        let context = Context::default().with_text(&case.context);
        let prompt = helm.prompt(&context, cohort.record(0), &[question]).unwrap();
        // The second time, whatever could be kept has been.
        for _ in 0..2 {
            let risk = helm.risks(std::slice::from_ref(&prompt)).unwrap()[0][0];
            assert!((risk.log_odds - case.log_odds).abs() < LOG_LIKELIHOOD, "{} {}", risk.log_odds, case.log_odds);
            assert!((risk.answer_mass.ln() - case.log_answer_mass).abs() < LOG_LIKELIHOOD);
        }
    }
}

/// Writes an adapter whose tensor has this type, and reads it.
fn load_as(dtype: Dtype, bytes: &[u8]) -> Result<SoftPrompt, Error> {
    let folder = tempfile::tempdir().unwrap();
    soft_prompt().save_adapter(folder.path(), "tiny-llama").unwrap();
    let view = TensorView::new(dtype, vec![5, 16], bytes).unwrap();
    let file = safetensors::serialize([("prompt_embeddings", view)], None).unwrap();
    fs::write(folder.path().join(FILES[1]), file).unwrap();
    SoftPrompt::load_adapter(folder.path())
}

#[test]
fn half_precision_is_read_and_other_types_are_not() {
    let all: Vec<f32> = soft_prompt().vectors().flatten().copied().collect();
    let f16: Vec<u8> = all.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect();
    let bf16: Vec<u8> = all.iter().flat_map(|&value| half::bf16::from_f32(value).to_le_bytes()).collect();
    assert_eq!(load_as(Dtype::F16, &f16).unwrap(), soft_prompt());
    assert_eq!(load_as(Dtype::BF16, &bf16).unwrap(), soft_prompt());
    assert!(matches!(load_as(Dtype::I16, &f16), Err(Error::Format { .. })));
    let mut infinite = f16;
    infinite[..2].copy_from_slice(&half::f16::INFINITY.to_le_bytes());
    assert!(matches!(load_as(Dtype::F16, &infinite), Err(Error::Prompt { .. })));
}

#[test]
fn adapters_that_are_something_else_are_errors() {
    let changed = |key: &str, value: serde_json::Value| {
        let folder = tempfile::tempdir().unwrap();
        soft_prompt().save_adapter(folder.path(), "tiny-llama").unwrap();
        let path = folder.path().join(FILES[0]);
        let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config[key] = value;
        fs::write(path, config.to_string()).unwrap();
        SoftPrompt::load_adapter(folder.path())
    };
    assert_eq!(changed("token_dim", serde_json::Value::Null).unwrap(), soft_prompt());
    for (key, value) in [
        ("peft_type", "LORA".into()),
        ("peft_type", serde_json::Value::Null),
        ("task_type", "SEQ_CLS".into()),
        ("num_transformer_submodules", 2.into()),
        ("num_virtual_tokens", 6.into()),
        ("num_virtual_tokens", serde_json::Value::Null),
        ("token_dim", 15.into()),
        ("token_dim", (-1).into()),
    ] {
        let error = changed(key, value.clone()).unwrap_err();
        assert!(matches!(&error, Error::Format { expected, .. } if expected.contains(key)), "{key} {value}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(SoftPrompt::load_adapter(folder.path()), Err(Error::Io { .. })));
    fs::write(folder.path().join(FILES[0]), "{").unwrap();
    assert!(matches!(SoftPrompt::load_adapter(folder.path()), Err(Error::Format { .. })));
    // Another tensor, no vector.
    for (name, shape) in [("other", vec![5, 16]), ("prompt_embeddings", vec![80]), ("prompt_embeddings", vec![0, 16])] {
        soft_prompt().save_adapter(folder.path(), "tiny-llama").unwrap();
        let bytes = vec![0; 4 * shape.iter().product::<usize>()];
        let view = TensorView::new(Dtype::F32, shape, &bytes).unwrap();
        let file = safetensors::serialize([(name, view)], None).unwrap();
        fs::write(folder.path().join(FILES[1]), file).unwrap();
        let error = SoftPrompt::load_adapter(folder.path()).unwrap_err();
        assert!(matches!(&error, Error::Format { path, .. } if path.ends_with(FILES[1])), "{error}");
    }
}

proptest! {
    #[test]
    fn truncated_adapters_are_errors(share in 0.0f64..1.0, file in 0usize..2) {
        let folder = tempfile::tempdir().unwrap();
        soft_prompt().save_adapter(folder.path(), "tiny-llama").unwrap();
        let path = folder.path().join(FILES[file]);
        let whole = fs::read(&path).unwrap();
        // What is left out is more than the line's end.
        let cut = (share * (whole.len() - 2) as f64) as usize;
        fs::write(&path, &whole[..cut]).unwrap();
        let damaged = matches!(SoftPrompt::load_adapter(folder.path()), Err(Error::Format { .. }));
        prop_assert!(damaged, "{cut} of {} bytes", whole.len());
    }
}
