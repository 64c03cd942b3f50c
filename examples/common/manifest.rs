use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Failure;

/// What a run was made of, so that it can be made again: versions, arguments, seed and hashes; nothing of the machine.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    example: &'static str,
    helm_version: &'static str,
    settings: serde_json::Value,
    seed: u64,
    /// SHA-256 of the files read, by name.
    files_sha256: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest of an example's settings.
    pub fn new(example: &'static str, settings: serde_json::Value, seed: u64) -> Self {
        Self { example, helm_version: env!("CARGO_PKG_VERSION"), settings, seed, files_sha256: BTreeMap::new() }
    }

    /// Adds a file that the run reads.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn add_file(&mut self, path: &Path) -> Result<(), Failure> {
        let mut hash = Sha256::new();
        let mut file = File::open(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        let mut part = vec![0; 1 << 20];
        loop {
            match file.read(&mut part).map_err(|error| Failure::new(format!("{}: {error}", path.display())))? {
                0 => break,
                n => hash.update(&part[..n]),
            }
        }
        let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        self.files_sha256.insert(name, hash);
        Ok(())
    }
}
