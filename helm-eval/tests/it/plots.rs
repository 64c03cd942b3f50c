use helm_eval::report::{DecisionPlot, ForestPlot, OutcomeResult, PrPlot, ReliabilityPlot, RocPlot};
use helm_eval::{Bins, Bootstrap, Error, Predictions, Scored, Subgroup};

use crate::data::two_normals;

const SHIFTS: [(&str, f64); 6] =
    [("helm", 1.4), ("boosting", 1.1), ("logistic", 0.8), ("age & <sex>", 0.4), ("spirometry", 0.6), ("chance", 0.0)];

fn bootstrap() -> Bootstrap {
    Bootstrap { replicates: 200, ..Bootstrap::default() }
}

fn results() -> Vec<OutcomeResult> {
    let evaluate = |outcome: &str, n: usize, seed: u64| {
        let (labels, _) = two_normals(n, 0.0, 0);
        let columns: Vec<Vec<f64>> =
            (seed..).zip(SHIFTS).map(|(seed, (_, shift))| two_normals(n, shift, seed).1).collect();
        let models: Vec<(&str, &[f64])> =
            SHIFTS.iter().zip(&columns).map(|((name, _), column)| (*name, column.as_slice())).collect();
        OutcomeResult::evaluate(outcome, &labels, &models[..4], &[], &bootstrap()).unwrap()
    };
    vec![evaluate("wheeze in the last year", 400, 10), evaluate("chronic cough", 150, 20)]
}

/// Written where `HELM_PLOTS` says, to be looked at.
fn keep(name: &str, svg: &str) {
    if let Some(folder) = std::env::var_os("HELM_PLOTS") {
        std::fs::write(std::path::PathBuf::from(folder).join(name), svg).unwrap();
    }
}

#[test]
fn roc_curves() {
    let mut plot = RocPlot::new("wheeze in the last year");
    for (seed, (name, shift)) in (10..).zip(SHIFTS) {
        let (labels, scores) = two_normals(400, shift, seed);
        let scored = Scored::new(&labels, &scores).unwrap();
        let auroc = bootstrap().intervals(&scored).unwrap().auroc;
        plot = plot.curve(name, &scored, Some(auroc));
    }
    let svg = plot.to_svg().unwrap();
    keep("roc.svg", &svg);
    assert_eq!(svg, plot.to_svg().unwrap());
    for text in ["Sensitivity", "False positive rate (1 − specificity)", "age &amp; &lt;sex&gt;: AUROC 0.", "wheeze in"]
    {
        assert!(svg.contains(text), "{text}");
    }
    assert!(svg.contains("font-family=\"sans-serif\""));
    // Six curves in six colours of Okabe and Ito.
    for colour in ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"] {
        assert!(svg.contains(colour), "{colour}");
    }
}

#[test]
fn precision_recall_curves() {
    let mut plot = PrPlot::new("wheeze in the last year");
    for (seed, (name, shift)) in (10..).zip(SHIFTS).take(3) {
        let (labels, scores) = two_normals(400, shift, seed);
        let scored = Scored::new(&labels, &scores).unwrap();
        plot = plot.curve(name, &scored, Some(bootstrap().intervals(&scored).unwrap().auprc));
    }
    let svg = plot.to_svg().unwrap();
    keep("pr.svg", &svg);
    for text in ["helm: AUPRC 0.", "Recall (sensitivity)", "Precision (positive predictive value)"] {
        assert!(svg.contains(text), "{text}");
    }
}

/// Risks of people whose log-odds are `log_odds`, and labels that follow them.
fn predictions(n: usize, stretch: f64) -> Predictions {
    let (labels, scores) = two_normals(n, 1.5, 5);
    let risks: Vec<f64> = scores.iter().map(|score| 1.0 / (1.0 + (-(1.5 * score - 1.8) * stretch).exp())).collect();
    Predictions::new(&labels, &risks).unwrap()
}

#[test]
fn reliability_curves() {
    let mut plot = ReliabilityPlot::new("wheeze in the last year");
    for (name, stretch) in [("helm", 1.0), ("too extreme", 2.5)] {
        plot = plot.curve(name, &predictions(900, stretch).reliability_curve(Bins::EqualMass(8), 0.95).unwrap());
    }
    let svg = plot.to_svg().unwrap();
    keep("reliability.svg", &svg);
    for text in ["helm", "too extreme", "Predicted risk", "Observed share of cases"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn decision_curves() {
    let thresholds: Vec<f64> = (0..=60).map(|percent| f64::from(percent) / 100.0).collect();
    let mut plot = DecisionPlot::new("wheeze in the last year");
    for (name, stretch) in [("helm", 1.0), ("too extreme", 4.0)] {
        plot = plot.curve(name, &predictions(900, stretch).decision_curve(&thresholds, None).unwrap());
    }
    let svg = plot.to_svg().unwrap();
    keep("decision.svg", &svg);
    for text in ["treat everyone", "treat no one", "Threshold (risk)", "Net benefit (true positives a person)"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn many_rows_do_not_swell_the_drawing() {
    let (labels, scores) = two_normals(100_000, 1.0, 1);
    let scored = Scored::new(&labels, &scores).unwrap();
    let svg = RocPlot::new("").curve("helm", &scored, None).to_svg().unwrap();
    assert!(svg.len() < 60_000, "{}", svg.len());
    assert!(svg.contains("helm: AUROC 0.7"));
}

#[test]
fn no_curve_and_no_outcome() {
    assert!(RocPlot::new("").to_svg().unwrap().ends_with("</svg>\n"));
    assert!(ForestPlot::new(&[]).to_svg().unwrap().ends_with("</svg>\n"));
    assert!(PrPlot::new("").to_svg().unwrap().ends_with("</svg>\n"));
    assert!(ReliabilityPlot::new("").curve("none", &[]).to_svg().unwrap().ends_with("</svg>\n"));
    assert!(DecisionPlot::new("").curve("none", &[]).to_svg().unwrap().ends_with("</svg>\n"));
}

#[test]
fn forest() {
    let svg = ForestPlot::new(&results()).to_svg().unwrap();
    keep("forest.svg", &svg);
    for text in [
        "wheeze in the last year",
        "134 cases / 400",
        "chronic cough",
        "50 cases / 150",
        "AUROC (95 % CI)",
        "age &amp; &lt;sex",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg.matches("<circle").count(), 2);
}

#[test]
fn bands() {
    let (mut roc, mut pr) = (RocPlot::new("wheeze in the last year"), PrPlot::new("wheeze in the last year"));
    for (seed, (name, shift)) in (10..).zip(SHIFTS).take(3) {
        let (labels, scores) = two_normals(400, shift, seed);
        let scored = Scored::new(&labels, &scores).unwrap();
        roc = roc.curve(name, &scored, None).band(&bootstrap().roc_band(&scored).unwrap());
        pr = pr.curve(name, &scored, None).band(&bootstrap().pr_band(&scored).unwrap());
    }
    for (name, svg) in [("roc_band.svg", roc.to_svg().unwrap()), ("pr_band.svg", pr.to_svg().unwrap())] {
        keep(name, &svg);
        assert_eq!(svg.matches("<polygon").count(), 3);
        assert!(svg.contains("opacity=\"0.18\""), "{name}");
    }
    // Without a curve there is nothing to put a band about.
    assert_eq!(RocPlot::new("").band(&[]), RocPlot::new(""));
}

#[test]
fn forest_of_subgroups() {
    let (labels, scores) = two_normals(400, 1.0, 10);
    let names: Vec<&str> = (0..400).map(|row| ["18 to 39", "40 to 64", "65 and over"][row * 7 % 10 % 3]).collect();
    let mut subgroups = Subgroup::all(&labels, &scores, &names, 0.95).unwrap();
    subgroups[1].interval = None;
    let svg = ForestPlot::of_subgroups(&[("helm", &subgroups), ("logistic", &subgroups[..1])], 0.95).to_svg().unwrap();
    keep("subgroups.svg", &svg);
    for text in ["helm", "18 to 39: ", "no interval", "AUROC (95 % CI)"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn forest_names_are_whole() {
    let labels = [false, false, true, true];
    let (a, b) = ("helm_multimodal", "logistic_multimodal_with_more");
    let models: [(&str, &[f64]); 2] = [(a, &[0.1, 0.4, 0.35, 0.8]), (b, &[0.2, 0.1, 0.4, 0.3])];
    let result = OutcomeResult::evaluate("asthma", &labels, &models, &[(a, b)], &Bootstrap::default()).unwrap();
    let svg = ForestPlot::of_differences(&[result]).to_svg().unwrap();
    assert!(svg.contains(&format!("{a} − {b}")) && !svg.contains('…'), "{svg}");
    // The drawing grows with the 47 letters: 12 for each and 72 of margin, 510 of intervals, 350 of numbers.
    assert!(svg.starts_with("<svg width=\"1496\""), "{}", &svg[..40]);
}

#[test]
fn forest_of_differences() {
    let (labels, _) = two_normals(400, 0.0, 0);
    let columns: Vec<Vec<f64>> = (10..).zip(SHIFTS).map(|(seed, (_, shift))| two_normals(400, shift, seed).1).collect();
    let models: Vec<(&str, &[f64])> =
        SHIFTS.iter().zip(&columns).map(|((name, _), column)| (*name, column.as_slice())).take(3).collect();
    let pairs = [("helm", "boosting"), ("helm", "logistic"), ("logistic", "boosting")];
    let result = OutcomeResult::evaluate("wheeze in the last year", &labels, &models, &pairs, &bootstrap()).unwrap();
    let svg = ForestPlot::of_differences(&[result]).to_svg().unwrap();
    keep("differences.svg", &svg);
    for text in ["helm − boosting", "Difference in AUROC (95 % CI)", "134 cases / 400", "+0."] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn names_can_not_break_a_drawing() {
    let (labels, scores) = two_normals(30, 1.0, 1);
    let scored = Scored::new(&labels, &scores).unwrap();
    let hostile = format!("\u{0}\u{1b}</text><script>{}", "x".repeat(10_000));
    let svg = RocPlot::new(hostile.clone()).curve(hostile.clone(), &scored, None).to_svg().unwrap();
    let models: [(&str, &[f64]); 1] = [(&hostile, &scores)];
    let result = OutcomeResult::evaluate(hostile.clone(), &labels, &models, &[], &bootstrap()).unwrap();
    for svg in [svg, ForestPlot::new(&[result]).to_svg().unwrap()] {
        assert!(!svg.contains("<script") && !svg.contains(['\u{0}', '\u{1b}']) && svg.len() < 20_000);
    }
}

#[test]
fn numbers_that_can_not_be_drawn() {
    let mut results = results();
    results[0].models[0].auroc.ci[1] = f64::NAN;
    assert!(matches!(ForestPlot::new(&results).to_svg(), Err(Error::Report(_))));
    let mut bins = predictions(90, 1.0).reliability_curve(Bins::EqualMass(3), 0.95).unwrap();
    bins[1].observed = f64::NAN;
    assert!(matches!(ReliabilityPlot::new("").curve("helm", &bins).to_svg(), Err(Error::Report(_))));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut points = predictions(90, 1.0).decision_curve(&[0.1, 0.2, 0.3], None).unwrap();
        points[1].net_benefit = bad;
        assert!(matches!(DecisionPlot::new("").curve("helm", &points).to_svg(), Err(Error::Report(_))));
    }
}
