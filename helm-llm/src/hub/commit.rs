use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use hf_hub::CacheRepo;
use hf_hub::api::sync::{ApiError, ApiRepo};
use serde::de::IgnoredAny;

use crate::Error;
use crate::model::is_whole as weights_are_whole;

/// One commit of a model on the hub, whose files go into the cache.
pub(super) struct Commit<'a> {
    pub(super) name: &'a str,
    pub(super) api: ApiRepo,
    pub(super) cached: CacheRepo,
}

impl Commit<'_> {
    /// A file from the cache, or else from the hub. One that came broken isn't kept.
    pub(super) fn get(&self, file: &str) -> Result<PathBuf, Error> {
        if let Some(path) = self.cached.get(file) {
            return Ok(path);
        }
        let path = self.api.download(file).map_err(|error| failed(self.name, file, &error))?;
        if is_whole(&path) {
            return Ok(path);
        }
        remove(&path);
        let (expected, found) =
            (format!("the whole of {file} from the hub"), "a broken file, which is not kept".into());
        Err(Error::Hub { name: self.name.into(), expected, found })
    }
}

/// What hf-hub says of something that the hub was to give.
pub(super) fn failed(name: &str, what: &str, error: &ApiError) -> Error {
    Error::Hub { name: name.into(), expected: format!("{what} on the hub"), found: error.to_string() }
}

/// Whether a file is all there, as far as it says so itself: hf-hub takes the end of a connection for the end of a file
/// where the server didn't announce a length, and its length may be that of the compressed file.
fn is_whole(path: &Path) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => weights_are_whole(path),
        Some("json") => {
            File::open(path).is_ok_and(|file| serde_json::from_reader::<_, IgnoredAny>(BufReader::new(file)).is_ok())
        }
        _ => true,
    }
}

/// Removes a file of the cache, and what it is a link to.
fn remove(path: &Path) {
    // What can't be removed is refused when it is loaded.
    if let Ok(target) = path.canonicalize() {
        let _ = fs::remove_file(target);
    }
    let _ = fs::remove_file(path);
}
