//! A Parquet cohort of 1,000,000 rows and 40 columns through its schema file, beside the parquet crate's own reader, in one
//! run; and the peak of memory at 100,000 and 1,000,000 rows.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch};
use helm_benches::is_only_built;
use helm_core::{CohortFile, CohortSource, ReadOptions, SchemaFile};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NUMBERS: usize = 30;
const CATEGORIES: usize = 8;
const ROWS_PER_BATCH: usize = 4096;

/// Writes a cohort: an identifier, numbers, categories and an outcome.
fn write(path: &Path, n: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut writer = None;
    for first in (0..n).step_by(1 << 16) {
        let rows = first..n.min(first + (1 << 16));
        let mut columns: Vec<(String, ArrayRef)> =
            vec![("id".into(), Arc::new(rows.clone().map(|row| row as i64).collect::<Int64Array>()))];
        for column in 0..NUMBERS {
            let cells = rows.clone().map(|_| rng.random_bool(0.95).then(|| rng.random_range(0.0..100.0)));
            columns.push((format!("n{column}"), Arc::new(cells.collect::<Float64Array>())));
        }
        for column in 0..CATEGORIES {
            let cells = rows.clone().map(|_| Some(rng.random_range(0..3)));
            columns.push((format!("c{column}"), Arc::new(cells.collect::<Int32Array>())));
        }
        let ill = rows.clone().map(|_| Some(i32::from(rng.random_bool(0.1))));
        columns.push(("ill".into(), Arc::new(ill.collect::<Int32Array>())));
        let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
        let file = || File::create(path).expect("a writable folder");
        let writer =
            writer.get_or_insert_with(|| ArrowWriter::try_new(file(), batch.schema(), None).expect("a writer"));
        writer.write(&batch).expect("rows");
    }
    writer.expect("at least one row").close().expect("a file");
}

fn schema() -> SchemaFile {
    let mut text = String::from("participant = \"id\"\n");
    for column in 0..NUMBERS {
        text += &format!(
            "[[feature]]\nname = \"n{column}\"\nkind = \"number\"\ncolumn = \"n{column}\"\nrange = [0, 100]\n"
        );
    }
    for column in 0..CATEGORIES {
        text += &format!("[[feature]]\nname = \"c{column}\"\nkind = \"category\"\ncolumn = \"c{column}\"\n");
        text += "levels = [{ name = \"a\", codes = 0 }, { name = \"b\", codes = 1 }, { name = \"c\", codes = 2 }]\n";
    }
    text += "[[outcome]]\nname = \"ill\"\ncase = \"ill = 1\"\ncontrol = \"ill = 0\"\n";
    SchemaFile::parse("bench.toml", &text).expect("a schema")
}

fn plain(path: &Path) -> usize {
    let file = File::open(path).expect("the file");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
    let reader = builder.with_batch_size(ROWS_PER_BATCH).build().expect("a reader");
    reader.map(|batch| black_box(batch.expect("rows")).num_rows()).sum()
}

fn cohort(path: &Path) -> usize {
    let options = ReadOptions { rows_per_batch: ROWS_PER_BATCH, ..ReadOptions::default() };
    let source = CohortFile::new(schema(), path, options);
    let batches = source.batches().expect("the file");
    batches.map(|batch| black_box(batch.expect("rows")).n_participants()).sum()
}

/// The largest memory of this process so far, in MB; Linux tells.
fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}

/// The best of five runs, which alternate, in seconds.
fn seconds<const N: usize>(tasks: [&dyn Fn() -> usize; N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    for _ in 0..5 {
        for (best, task) in best.iter_mut().zip(tasks) {
            let begin = Instant::now();
            black_box(task());
            *best = best.min(begin.elapsed().as_secs_f64());
        }
    }
    best
}

fn main() {
    if is_only_built() {
        return;
    }
    let arguments: Vec<String> = std::env::args().collect();
    // A process of its own, so that what writing takes is not in the peak.
    if let Some(at) = arguments.iter().position(|argument| argument == "--write") {
        return write(Path::new(&arguments[at + 1]), arguments[at + 2].parse().expect("a number"));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |n: usize| {
        let path = folder.path().join(format!("{n}.parquet"));
        let program = std::env::current_exe().expect("this program");
        let status = Command::new(program).arg("--write").arg(&path).arg(n.to_string()).status();
        assert!(status.expect("this program runs").success());
        path
    };
    let (small, large) = (file(100_000), file(1_000_000));
    cohort(&small);
    let at_small = peak_megabytes();
    cohort(&large);
    let at_large = peak_megabytes();
    let [theirs, ours] = seconds([&|| plain(&large), &|| cohort(&large)]);
    println!("| 1,000,000 rows of 40 columns | seconds | its time / ours |");
    println!("| --- | --- | --- |");
    println!("| the parquet crate's reader | {theirs:.3} | |");
    println!("| CohortFile, checked and typed | {ours:.3} | {:.2} |", theirs / ours);
    if let Some((small, large)) = at_small.zip(at_large) {
        println!("\nPeak of memory: {small:.0} MB at 100,000 rows, {large:.0} MB at 1,000,000.");
    }
}
