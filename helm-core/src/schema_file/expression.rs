use std::fmt;

use super::parser::Parser;
use super::token::tokens;

/// A condition over the columns of a table, as a schema file states who is included and who is a case.
///
/// ```text
/// RDQ070 = 1                                   a comparison: = != < <= > >=, with a number or a 'text'
/// DIQ010 in (3, 7, 9)                          one of several codes
/// icd10 in ('E11*', 'E14')                     a star at the end: any code that begins so
/// any(p20002_i0_a*) in (1111, 1112)            any of several columns; a star stands for all that fit
/// p41270 lists ('J45*', 'J46*')                a cell that lists codes, as in 'I10|J459' or ["I10","J459"]
/// p40000_i0 is recorded                        or: is missing
/// RIDAGEYR >= 20 and not (SMQ020 = 2 or SMQ040 = 3)
/// ```
///
/// Columns are named as in the file, whatever the case of letters; a name with other characters than letters, digits,
/// `_` and `.` stands in backquotes. Words of the language may be written in capitals, too.
///
/// What a missing cell says is unknown: neither true nor false. `not`, `and` and `or` carry that on as far as it
/// matters (false and unknown is false). `any` is true if the test holds for one of its columns, false if it fails for
/// all that are recorded, and unknown if none is: the empty places of an array are no answers.
#[derive(Clone, PartialEq)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) node: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test { columns: Vec<String>, test: Test },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Less(f64),
    LessOrEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
    OneOf(Vec<Code>),
    Not(Vec<Code>),
    Lists(Vec<Code>),
    Missing,
    Recorded,
}

/// A code that a cell is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Code {
    Number(f64),
    Text(String),
    Prefix(String),
}

impl Code {
    /// A text in quotes: a star at its end stands for anything.
    pub(super) fn text(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(start) => Self::Prefix(start.into()),
            None => Self::Text(text.into()),
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        match self {
            Self::Number(number) => text.parse() == Ok(*number),
            Self::Text(code) => code == text,
            Self::Prefix(start) => text.starts_with(start.as_str()),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

impl Expression {
    /// Reads an expression; otherwise what was expected, and found.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let tokens = tokens(text)?;
        Ok(Self { text: text.trim().into(), node: Parser::new(&tokens).whole()? })
    }

    /// The columns' names or patterns in the order of the text.
    pub(super) fn columns(&self) -> Vec<&str> {
        fn walk<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
            match node {
                Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| walk(node, found)),
                Node::Not(node) => walk(node, found),
                Node::Test { columns, .. } => found.extend(columns.iter().map(String::as_str)),
            }
        }
        let mut found = Vec::new();
        walk(&self.node, &mut found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read() {
        let node = |text| Expression::parse(text).expect("an expression").node;
        let test = |column: &str, test| Node::Test { columns: vec![column.into()], test };
        assert_eq!(node("RDQ070 = 1"), test("RDQ070", Test::OneOf(vec![Code::Number(1.0)])));
        assert_eq!(node("`a b` != 'x'"), test("a b", Test::Not(vec![Code::Text("x".into())])));
        assert_eq!(
            node("a < -1.5e2 or b >= 2 and c IS MISSING"),
            Node::Any(vec![
                test("a", Test::Less(-150.0)),
                Node::All(vec![test("b", Test::GreaterOrEqual(2.0)), test("c", Test::Missing)])
            ])
        );
        assert_eq!(
            node("not (any(x_*, y) in ('E11*', 3))"),
            Node::Not(Box::new(Node::Test {
                columns: vec!["x_*".into(), "y".into()],
                test: Test::OneOf(vec![Code::Prefix("E11".into()), Code::Number(3.0)])
            }))
        );
        let columns = Expression::parse("any(x_*, y) in (1) and z is recorded").expect("an expression");
        assert_eq!(columns.columns(), ["x_*", "y", "z"]);
    }

    #[test]
    fn faults_say_what_was_expected() {
        for (text, expected, found) in [
            ("", "a column", "the end"),
            ("a", "a comparison, in, lists or is", "the end"),
            ("a = ", "a number or a 'text'", "the end"),
            ("a = 1 b", "and, or, or the end", "\"b\""),
            ("a = 'x", "a closing '", "the end"),
            ("(a = 1", "\")\"", "the end"),
            ("a in ()", "a number or a 'text'", "\")\""),
            ("a < 'x'", "a number behind \"<\"", "a text"),
            ("a* = 1", "a column without a star outside of any(…)", "\"a*\""),
            ("a = 1e999", "a number", "\"1e999\""),
            ("a = 1; b = 2", "a column, a number, a 'text' or a sign", "';'"),
            ("and = 1", "a column", "\"and\""),
        ] {
            let fault = Expression::parse(text).expect_err("a fault");
            assert_eq!(fault, (expected.to_owned(), found.to_owned()), "{text:?}");
        }
        let deep = format!("{}a = 1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(Expression::parse(&deep).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-c0-9 ()=<>!'`*,.\u{e9}-]{0,40}") {
            let _ = Expression::parse(&text);
        }
    }
}
