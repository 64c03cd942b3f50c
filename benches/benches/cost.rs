//! What a participant's risks cost through a frozen language model, against the outcomes, the length of the context and
//! the participants asked about at once, in f32: helm with the constant prefix computed afresh and kept, beside
//! transformers on PyTorch with a row for each outcome and with each participant's context kept, in turn in one run.
//! Shapes of helm-tiny, SmolLM2-135M and Qwen2.5-0.5B (as a Llama), with random weights.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_frozen.py; without it, that side is left out.
//! `HELM_BENCH_REPORT` names a folder for the table and the drawing; words after `--` choose shapes by their names.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::path::PathBuf;

use helm_benches::{FrozenPeer, FrozenTask, LlamaShape, SoftSource, is_only_built, random_llama, seconds, spread};
use plotters::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPES: [(&str, LlamaShape); 3] = [
    ("helm-tiny", LlamaShape { d_model: 128, d_hidden: 384, n_layers: 6, n_heads: 4, n_kv_heads: 2, n_vocab: 1024 }),
    ("SmolLM2-135M", LlamaShape::SMOLLM2_135M),
    (
        "Qwen2.5-0.5B",
        LlamaShape { d_model: 896, d_hidden: 4864, n_layers: 24, n_heads: 14, n_kv_heads: 2, n_vocab: 151_936 },
    ),
];
const CONTEXTS: [usize; 3] = [64, 256, 1024];
const OUTCOMES: [usize; 3] = [1, 8, 100];
const PARTICIPANTS: usize = 4;
/// Asked about at once, with [`CONTEXTS`]`[1]` tokens and [`OUTCOMES`]`[1]` outcomes.
const MORE_PARTICIPANTS: [usize; 3] = [1, 16, 64];
/// The first round warms up.
const ROUNDS: usize = 3;
/// What takes more operations than this is run once, in the last round.
const LONG: f64 = 2e11;
/// What takes more than this is not run.
const MOST_OPERATIONS: f64 = 8e12;
const WAYS: [&str; 4] = ["helm", "helm, prefix kept", "a row an outcome", "contexts kept"];

/// Milliseconds a participant, in each of the [`WAYS`] that were run.
struct Cost {
    shape: &'static str,
    participants: usize,
    n_text: usize,
    n_outcomes: usize,
    ways: [Option<f64>; 4],
}

fn main() {
    if is_only_built() {
        return;
    }
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let threads = rayon::current_num_threads();
    let mut table = format!(
        "Milliseconds a participant on {threads} threads; how many times as long transformers takes\n\n\
         | shape | participants | tokens of text | outcomes | {} | row / helm | kept / helm |\n{}\n",
        WAYS.join(" | "),
        "| --- ".repeat(10) + "|"
    );
    print!("{table}");
    let mut costs = Vec::new();
    let of_contexts = CONTEXTS.map(|n_text| (PARTICIPANTS, n_text, &OUTCOMES[..]));
    let of_participants = MORE_PARTICIPANTS.map(|participants| (participants, CONTEXTS[1], &OUTCOMES[1..2]));
    for (name, shape) in SHAPES {
        if !chosen.is_empty() && !chosen.iter().any(|word| word == name) {
            continue;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        random_llama(folder.path(), shape);
        for (participants, n_text, outcomes) in of_contexts.into_iter().chain(of_participants) {
            let most = outcomes[outcomes.len() - 1];
            let task = FrozenTask { shape, participants, n_text, n_outcomes: most };
            let mut peer = FrozenPeer::start(&task, 1, folder.path(), threads);
            for &n_outcomes in outcomes {
                let ways = ways(&FrozenTask { n_outcomes, ..task }, folder.path(), &mut peer);
                let cost = Cost { shape: name, participants, n_text, n_outcomes, ways };
                print!("{}", cost.row());
                table += &cost.row();
                costs.push(cost);
            }
        }
        // After each shape: the next one takes longer.
        if let Some(folder) = std::env::var_os("HELM_BENCH_REPORT").map(PathBuf::from) {
            std::fs::create_dir_all(&folder).expect("a folder for the report");
            std::fs::write(folder.join("cost.md"), &table).expect("a writable folder");
            std::fs::write(folder.join("cost.svg"), drawing(&costs)).expect("a writable folder");
        }
    }
}

/// The cost of a task in each way, run in turn.
fn ways(task: &FrozenTask, folder: &std::path::Path, peer: &mut Option<FrozenPeer>) -> [Option<f64>; 4] {
    let behind = task.n_behind_text();
    let whole = task.operations(task.n_text + behind);
    let in_rows = task.n_outcomes * (task.n_text + FrozenTask::N_SOFT + FrozenTask::N_QUESTION);
    // What is to be kept has to be computed once.
    let kept = if whole <= MOST_OPERATIONS { task.operations(behind) } else { whole };
    let operations = [whole, kept, task.operations(in_rows), whole];
    let is_run = |way: usize, round| operations[way] <= if round == ROUNDS { MOST_OPERATIONS } else { LONG };
    let cohort = task.cohort();
    let helms = [0, 2 << 30].map(|cache_bytes| task.helm(folder, SoftSource::Given, cache_bytes));
    let prompts = helms.each_ref().map(|helm| task.prompts(helm, &cohort));
    if is_run(1, ROUNDS) {
        helms[1].risks(&prompts[1]).expect("risks");
    }
    let mut times: [Vec<f64>; 4] = Default::default();
    for round in 0..=ROUNDS {
        for (way, times) in times.iter_mut().enumerate().filter(|(way, _)| is_run(*way, round)) {
            let time = match way {
                0 | 1 => Some(seconds(|| helms[way].risks(&prompts[way]).expect("risks"))),
                _ => peer.as_mut().and_then(|it| it.seconds(["scoring", "cached"][way - 2], "f32", task.n_outcomes)),
            };
            if round > 0 {
                times.extend(time);
            }
        }
    }
    times.map(|times| (!times.is_empty()).then(|| spread(times).0 * 1e3 / task.participants as f64))
}

impl Cost {
    fn row(&self) -> String {
        let number = |it: Option<f64>| it.map_or("not run".into(), |it| format!("{it:.1}"));
        let [helm, _, row, kept] = self.ways;
        let ratio =
            |other: Option<f64>| other.zip(helm).map_or("–".into(), |(other, helm)| format!("{:.1}", other / helm));
        let ways: Vec<String> = self.ways.into_iter().map(number).collect();
        let Self { shape, participants, n_text, n_outcomes, .. } = self;
        let (ways, row, kept) = (ways.join(" | "), ratio(row), ratio(kept));
        format!("| {shape} | {participants} | {n_text} | {n_outcomes} | {ways} | {row} | {kept} |\n")
    }
}

/// Of the [`WAYS`].
const COLORS: [RGBColor; 4] = [BLUE, CYAN, RED, BLACK];
/// Height of the drawing's legend.
const LEGEND: u32 = 30;

/// What a panel of the drawing shows of a shape.
#[derive(Clone, Copy)]
enum Panel {
    /// Against outcomes, with so many tokens of text.
    Outcomes(usize),
    Participants,
}

impl Panel {
    fn shows(self, cost: &Cost) -> bool {
        match self {
            Self::Outcomes(n_text) => cost.n_text == n_text && cost.participants == PARTICIPANTS,
            Self::Participants => cost.n_text == CONTEXTS[1] && cost.n_outcomes == OUTCOMES[1],
        }
    }

    fn x(self, cost: &Cost) -> f64 {
        match self {
            Self::Outcomes(_) => cost.n_outcomes as f64,
            Self::Participants => cost.participants as f64,
        }
    }

    fn caption(self, shape: &str) -> String {
        match self {
            Self::Outcomes(n_text) => format!("{shape}, {n_text} tokens of text"),
            Self::Participants => format!("{shape}, {} tokens, {} outcomes", CONTEXTS[1], OUTCOMES[1]),
        }
    }

    fn x_label(self) -> &'static str {
        match self {
            Self::Outcomes(_) => "outcomes",
            Self::Participants => "participants at once",
        }
    }
}

/// A row of panels for each shape: against outcomes for each length of the text, and against participants.
fn drawing(costs: &[Cost]) -> String {
    let shapes: Vec<&str> =
        SHAPES.iter().map(|(name, _)| *name).filter(|name| costs.iter().any(|it| it.shape == *name)).collect();
    let of_shape = || CONTEXTS.map(Panel::Outcomes).into_iter().chain([Panel::Participants]);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (1280, LEGEND + 300 * shapes.len().max(1) as u32));
        let root = root.into_drawing_area();
        root.fill(&WHITE).expect("a drawing");
        let (legend, panels_area) = root.split_vertically(LEGEND);
        for (way, name) in WAYS.into_iter().enumerate() {
            let (x, y) = (60 + 300 * way as i32, LEGEND as i32 / 2);
            let line = PathElement::new([(x, y), (x + 24, y)], COLORS[way].stroke_width(2));
            legend.draw(&line).expect("a line");
            let whose = if way < 2 { "" } else { "transformers, " };
            let text = Text::new(format!("{whose}{name}"), (x + 32, y - 7), ("sans-serif", 15));
            legend.draw(&text).expect("a legend");
        }
        let areas = panels_area.split_evenly((shapes.len().max(1), CONTEXTS.len() + 1));
        let panels = shapes.iter().flat_map(|shape| of_shape().map(move |panel| (*shape, panel)));
        for (area, (shape, panel)) in areas.iter().zip(panels) {
            let mut of_panel: Vec<&Cost> = costs.iter().filter(|it| it.shape == shape && panel.shows(it)).collect();
            of_panel.sort_by(|a, b| panel.x(a).total_cmp(&panel.x(b)));
            let numbers = || of_panel.iter().flat_map(|it| it.ways).flatten();
            let (least, most) = (numbers().fold(f64::INFINITY, f64::min), numbers().fold(0.0, f64::max));
            let mut chart = ChartBuilder::on(area)
                .caption(panel.caption(shape), ("sans-serif", 15))
                .margin(8)
                .x_label_area_size(34)
                .y_label_area_size(54)
                .build_cartesian_2d((0.8f64..130.0).log_scale(), (0.7 * least..1.5 * most).log_scale())
                .expect("axes");
            chart
                .configure_mesh()
                .disable_mesh()
                .x_desc(panel.x_label())
                .y_desc("ms a participant")
                .x_label_formatter(&|it| format!("{it:.0}"))
                .y_label_formatter(&|it| format!("{it}"))
                .draw()
                .expect("axes");
            for (way, color) in COLORS.iter().enumerate() {
                let points: Vec<(f64, f64)> =
                    of_panel.iter().filter_map(|it| Some((panel.x(it), it.ways[way]?))).collect();
                let line = LineSeries::new(points, color.stroke_width(2)).point_size(3);
                chart.draw_series(line).expect("a line");
            }
        }
        root.present().expect("a drawing");
    }
    svg
}
