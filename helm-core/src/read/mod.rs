//! Readers of files: each yields a [`Table`](crate::Table), several for the rows of a file in batches, or a
//! [`Signal`](crate::Signal).

#[cfg(feature = "csv")]
mod csv;
mod mortality;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod read_ahead;
mod table_reader;
#[cfg(feature = "wfdb")]
mod wfdb;
#[cfg(feature = "xpt")]
mod xpt;

#[cfg(feature = "csv")]
pub use self::csv::read_csv;
#[cfg(feature = "meds")]
pub(crate) use self::parquet::{guarded, parquet_cells};
pub use mortality::read_mortality;
pub use options::ReadOptions;
pub use table_reader::TableReader;
#[cfg(feature = "wfdb")]
pub use wfdb::read_wfdb;
#[cfg(feature = "xpt")]
pub use xpt::read_xpt;

use std::path::Path;

use crate::Error;

/// A file's name without its folder, for a table's name.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The whole of a file.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Io { path: path.into(), source })
}
