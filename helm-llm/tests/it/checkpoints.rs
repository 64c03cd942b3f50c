//! Checkpoints: that they are whole, and refused where they are damaged or of another run.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use helm_core::{Cohort, Record};
use helm_encoders::Modality;
use helm_llm::{Checkpoint, Error, Examples, Helm, Imbalance, LanguageModel, SoftPrompt, TrainConfig, Trainer};

use crate::models::{cohort, same, seeded, tiny};
use crate::task::{self, Normed, PARTICIPANTS, StopAfter, tabular, tensors, weights};

#[test]
fn checkpoints_are_whole_load_and_only_the_newest_are_kept() {
    let cohort = cohort(PARTICIPANTS);
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    assert!(Checkpoint::latest(&run).unwrap().is_none());
    let mut trained = task::helm(tiny(), &cohort, 1);
    let train = task::examples(&trained, &cohort, 0..PARTICIPANTS);
    let mut config = task::config(2);
    config.checkpoints = Some(run.clone());
    config.checkpoint_steps = 4;
    config.keep_checkpoints = 2;
    // What an interrupted run left behind is replaced.
    fs::create_dir_all(run.join(".step-00000012.part/junk")).unwrap();
    Trainer::new(config.clone()).unwrap().fit(&mut trained, &train, &mut ()).unwrap();
    let mut names: Vec<_> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["step-00000008", "step-00000012"]);
    let newest = Checkpoint::latest(&run).unwrap().unwrap();
    assert_eq!((newest.step(), newest.epoch(), newest.best_weights()), (12, 2, None));
    assert_eq!(newest.folder(), run.join("step-00000012"));
    let state: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(newest.folder().join("state.json")).unwrap()).unwrap();
    assert_eq!(state["progress"]["epoch"], 2);
    assert_eq!(state["identity"]["language_model_sha256"], trained.model().frozen().weights_sha256());

    let mut modality = tabular(16, &cohort, 2);
    modality.load(&newest.weights().join("tabular.safetensors")).unwrap();
    let loaded = Helm::new(tiny(), vec![modality]).unwrap();
    assert!(same(&task::log_odds(&loaded, &cohort), &task::log_odds(&trained, &cohort)));

    // Another run writes nothing over it.
    let error = Trainer::new(config.clone()).unwrap().fit(&mut trained, &train, &mut ()).unwrap_err();
    assert!(matches!(&error, Error::Training { found, .. } if found.contains("step 12")), "{error}");
    // A run that can't write its checkpoints says so.
    fs::write(folder.path().join("file"), "").unwrap();
    config.checkpoints = Some(folder.path().join("file"));
    let error = Trainer::new(config).unwrap().fit(&mut trained, &train, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

/// One participant's input is infinite: the step that meets it is named, and the checkpoint before it stays.
#[test]
fn the_last_good_checkpoint_stays() {
    let cohort = cohort(PARTICIPANTS);
    let folder = tempfile::tempdir().unwrap();
    let reader = |record: Record<'_>| Ok(Some(if record.row() == 50 { f32::INFINITY } else { record.row() as f32 }));
    let modality = seeded(3, |device| Modality::new("tabular", Normed::new(device, 16), reader, device));
    let mut helm = Helm::new(tiny(), vec![modality]).unwrap();
    let train = task::examples(&helm, &cohort, 0..PARTICIPANTS);
    let mut config = task::config(1);
    config.batch_size = 8;
    config.checkpoints = Some(folder.path().into());
    config.checkpoint_steps = 1;
    let error = Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap_err();
    let Error::NotFinite { step, what, .. } = error else { panic!("{error}") };
    assert!(what == "output of tabular" && step > 1, "{what} in step {step}");
    let newest = Checkpoint::latest(folder.path()).unwrap().unwrap();
    assert_eq!(newest.step(), step - 1);
    let path = folder.path().join("now");
    helm.modalities()[0].save(&path).unwrap();
    assert_eq!(tensors(&newest.weights().join("tabular.safetensors")), tensors(&path));
}

/// A checkpoint after the second step, and what it takes to go on.
fn stopped(cohort: &Cohort, folder: &Path) -> (Helm, Examples, TrainConfig) {
    let mut helm = task::helm(tiny(), cohort, 1);
    let train = task::examples(&helm, cohort, 0..PARTICIPANTS);
    let mut config = task::config(2);
    config.checkpoints = Some(folder.into());
    config.checkpoint_steps = 2;
    let trainer = Trainer::new(config.clone()).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| trainer.fit(&mut helm, &train, &mut StopAfter(3)))).is_err());
    (helm, train, config)
}

#[test]
fn another_run_is_refused_with_what_differs() {
    let cohort = cohort(PARTICIPANTS);
    let folder = tempfile::tempdir().unwrap();
    let (mut helm, train, config) = stopped(&cohort, folder.path());
    let checkpoint = Checkpoint::latest(folder.path()).unwrap().unwrap();
    let before = weights(&helm);
    let differs = |trainer: Trainer<'_>, helm: &mut Helm, train: &Examples| {
        let error = trainer.resume(&checkpoint, helm, train, &mut ()).unwrap_err();
        let Error::Checkpoint { what, expected, found, .. } = error else { panic!("{error}") };
        assert_ne!(expected, found);
        what
    };
    let new = |config: &TrainConfig| Trainer::new(config.clone()).unwrap();
    type Change = fn(&mut TrainConfig);
    let changes: [(&str, Change); 4] = [
        ("setting epochs", |config| config.epochs = 3),
        ("setting learning_rate", |config| config.learning_rate *= 1.0 + 1e-12),
        ("setting seed", |config| config.seed = 1),
        ("setting imbalance", |config| config.imbalance = Imbalance::Weights),
    ];
    for (expected, change) in changes {
        let mut config = config.clone();
        change(&mut config);
        assert_eq!(differs(new(&config), &mut helm, &train), expected);
    }
    let fewer = task::examples(&helm, &cohort, 0..PARTICIPANTS - 1);
    assert_eq!(differs(new(&config), &mut helm, &fewer), "training examples");
    let turned = task::examples(&helm, &cohort, (0..PARTICIPANTS).rev());
    assert_eq!(differs(new(&config), &mut helm, &turned), "training examples");
    let validated = new(&config).with_validation(task::examples(&helm, &cohort, 0..8));
    assert_eq!(differs(validated, &mut helm, &train), "validation examples");
    assert_eq!(differs(new(&config).with_metric("other", |_| 0.0), &mut helm, &train), "validation metric");
    let mut fronted =
        task::helm(tiny(), &cohort, 1).with_soft_prompt(&SoftPrompt::from_text(2, "a", &tiny()).unwrap()).unwrap();
    let fronted_train = task::examples(&fronted, &cohort, 0..PARTICIPANTS);
    assert_eq!(differs(new(&config), &mut fronted, &fronted_train), "modalities");
    let mut elsewhere = task::helm(other_model(), &cohort, 1);
    assert_eq!(differs(new(&config), &mut elsewhere, &train), "the language model's hash");
    assert!(weights(&helm) == before);

    // Where and how often it is saved is free, and so is where the weights come from.
    let mut moved = config.clone();
    moved.checkpoints = None;
    moved.checkpoint_steps = 0;
    assert_eq!(new(&moved).resume(&checkpoint, &mut helm, &train, &mut ()).unwrap().steps, 12);
}

/// The tiny model with one weight changed.
fn other_model() -> LanguageModel {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(crate::models::tiny_folder().join(file), folder.path().join(file)).unwrap();
    }
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
    LanguageModel::load(folder.path(), &crate::models::device()).unwrap()
}

/// All files of a folder, and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn damaged_checkpoints_are_errors_and_change_nothing() {
    let cohort = cohort(PARTICIPANTS);
    let folder = tempfile::tempdir().unwrap();
    let (mut helm, train, config) = stopped(&cohort, folder.path());
    let step = folder.path().join("step-00000002");
    let before = weights(&helm);
    let all = files(&step);
    assert_eq!(all.len(), 3, "{all:?}");
    for path in all {
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bytes in [&whole[..whole.len() / 2], &[], &flipped] {
            fs::write(&path, bytes).unwrap();
            let error = Checkpoint::latest(folder.path()).unwrap_err();
            assert!(matches!(&error, Error::Format { path: named, .. } if *named == path), "{error}");
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(Checkpoint::open(&step), Err(Error::Io { .. })));
        fs::write(&path, whole).unwrap();
    }
    // A state that was changed, hashes and all.
    let path = step.join("state.json");
    let whole: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut state = whole.clone();
        *state.pointer_mut(pointer).unwrap() = value;
        fs::write(&path, state.to_string()).unwrap();
        Checkpoint::open(&step)
    };
    for (pointer, value) in [
        ("/format", 2.into()),
        ("/progress/step", (-1).into()),
        ("/progress/loss_sum", "x".into()),
        ("/progress/order_position", "-1".into()),
        ("/progress", serde_json::json!({})),
        ("/files", serde_json::json!({"../state.json": ""})),
        ("/files", serde_json::json!({"/etc/hostname": ""})),
    ] {
        let error = changed(pointer, value).unwrap_err();
        assert!(matches!(&error, Error::Format { path: named, .. } if *named == path), "{pointer}: {error}");
    }
    let trainer = Trainer::new(config).unwrap();
    for (pointer, value) in [
        ("/progress/step", 3.into()),
        ("/progress/step", u64::MAX.into()),
        ("/progress/epoch", 0.into()),
        ("/progress/epoch", 3.into()),
        ("/progress/step_of_epoch", 7.into()),
        ("/progress/best", serde_json::json!({"epoch": 9, "metric": "1"})),
        ("/progress/best", serde_json::json!({"epoch": 1, "metric": "NaN"})),
    ] {
        let checkpoint = changed(pointer, value).unwrap();
        let error = trainer.resume(&checkpoint, &mut helm, &train, &mut ()).unwrap_err();
        assert!(matches!(&error, Error::Format { path: named, .. } if *named == path), "{pointer}: {error}");
    }
    // A file that the state knows nothing of is missing, or is another encoder's.
    let checkpoint = changed("/files", serde_json::json!({})).unwrap();
    tabular(15, &cohort, 1).save(&step.join("weights/tabular.safetensors")).unwrap();
    let error = trainer.resume(&checkpoint, &mut helm, &train, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Encoder(_)), "{error}");
    fs::remove_dir_all(step.join("weights")).unwrap();
    let error = trainer.resume(&checkpoint, &mut helm, &train, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Encoder(_)), "{error}");
    assert!(weights(&helm) == before);
}
