use std::fmt::Write;

use super::Tripod;
use super::table::{Table, difference, estimate, p_value, percent};

/// A report in one HTML file: tables and drawings in it, nothing loaded from elsewhere, no script.
///
/// ```
/// use helm_eval::report::HtmlReport;
///
/// let report = HtmlReport::new("Wheeze").heading("Data").table(&["n"], &[vec!["4 <all>".into()]]);
/// let html = report.to_html();
/// assert!(html.starts_with("<!DOCTYPE html>") && html.contains("<td>4 &lt;all&gt;</td>"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtmlReport {
    title: String,
    body: String,
}

const STYLE: &str = "\
body{font:16px/1.5 sans-serif;color:#111;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;vertical-align:top;padding:.25rem .75rem;\
border-bottom:1px solid #ccc}th{border-bottom:2px solid #111}td{font-variant-numeric:tabular-nums}\
figure{margin:1.5rem 0;break-inside:avoid;overflow-x:auto}figure svg{zoom:.68}\
figcaption{color:#444}.open{color:#666}pre{white-space:pre-wrap;word-break:break-all;font-size:.85rem}";

impl HtmlReport {
    /// A report without content.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), body: String::new() }
    }

    /// Adds a section's heading.
    pub fn heading(mut self, text: &str) -> Self {
        let _ = writeln!(self.body, "<h2>{}</h2>", escaped(text));
        self
    }

    /// Adds a paragraph.
    pub fn paragraph(mut self, text: &str) -> Self {
        let _ = writeln!(self.body, "<p>{}</p>", escaped(text));
        self
    }

    /// Adds text as it stands, of a fixed width.
    pub fn preformatted(mut self, text: &str) -> Self {
        let _ = writeln!(self.body, "<pre>{}</pre>", escaped(text));
        self
    }

    /// Adds a table.
    pub fn table(mut self, header: &[&str], rows: &[Vec<String>]) -> Self {
        let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
            cells.map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect()
        };
        let _ = writeln!(self.body, "<table>\n<thead><tr>{}</tr></thead>", cells("th", &mut header.iter().copied()));
        self.body.push_str("<tbody>\n");
        for row in rows {
            let _ = writeln!(self.body, "<tr>{}</tr>", cells("td", &mut row.iter().map(String::as_str)));
        }
        self.body.push_str("</tbody>\n</table>\n");
        self
    }

    /// Adds the tables of outcomes, models and comparisons.
    pub fn results(mut self, table: &Table) -> Self {
        for result in table.outcomes() {
            let interval = format!("({} % CI)", percent(result.confidence));
            self = self.paragraph(&format!("{}: {} cases among {}", result.outcome, result.cases, result.n));
            let row =
                |model: &super::ModelResult| vec![model.name.clone(), estimate(&model.auroc), estimate(&model.auprc)];
            let header = ["Model", &format!("AUROC {interval}"), &format!("AUPRC {interval}")];
            self = self.table(&header, &result.models.iter().map(row).collect::<Vec<_>>());
            if !result.paired.is_empty() {
                let row = |pair: &super::PairedResult| {
                    vec![format!("{} − {}", pair.a, pair.b), difference(pair), p_value(pair.p)]
                };
                let header = ["Paired difference", &format!("in AUROC {interval}"), "p"];
                self = self.table(&header, &result.paired.iter().map(row).collect::<Vec<_>>());
            }
        }
        self
    }

    /// Adds a drawing as the plots of this module make them, with a caption. The drawing is taken as it is.
    pub fn plot(mut self, svg: &str, caption: &str) -> Self {
        let _ = writeln!(self.body, "<figure>{}<figcaption>{}</figcaption></figure>", svg.trim(), escaped(caption));
        self
    }

    /// Adds the checklist; what is not known is marked for the authors.
    pub fn checklist(mut self, checklist: &Tripod) -> Self {
        self.body.push_str("<table>\n<thead><tr><th>Item</th><th>Topic</th><th>Reported</th></tr></thead>\n<tbody>\n");
        for item in checklist.items() {
            let found = match &item.found {
                Some(text) => escaped(text),
                None => "<span class=\"open\">for the authors</span>".into(),
            };
            let (number, topic) = (escaped(&item.number), escaped(&item.topic));
            let _ = writeln!(self.body, "<tr><td>{number}</td><td>{topic}</td><td>{found}</td></tr>");
        }
        self.body.push_str("</tbody>\n</table>\n");
        self
    }

    /// The file.
    pub fn to_html(&self) -> String {
        let title = escaped(&self.title);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>{title}</h1>\n{}</body>\n</html>\n",
            self.body
        )
    }
}

/// Text that can't be taken for markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            _ if letter.is_control() => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}
