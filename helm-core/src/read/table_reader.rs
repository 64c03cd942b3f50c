use std::path::Path;

#[cfg(feature = "csv")]
use super::csv::CsvBatches;
#[cfg(feature = "parquet")]
use super::parquet::ParquetBatches;
#[cfg(feature = "xpt")]
use super::xpt::XptBatches;
use super::{ReadOptions, file_name};
use crate::{Error, Skipped, Table};

/// The rows of a CSV, Parquet or SAS transport file in batches, in the order of the file.
///
/// One batch at a time is in memory; of a Parquet file, whose columns several threads read ahead, up to three are.
///
/// The file's name tells its format: `.csv`, `.parquet` or `.xpt`, each a feature of this crate.
///
/// ```
/// # #[cfg(feature = "csv")] {
/// use helm_core::{ReadOptions, TableReader};
///
/// let file = std::env::temp_dir().join("helm-core-doc-batches.csv");
/// std::fs::write(&file, "id,age\n1,54\n2,31\n3,77\n")?;
/// let options = ReadOptions { rows_per_batch: 2, ..ReadOptions::default() };
/// let batches: Vec<_> = TableReader::open(&file, &options)?.collect::<Result<_, _>>()?;
/// assert_eq!((batches.len(), batches[1].first_row(), batches[1].n_rows()), (2, 2, 1));
/// # std::fs::remove_file(&file)?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TableReader {
    format: Format,
    failed: bool,
}

enum Format {
    #[cfg(feature = "csv")]
    Csv(Box<CsvBatches>),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetBatches>),
    #[cfg(feature = "xpt")]
    Xpt(Box<XptBatches>),
}

impl TableReader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] if the file's name has another ending, or the file is not of that format.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        Self::open_columns(path, options, &|_| true)
    }

    /// Opens a file of which only some columns are read: those of whose names `keep` says so.
    ///
    /// # Errors
    /// As [`TableReader::open`].
    pub fn open_columns(path: &Path, options: &ReadOptions, keep: &dyn Fn(&str) -> bool) -> Result<Self, Error> {
        let options = ReadOptions { rows_per_batch: options.rows_per_batch.max(1), ..options.clone() };
        let name = file_name(path).to_ascii_lowercase();
        #[cfg(feature = "csv")]
        if name.ends_with(".csv") {
            let format = Format::Csv(Box::new(CsvBatches::open(path, &options, keep)?));
            return Ok(Self { format, failed: false });
        }
        #[cfg(feature = "parquet")]
        if name.ends_with(".parquet") {
            let format = Format::Parquet(Box::new(ParquetBatches::open(path, &options, keep)?));
            return Ok(Self { format, failed: false });
        }
        #[cfg(feature = "xpt")]
        if name.ends_with(".xpt") {
            let format = Format::Xpt(Box::new(XptBatches::open(path, options.rows_per_batch, keep)?));
            return Ok(Self { format, failed: false });
        }
        let _ = (keep, options, name);
        let formats =
            [("csv", cfg!(feature = "csv")), ("parquet", cfg!(feature = "parquet")), ("xpt", cfg!(feature = "xpt"))];
        let formats: Vec<&str> = formats.iter().filter(|(_, on)| *on).map(|(format, _)| *format).collect();
        Err(Error::Format {
            path: path.into(),
            place: "file name".into(),
            expected: format!("one of the endings {:?}, for which this program is built", formats),
            found: "another".into(),
        })
    }

    /// The columns without a row.
    #[cfg(feature = "schema-file")]
    pub(crate) fn empty_table(&self) -> Result<Table, Error> {
        match &self.format {
            #[cfg(feature = "csv")]
            Format::Csv(batches) => batches.empty_table(),
            #[cfg(feature = "parquet")]
            Format::Parquet(batches) => batches.empty_table(),
            #[cfg(feature = "xpt")]
            Format::Xpt(batches) => batches.empty_table(),
            #[cfg(not(any(feature = "csv", feature = "parquet", feature = "xpt")))]
            _ => Table::new("", vec![]),
        }
    }

    /// The bad rows that were skipped so far, where they are to be.
    pub fn skipped(&self) -> Skipped {
        match &self.format {
            #[cfg(feature = "csv")]
            Format::Csv(batches) => batches.skipped.clone(),
            #[cfg(feature = "parquet")]
            Format::Parquet(_) => Skipped::default(),
            #[cfg(feature = "xpt")]
            Format::Xpt(_) => Skipped::default(),
            #[cfg(not(any(feature = "csv", feature = "parquet", feature = "xpt")))]
            _ => Skipped::default(),
        }
    }
}

impl Iterator for TableReader {
    type Item = Result<Table, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next: Result<Option<Table>, Error> = match &mut self.format {
            #[cfg(feature = "csv")]
            Format::Csv(batches) => batches.next_batch(),
            #[cfg(feature = "parquet")]
            Format::Parquet(batches) => batches.next_batch(),
            #[cfg(feature = "xpt")]
            Format::Xpt(batches) => batches.next_batch(),
            #[cfg(not(any(feature = "csv", feature = "parquet", feature = "xpt")))]
            _ => Ok(None),
        };
        self.failed = next.is_err();
        next.transpose()
    }
}
