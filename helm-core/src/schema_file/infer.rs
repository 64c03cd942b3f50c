//! A first schema file from a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::SchemaFile;
use super::bound::is_missing;
use crate::table::parse_number;
use crate::{Cells, Error, SmallCells, Table, TableColumn, Value};

/// A column with so many levels or fewer is taken for a category.
const MOST_LEVELS: usize = 12;

impl SchemaFile {
    /// A first schema file for a table, as text to be edited: every column as a feature with its kind, and a range (from
    /// the data, rounded outwards to two digits) or its levels; the columns of `outcomes`, each of 1 and 0 or of yes and
    /// no, as outcomes. Without a column of participants, every row is another one. Outcomes are never guessed: without
    /// any, the text shows one as a comment. Columns that can't be features stand as comments, too: those of free text or
    /// dates, of identifiers, or with levels that few people share, which a schema file must not disclose.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the table lacks a column; as [`crate::Table::participants`] has it; [`Error::Cell`] where a
    /// column of an outcome holds something else.
    pub fn infer(table: &Table, participant: Option<&str>, outcomes: &[&str]) -> Result<String, Error> {
        let mut text = format!(
            "# Inferred from {}. Check every kind, unit, range and missing code by hand.\n# Lists of samples are \
             signals: give their rate.\n",
            table.name(),
        );
        match participant {
            Some(participant) => {
                table.participants(participant)?;
                let _ = writeln!(text, "participant = {}", quoted(participant));
            }
            None => text += "# No identifiers: take care that nobody has two rows.\none_row_each = true\n",
        }
        let is_other = |column: &&TableColumn| {
            !outcomes.iter().copied().chain(participant).any(|name| column.name.eq_ignore_ascii_case(name))
        };
        table.columns().iter().filter(is_other).for_each(|column| describe(&mut text, column));
        for name in outcomes {
            text += &outcome(table, table.column(name)?)?;
        }
        if outcomes.is_empty() {
            text += "\n# [[outcome]]\n# name = \"…\"\n# label = \"the words of the question\"\n# case = \"COLUMN = \
                     1\"\n# control = \"COLUMN = 2\"\n# neither = \"COLUMN in (7, 9)\"\n";
        }
        Ok(text)
    }
}

/// What may stand for a case and for a control.
const CASE_AND_CONTROL: [[&str; 2]; 5] =
    [["1", "0"], ["yes", "no"], ["true", "false"], ["y", "n"], ["case", "control"]];

/// A column as an outcome.
fn outcome(table: &Table, column: &TableColumn) -> Result<String, Error> {
    let spelled = |row: usize| match &column.cells {
        Cells::Text(cells) => cells[row].as_deref().unwrap_or_default().trim().to_owned(),
        Cells::Numbers(cells) => cells[row].as_number().map(|number| number.to_string()).unwrap_or_default(),
        Cells::Lists(_) => "a list".into(),
    };
    let rows: Vec<usize> = (0..column.cells.len()).filter(|&row| !is_missing(column, row)).collect();
    let is = |row: usize, word: &str| spelled(row).eq_ignore_ascii_case(word);
    let fits = |words: &&[&str; 2]| rows.first().is_some_and(|&row| words.iter().any(|word| is(row, word)));
    let expected = "1 or 0, yes or no, true or false, y or n, case or control";
    let Some(words) = CASE_AND_CONTROL.iter().find(fits) else {
        let row = rows.first().copied().unwrap_or_default();
        return Err(table.cell_error(row, column, expected, "something else, or an empty column"));
    };
    if let Some(&row) = rows.iter().find(|&&row| !words.iter().any(|word| is(row, word))) {
        return Err(table.cell_error(row, column, &words.join(" or "), "something else"));
    }
    // As the file spells them: conditions compare texts letter by letter.
    let code = |word: &str| {
        let spelled = rows.iter().map(|&row| spelled(row)).find(|spelled| spelled.eq_ignore_ascii_case(word));
        let spelled = spelled.unwrap_or_else(|| word.to_owned());
        if word.parse::<u8>().is_ok() { spelled } else { format!("'{spelled}'") }
    };
    let condition = |word: &str| quoted(&format!("`{}` = {}", column.name, code(word)));
    let (name, label) = (quoted(&column.name), quoted(&in_words(&column.name)));
    let (case, control) = (condition(words[0]), condition(words[1]));
    Ok(format!("\n[[outcome]]\nname = {name}\nlabel = {label}\ncase = {case}\ncontrol = {control}\n"))
}

/// A column's name as words: RestingBP and resting_BP are "resting BP".
fn in_words(name: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if c == '_' || c == '.' || c.is_whitespace() {
            words.push(String::new());
        } else {
            if c.is_uppercase() && before.is_lowercase() {
                words.push(String::new());
            }
            words.last_mut().expect("at least one word").push(c);
        }
        before = c;
    }
    let is_short_form = |word: &str| word.chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase);
    let lower = |word: String| if is_short_form(&word) { word } else { word.to_lowercase() };
    words.into_iter().filter(|word| !word.is_empty()).map(lower).collect::<Vec<_>>().join(" ")
}

fn describe(text: &mut String, column: &TableColumn) {
    let name = quoted(&column.name);
    let comment = |text: &mut String, why: &str| {
        let _ = write!(text, "\n# Column {name}: {why}.\n");
    };
    if matches!(column.cells, Cells::Lists(_)) {
        let _ = write!(text, "\n# [[signal]]\n# name = {name}\n# column = {name}\n# rate_hz = \n# unit = \"\"\n");
        return;
    }
    let rows = (0..column.cells.len()).filter(|&row| !is_missing(column, row));
    let mut numbers = Some((f64::INFINITY, f64::NEG_INFINITY, 0));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let (number, spelled) = match &column.cells {
            Cells::Text(cells) => {
                let cell = cells[row].as_deref().unwrap_or_default().trim();
                (parse_number(Some(cell)).ok().and_then(Value::as_number), cell.to_owned())
            }
            Cells::Numbers(cells) => (cells[row].as_number(), String::new()),
            Cells::Lists(_) => (None, String::new()),
        };
        numbers = numbers.zip(number).map(|((low, high, decimals), number)| {
            (low.min(number), high.max(number), decimals.max(decimals_of(number)))
        });
        if numbers.is_none() && counts.len() <= MOST_LEVELS {
            *counts.entry(spelled).or_default() += 1;
        }
    }
    let label = quoted(&column.label.clone().unwrap_or_else(|| in_words(&column.name)));
    let head = format!("\n[[feature]]\nname = {name}\nlabel = {label}\ncolumn = {name}\n");
    match numbers {
        Some((low, high, _)) if low > high => comment(text, "nothing recorded"),
        Some((low, high, decimals)) => {
            let (low, high) = (outwards(low, f64::floor), outwards(high, f64::ceil));
            let high = if high > low { high } else { low + 1.0 };
            *text += &head;
            let _ = write!(text, "kind = \"number\"\nunit = \"\"\nrange = [{low:?}, {high:?}]\n");
            if decimals > 0 {
                let _ = writeln!(text, "decimals = {decimals}");
            }
        }
        None => {
            // The first cells were numbers: count again, all as text.
            let Cells::Text(cells) = &column.cells else { return };
            counts.clear();
            for cell in cells.iter().flatten().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()) {
                *counts.entry(cell.to_owned()).or_default() += 1;
                if counts.len() > MOST_LEVELS {
                    return comment(text, "text of many kinds");
                }
            }
            if counts.len() < 2 || counts.values().any(|&count| SmallCells::default().is_small(count)) {
                return comment(text, "text, with too few people for one of its kinds");
            }
            let levels: Vec<String> = counts.keys().map(|level| quoted(level)).collect();
            *text += &head;
            let _ = write!(text, "kind = \"category\"\nlevels = [{}]\n", levels.join(", "));
        }
    }
}

/// Digits after the point, three at most.
fn decimals_of(number: f64) -> usize {
    (0..3).find(|&digits| (number * 10f64.powi(digits)).fract().abs() < 1e-9).unwrap_or(3) as usize
}

/// Rounded to two significant digits.
fn outwards(number: f64, round: fn(f64) -> f64) -> f64 {
    if number == 0.0 {
        return 0.0;
    }
    let step = 10f64.powi(number.abs().log10().floor() as i32 - 1);
    // Through text, for 0.30000000000000004.
    format!("{:.6e}", round(number / step) * step).parse().unwrap_or(number)
}

/// A TOML text.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
