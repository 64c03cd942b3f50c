use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Error;
use crate::files::{hex, io_error};

mod state;
mod write;

pub(super) use state::{Best, Identity, Progress, State, of_examples};
pub(super) use write::{remove_older, write};

const STATE: &str = "state.json";
pub(super) const WEIGHTS: &str = "weights";
pub(super) const OPTIMIZER: &str = "optimizer";
pub(super) const BEST: &str = "best";
/// No state is as long.
const MOST_BYTES: u64 = 1 << 24;

/// A moment of a training run on disk, from which [`Trainer::resume`](crate::Trainer::resume) goes on so that it ends as
/// if it had never stopped.
///
/// It is a folder `step-N` in [`TrainConfig::checkpoints`](crate::TrainConfig::checkpoints), written whole or not at all,
/// of safetensors and JSON:
///
/// ```text
/// step-00000120/
///   state.json              where the run stands: step, epoch, data order, random numbers, the best validation;
///                           what must be the same to go on; the hash of every other file
///   weights/SLOT.safetensors     and SLOT.json where the modality was made of a configuration
///   optimizer/SLOT.safetensors   AdamW's moments
///   best/SLOT.safetensors        the weights of the best validation so far, if there was one
/// ```
///
/// ```no_run
/// # fn example(mut helm: helm_llm::Helm, train: helm_llm::Examples) -> Result<(), helm_llm::Error> {
/// use helm_llm::{Checkpoint, TrainConfig, Trainer};
///
/// let mut config = TrainConfig::default();
/// config.checkpoints = Some("run".into());
/// config.checkpoint_steps = 100;
/// config.keep_checkpoints = 3;
/// let trainer = Trainer::new(config)?;
/// let report = match Checkpoint::latest("run".as_ref())? {
///     Some(checkpoint) => trainer.resume(&checkpoint, &mut helm, &train, &mut ())?,
///     None => trainer.fit(&mut helm, &train, &mut ())?,
/// };
/// println!("{} steps", report.steps);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    state: State,
}

impl Checkpoint {
    /// Opens a checkpoint's folder, and checks that every file is what was written.
    ///
    /// # Errors
    /// [`Error::Io`] if a file can't be read, [`Error::Format`] if one was changed or cut off since.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(STATE);
        let wrong =
            |expected: &str, found: String| Error::Format { path: path.clone(), expected: expected.into(), found };
        let bytes = fs::metadata(&path).map_err(io_error(&path))?.len();
        if bytes > MOST_BYTES {
            return Err(wrong("the state of a training run", format!("{bytes} bytes")));
        }
        let json = fs::read(&path).map_err(io_error(&path))?;
        let state: State =
            serde_json::from_slice(&json).map_err(|error| wrong("the state of a training run", error.to_string()))?;
        if state.format != State::FORMAT {
            return Err(wrong(&format!("format {}", State::FORMAT), state.format.to_string()));
        }
        if let Some(file) = state.files.keys().find(|file| !is_within(file)) {
            return Err(wrong("files of the checkpoint's folder", format!("{file:?}")));
        }
        for (file, sha256) in &state.files {
            let path = folder.join(file);
            let found = sha256_of(&path)?;
            if found != *sha256 {
                return Err(Error::Format { path, expected: format!("SHA-256 {sha256}"), found });
            }
        }
        Ok(Self { folder: folder.into(), state })
    }

    /// The newest checkpoint that a run left in its folder; `None` if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn latest(folder: &Path) -> Result<Option<Self>, Error> {
        let all = all(folder)?;
        all.last_key_value().map(|(_, newest)| Self::open(newest)).transpose()
    }

    /// The checkpoint's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Steps that the run had taken.
    pub fn step(&self) -> usize {
        self.state.progress.step
    }

    /// The epoch, from 1, that the run was in.
    pub fn epoch(&self) -> usize {
        self.state.progress.epoch
    }

    /// The folder of the weights at that moment, from which [`Modality::load_from`](helm_encoders::Modality::load_from)
    /// makes those modalities anew that were made of a configuration.
    pub fn weights(&self) -> PathBuf {
        self.folder.join(WEIGHTS)
    }

    /// The folder of the weights of the best validation until then; `None` if there was no validation yet.
    pub fn best_weights(&self) -> Option<PathBuf> {
        self.state.progress.best.as_ref().map(|_| self.folder.join(BEST))
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }
}

/// The checkpoints in a run's folder by their steps.
pub(super) fn all(folder: &Path) -> Result<BTreeMap<usize, PathBuf>, Error> {
    if !folder.exists() {
        return Ok(BTreeMap::new());
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(step) = name.strip_prefix("step-").and_then(|step| step.parse().ok()) {
            found.insert(step, path);
        }
    }
    Ok(found)
}

fn sha256_of(path: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    hash.update(fs::read(path).map_err(io_error(path))?);
    Ok(hex(hash))
}

/// Whether a name stays within the folder that it is joined to.
fn is_within(file: &str) -> bool {
    !file.is_empty() && Path::new(file).components().all(|part| matches!(part, Component::Normal(_)))
}
