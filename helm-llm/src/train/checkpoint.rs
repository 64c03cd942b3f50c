use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use helm_encoders::Modality;
use serde::Serialize;

use crate::Error;

/// What a checkpoint says of itself, in `state.json`.
#[derive(Serialize)]
pub(crate) struct State {
    pub(crate) step: usize,
    pub(crate) epoch: usize,
    pub(crate) metric: f64,
    pub(crate) language_model_sha256: String,
}

/// Writes the encoders' weights, the descriptions of those that have one, and a state as the folder `epoch-N` of `folder`, all of it or nothing: into a folder of
/// another name, which is renamed when everything is on the disk. An older one of that name stays until then.
pub(crate) fn write(folder: &Path, modalities: &[Modality], state: &State) -> Result<PathBuf, Error> {
    let name = format!("epoch-{:03}", state.epoch);
    let [temporary, old] = [".part", ".old"].map(|end| folder.join(format!(".{name}{end}")));
    let last = folder.join(&name);
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    };
    let remove = |path: &PathBuf| if path.exists() { fs::remove_dir_all(path).map_err(io(path)) } else { Ok(()) };
    [&temporary, &old].into_iter().try_for_each(remove)?;
    fs::create_dir_all(&temporary).map_err(io(&temporary))?;
    for modality in modalities {
        let path = temporary.join(format!("{}.safetensors", modality.slot()));
        if modality.is_described() {
            modality.save_in(&temporary)?;
        } else {
            modality.save(&path)?;
        }
        File::open(&path).and_then(|file| file.sync_all()).map_err(io(&path))?;
    }
    let path = temporary.join("state.json");
    let json = serde_json::to_vec_pretty(state).map_err(|error| io(&path)(error.into()))?;
    File::create(&path)
        .and_then(|mut file| {
            file.write_all(&json)?;
            file.sync_all()
        })
        .map_err(io(&path))?;
    if last.exists() {
        fs::rename(&last, &old).map_err(io(&last))?;
    }
    fs::rename(&temporary, &last).map_err(io(&last))?;
    // The new name itself must be on the disk, too; only Unix lets a folder be opened for that.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))?;
    }
    remove(&old)?;
    Ok(last)
}
