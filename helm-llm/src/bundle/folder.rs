use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::manifest::{Manifest, files};
use crate::Error;
use crate::files::io_error as io;

/// Checks that a bundle may be written: into no folder yet, an empty one, or in place of a bundle with nothing else
/// in it. The folder it shall stand in is made.
pub(super) fn check_target(folder: &Path) -> Result<(), Error> {
    let (parent, _) = place(folder)?;
    fs::create_dir_all(&parent).map_err(io(&parent))?;
    if !folder.exists() {
        // The parent can be written to.
        let probe = temporary(folder, "part")?;
        remove(&probe)?;
        fs::create_dir(&probe).map_err(io(folder))?;
        return remove(&probe);
    }
    let refused = |found: String| {
        let expected = "no folder, an empty one, or a bundle to replace".into();
        Err(Error::Format { path: folder.into(), expected, found })
    };
    if !folder.is_dir() {
        return refused("a file".into());
    }
    let there = files(folder)?;
    if there.is_empty() && !Manifest::path(folder).exists() {
        return Ok(());
    }
    match Manifest::read(folder) {
        Err(_) => refused("a folder of something else".into()),
        Ok(manifest) => match there.iter().find(|name| !manifest.files().any(|own| own == *name)) {
            None => Ok(()),
            Some(name) => refused(format!("a bundle with {name:?} in its folder")),
        },
    }
}

/// Writes a folder, all of it or nothing: under another name, which is renamed when everything is on the disk. An
/// older one stays until then.
pub(super) fn write(folder: &Path, fill: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    check_target(folder)?;
    let (parent, _) = place(folder)?;
    let (part, old) = (temporary(folder, "part")?, temporary(folder, "old")?);
    [&part, &old].into_iter().try_for_each(|path| remove(path))?;
    fs::create_dir(&part).map_err(io(&part))?;
    let written = fill(&part).and_then(|()| sync(&part));
    if let Err(error) = written {
        remove(&part)?;
        return Err(error);
    }
    if folder.exists() {
        fs::rename(folder, &old).map_err(io(folder))?;
    }
    fs::rename(&part, folder).map_err(io(folder))?;
    sync_folder(&parent)?;
    remove(&old)
}

/// Puts every file below a folder on the disk.
fn sync(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        if path.is_dir() {
            sync(&path)?;
        } else {
            File::open(&path).and_then(|file| file.sync_all()).map_err(io(&path))?;
        }
    }
    sync_folder(folder)
}

/// Only Unix lets a folder be opened for that.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) { File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder)) } else { Ok(()) }
}

/// The folder that a path stands in, and its name there.
fn place(folder: &Path) -> Result<(PathBuf, String), Error> {
    let name = folder.file_name().ok_or_else(|| Error::Bundle {
        expected: "the name of a folder".into(),
        found: folder.display().to_string(),
    })?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent.into(), name.to_string_lossy().into_owned()))
}

fn temporary(folder: &Path, end: &str) -> Result<PathBuf, Error> {
    let (parent, name) = place(folder)?;
    Ok(parent.join(format!(".{name}.{end}")))
}

fn remove(path: &Path) -> Result<(), Error> {
    if path.exists() { fs::remove_dir_all(path).map_err(io(path)) } else { Ok(()) }
}
