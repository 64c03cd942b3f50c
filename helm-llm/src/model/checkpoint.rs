use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::mapped_file::map;
use crate::Error;

/// The tensors of a Hugging Face folder, in `model.safetensors` or in several files that `model.safetensors.index.json`
/// lists. Headers are checked against the files' lengths before any tensor is taken.
pub(crate) struct Checkpoint {
    path: PathBuf,
    files: Vec<WeightsFile>,
    tensors: BTreeMap<String, Stored>,
}

struct WeightsFile {
    path: PathBuf,
    file: File,
    map: Bytes,
}

/// A tensor as it stands in a file.
#[derive(Clone)]
pub(crate) struct Stored {
    file: usize,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Its bytes in the file.
    bytes: Range<usize>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// All weights.
pub(crate) const SINGLE: &str = "model.safetensors";
/// Which of several files has which weights.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// The files that an index names.
#[cfg(feature = "hub")]
pub(crate) fn index_files(index: &Path) -> Result<BTreeSet<String>, Error> {
    Ok(read_index(index)?.into_values().collect())
}

/// Whether a file is safetensors, and as long as its header says.
#[cfg(feature = "hub")]
pub(crate) fn is_whole(path: &Path) -> bool {
    WeightsFile::open(path, 0).is_ok()
}

/// The file of each tensor; all in the index' folder.
fn read_index(index: &Path) -> Result<BTreeMap<String, String>, Error> {
    let bytes = std::fs::read(index).map_err(|source| Error::Io { path: index.into(), source })?;
    let wrong = |expected: &str, found: String| Error::Format { path: index.into(), expected: expected.into(), found };
    let Index { weight_map } = serde_json::from_slice(&bytes)
        .map_err(|error| wrong("an index of weights with a weight_map", error.to_string()))?;
    match weight_map.values().find(|name| !is_plain(name)) {
        Some(name) => Err(wrong("names of safetensors files in the same folder", format!("{name:?}"))),
        None => Ok(weight_map),
    }
}

impl Checkpoint {
    /// Opens the files of a folder.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Io`] or [`Error::Format`] if there are none, one can't be read, is no
    /// safetensors file or shorter than its header says, or the index names other tensors than the files have.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let (single, index) = (folder.join(SINGLE), folder.join(INDEX));
        if single.is_file() {
            let (file, tensors) = WeightsFile::open(&single, 0)?;
            return Ok(Self { path: single, files: vec![file], tensors });
        }
        if !index.is_file() {
            let hint = if folder.join("pytorch_model.bin").is_file()
                || folder.join("pytorch_model.bin.index.json").is_file()
            {
                " (pytorch_model.bin is a pickle, which helm does not read: convert it to safetensors)"
            } else {
                ""
            };
            return Err(Error::MissingFile { folder: folder.into(), file: SINGLE, hint });
        }
        let weight_map = read_index(&index)?;
        let wrong =
            |expected: &str, found: String| Error::Format { path: index.clone(), expected: expected.into(), found };
        let names: BTreeSet<&String> = weight_map.values().collect();
        let (mut files, mut tensors) = (Vec::new(), BTreeMap::new());
        for (number, name) in names.into_iter().enumerate() {
            let (file, own) = WeightsFile::open(&folder.join(name), number)?;
            files.push(file);
            for (tensor, stored) in own {
                if weight_map.get(&tensor) != Some(name) {
                    return Err(wrong("the tensors of the files", format!("no tensor {tensor:?} of {name}")));
                }
                tensors.insert(tensor, stored);
            }
        }
        if let Some((tensor, file)) = weight_map.iter().find(|(tensor, _)| !tensors.contains_key(*tensor)) {
            return Err(wrong("the tensors of the files", format!("tensor {tensor:?}, which {file} lacks")));
        }
        Ok(Self { path: index, files, tensors })
    }

    /// The file that stands for all of them in messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Stored> {
        self.tensors.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.tensors.keys()
    }

    /// The bytes of a tensor in the mapping, nothing copied.
    pub(crate) fn mapped(&self, stored: &Stored) -> Bytes {
        self.files[stored.file].map.slice(stored.bytes.clone())
    }

    /// Hands the bytes of a part of a tensor over in pieces of whole numbers, read and not mapped: pages of a mapping
    /// that were looked at once would count as used memory.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read.
    pub(crate) fn read(&self, stored: &Stored, part: Range<usize>, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        const PIECE: usize = 1 << 20;
        let WeightsFile { path, file, .. } = &self.files[stored.file];
        let failed = |source: io::Error| Error::Io { path: path.clone(), source };
        let mut file = file;
        file.seek(SeekFrom::Start((stored.bytes.start + part.start) as u64)).map_err(failed)?;
        let mut piece = vec![0; PIECE.min(part.len())];
        let mut left = part.len();
        while left > 0 {
            let now = left.min(PIECE);
            file.read_exact(&mut piece[..now]).map_err(failed)?;
            each(&piece[..now]);
            left -= now;
        }
        Ok(())
    }
}

impl WeightsFile {
    /// Opens a file and reads its header; its tensors get the number of the file.
    fn open(path: &Path, number: usize) -> Result<(Self, BTreeMap<String, Stored>), Error> {
        let failed = |source: io::Error| Error::Io { path: path.into(), source };
        let file = File::open(path).map_err(failed)?;
        let wrong = |found: String| Error::Format {
            path: path.into(),
            expected: "the weights of a decoder in safetensors".into(),
            found,
        };
        if file.metadata().map_err(failed)?.len() == 0 {
            return Err(wrong("an empty file".into()));
        }
        let map = map(&file).map_err(failed)?;
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|error| wrong(error.to_string()))?;
        // The header's length stands in the first eight bytes.
        let data = header + 8;
        if data + metadata.data_len() != map.len() {
            return Err(wrong(format!("{} bytes where the header says {}", map.len(), data + metadata.data_len())));
        }
        let tensors = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let (start, end) = info.data_offsets;
                let bytes = data + start..data + end;
                (name, Stored { file: number, dtype: info.dtype, shape: info.shape.clone(), bytes })
            })
            .collect();
        Ok((Self { path: path.into(), file, map }, tensors))
    }
}

/// Whether an index names a file of its own folder.
fn is_plain(name: &str) -> bool {
    name.ends_with(".safetensors") && Path::new(name).file_name().is_some_and(|file| file == name)
}
