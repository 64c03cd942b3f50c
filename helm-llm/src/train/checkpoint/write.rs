use std::fs::{self, File};
use std::path::{Path, PathBuf};

use helm_encoders::ModalitySnapshot;

use super::{BEST, OPTIMIZER, STATE, State, WEIGHTS, all, sha256_of};
use crate::files::{io_error, write_whole};
use crate::{Error, Helm};

/// Writes a run's weights, optimisers, best weights and state as the folder `step-N` of `folder`, all of it or nothing:
/// into a folder of another name, which is renamed when everything is on the disk. An older one of that name stays until
/// then.
pub(in crate::train) fn write(
    folder: &Path,
    helm: &Helm,
    best: Option<&[ModalitySnapshot]>,
    mut state: State,
) -> Result<PathBuf, Error> {
    let name = format!("step-{:08}", state.progress.step);
    let [temporary, old] = [".part", ".old"].map(|end| folder.join(format!(".{name}{end}")));
    let last = folder.join(&name);
    let remove = |path: &PathBuf| if path.exists() { fs::remove_dir_all(path).map_err(io_error(path)) } else { Ok(()) };
    [&temporary, &old].into_iter().try_for_each(remove)?;
    let optimizer = temporary.join(OPTIMIZER);
    fs::create_dir_all(&optimizer).map_err(io_error(&optimizer))?;
    for (index, modality) in helm.modalities.iter().enumerate() {
        modality.save_snapshot_in(&modality.snapshot(), &temporary.join(WEIGHTS))?;
        modality.save_optimizer(&optimizer.join(format!("{}.safetensors", modality.slot())))?;
        if let Some(best) = best {
            modality.save_snapshot_in(&best[index], &temporary.join(BEST))?;
        }
    }
    for part in [WEIGHTS, OPTIMIZER, BEST].into_iter().filter(|part| temporary.join(part).exists()) {
        let folder = temporary.join(part);
        for entry in fs::read_dir(&folder).map_err(io_error(&folder))? {
            let path = entry.map_err(io_error(&folder))?.path();
            File::open(&path).and_then(|file| file.sync_all()).map_err(io_error(&path))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            state.files.insert(format!("{part}/{name}"), sha256_of(&path)?);
        }
        sync(&folder)?;
    }
    let path = temporary.join(STATE);
    let json = serde_json::to_vec_pretty(&state).map_err(|error| io_error(&path)(error.into()))?;
    write_whole(&path, &json)?;
    sync(&temporary)?;
    if last.exists() {
        fs::rename(&last, &old).map_err(io_error(&last))?;
    }
    fs::rename(&temporary, &last).map_err(io_error(&last))?;
    // The new name itself must be on the disk, too.
    sync(folder)?;
    remove(&old)?;
    Ok(last)
}

/// Removes checkpoints up to a step, but for the newest `keep` of them; 0 keeps all.
pub(in crate::train) fn remove_older(folder: &Path, step: usize, keep: usize) -> Result<(), Error> {
    if keep == 0 {
        return Ok(());
    }
    let until_now = all(folder)?.into_iter().filter(|(of, _)| *of <= step);
    until_now.rev().skip(keep).try_for_each(|(_, path)| fs::remove_dir_all(&path).map_err(io_error(&path)))
}

/// Puts a folder's names on the disk; only Unix lets a folder be opened for that.
fn sync(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error(folder))?;
    }
    Ok(())
}
