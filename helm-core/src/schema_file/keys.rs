use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Error;

/// A TOML file's text, for errors that tell the line.
pub(super) struct Document<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Document<'_> {
    /// An error at a place (an offset in bytes) of the file.
    pub(super) fn error(
        &self,
        offset: usize,
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        Error::SchemaFile {
            file: self.file.into(),
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            key: key.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// The keys of one table of a schema file, each read as the kind it must have.
pub(super) struct Keys<'a> {
    pub(super) document: &'a Document<'a>,
    /// How messages name the table: empty for the file itself, "feature.age".
    pub(super) path: String,
    /// Where the table begins.
    pub(super) offset: usize,
    table: &'a DeTable<'a>,
}

/// A value of a key with its place.
#[derive(Clone, Copy)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) offset: usize,
}

impl<'a> Keys<'a> {
    /// The keys of a table, of which there may be these only.
    pub(super) fn new(
        document: &'a Document<'a>,
        path: impl Into<String>,
        offset: usize,
        table: &'a DeTable<'a>,
        allowed: &[&str],
    ) -> Result<Self, Error> {
        let keys = Self { document, path: path.into(), offset, table };
        let unknown = table.keys().filter(|key| !allowed.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(keys),
            Some(key) => {
                let expected = format!("one of the keys {}", allowed.join(", "));
                Err(document.error(key.span().start, keys.name(key.get_ref()), expected, "another key"))
            }
        }
    }

    /// A key as messages name it.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// An error about a key, at the key's value or else where the table begins.
    pub(super) fn error(&self, key: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
        let offset = self.table.get(key).map_or(self.offset, |value| value.span().start);
        self.document.error(offset, self.name(key), expected, found)
    }

    /// The names of the keys, in the order of the file.
    pub(super) fn names(&self) -> Vec<At<&'a str>> {
        let keys = self.table.keys().map(|key| At { value: key.get_ref().as_ref(), offset: key.span().start });
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(|key| key.offset);
        keys
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<At<&'a str>>, Error> {
        self.read(key, "text in quotes", |value| value.as_str().filter(|text| !text.trim().is_empty()))
    }

    pub(super) fn required_text(&self, key: &str) -> Result<At<&'a str>, Error> {
        self.text(key)?.ok_or_else(|| self.error(key, "text in quotes", "no such key"))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        Ok(self.read(key, "true or false", DeValue::as_bool)?.map(|at| at.value))
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, Error> {
        Ok(self.read(key, "a finite number", number)?.map(|at| at.value))
    }

    pub(super) fn count(&self, key: &str, allowed: std::ops::RangeInclusive<usize>) -> Result<Option<usize>, Error> {
        let expected = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        let count = |value: &DeValue<'_>| {
            let number = number(value).filter(|number| number.fract() == 0.0 && *number >= 0.0)? as usize;
            Some(number).filter(|number| allowed.contains(number))
        };
        Ok(self.read(key, &expected, count)?.map(|at| at.value))
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<At<&'a str>>>, Error> {
        let Some(values) = self.array(key)? else { return Ok(None) };
        let text = |value: &'a Spanned<DeValue<'a>>| {
            let offset = value.span().start;
            let found = value.get_ref().type_str();
            let text = value.get_ref().as_str().map(|value| At { value, offset });
            text.ok_or_else(|| self.document.error(offset, self.name(key), "a list of texts in quotes", found))
        };
        values.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn array(&self, key: &str) -> Result<Option<&'a [Spanned<DeValue<'a>>]>, Error> {
        let array = self.read(key, "a list in square brackets", |value| value.as_array())?;
        Ok(array.map(|at| at.value.iter().as_slice()))
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&self, key: &str) -> Result<Vec<At<&'a DeTable<'a>>>, Error> {
        let table = |value: &'a Spanned<DeValue<'a>>| {
            let offset = value.span().start;
            let found = value.get_ref().type_str();
            let table = value.get_ref().as_table().map(|value| At { value, offset });
            table.ok_or_else(|| self.document.error(offset, self.name(key), "a table of keys", found))
        };
        self.array(key)?.unwrap_or_default().iter().map(table).collect()
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Result<Option<At<T>>, Error> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match read(value.get_ref()) {
            Some(read) => Ok(Some(At { value: read, offset: value.span().start })),
            None => {
                let found = match value.get_ref() {
                    DeValue::String(text) if text.trim().is_empty() => "empty text",
                    DeValue::Integer(_) | DeValue::Float(_) => "another number",
                    other => other.type_str(),
                };
                Err(self.error(key, expected, found))
            }
        }
    }
}

/// A TOML integer or float as a finite number.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    let number = match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok()? as f64,
        DeValue::Float(float) => float.as_str().parse().ok()?,
        _ => return None,
    };
    Some(number).filter(|number: &f64| number.is_finite())
}
