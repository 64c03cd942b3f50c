//! Conditions with the columns of one table.

use super::expression::{Code, Expression, Node, Test};
use super::pattern::fits;
use crate::table::parse_number;
use crate::{Cells, Error, Table, TableColumn, Value};

/// A condition whose columns were found in a table.
pub(super) struct Bound<'a> {
    table: &'a Table,
    node: BoundNode<'a>,
}

enum BoundNode<'a> {
    All(Vec<BoundNode<'a>>),
    Any(Vec<BoundNode<'a>>),
    Not(Box<BoundNode<'a>>),
    Test(Vec<&'a TableColumn>, &'a Test),
}

impl<'a> Bound<'a> {
    pub(super) fn new(expression: &'a Expression, table: &'a Table) -> Result<Self, Error> {
        Ok(Self { table, node: bind(&expression.node, table)? })
    }

    /// Whether the condition holds for a row; `None` where that is not known.
    pub(super) fn holds(&self, row: usize) -> Result<Option<bool>, Error> {
        self.evaluate(&self.node, row)
    }

    /// One of the condition's columns with something recorded in a row, for a message.
    pub(super) fn recorded_column(&self, row: usize) -> Option<&'a TableColumn> {
        self.recorded_columns(row, |_| true).first().copied()
    }

    /// The columns with something recorded in a row that the condition compares with codes, where a missing code may
    /// stand; a column of which it only asks whether it is larger holds numbers.
    pub(super) fn coded_columns(&self, row: usize) -> Vec<&'a TableColumn> {
        self.recorded_columns(row, |test| matches!(test, Test::OneOf(_) | Test::Not(_) | Test::Lists(_)))
    }

    fn recorded_columns(&self, row: usize, of: fn(&Test) -> bool) -> Vec<&'a TableColumn> {
        fn find<'a>(node: &BoundNode<'a>, row: usize, of: fn(&Test) -> bool, found: &mut Vec<&'a TableColumn>) {
            match node {
                BoundNode::All(nodes) | BoundNode::Any(nodes) => {
                    nodes.iter().for_each(|node| find(node, row, of, found))
                }
                BoundNode::Not(node) => find(node, row, of, found),
                BoundNode::Test(columns, test) if of(test) => {
                    found.extend(columns.iter().filter(|column| !is_missing(column, row)).copied());
                }
                BoundNode::Test(..) => {}
            }
        }
        let mut found = Vec::new();
        find(&self.node, row, of, &mut found);
        found
    }

    fn evaluate(&self, node: &BoundNode<'a>, row: usize) -> Result<Option<bool>, Error> {
        match node {
            BoundNode::Not(node) => Ok(self.evaluate(node, row)?.map(|holds| !holds)),
            BoundNode::All(nodes) => self.first(nodes, row, false),
            BoundNode::Any(nodes) => self.first(nodes, row, true),
            BoundNode::Test(columns, test) => {
                let mut known = None;
                for column in columns {
                    match self.test(column, test, row)? {
                        Some(true) => return Ok(Some(true)),
                        Some(false) => known = Some(false),
                        None => {}
                    }
                }
                Ok(known)
            }
        }
    }

    /// `decisive` if one of the nodes is that, its opposite if all are, and unknown otherwise.
    fn first(&self, nodes: &[BoundNode<'a>], row: usize, decisive: bool) -> Result<Option<bool>, Error> {
        let mut result = Some(!decisive);
        for node in nodes {
            match self.evaluate(node, row)? {
                Some(holds) if holds == decisive => return Ok(Some(decisive)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn test(&self, column: &TableColumn, test: &Test, row: usize) -> Result<Option<bool>, Error> {
        let missing = is_missing(column, row);
        match test {
            Test::Missing => return Ok(Some(missing)),
            Test::Recorded => return Ok(Some(!missing)),
            _ if missing => return Ok(None),
            _ => {}
        }
        let number = || match number(column, row) {
            Ok(value) => Ok(value.as_number()),
            Err((expected, found)) => Err(self.table.cell_error(row, column, expected, found)),
        };
        let compare = |holds: &dyn Fn(f64) -> bool| Ok(number()?.map(holds));
        match test {
            Test::Less(limit) => compare(&|number| number < *limit),
            Test::LessOrEqual(limit) => compare(&|number| number <= *limit),
            Test::Greater(limit) => compare(&|number| number > *limit),
            Test::GreaterOrEqual(limit) => compare(&|number| number >= *limit),
            Test::OneOf(codes) => self.one_of(column, codes, row).map(Some),
            Test::Not(codes) => Ok(Some(!self.one_of(column, codes, row)?)),
            Test::Lists(codes) => Ok(Some(lists(column, codes, row))),
            Test::Missing | Test::Recorded => Ok(Some(true)),
        }
    }

    fn one_of(&self, column: &TableColumn, codes: &[Code], row: usize) -> Result<bool, Error> {
        match find_code(column, codes, row) {
            Some(found) => Ok(found),
            None => Err(self.table.cell_error(row, column, "a number", "text")),
        }
    }
}

fn bind<'a>(node: &'a Node, table: &'a Table) -> Result<BoundNode<'a>, Error> {
    let all = |nodes: &'a [Node]| nodes.iter().map(|node| bind(node, table)).collect::<Result<_, _>>();
    Ok(match node {
        Node::All(nodes) => BoundNode::All(all(nodes)?),
        Node::Any(nodes) => BoundNode::Any(all(nodes)?),
        Node::Not(node) => BoundNode::Not(Box::new(bind(node, table)?)),
        Node::Test { columns, test } => {
            let mut found = Vec::new();
            for pattern in columns {
                if !pattern.contains('*') {
                    found.push(table.column(pattern)?);
                    continue;
                }
                let before = found.len();
                found.extend(table.columns().iter().filter(|column| fits(pattern, &column.name)));
                if found.len() == before {
                    // No column fits: the error that names the pattern and the columns.
                    table.column(pattern)?;
                }
            }
            BoundNode::Test(found, test)
        }
    })
}

pub(super) fn is_missing(column: &TableColumn, row: usize) -> bool {
    match &column.cells {
        Cells::Numbers(cells) => cells[row].is_missing(),
        Cells::Text(cells) => cells[row].as_deref().is_none_or(|text| text.trim().is_empty()),
        Cells::Lists(cells) => cells[row].is_none(),
    }
}

/// A cell as a number; otherwise what was expected, and found.
pub(super) fn number(column: &TableColumn, row: usize) -> Result<Value, (&'static str, &'static str)> {
    match &column.cells {
        Cells::Numbers(cells) => Ok(cells[row]),
        Cells::Text(cells) => parse_number(cells[row].as_deref()),
        Cells::Lists(_) => Err(("a number", "a list of numbers")),
    }
}

/// Whether a recorded cell is one of some codes; `None` where it is text, and all codes are numbers.
pub(super) fn find_code(column: &TableColumn, codes: &[Code], row: usize) -> Option<bool> {
    match &column.cells {
        Cells::Numbers(cells) => {
            let number = cells[row].as_number()?;
            Some(codes.iter().any(|code| match code {
                Code::Number(code) => *code == number,
                text => text.is(&number.to_string()),
            }))
        }
        Cells::Text(cells) => {
            let text = cells[row].as_deref()?.trim();
            let found = codes.iter().any(|code| code.is(text));
            let numbers_only = codes.iter().all(|code| matches!(code, Code::Number(_)));
            (found || !numbers_only || text.parse::<f64>().is_ok()).then_some(found)
        }
        Cells::Lists(_) => None,
    }
}

/// Whether a cell that lists codes has one of these; brackets and quotes are passed over.
fn lists(column: &TableColumn, codes: &[Code], row: usize) -> bool {
    match &column.cells {
        Cells::Text(cells) => cells[row].as_deref().unwrap_or_default().split(['|', ',', ';']).any(|item| {
            let item = item.trim_matches(|c: char| c.is_whitespace() || "[]{}\"'".contains(c));
            codes.iter().any(|code| code.is(item))
        }),
        Cells::Numbers(_) => find_code(column, codes, row).unwrap_or(false),
        Cells::Lists(cells) => cells[row]
            .iter()
            .flatten()
            .any(|&item| codes.iter().any(|code| matches!(code, Code::Number(code) if *code == f64::from(item)))),
    }
}
