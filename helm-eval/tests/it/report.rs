use helm_eval::report::{Estimate, ModelResult, OutcomeResult, PairedResult, Table};
use helm_eval::{Bootstrap, BootstrapIntervals, Scored};
use serde_json::json;

use crate::data::two_normals;

fn table() -> Table {
    let estimate = |value, lower, upper| Estimate { value, ci: [lower, upper] };
    let model = |name: &str, value: f64| ModelResult {
        name: name.into(),
        auroc: estimate(value, value - 0.125, value + 0.125),
        auprc: estimate(0.25, 0.125, 0.5),
    };
    let paired =
        PairedResult { a: "helm".into(), b: "age, sex".into(), auroc_difference: -0.0625, ci: [-0.25, 0.125], p: 1e-4 };
    let wheeze = OutcomeResult {
        outcome: "wheeze".into(),
        n: 400,
        cases: 57,
        confidence: 0.95,
        models: vec![model("helm", 0.625), model("age, sex", 0.6875)],
        paired: vec![paired],
    };
    let cough = OutcomeResult {
        outcome: "cough | \"chronic\"".into(),
        n: 300,
        cases: 24,
        confidence: 0.9,
        models: vec![model("helm", 0.5)],
        paired: vec![],
    };
    Table::new(vec![wheeze, cough])
}

#[test]
fn markdown() {
    let expected = "\
### wheeze: 57 cases among 400

| model    | AUROC (95 % CI)        | AUPRC (95 % CI)        |
| -------- | ---------------------- | ---------------------- |
| helm     | 0.625 (0.500 to 0.750) | 0.250 (0.125 to 0.500) |
| age, sex | 0.688 (0.562 to 0.812) | 0.250 (0.125 to 0.500) |

| paired difference | in AUROC (95 % CI)        | p       |
| ----------------- | ------------------------- | ------- |
| helm − age, sex   | -0.062 (-0.250 to +0.125) | < 0.001 |

### cough \\| \"chronic\": 24 cases among 300

| model | AUROC (90 % CI)        | AUPRC (90 % CI)        |
| ----- | ---------------------- | ---------------------- |
| helm  | 0.500 (0.375 to 0.625) | 0.250 (0.125 to 0.500) |
";
    assert_eq!(table().to_markdown(), expected);
}

#[test]
fn bars_and_line_ends_do_not_break_a_markdown_table() {
    let mut outcomes = table().outcomes().to_vec();
    outcomes[1].outcome = "cough\nchronic".into();
    outcomes[1].models[0].name = "age|sex\r\nand *more*".into();
    let text = Table::new(outcomes[1..].to_vec()).to_markdown();
    assert!(text.starts_with("### cough chronic: 24 cases among 300\n"), "{text}");
    assert!(text.contains("| age\\|sex  and *more* | 0.500"), "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn latex() {
    let expected = r"\begin{tabular}{llll}
\hline
Outcome & Model & AUROC (CI) & AUPRC (CI) \\
\hline
wheeze (57/400) & helm & 0.625 (0.500 to 0.750) & 0.250 (0.125 to 0.500) \\
 & age, sex & 0.688 (0.562 to 0.812) & 0.250 (0.125 to 0.500) \\
\hline
cough $|$ QchronicQ (24/300) & helm & 0.500 (0.375 to 0.625) & 0.250 (0.125 to 0.500) \\
\hline
\end{tabular}

\begin{tabular}{llll}
\hline
Outcome & Difference & in AUROC (CI) & $p$ \\
\hline
wheeze & helm $-$ age, sex & $-$0.062 ($-$0.250 to +0.125) & $<$ 0.001 \\
\hline
\end{tabular}
";
    // The two outcomes have intervals of another confidence.
    assert_eq!(table().to_latex().replace('"', "Q"), expected);
    let mut wheeze = table().outcomes()[0].clone();
    wheeze.outcome = "50 % & more_{x}^2~\\n\n#$".into();
    wheeze.paired.clear();
    let text = Table::new(vec![wheeze]).to_latex();
    assert!(text.contains("AUROC (95\\,\\% CI)"), "{text}");
    let name = r"50 \% \& more\_\{x\}\textasciicircum{}2\textasciitilde{}\textbackslash{}n \#\$ (57/400) & helm";
    assert!(text.contains(name), "{text}");
    assert_eq!(text.matches("tabular").count(), 2);
}

#[test]
fn csv() {
    let expected = "\
outcome,n,cases,model,confidence,auroc,auroc_lower,auroc_upper,auprc,auprc_lower,auprc_upper
wheeze,400,57,helm,0.95,0.625,0.5,0.75,0.25,0.125,0.5
wheeze,400,57,\"age, sex\",0.95,0.6875,0.5625,0.8125,0.25,0.125,0.5
\"cough | \"\"chronic\"\"\",300,24,helm,0.9,0.5,0.375,0.625,0.25,0.125,0.5
";
    assert_eq!(table().to_csv(), expected);
}

#[test]
fn json() {
    let estimate = |value: f64, lower: f64, upper: f64| json!({ "value": value, "ci": [lower, upper] });
    let auprc = || estimate(0.25, 0.125, 0.5);
    let expected = json!({
        "wheeze": {
            "n": 400, "cases": 57, "confidence": 0.95,
            "models": {
                "helm": { "auroc": estimate(0.625, 0.5, 0.75), "auprc": auprc() },
                "age, sex": { "auroc": estimate(0.6875, 0.5625, 0.8125), "auprc": auprc() },
            },
            "paired": [
                { "a": "helm", "b": "age, sex", "auroc_difference": -0.0625, "ci": [-0.25, 0.125], "p": 1e-4 },
            ],
        },
        "cough | \"chronic\"": {
            "n": 300, "cases": 24, "confidence": 0.9,
            "models": { "helm": { "auroc": estimate(0.5, 0.375, 0.625), "auprc": auprc() } },
            "paired": [],
        },
    });
    assert_eq!(table().to_json(), expected);
}

#[test]
fn nothing_makes_an_empty_table() {
    assert_eq!(Table::default().to_markdown(), "");
    assert_eq!(Table::default().to_csv().lines().count(), 1);
    assert_eq!(Table::default().to_json(), json!({}));
}

#[test]
fn an_evaluation_is_the_sum_of_its_parts() {
    let (labels, breath) = two_normals(120, 1.0, 1);
    let (_, age) = two_normals(120, 0.5, 2);
    let bootstrap = Bootstrap { replicates: 100, confidence: 0.9, seed: 3, ..Bootstrap::default() };
    let models: [(&str, &[f64]); 2] = [("age", &age), ("breath", &breath)];
    let result = OutcomeResult::evaluate("wheeze", &labels, &models, &[("breath", "age")], &bootstrap).unwrap();
    assert_eq!((result.outcome.as_str(), result.n, result.cases, result.confidence), ("wheeze", 120, 40, 0.9));
    let (age, breath) = (Scored::new(&labels, &age).unwrap(), Scored::new(&labels, &breath).unwrap());
    let models = [("age", &age), ("breath", &breath)];
    assert_eq!(result, OutcomeResult::of("wheeze", &models, &[("breath", "age")], &bootstrap).unwrap());
    for (model, scored) in result.models.iter().zip([&age, &breath]) {
        let BootstrapIntervals { auroc, auprc, .. } = bootstrap.intervals(scored).unwrap();
        assert_eq!(model.auroc, Estimate { value: scored.auroc(), ci: [auroc.lower, auroc.upper] });
        assert_eq!(model.auprc, Estimate { value: scored.auprc(), ci: [auprc.lower, auprc.upper] });
    }
    let difference = bootstrap.compare(&breath, &age).unwrap().auroc;
    let paired = &result.paired[0];
    assert_eq!((paired.auroc_difference, paired.p), (difference.difference, difference.p));
    assert_eq!(paired.ci, [difference.interval.lower, difference.interval.upper]);
}
