use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use helm_core::Question;
use helm_encoders::ModalityKinds;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::io_error;
use crate::{Error, Helm, LanguageModel, SoftPrompt};

mod folder;
mod manifest;
mod model_identity;

use manifest::{Manifest, read_json, read_text, write_json};
use model_identity::ModelIdentity;

/// What goes with trained encoders so that new people can be scored: the questions, and parts of other crates' or the
/// program's own making, such as schema, serializer and calibration.
///
/// [`save`](Self::save) writes it with a [`Helm`]'s encoders as a folder of safetensors and JSON:
///
/// | file | what it holds |
/// | --- | --- |
/// | `manifest.json` | format, helm's version, by what the language model is known again (hashes of weights and tokenizer, width, the loss of a fixed sentence), SHA-256 of every other file |
/// | `outcomes.json` | each outcome's question and answers |
/// | `modalities/SLOT.safetensors`, `.json` | each encoder's weights; its configuration, and its reader with the statistics learned in training |
/// | `soft_prompt/` | the [`SoftPrompt`], if there is one, as PEFT's adapter |
/// | `parts/NAME.json` | a part |
///
/// The language model is not in it, and [`load`](Self::load) refuses another one than the encoders learned through.
/// Nor are participants: of them, there are the statistics of standardisation, and what a program puts into its parts.
///
/// Whoever can write to the folder can also make its hashes fit: they find damage and mistakes, not malice.
///
/// ```
/// use helm_core::{Answers, Cohort, Context, Feature, ParticipantId, Question, Schema, Value};
/// use helm_encoders::{Modality, ModalityKinds, TabularEncoderConfig, TabularReader};
/// use helm_llm::{Bundle, Helm, LanguageModel};
///
/// let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![])?;
/// let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
///     .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])?
///     .build()?;
/// let device = helm_encoders::device("cpu")?;
/// let model_folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/tiny-llama");
/// let model = LanguageModel::load(model_folder.as_ref(), &device)?;
/// let reader = TabularReader::fit(["age"], cohort.records())?;
/// let config = TabularEncoderConfig::new(reader.width(), 2, model.frozen().d_model());
/// let helm = Helm::new(model.clone(), vec![Modality::from_config("tabular", &config, &reader, &device)?])?;
/// // … training …
///
/// # let folder = std::env::temp_dir().join(format!("helm-doc-bundle-{}", std::process::id()));
/// let question = Question { text: "asthma:".into(), answers: Answers::yes_no() };
/// let bundle = Bundle::new([("asthma", question)])?.with_part("schema", cohort.schema())?;
/// bundle.save(&helm, &folder)?;
///
/// let (bundle, again) = Bundle::load(&folder, model, &ModalityKinds::default())?;
/// assert_eq!(bundle.part::<Schema>("schema")?, *cohort.schema());
/// let (context, questions) = (Context::default().with_soft("tabular"), bundle.questions());
/// let risk = |helm: &Helm| helm.risks(&[helm.prompt(&context, cohort.record(0), &questions)?]);
/// assert_eq!(risk(&again)?, risk(&helm)?);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    outcomes: Vec<Asked>,
    /// JSON by name, as it is written: it is read the same before saving and after loading, to the last digit.
    parts: BTreeMap<String, String>,
}

/// An outcome with its question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    outcome: String,
    question: Question,
}

const OUTCOMES: &str = "outcomes.json";
const MODALITIES: &str = "modalities";
const PARTS: &str = "parts";
const SOFT_PROMPT: &str = "soft_prompt";
const SOFT_PROMPT_FILES: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

impl Bundle {
    /// A bundle of these outcomes, each with its question, without parts.
    ///
    /// # Errors
    /// [`Error::Bundle`] if there is no outcome, or one twice.
    pub fn new<S: Into<String>>(outcomes: impl IntoIterator<Item = (S, Question)>) -> Result<Self, Error> {
        let outcomes = outcomes.into_iter().map(|(outcome, question)| Asked { outcome: outcome.into(), question });
        let bundle = Self { outcomes: outcomes.collect(), parts: BTreeMap::new() };
        match bundle.fault() {
            None => Ok(bundle),
            Some(found) => Err(Error::Bundle { expected: OUTCOMES_EXPECTED.into(), found }),
        }
    }

    /// Adds a part, or replaces that of its name.
    ///
    /// # Errors
    /// [`Error::Bundle`] if the name is not of letters, digits, `-` and `_`, or JSON can't hold the part: it has a
    /// number that is not finite, say.
    pub fn with_part<T: Serialize + DeserializeOwned>(mut self, name: &str, part: &T) -> Result<Self, Error> {
        if !is_name(name) {
            let expected = "a part named by letters, digits, - and _".into();
            return Err(Error::Bundle { expected, found: format!("{name:?}") });
        }
        let lost = |error: serde_json::Error| Error::Bundle {
            expected: format!("a part {name:?} that JSON can hold"),
            found: error.to_string(),
        };
        let text = serde_json::to_string_pretty(part).map_err(lost)?;
        serde_json::from_str::<T>(&text).map_err(lost)?;
        self.parts.insert(name.into(), text);
        Ok(self)
    }

    /// A part, the same before saving and after loading.
    ///
    /// # Errors
    /// [`Error::Bundle`] if there is none of that name, or it is of another type.
    pub fn part<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let text = self.parts.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.parts.keys().map(String::as_str).collect();
            Error::Bundle { expected: format!("a part {name:?}"), found: format!("only [{}]", names.join(", ")) }
        })?;
        serde_json::from_str(text).map_err(|error| Error::Bundle {
            expected: format!("a part {name:?} of its type"),
            found: error.to_string(),
        })
    }

    /// The outcomes' names, in the order of the questions.
    pub fn outcomes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.outcomes.iter().map(|asked| asked.outcome.as_str())
    }

    /// The questions, one for each outcome.
    pub fn questions(&self) -> Vec<Question> {
        self.outcomes.iter().map(|asked| asked.question.clone()).collect()
    }

    /// Finds what would let [`save`](Self::save) fail because of the folder, before hours of training; the folder that
    /// it shall stand in is made if there is none.
    ///
    /// # Errors
    /// [`Error::Format`] if there is something else than a bundle, [`Error::Io`] if nothing can be written there,
    /// [`Error::Bundle`] if the path has no name.
    pub fn check_folder(folder: &Path) -> Result<(), Error> {
        folder::check_target(folder)
    }

    /// Writes the bundle and a model's encoders and soft prompt as a folder, all of it or nothing. It may be new or empty, or hold a
    /// bundle, which is replaced; a folder with any other file is left as it is.
    ///
    /// # Errors
    /// As [`check_folder`](Self::check_folder); [`Error::Encoder`] if a modality was not made
    /// [of a configuration](helm_encoders::Modality::from_config).
    pub fn save(&self, helm: &Helm, folder: &Path) -> Result<(), Error> {
        let language_model = ModelIdentity::of(helm.model())?;
        folder::write(folder, |folder| {
            let make = |name| {
                let path = folder.join(name);
                fs::create_dir(&path).map_err(io_error(&path))?;
                Ok::<_, Error>(path)
            };
            let (modalities, parts) = (make(MODALITIES)?, make(PARTS)?);
            helm.modalities().iter().try_for_each(|modality| modality.save_in(&modalities))?;
            write_json(&folder.join(OUTCOMES), &self.outcomes)?;
            for (name, text) in &self.parts {
                let path = parts.join(format!("{name}.json"));
                fs::write(&path, text).map_err(io_error(&path))?;
            }
            if let Some(soft_prompt) = helm.soft_prompt()? {
                soft_prompt.save_adapter(&folder.join(SOFT_PROMPT), "see manifest.json")?;
            }
            // All that is written so far is hashed, whatever it is.
            Manifest::of(folder, language_model, helm)?.write(folder)
        })
    }

    /// Reads a bundle, and puts its encoders and its soft prompt around the language model.
    ///
    /// # Errors
    /// [`Error::AnotherModel`] if the encoders learned through another language model or tokenizer; [`Error::Io`] and
    /// [`Error::Format`] if a file is missing, not the one that was written, or of another format; [`Error::Encoder`]
    /// if an encoder is of none of the kinds; [`Error::Prompt`] as [`Helm::new`].
    pub fn load(folder: &Path, model: LanguageModel, kinds: &ModalityKinds) -> Result<(Self, Helm), Error> {
        let manifest = Manifest::read(folder)?;
        manifest.language_model.check(&model, &Manifest::path(folder))?;
        manifest.check_files(folder)?;
        let path = Manifest::path(folder);
        let listed = |name: String| match manifest.files().any(|file| file == name) {
            true => Ok(folder.join(name)),
            false => {
                Err(Error::Format { path: path.clone(), expected: format!("the file {name}"), found: "none".into() })
            }
        };
        let outcomes = listed(OUTCOMES.into())?;
        let mut bundle = Self { outcomes: read_json(&outcomes, OUTCOMES_EXPECTED)?, parts: BTreeMap::new() };
        if let Some(found) = bundle.fault() {
            return Err(Error::Format { path: outcomes, expected: OUTCOMES_EXPECTED.into(), found });
        }
        for file in manifest.files() {
            let name = file.strip_prefix(PARTS).and_then(|name| name.strip_prefix('/')?.strip_suffix(".json"));
            if let Some(name) = name.filter(|name| is_name(name)) {
                bundle.parts.insert(name.into(), read_text(&folder.join(file))?);
            }
        }
        let device = model.frozen().device().clone();
        let modalities = manifest.modalities.iter().map(|slot| {
            for end in ["json", "safetensors"] {
                listed(format!("{MODALITIES}/{slot}.{end}"))?;
            }
            Ok(kinds.load(&folder.join(MODALITIES), slot.clone(), &device)?)
        });
        let helm = Helm::new(model, modalities.collect::<Result<_, Error>>()?)?;
        if !manifest.soft_prompt {
            return Ok((bundle, helm));
        }
        for file in SOFT_PROMPT_FILES {
            listed(format!("{SOFT_PROMPT}/{file}"))?;
        }
        let helm = helm.with_soft_prompt(&SoftPrompt::load_adapter(&folder.join(SOFT_PROMPT))?)?;
        Ok((bundle, helm))
    }

    /// What is wrong with the outcomes.
    fn fault(&self) -> Option<String> {
        let twice = |(index, name): (usize, &str)| self.outcomes().take(index).any(|other| other == name);
        match self.outcomes().enumerate().find(|&it| twice(it)) {
            _ if self.outcomes.is_empty() => Some("none".into()),
            Some((_, name)) => Some(format!("{name:?} twice")),
            None => None,
        }
    }
}

const OUTCOMES_EXPECTED: &str = "at least one outcome, each once, with its question";

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
