//! A bundle scores new people as before; another model's, damaged, swapped and lying ones are refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use helm_core::{
    Answers, Cohort, Context, Feature, MissingReason, ParticipantId, Question, Risk, Schema, Signal, SignalState, Value,
};
use helm_encoders::{Modality, ModalityKinds, SeriesEncoderConfig, SeriesReader, TabularEncoderConfig, TabularReader};
use helm_llm::{Bundle, Error, Helm, LanguageModel, SoftPrompt};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::models::{device, pass_on, seeded, tiny, tiny_folder};

/// People with a number that no short decimal names and a trace, some without.
fn people(n: usize) -> Cohort {
    let feature = Feature::number("x", "x", "", 0.0..=100.0);
    let schema = Schema::new(vec![feature], vec!["ecg".into()], vec![]).unwrap();
    let wave = |i: usize| (0..30).map(|t| ((t * (i + 2)) as f32 * 0.1).sin()).collect::<Vec<_>>();
    let trace = |i: usize| match i % 3 {
        2 => SignalState::Absent,
        _ => SignalState::Present(Signal::new(wave(i), 1, 300.0, "mV").unwrap()),
    };
    let x = |i: usize| match i % 4 {
        3 => Value::Missing(MissingReason::Refused),
        _ => Value::Number((i as f64 + 0.3).sqrt() * 7.0),
    };
    Cohort::builder(schema, (0..n).map(|i| ParticipantId::new(format!("secret-{i}"))).collect())
        .and_then(|builder| builder.feature("x", (0..n).map(x).collect()))
        .and_then(|builder| builder.signal("ecg", (0..n).map(trace).collect()))
        .and_then(helm_core::CohortBuilder::build)
        .unwrap()
}

fn helm(seed: u64) -> Helm {
    let model = tiny();
    let d_model = model.frozen().d_model();
    let train = people(9);
    let modalities = seeded(seed, |device| {
        let reader = TabularReader::fit(["x"], train.records()).unwrap();
        let config = TabularEncoderConfig::new(reader.width(), 2, d_model).with_d_hidden(5).with_initial_rms(1.0);
        let tabular = Modality::from_config("tabular", &config, &reader, device).unwrap();
        let reader = SeriesReader::fit("ecg", train.records()).unwrap();
        let config = SeriesEncoderConfig::new(reader.n_channels(), reader.max_samples(), 2, d_model);
        let config = config.with_d_hidden(8).with_n_heads(2).with_d_feed_forward(8);
        let series = Modality::from_config("ecg", &config, &reader, device).unwrap().with_stand_in(0.5);
        vec![tabular, series]
    });
    let soft_prompt = SoftPrompt::from_text(3, "Is the person ill?", &model).unwrap();
    let helm = Helm::new(model, modalities).unwrap();
    // One with a soft prompt, one without.
    if seed % 2 == 1 { helm.with_soft_prompt(&soft_prompt).unwrap() } else { helm }
}

fn bundle() -> Bundle {
    let question = |text: &str, answers| Question { text: text.into(), answers };
    let forms = Answers::new([" y", " Y"], [" n"]).unwrap();
    let outcomes = [("ill", question("\nill:", Answers::yes_no())), ("worse", question("\nworse?", forms))];
    let bundle = Bundle::new(outcomes).unwrap().with_part("schema", people(1).schema()).unwrap();
    bundle.with_part("slopes", &BTreeMap::from([("ill".to_owned(), 0.1f64 / 3.0)])).unwrap()
}

fn risks(bundle: &Bundle, helm: &Helm) -> Vec<Vec<Risk>> {
    let (people, context) =
        (people(14), Context::default().with_text("A person: ").with_soft("tabular").with_soft("ecg"));
    let questions = bundle.questions();
    let prompts: Vec<_> = people.records().map(|record| helm.prompt(&context, record, &questions).unwrap()).collect();
    helm.risks(&prompts).unwrap()
}

/// A folder with a bundle in it.
fn saved() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    bundle().save(&helm(1), &path).unwrap();
    (folder, path)
}

fn load(folder: &Path) -> Result<(Bundle, Helm), Error> {
    Bundle::load(folder, tiny(), &ModalityKinds::default())
}

fn error(folder: &Path) -> Error {
    load(folder).expect_err("a bundle that can't be loaded")
}

/// Every file of a folder, by its path in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.extend(if path.is_dir() { files(&path) } else { vec![path] });
    }
    found.sort();
    found
}

/// Changes a file of a bundle, and the hash in the manifest with it.
fn lie(folder: &Path, file: &str, change: &mut dyn FnMut(&mut Json)) {
    let read = |path: &Path| serde_json::from_slice::<Json>(&fs::read(path).unwrap()).unwrap();
    let path = folder.join(file);
    let mut json = read(&path);
    change(&mut json);
    let text = serde_json::to_vec(&json).unwrap();
    fs::write(&path, &text).unwrap();
    if file != "manifest.json" {
        let hash: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        lie(folder, "manifest.json", &mut |manifest| manifest["files_sha256"][file] = hash.as_str().into());
    }
}

#[test]
fn a_loaded_bundle_scores_new_people_as_before() {
    for seed in 1..4 {
        let folder = tempfile::tempdir().unwrap();
        let (before, bundle) = (helm(seed), bundle());
        bundle.save(&before, &folder.path().join("a")).unwrap();
        let (loaded, after) = load(&folder.path().join("a")).unwrap();
        assert_eq!(loaded, bundle);
        assert_eq!(loaded.outcomes().collect::<Vec<_>>(), ["ill", "worse"]);
        assert_eq!(loaded.part::<Schema>("schema").unwrap(), *people(1).schema());
        let slopes = |bundle: &Bundle| bundle.part::<BTreeMap<String, f64>>("slopes").unwrap();
        assert_eq!(slopes(&loaded), slopes(&bundle));
        let expected = risks(&bundle, &before);
        assert_eq!(risks(&loaded, &after), expected);
        assert_eq!(after.soft_prompt().unwrap(), before.soft_prompt().unwrap());
        assert_ne!(risks(&loaded, &helm(seed + 1)), expected);
        // And once more.
        loaded.save(&after, &folder.path().join("b")).unwrap();
        assert_eq!(risks(&loaded, &load(&folder.path().join("b")).unwrap().1), expected);
    }
}

#[test]
fn participants_are_not_in_a_bundle() {
    let (_keep, folder) = saved();
    let values: Vec<String> =
        people(9).values("x").unwrap().iter().filter_map(|value| Some(value.as_number()?.to_string())).collect();
    let needles = values.iter().map(|text| &text[..6]).chain(["secret"]);
    for path in files(&folder) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        needles.clone().for_each(|needle| assert!(!text.contains(needle), "{needle} in {}", path.display()));
    }
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert!(manifest.contains("not a medical device") && manifest.contains(env!("CARGO_PKG_VERSION")));
}

/// A copy of the tiny model with another file.
fn other_model(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> LanguageModel {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::write(folder.path().join(file), fs::read(tiny_folder().join(file)).unwrap()).unwrap();
    }
    let path = folder.path().join(file);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    LanguageModel::load(folder.path(), &device()).unwrap()
}

#[test]
fn another_language_model_is_refused() {
    let (_keep, folder) = saved();
    let message = |model: LanguageModel, expected: &str| {
        let error = Bundle::load(&folder, model, &ModalityKinds::default()).unwrap_err();
        assert!(matches!(&error, Error::AnotherModel { what, .. } if *what == expected), "{error}");
        error.to_string()
    };
    let last_bit = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    let weights = other_model("model.safetensors", last_bit);
    let (ours, theirs) = (tiny().frozen().weights_sha256(), weights.frozen().weights_sha256());
    let found = message(weights, "of weights");
    assert!(found.contains(&ours[..12]) && found.contains(&theirs[..12]) && found.contains("manifest.json"), "{found}");
    assert!(!found.contains(&ours[..13]), "{found}");

    let tokenizer = other_model("tokenizer.json", |bytes| bytes.push(b'\n'));
    let (ours, theirs) = (tiny().tokenizer().sha256().to_owned(), tokenizer.tokenizer().sha256().to_owned());
    let found = message(tokenizer, "of tokenizer");
    assert!(found.contains(&ours[..12]) && found.contains(&theirs[..12]), "{found}");

    // The same weights, read in another way.
    let config = other_model("config.json", |bytes| {
        let mut config: Json = serde_json::from_slice(bytes).unwrap();
        config["rms_norm_eps"] = json!(0.5);
        *bytes = serde_json::to_vec(&config).unwrap();
    });
    message(config, "of probe loss");
}

#[test]
fn every_file_is_checked() {
    let (_keep, folder) = saved();
    let all = files(&folder);
    assert_eq!(all.len(), 10, "{all:?}");
    for path in &all {
        let good = fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let refused = |what: &str| {
            let error = error(&folder);
            assert!(matches!(error, Error::Format { .. } | Error::Io { .. }), "{what} {name}: {error:?}");
            assert!(error.to_string().contains(&name), "{what} {name}: {error}");
        };
        for length in [0, 1, good.len() / 2, good.len() - 1] {
            fs::write(path, &good[..length]).unwrap();
            refused("truncated");
        }
        for other in all.iter().filter(|other| *other != path) {
            fs::write(path, fs::read(other).unwrap()).unwrap();
            refused("swapped");
        }
        fs::remove_file(path).unwrap();
        refused("removed");
        fs::write(path, &good).unwrap();
    }
    load(&folder).unwrap();
    assert!(matches!(error(&folder.join("nowhere")), Error::Io { .. }));
}

/// The file with its hash in the manifest, the pointer to what is changed, what it becomes, and what the error says.
type Lie<'a> = (&'a str, &'a str, Json, &'a str);

#[test]
fn lies_are_refused() {
    let (_keep, folder) = saved();
    let good: Vec<(PathBuf, Vec<u8>)> =
        files(&folder).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let hash = "0".repeat(64);
    let lies: Vec<Lie<'_>> = vec![
        ("manifest.json", "/format", json!(2), "format 2"),
        ("manifest.json", "/format", json!("one"), "manifest"),
        ("manifest.json", "/language_model/d_model", json!(7), "of width 7"),
        ("manifest.json", "/language_model/weights_sha256", json!("ä".repeat(40)), "ää…"),
        ("manifest.json", "/language_model/probe_loss", json!(null), "of probe loss none"),
        ("manifest.json", "/files_sha256", json!({"../../outside": hash}), "../../outside"),
        ("manifest.json", "/files_sha256", json!({"/outside": hash}), "inside the bundle"),
        ("manifest.json", "/files_sha256", json!({}), "outcomes.json"),
        ("manifest.json", "/modalities", json!(["tabular", "tabular"]), "twice"),
        ("manifest.json", "/modalities", json!(["blood"]), "modalities/blood.json"),
        ("manifest.json", "/modalities", json!(["../ecg"]), "../ecg"),
        ("manifest.json", "/soft_prompt", json!(1), "manifest"),
        ("soft_prompt/adapter_config.json", "/num_virtual_tokens", json!(4), "adapter"),
        ("outcomes.json", "", json!([]), "found none"),
        ("outcomes.json", "/0/outcome", json!("worse"), "\"worse\" twice"),
        ("outcomes.json", "/0/question/answers/positive", json!([" no"]), "twice"),
        ("modalities/ecg.json", "/kind", json!("crystal-ball"), "crystal-ball"),
        ("modalities/ecg.json", "/kind", json!("tabular"), "configuration of tabular"),
        ("modalities/ecg.json", "/config/d_model", json!(24), "ecg"),
    ];
    for (file, pointer, value, expected) in lies {
        lie(&folder, file, &mut |json| *json.pointer_mut(pointer).unwrap() = value.clone());
        let message = error(&folder).to_string();
        assert!(message.contains(expected), "{expected}: {message}");
        good.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    }
    let bare = folder.with_file_name("bare");
    bundle().save(&helm(2), &bare).unwrap();
    lie(&bare, "manifest.json", &mut |json| json["soft_prompt"] = json!(true));
    assert!(error(&bare).to_string().contains("expected the file soft_prompt/adapter_config.json"));
    let part = load(&folder).unwrap().0.part::<Schema>("slopes").unwrap_err().to_string();
    assert!(part.contains("\"slopes\" of its type"), "{part}");
    let none = load(&folder).unwrap().0.part::<Schema>("colours").unwrap_err().to_string();
    assert!(none.contains("\"colours\"") && none.contains("[schema, slopes]"), "{none}");
    let kinds = ModalityKinds::none().with::<TabularEncoderConfig, TabularReader>();
    let unknown = Bundle::load(&folder, tiny(), &kinds).unwrap_err().to_string();
    assert!(unknown.contains("expected one of [tabular], found \"series\""), "{unknown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// Any byte changed anywhere: an error, or nothing that counts was changed.
    #[test]
    fn no_damage_goes_unnoticed(file in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), bits in 1u8..) {
        static GOOD: LazyLock<(TempDir, PathBuf)> = LazyLock::new(saved);
        let all = files(&GOOD.1);
        let path = file.get(&all);
        let good = fs::read(path).unwrap();
        let mut bytes = good.clone();
        *place.get_mut(&mut bytes) ^= bits;
        fs::write(path, bytes).unwrap();
        let found = load(&GOOD.1);
        fs::write(path, good).unwrap();
        if let Ok((loaded, helm)) = found {
            prop_assert!(path.ends_with("manifest.json"));
            prop_assert_eq!(risks(&loaded, &helm), risks(&bundle(), &self::helm(1)));
        }
    }
}

#[test]
fn only_bundles_are_replaced() {
    let (keep, folder) = saved();
    let names = |folder: &Path| fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect::<Vec<_>>();
    // A bundle, an empty folder, and one that isn't there yet.
    let (bundle, second) = (bundle(), helm(2));
    let empty = keep.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for target in [folder.clone(), empty, keep.path().join("new/deep")] {
        Bundle::check_folder(&target).unwrap();
        bundle.save(&second, &target).unwrap();
        assert_eq!(risks(&bundle, &load(&target).unwrap().1), risks(&bundle, &second));
    }
    let mut found = names(keep.path());
    found.sort();
    assert_eq!(found, ["bundle", "empty", "new"]);

    // What can't be saved leaves what was there.
    let model = tiny();
    let nameless = pass_on("x", 1, model.frozen().d_model(), |_| vec![0.0; 16]);
    let undescribed = Helm::new(model, vec![nameless]).unwrap();
    assert!(matches!(bundle.save(&undescribed, &folder), Err(Error::Encoder(_))));
    assert_eq!(risks(&bundle, &load(&folder).unwrap().1), risks(&bundle, &second));
    assert_eq!(names(keep.path()).len(), 3);

    // Other folders, a file, and a path without a name.
    fs::write(folder.join("parts/notes.txt"), "mine").unwrap();
    let other = keep.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("manifest.json"), "{\"name\": \"a web page\"}").unwrap();
    let file = keep.path().join("file");
    fs::write(&file, "").unwrap();
    for (target, found) in [(&folder, "parts/notes.txt"), (&other, "something else"), (&file, "a file")] {
        let error = Bundle::check_folder(target).unwrap_err();
        assert!(matches!(error, Error::Format { .. }) && error.to_string().contains(found), "{error}");
        assert_eq!(bundle.save(&second, target).unwrap_err().to_string(), error.to_string());
        assert!(target.exists());
    }
    assert_eq!(fs::read_to_string(folder.join("parts/notes.txt")).unwrap(), "mine");
    assert!(matches!(Bundle::check_folder(Path::new("/")), Err(Error::Bundle { .. })));
    assert!(matches!(Bundle::check_folder(&file.join("below")), Err(Error::Io { .. })));
}

#[test]
fn impossible_bundles_are_errors() {
    let question = || Question { text: ":".into(), answers: Answers::yes_no() };
    let message = |bundle: Result<Bundle, Error>| bundle.unwrap_err().to_string();
    assert!(message(Bundle::new::<String>([])).contains("found none"));
    assert!(message(Bundle::new([("ill", question()), ("ill", question())])).contains("\"ill\" twice"));
    let bundle = Bundle::new([("ill", question())]).unwrap();
    for name in ["", "a/b", "..", "é"] {
        assert!(message(bundle.clone().with_part(name, &1u8)).contains(&format!("{name:?}")));
    }
    assert!(message(bundle.clone().with_part("x", &f64::NAN)).contains("JSON can hold"));
    let bundle = bundle.with_part("x", &1u8).unwrap().with_part("x", &2u8).unwrap();
    assert_eq!(bundle.part::<u8>("x").unwrap(), 2);
}
