//! A first schema file for a table of one's own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use helm_core::{ReadOptions, SchemaFile, Table, TableReader};
use helm_examples::{Failure, check_writable, run, say, write_atomically};

/// Write a first schema file, which says what the columns of a table mean, for you to check and edit.
#[derive(Parser)]
#[command(after_help = "\
  schema_init --data heart.csv --outcome HeartDisease --output heart.toml
  own_cohort --data heart.csv --schema heart.toml --model MODEL_FOLDER --report report

Every other column becomes a feature with its kind, its range or its levels, or a comment that says why it can't be one.
Columns of outcomes hold 1 and 0, yes and no, true and false, y and n, or case and control; other codes are written by
hand. Without --participant, every row is another person: where people have several rows, name the column that tells
them apart, or training and test will share them.

The file has no participant's data, but the ends of ranges and the names of levels that enough people share.")]
struct Args {
    /// The table: .csv or .xpt, and .parquet in a build with the feature parquet
    #[arg(long, value_name = "F")]
    data: PathBuf,
    /// A column that is an outcome; may be given several times
    #[arg(long, value_name = "COL")]
    outcome: Vec<String>,
    /// The column of identifiers
    #[arg(long, value_name = "COL")]
    participant: Option<String>,
    /// Write the schema file here; - is standard output
    #[arg(long, value_name = "F.toml")]
    output: PathBuf,
}

fn main() -> ExitCode {
    run(|| schema_init(&Args::parse()))
}

fn schema_init(args: &Args) -> Result<(), Failure> {
    check_writable(&args.output)?;
    // Ranges and levels are those of all rows in one batch; Parquet gives no more than a million at a time.
    let options = ReadOptions { rows_per_batch: usize::MAX, ..ReadOptions::default() };
    let mut batches = TableReader::open(&args.data, &options)?;
    let empty = || Failure::new(format!("{}: expected at least one row, found none", args.data.display()));
    let table: Table = batches.next().ok_or_else(empty)??;
    let of = if batches.next().is_some() { format!(" of the first {} rows", table.n_rows()) } else { String::new() };
    let outcomes: Vec<&str> = args.outcome.iter().map(String::as_str).collect();
    let text = SchemaFile::infer(&table, args.participant.as_deref(), &outcomes)?;
    if args.output.as_os_str() == "-" {
        say(None, &text);
        return Ok(());
    }
    write_atomically(&args.output, text.as_bytes())?;
    let n = SchemaFile::parse("the schema file", &text)?.schema().features().len();
    say(None, &format!("{}: {n} features{of}. Check them before you use it.", args.output.display()));
    Ok(())
}
