//! What does one forced breath measure, can it be trusted, and is it normal?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use helm_core::spirometry::CurveUnit;
use helm_examples::{BlowInput, Failure, Manifest, check_writable, run, write_atomically, write_json};
use serde_json::json;

#[path = "common/spirometry_plot.rs"]
mod plot;
#[path = "common/spirometry_result.rs"]
mod result;

use plot::BlowPlot;
use result::{BlowResult, Normal};

/// Measure a spirogram: FEV1, FVC and more by ATS/ERS 2019, its quality with reasons, and, for a person of known sex,
/// age and height, z-scores and lower limits of normal.
#[derive(Parser)]
#[command(after_help = "\
The input is a .wf file of the American Thoracic Society's waveforms; a .csv file with a header and a sample in each row,
with --column and --rate-hz; or a UK Biobank string of field 3066, \"blow1,300,0,0,0,1,4,…\" (mL at 100 Hz), in a file or
as it is. The end of a blow is the end of the recording, or the start of an inspiration.

  spirometry --input 2401.wf --sex female --age-years 45 --height-cm 162 --plot blow.svg
  spirometry --input blow.csv --column volume --rate-hz 100 --json -

This is software for research. It is not a medical device.")]
struct Args {
    /// .wf, .csv or UK Biobank 3066 string
    #[arg(long, value_name = "F")]
    input: PathBuf,
    /// Column of a .csv file with the samples
    #[arg(long, value_name = "COL")]
    column: Option<String>,
    /// Samples a second of a .csv file
    #[arg(long, value_name = "HZ")]
    rate_hz: Option<f64>,
    /// What the column holds
    #[arg(long, value_enum, default_value = "litres")]
    unit: Unit,
    /// Sex that the person is compared with
    #[arg(long, value_enum, requires_all = ["age_years", "height_cm"])]
    sex: Option<Sex>,
    /// Age in years, with decimals
    #[arg(long, value_name = "A", requires_all = ["sex", "height_cm"])]
    age_years: Option<f64>,
    /// Standing height in centimetres
    #[arg(long, value_name = "H", requires_all = ["sex", "age_years"])]
    height_cm: Option<f64>,
    /// Reference equations: gli-global is race-neutral, the others have groups
    #[arg(long, value_enum, default_value = "gli-global")]
    reference: Reference,
    /// Group of the reference equations, as their authors named it; gli-global has none and passes over it
    #[arg(long, value_enum)]
    ethnicity: Option<Ethnicity>,
    /// Draw the flow–volume loop and the volume–time curve as SVG
    #[arg(long, value_name = "F.svg")]
    plot: Option<PathBuf>,
    /// Write the machine-readable result here; - is standard output, and nothing else is printed then
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// As every example has it; nothing is drawn at random here
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unit {
    /// Volume in litres
    Litres,
    /// Volume in millilitres
    Millilitres,
    /// Flow in litres a second
    LitresPerSecond,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sex {
    Female,
    Male,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reference {
    /// GLI-2012, ages 3 to 95, five groups
    #[value(name = "gli2012")]
    Gli2012,
    /// GLI Global (2022), ages 3 to 95, race-neutral
    GliGlobal,
    /// NHANES III, ages 8 to 80, three groups
    NhanesIii,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ethnicity {
    Caucasian,
    AfricanAmerican,
    NorthEastAsian,
    SouthEastAsian,
    MexicanAmerican,
    Other,
}

fn main() -> ExitCode {
    run(|| measure(&Args::parse()))
}

fn measure(args: &Args) -> Result<(), Failure> {
    args.json.iter().chain(&args.plot).try_for_each(|path| check_writable(path))?;
    let normal = Normal::new(args)?;
    let input = BlowInput::read(&args.input, args.column.as_deref(), args.rate_hz, args.unit.into())?;
    let result = BlowResult::new(&input, normal).map_err(|error| match input.is_file {
        true => Failure::new(format!("{}: {error}", args.input.display())),
        false => error.into(),
    })?;
    // Nothing is written before everything is there.
    let svg = args.plot.is_some().then(|| BlowPlot::new(&input.blow, &result).to_svg()).transpose()?;
    if let (Some(path), Some(svg)) = (&args.plot, svg) {
        write_atomically(path, svg.as_bytes())?;
    }
    if args.json.as_deref() != Some(Path::new("-")) {
        say(&result.to_table());
    }
    if let Some(path) = &args.json {
        // Sex, age and height are a person's and stay out.
        let settings = json!({
            "column": args.column, "rate_hz": args.rate_hz, "unit": format!("{:?}", args.unit),
            "reference": format!("{:?}", args.reference),
        });
        let mut manifest = Manifest::new("spirometry", settings, args.seed);
        if input.is_file {
            manifest.add_file(&args.input)?;
        }
        let mut json = result.to_json();
        json["manifest"] = serde_json::to_value(manifest)?;
        write_json(path, &json)?;
    }
    Ok(())
}

impl From<Unit> for CurveUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Litres => Self::Litres,
            Unit::Millilitres => Self::Millilitres,
            Unit::LitresPerSecond => Self::LitresPerSecond,
        }
    }
}

#[expect(clippy::print_stdout, reason = "the example's result")]
fn say(text: &str) {
    print!("{text}");
}
