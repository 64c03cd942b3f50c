use std::fmt::Write as _;

use crate::{Cohort, Error, FeatureKind, SmallCells, Value};

/// The first table of a paper: what a cohort is like, and its cases and controls.
///
/// ```
/// use helm_core::{Cohort, Feature, Outcome, ParticipantId, Schema, SmallCells, TableOne, Value};
///
/// let schema = Schema::new(
///     vec![Feature::number("age", "age", "years", 0.0..=120.0), Feature::yes_no("smokes", "smokes")],
///     vec![],
///     vec![Outcome::new("wheeze", "wheezing", "answered yes")],
/// )?;
/// let n = 90;
/// let cohort = Cohort::builder(schema, (0..n).map(|i| ParticipantId::new(i.to_string())).collect())?
///     .feature("age", (0..n).map(|i| Value::Number(40.0 + f64::from(i % 3))).collect())?
///     .feature("smokes", (0..n).map(|i| Value::Level(usize::from(i < 45))).collect())?
///     .outcome("wheeze", (0..n).map(|i| Some(i % 3 == 0)).collect())?
///     .build()?;
/// let markdown = TableOne::of(&cohort, "wheeze")?.to_markdown(SmallCells::default());
/// assert!(markdown.contains("| age, years: mean (SD) | 41.0 (0.8) | 40.0 (0.0) | 41.5 (0.5) |"), "{markdown}");
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TableOne {
    outcome: String,
    /// Cases, controls, and those who are neither.
    n: [usize; 3],
    features: Vec<(String, Summary)>,
}

/// One feature in cases, controls, and those who are neither.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Summary {
    /// Of numbers.
    Number {
        /// How many were measured.
        n: [usize; 3],
        /// Their sums.
        sum: [f64; 3],
        /// The sums of their squared distances from the group's mean.
        squares: [f64; 3],
        /// Digits after the point that are shown.
        decimals: usize,
    },
    /// Of categories: each level's name and counts, missing ones last.
    Category(Vec<(String, [usize; 3])>),
}

impl TableOne {
    /// The table of a cohort by an outcome.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema has no such outcome.
    pub fn of(cohort: &Cohort, outcome: &str) -> Result<Self, Error> {
        let groups: Vec<usize> = cohort.labels(outcome)?.iter().map(|&label| group(label)).collect();
        let mut n = [0; 3];
        groups.iter().for_each(|&group| n[group] += 1);
        let schema = cohort.schema();
        let summaries = schema.features().iter().enumerate().map(|(index, feature)| {
            let unit = feature.unit().map_or(String::new(), |unit| format!(", {unit}"));
            let values = groups.iter().enumerate().map(|(row, &group)| (group, cohort.value_at(index, row)));
            let summary = match &feature.kind {
                FeatureKind::Number { .. } => numbers(values.clone()),
                FeatureKind::Category { levels } => {
                    let mut counts: Vec<_> = levels.iter().map(|level| (level.clone(), [0; 3])).collect();
                    counts.push(("missing".into(), [0; 3]));
                    for (group, value) in values {
                        let level = if let Value::Level(level) = value { level } else { levels.len() };
                        counts[level].1[group] += 1;
                    }
                    Summary::Category(counts)
                }
            };
            (format!("{}{unit}", feature.label), summary)
        });
        Ok(Self { outcome: outcome.into(), n, features: summaries.collect() })
    }

    /// The numbers of cases, controls, and those who are neither.
    pub fn n(&self) -> [usize; 3] {
        self.n
    }

    /// The features by their labels.
    pub fn features(&self) -> impl Iterator<Item = (&str, &Summary)> {
        self.features.iter().map(|(label, summary)| (label.as_str(), summary))
    }

    /// A table in Markdown with everyone, cases and controls. Small counts, and those from which they could be derived,
    /// are hidden (`–`), as are means of few people.
    pub fn to_markdown(&self, small: SmallCells) -> String {
        let mut out = format!("| | all | cases of {0} | controls |\n| --- | --- | --- | --- |\n", self.outcome);
        let by_group = self.by_group(small);
        let all: usize = self.n.iter().sum();
        let size = |count: usize, shown: bool| {
            if shown && !small.is_small(count) { count.to_string() } else { HIDDEN.to_owned() }
        };
        let [cases, controls] = [0, 1].map(|group| size(self.n[group], by_group));
        let _ = writeln!(out, "| participants | {} | {cases} | {controls} |", size(all, true));
        for (label, summary) in &self.features {
            match summary {
                Summary::Number { n, sum, squares, decimals } => {
                    let pooled = pool(n, sum, squares);
                    let one = |n: usize, sum: f64, squares: f64| {
                        if n < 2 || small.is_small(n) {
                            return HIDDEN.to_owned();
                        }
                        let sd = (squares / (n - 1) as f64).sqrt();
                        format!("{:.*} ({sd:.*})", decimals, sum / n as f64, decimals)
                    };
                    // Everyone's mean less that of cases and controls gives that of few others away.
                    let others_are_few = by_group && n.iter().any(|&n| small.is_small(n));
                    let everyone = if others_are_few { HIDDEN.into() } else { one(pooled.0, pooled.1, pooled.2) };
                    let of_group = |group: usize| {
                        if by_group { one(n[group], sum[group], squares[group]) } else { HIDDEN.to_owned() }
                    };
                    let [case, control] = [0, 1].map(of_group);
                    let _ = writeln!(out, "| {label}: mean (SD) | {everyone} | {case} | {control} |");
                    let missing = [0, 1, 2].map(|group| self.n[group] - n[group]);
                    if missing.iter().any(|&n| n > 0) {
                        let hidden = self.hidden(small, &[missing, *n])[0];
                        self.counts(&mut out, &format!("{label}: missing"), missing, hidden, by_group);
                    }
                }
                Summary::Category(levels) => {
                    let counts: Vec<[usize; 3]> = levels.iter().map(|(_, counts)| *counts).collect();
                    let hidden = self.hidden(small, &counts);
                    for ((level, counts), hidden) in levels.iter().zip(hidden) {
                        if level == "missing" && counts.iter().sum::<usize>() == 0 {
                            continue;
                        }
                        self.counts(&mut out, &format!("{label}: {level}"), *counts, hidden, by_group);
                    }
                }
            }
        }
        out
    }

    /// Whether cases and controls may be told apart: not where a group is small, since any table of a feature would give
    /// its size away.
    fn by_group(&self, small: SmallCells) -> bool {
        !self.n.iter().any(|&n| small.is_small(n))
    }

    /// Which rows of counts are hidden.
    fn hidden(&self, small: SmallCells, counts: &[[usize; 3]]) -> Vec<bool> {
        if self.by_group(small) {
            return small.hidden(counts);
        }
        small.hidden(&counts.iter().map(|counts| [counts.iter().sum()]).collect::<Vec<[usize; 1]>>())
    }

    fn counts(&self, out: &mut String, label: &str, counts: [usize; 3], hidden: bool, by_group: bool) {
        let share = |count: usize, of: usize, hidden: bool| {
            if hidden {
                HIDDEN.to_owned()
            } else {
                format!("{count} ({:.1} %)", 100.0 * count as f64 / of.max(1) as f64)
            }
        };
        let all = share(counts.iter().sum(), self.n.iter().sum(), hidden);
        let [case, control] = [0, 1].map(|group| share(counts[group], self.n[group], hidden || !by_group));
        let _ = writeln!(out, "| {label} | {all} | {case} | {control} |");
    }
}

const HIDDEN: &str = "–";

fn group(label: Option<bool>) -> usize {
    match label {
        Some(true) => 0,
        Some(false) => 1,
        None => 2,
    }
}

fn numbers(values: impl Iterator<Item = (usize, Value)> + Clone) -> Summary {
    let (mut n, mut sum, mut squares) = ([0; 3], [0.0; 3], [0.0; 3]);
    let measured = values.filter_map(|(group, value)| Some((group, value.as_number()?)));
    for (group, number) in measured.clone() {
        n[group] += 1;
        sum[group] += number;
    }
    let mut largest = 0.0f64;
    for (group, number) in measured {
        let from_mean = number - sum[group] / n[group] as f64;
        squares[group] += from_mean * from_mean;
        largest = largest.max(number.abs());
    }
    // Ages and pressures with one digit, volumes in litres with two, small numbers with three that count.
    let decimals = match largest {
        20.0.. => 1,
        1.0.. => 2,
        small if small > 0.0 => (2 - small.log10().floor() as i32).clamp(2, 9) as usize,
        _ => 2,
    };
    Summary::Number { n, sum, squares, decimals }
}

/// Number, sum and squared distances of the three groups together.
fn pool(n: &[usize; 3], sum: &[f64; 3], squares: &[f64; 3]) -> (usize, f64, f64) {
    let (all, total): (usize, f64) = (n.iter().sum(), sum.iter().sum());
    let mean = total / all.max(1) as f64;
    let between = (0..3).filter(|&group| n[group] > 0).map(|group| {
        let distance = sum[group] / n[group] as f64 - mean;
        n[group] as f64 * distance * distance
    });
    (all, total, squares.iter().sum::<f64>() + between.sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Feature, MissingReason, Outcome, ParticipantId, Schema};

    fn table(n: usize, level: fn(usize) -> Value, label: fn(usize) -> Option<bool>) -> String {
        let schema = Schema::new(
            vec![Feature::category("smokes", "smokes", ["no", "once", "yes"])],
            vec![],
            vec![Outcome::new("wheeze", "wheezing", "answered yes")],
        );
        let ids = (0..n).map(|i| ParticipantId::new(i.to_string())).collect();
        let cohort = Cohort::builder(schema.expect("a schema"), ids)
            .and_then(|builder| builder.feature("smokes", (0..n).map(level).collect()))
            .and_then(|builder| builder.outcome("wheeze", (0..n).map(label).collect()))
            .and_then(|builder| builder.build())
            .expect("a cohort");
        TableOne::of(&cohort, "wheeze").expect("a table").to_markdown(SmallCells::default())
    }

    #[test]
    fn counts_and_shares() {
        let markdown = table(300, |i| Value::Level(i % 3), |i| Some(i % 2 == 0));
        assert!(markdown.contains("| participants | 300 | 150 | 150 |"), "{markdown}");
        assert!(markdown.contains("| smokes: once | 100 (33.3 %) | 50 (33.3 %) | 50 (33.3 %) |"), "{markdown}");
        assert!(!markdown.contains("missing") && !markdown.contains(HIDDEN), "{markdown}");
    }

    #[test]
    fn few_people_are_hidden_with_who_would_give_them_away() {
        let few = |i: usize| match i {
            0..4 => Value::Level(1),
            4..60 => Value::Missing(MissingReason::Refused),
            _ => Value::Level(2 * (i % 2)),
        };
        let markdown = table(300, few, |i| Some(i % 2 == 0));
        assert!(markdown.contains("| smokes: once | – | – | – |"), "{markdown}");
        assert!(markdown.contains("| smokes: missing | – | – | – |"), "{markdown}");
        // Three of 300 who are neither: everyone less cases and controls.
        let markdown = table(300, |i| Value::Level(i % 3), |i| (i > 2).then_some(i % 2 == 0));
        assert!(markdown.contains("| participants | 300 | – | – |"), "{markdown}");
        assert!(markdown.contains("| smokes: no | 100 (33.3 %) | – | – |"), "{markdown}");
    }
}
