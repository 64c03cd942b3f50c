use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use helm_core::SlotId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::model_identity::ModelIdentity;
use crate::files::{hex, io_error};
use crate::{Error, Helm};

/// What a bundle says of itself, in `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    helm_version: String,
    notice: String,
    pub(super) language_model: ModelIdentity,
    pub(super) modalities: Vec<SlotId>,
    pub(super) soft_prompt: bool,
    /// SHA-256 of every other file, by its path in the folder.
    files_sha256: BTreeMap<String, String>,
}

/// The part of every format that says which it is.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

const FORMAT: u32 = 1;
const FILE: &str = "manifest.json";
/// No JSON of a bundle is as long; a longer file is something else.
const MOST_BYTES: u64 = 1 << 26;

impl Manifest {
    /// Of a folder in which everything else of a model is written.
    pub(super) fn of(folder: &Path, language_model: ModelIdentity, helm: &Helm) -> Result<Self, Error> {
        let mut files_sha256 = BTreeMap::new();
        for name in files(folder)? {
            let hash = sha256(&folder.join(&name))?;
            files_sha256.insert(name, hash);
        }
        Ok(Self {
            format: FORMAT,
            helm_version: env!("CARGO_PKG_VERSION").into(),
            notice: crate::NOTICE.into(),
            language_model,
            modalities: helm.modalities().iter().map(|modality| modality.slot().clone()).collect(),
            soft_prompt: helm.has_soft_prompt,
            files_sha256,
        })
    }

    /// The file's path.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        write_json(&Self::path(folder), self)
    }

    /// Reads it, and nothing else of the folder.
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = Self::path(folder);
        let text = read_text(&path)?;
        let wrong = |expected: String, found: String| Error::Format { path: path.clone(), expected, found };
        let found: Format =
            serde_json::from_str(&text).map_err(|error| wrong("a bundle's manifest".into(), error.to_string()))?;
        if found.format != FORMAT {
            return Err(wrong(format!("a bundle of format {FORMAT}"), format!("format {}", found.format)));
        }
        let manifest: Self =
            serde_json::from_str(&text).map_err(|error| wrong("a bundle's manifest".into(), error.to_string()))?;
        match manifest.files_sha256.keys().find(|name| !is_plain(name)) {
            None => Ok(manifest),
            Some(name) => Err(wrong("files inside the bundle, by letters, digits, . - and _".into(), name.clone())),
        }
    }

    /// Checks that every file is the one that was written.
    pub(super) fn check_files(&self, folder: &Path) -> Result<(), Error> {
        for (name, expected) in &self.files_sha256 {
            let path = folder.join(name);
            let found = sha256(&path)?;
            if found != *expected {
                let short = |hash: &str| format!("SHA-256 {}…", hash.chars().take(12).collect::<String>());
                return Err(Error::Format { path, expected: short(expected), found: short(&found) });
            }
        }
        Ok(())
    }

    /// The files that are not the manifest, in alphabetical order.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files_sha256.keys().map(String::as_str)
    }
}

/// Whether a path leads nowhere but into the folder.
fn is_plain(name: &str) -> bool {
    let piece = |piece: &str| {
        !piece.starts_with('.')
            && !piece.is_empty()
            && piece.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.split('/').all(piece)
}

/// The files below a folder, by their paths in it; the manifest is none of them.
pub(super) fn files(folder: &Path) -> Result<Vec<String>, Error> {
    fn visit(folder: &Path, before: &str, found: &mut Vec<String>) -> Result<(), Error> {
        let io = io_error(folder);
        for entry in fs::read_dir(folder).map_err(&io)? {
            let entry = entry.map_err(&io)?;
            let name = format!("{before}{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(&io)?.is_dir() {
                visit(&entry.path(), &format!("{name}/"), found)?;
            } else if name != FILE {
                found.push(name);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    visit(folder, "", &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn sha256(path: &Path) -> Result<String, Error> {
    let io = io_error(path);
    let mut file = File::open(path).map_err(&io)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).map_err(&io)? {
            0 => return Ok(hex(hash)),
            n => hash.update(&piece[..n]),
        }
    }
}

/// The text of a file that is not too long for one.
pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut text)).map_err(io_error(path))?;
    let wrong = |expected: String, found: &str| Error::Format { path: path.into(), expected, found: found.into() };
    if text.len() as u64 > MOST_BYTES {
        return Err(wrong(format!("at most {MOST_BYTES} bytes"), "more"));
    }
    String::from_utf8(text).map_err(|_| wrong("JSON".into(), "bytes that are no text"))
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T, Error> {
    serde_json::from_str(&read_text(path)?).map_err(|error| Error::Format {
        path: path.into(),
        expected: expected.into(),
        found: error.to_string(),
    })
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let json = serde_json::to_vec_pretty(value).map_err(|error| io_error(path)(error.into()))?;
    fs::write(path, json).map_err(io_error(path))
}
