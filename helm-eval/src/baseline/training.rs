use helm_core::Standardizer;

use crate::Error;

/// Training rows, checked and standardised, missing numbers at the training mean.
pub(super) struct Training {
    pub(super) standardizer: Standardizer,
    pub(super) rows: Vec<Vec<f64>>,
    pub(super) cases: usize,
}

impl Training {
    pub(super) fn new<R: AsRef<[Option<f64>]>>(rows: &[R], labels: &[bool]) -> Result<Self, Error> {
        if rows.len() != labels.len() {
            return Err(Error::Length { what: "labels".into(), expected: rows.len(), found: labels.len() });
        }
        let cases = labels.iter().filter(|&&case| case).count();
        if cases == 0 || cases == labels.len() {
            return Err(Error::OneClass { cases, controls: labels.len() - cases });
        }
        let standardizer = Standardizer::fit(rows.iter().map(AsRef::as_ref))?;
        let rows = rows.iter().map(|row| standardizer.apply(row.as_ref())).collect();
        Ok(Self { standardizer, rows, cases })
    }
}
