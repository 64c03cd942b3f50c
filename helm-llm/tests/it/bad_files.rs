//! Model folders that are incomplete, damaged or of something else.

use std::fs;
use std::path::Path;

use helm_core::{Answers, Context, Question};
use helm_llm::{Error, Helm, LanguageModel};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::models::{cohort, device, tiny_folder};

/// A copy of the tiny model's folder.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(tiny_folder().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn error(folder: &Path) -> Error {
    LanguageModel::load(folder, &device()).expect_err("a folder that can't be loaded")
}

/// The error of a folder one of whose files has this content; it names the file.
fn error_with(file: &str, content: &[u8]) -> Error {
    let folder = copy();
    fs::write(folder.path().join(file), content).unwrap();
    let error = error(folder.path());
    assert!(error.to_string().contains(file), "{error}");
    error
}

/// The configuration with one setting changed; `null` removes it.
fn config_with(key: &str, value: serde_json::Value) -> Vec<u8> {
    let text = fs::read_to_string(tiny_folder().join("config.json")).unwrap();
    let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    config.remove(key);
    if !value.is_null() {
        config.insert(key.into(), value);
    }
    serde_json::to_vec(&config).unwrap()
}

/// A safetensors file from its header and the bytes of its tensors.
fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn missing_files_are_named() {
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        let folder = copy();
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = error(folder.path());
        assert!(matches!(error, Error::MissingFile { file: missing, .. } if missing == file), "{error}");
        assert!(error.to_string().contains(file));
    }
    let folder = copy();
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("pytorch_model.bin")).unwrap();
    assert!(error(folder.path()).to_string().contains("pickle"));
    assert!(matches!(error(Path::new("no/such/folder")), Error::MissingFile { .. }));
}

#[test]
fn another_architecture_is_refused_by_its_name() {
    for (config, expected) in [
        (config_with("model_type", "bert".into()), "bert"),
        (config_with("model_type", "t5".into()), "encoder–decoder"),
        (config_with("model_type", serde_json::Value::Null), "found none"),
        (config_with("hidden_act", "relu".into()), "relu"),
        (config_with("rope_scaling", serde_json::json!({"rope_type": "llama3", "factor": 8.0})), "low_freq_factor"),
        (config_with("rope_parameters", serde_json::json!({"rope_type": "yarn", "rope_theta": 1e4})), "yarn"),
        (config_with("model_type", "gemma3".into()), "gemma3_text"),
        (config_with("rope_scaling", serde_json::json!({"type": "dynamic", "factor": 2.0})), "dynamic"),
        (config_with("rope_scaling", serde_json::json!({"rope_type": "linear"})), "factor above 0"),
        (config_with("num_attention_heads", 0.into()), "num_attention_heads"),
        (config_with("num_attention_heads", 3.into()), "num_attention_heads"),
        (config_with("num_key_value_heads", 3.into()), "num_key_value_heads"),
        (config_with("head_dim", 5.into()), "head_dim"),
        (config_with("hidden_size", (1u64 << 60).into()), "hidden_size"),
        (config_with("num_hidden_layers", (1u64 << 40).into()), "num_hidden_layers"),
        (config_with("hidden_size", (-16).into()), "-16"),
        (config_with("vocab_size", serde_json::Value::Null), "vocab_size"),
        (config_with("rms_norm_eps", "small".into()), "string \"small\""),
        (config_with("rms_norm_eps", (-1.0).into()), "rms_norm_eps"),
        (config_with("rope_theta", 0.0.into()), "rope_theta"),
        (b"[]".to_vec(), "JSON object"),
        (b"{".to_vec(), "JSON object"),
        (b"\xff\xfe".to_vec(), "UTF-8"),
        (Vec::new(), "JSON object"),
    ] {
        let error = error_with("config.json", &config);
        assert!(error.to_string().contains(expected), "expected {expected:?} in {error}");
    }
}

#[test]
fn biases_that_a_file_lacks_are_named() {
    for key in ["attention_bias", "mlp_bias"] {
        let error = error_with("config.json", &config_with(key, true.into()));
        assert!(matches!(&error, Error::Weights { missing, .. } if missing.iter().all(|name| name.ends_with(".bias"))));
    }
}

#[test]
fn a_config_of_another_size_names_tensors_that_do_not_fit() {
    // The largest sizes that config.json may have must not be allocated before the file is looked at.
    for (key, value) in [("intermediate_size", 41), ("intermediate_size", 1 << 24), ("vocab_size", 1 << 24)] {
        let folder = copy();
        fs::write(folder.path().join("config.json"), config_with(key, value.into())).unwrap();
        let error = error(folder.path());
        assert!(matches!(&error, Error::Weights { unfit, .. } if !unfit.is_empty()), "{error}");
    }
    let folder = copy();
    fs::write(folder.path().join("config.json"), config_with("num_hidden_layers", 3.into())).unwrap();
    let error = error(folder.path());
    assert!(matches!(&error, Error::Weights { missing, .. } if missing.len() == 9), "{error}");
    let folder = copy();
    fs::write(folder.path().join("config.json"), config_with("num_hidden_layers", 1.into())).unwrap();
    let error = self::error(folder.path());
    assert!(matches!(&error, Error::Weights { unused, .. } if unused.len() == 9), "{error}");
}

#[test]
fn lying_safetensors_headers_are_errors() {
    let whole = fs::read(tiny_folder().join("model.safetensors")).unwrap();
    let header_len = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&whole[8..8 + header_len]).unwrap();
    let data = &whole[8 + header_len..];
    let changed = |key: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let mut json: serde_json::Value = serde_json::from_str(header).unwrap();
        change(&mut json["model.norm.weight"][key]);
        safetensors(&json.to_string(), data)
    };
    let end = data.len();
    for (about, bytes) in [
        ("a header of 2^60 bytes", [&(1u64 << 60).to_le_bytes(), &whole[8..]].concat()),
        ("a header of 2^64 − 1 bytes", [&u64::MAX.to_le_bytes(), &whole[8..]].concat()),
        ("a header past the end", [&(whole.len() as u64).to_le_bytes(), &whole[8..]].concat()),
        ("offsets past the end", changed("data_offsets", &|it| *it = serde_json::json!([end, end + 64]))),
        ("offsets of 2^60", changed("data_offsets", &|it| *it = serde_json::json!([1u64 << 60, (1u64 << 60) + 64]))),
        ("offsets that fall", changed("data_offsets", &|it| *it = serde_json::json!([64, 0]))),
        ("offsets of another tensor", changed("data_offsets", &|it| *it = serde_json::json!([0, 64]))),
        ("a shape of 2^60", changed("shape", &|it| *it = serde_json::json!([1u64 << 60]))),
        ("a shape whose product overflows", changed("shape", &|it| *it = serde_json::json!([1u64 << 40, 1u64 << 40]))),
        ("a shape of fewer numbers", changed("shape", &|it| *it = serde_json::json!([15]))),
        ("integers for weights", changed("dtype", &|it| *it = "I32".into())),
        ("a type that is none", changed("dtype", &|it| *it = "F33".into())),
        ("no JSON", safetensors("{\"model.norm.weight\":", data)),
        ("no tensors", safetensors("{}", &[])),
        ("nothing", Vec::new()),
        ("a pickle", b"\x80\x02}q\x00.".to_vec()),
    ] {
        let error = error_with("model.safetensors", &bytes);
        assert!(matches!(error, Error::Format { .. } | Error::Weights { .. }), "{about}: {error}");
    }
}

#[test]
fn a_risk_from_weights_that_are_not_finite_is_an_error() {
    let folder = copy();
    let path = folder.path().join("model.safetensors");
    let mut whole = fs::read(&path).unwrap();
    let end = whole.len();
    whole[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, whole).unwrap();
    let helm = Helm::new(LanguageModel::load(folder.path(), &device()).unwrap(), vec![]).unwrap();
    let question = Question { text: "Ill:".into(), answers: Answers::yes_no() };
    let prompt = helm.prompt(&Context::default(), cohort(1).record(0), &[question]).unwrap();
    let error = helm.risks(&[prompt]).unwrap_err();
    assert!(matches!(error, Error::RiskNotFinite { participant: 1, question: 1 }), "{error}");
}

#[test]
fn tokenizers_that_are_none_or_of_another_model_are_errors() {
    let whole = fs::read_to_string(tiny_folder().join("tokenizer.json")).unwrap();
    for content in [&b""[..], b"{}", b"\xff", &whole.as_bytes()[..whole.len() / 2]] {
        assert!(matches!(error_with("tokenizer.json", content), Error::Format { .. }));
    }
    // One more token than the model has embeddings.
    let mut json: serde_json::Value = serde_json::from_str(&whole).unwrap();
    json["model"]["vocab"]["a token too many"] = 300.into();
    let error = error_with("tokenizer.json", json.to_string().as_bytes());
    assert!(error.to_string().contains("ids below the model's 300"), "{error}");
    // A start token that the model has no embedding for, one that is not declared, and a second text.
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let mut far = whole.clone();
    far["post_processor"]["special_tokens"]["<s>"]["ids"] = serde_json::json!([999_999]);
    let mut undeclared = whole.clone();
    undeclared["post_processor"]["special_tokens"] = serde_json::json!({});
    let mut second = whole.clone();
    second["post_processor"]["single"] = serde_json::json!([{"Sequence": {"id": "B", "type_id": 0}}]);
    let mut nested = whole.clone();
    nested["post_processor"] = serde_json::json!({"type": "Sequence", "processors": [undeclared["post_processor"]]});
    for (json, expected) in [(far, "999999"), (undeclared, "<s>"), (second, "second text"), (nested, "<s>")] {
        let error = error_with("tokenizer.json", json.to_string().as_bytes());
        assert!(error.to_string().contains(expected), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn truncated_weights_are_errors(share in 0.0f64..1.0) {
        let whole = fs::read(tiny_folder().join("model.safetensors")).unwrap();
        let cut = (share * whole.len() as f64) as usize;
        error_with("model.safetensors", &whole[..cut]);
    }

    /// A flipped bit of the header may be harmless; it must not end the program.
    #[test]
    fn flipped_bits_never_panic(share in 0.0f64..1.0, bit in 0u8..8) {
        let folder = copy();
        let path = folder.path().join("model.safetensors");
        let mut whole = fs::read(&path).unwrap();
        let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        whole[(share * header as f64) as usize] ^= 1 << bit;
        fs::write(&path, whole).unwrap();
        let _ = LanguageModel::load(folder.path(), &device());
    }
}

/// Weights in several files.
mod shards {
    use super::*;
    use crate::models::family_folder;

    fn copy() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in fs::read_dir(family_folder("qwen2")).unwrap() {
            let file = file.unwrap().path();
            fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        fs::copy(tiny_folder().join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
        folder
    }

    const INDEX: &str = "model.safetensors.index.json";

    fn error_of_index(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let folder = copy();
        let path = folder.path().join(INDEX);
        let mut index: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut index);
        fs::write(&path, index.to_string()).unwrap();
        error(folder.path()).to_string()
    }

    #[test]
    fn an_index_that_lies_is_an_error() {
        assert!(LanguageModel::load(copy().path(), &device()).is_ok());
        let map = "weight_map";
        let first = "model.norm.weight";
        for (expected, change) in [
            ("weight_map", &(|index: &mut serde_json::Value| index[map] = 7.into()) as &dyn Fn(&mut serde_json::Value)),
            ("in the same folder", &|index| index[map][first] = "../model-00001-of-00003.safetensors".into()),
            ("in the same folder", &|index| index[map][first] = "/etc/passwd".into()),
            ("in the same folder", &|index| index[map][first] = "pytorch_model.bin".into()),
            ("no tensor \"model.norm.weight\"", &|index| index[map][first] = "model-9.safetensors".into()),
            ("no.such.tensor", &|index| index[map]["no.such.tensor"] = index[map][first].clone()),
            ("no tensor \"model.norm.weight\"", &|index| drop(index[map].as_object_mut().unwrap().remove(first))),
        ] {
            let error = error_of_index(change);
            assert!(error.contains(expected), "expected {expected:?} in {error}");
        }
    }

    #[test]
    fn a_shard_that_is_missing_cut_or_another_is_an_error() {
        let name = "model-00002-of-00003.safetensors";
        let whole = fs::read(family_folder("qwen2").join(name)).unwrap();
        for bytes in [Some(Vec::new()), Some(whole[..whole.len() / 2].to_vec()), Some(whole[..4].to_vec()), None] {
            let folder = copy();
            match bytes {
                Some(bytes) => fs::write(folder.path().join(name), bytes).unwrap(),
                None => fs::remove_file(folder.path().join(name)).unwrap(),
            }
            let error = error(folder.path());
            assert!(
                matches!(error, Error::Format { .. } | Error::Io { .. }) && error.to_string().contains(name),
                "{error}"
            );
        }
        // The other shards' tensors in its place.
        let folder = copy();
        fs::copy(folder.path().join("model-00001-of-00003.safetensors"), folder.path().join(name)).unwrap();
        assert!(matches!(error(folder.path()), Error::Format { .. }));
        // A pickle beside an index of pickles.
        let folder = copy();
        fs::rename(folder.path().join(INDEX), folder.path().join("pytorch_model.bin.index.json")).unwrap();
        assert!(error(folder.path()).to_string().contains("pickle"));
    }
}

#[test]
fn end_tokens_that_are_none_are_errors() {
    for content in
        [&b"{\"eos_token_id\": \"</s>\"}"[..], b"{\"eos_token_id\": [1, -2]}", b"{", b"{\"eos_token_id\": 1e99}"]
    {
        let error = error_with("generation_config.json", content);
        assert!(error.to_string().contains("eos_token_id"), "{error}");
    }
    for content in [&b"{"[..], b"{\"chat_template\": 7}", b"{\"chat_template\": \"{% if %}\"}"] {
        assert!(matches!(error_with("tokenizer_config.json", content), Error::Format { .. }));
    }
}
