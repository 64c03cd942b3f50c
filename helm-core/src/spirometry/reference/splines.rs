/// Splines over age as GLI publishes them: their values at every quarter of a year from 3 years on.
pub(super) struct Splines {
    columns: Vec<(String, Vec<f64>)>,
}

/// The first age, in years, and the steps in a year.
const FIRST_AGE_YEARS: f64 = 3.0;
const STEPS_A_YEAR: f64 = 4.0;

impl Splines {
    /// The splines of a table of this crate, with a row for each age and a column for each spline; a column may end
    /// early.
    pub(super) fn parse(table: &str) -> Self {
        let mut lines = table.lines();
        let names = lines.next().unwrap_or_default().split(',');
        let mut columns: Vec<(String, Vec<f64>)> = names.map(|name| (name.to_owned(), Vec::new())).collect();
        for line in lines {
            for ((_, values), cell) in columns.iter_mut().zip(line.split(',')) {
                if let Ok(value) = cell.parse() {
                    values.push(value);
                }
            }
        }
        Self { columns }
    }

    /// A spline at an age, linear between the table's ages as GLI specifies; 0 for a spline that is zero at all ages
    /// and has no column. `None` at ages outside of the table.
    pub(super) fn at(&self, name: &str, age_years: f64) -> Option<f64> {
        let Some((_, values)) = self.columns.iter().find(|(column, _)| column == name) else { return Some(0.0) };
        let place = (age_years - FIRST_AGE_YEARS) * STEPS_A_YEAR;
        let last = values.len().checked_sub(1)?;
        if !(0.0..=last as f64).contains(&place) {
            return None;
        }
        let before = (place as usize).min(last.saturating_sub(1));
        let after = (before + 1).min(last);
        Some(values[before] + (values[after] - values[before]) * (place - before as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splines_are_linear_and_end_where_their_column_does() {
        let splines = Splines::parse("age_years,a,b\n3,1,5\n3.25,2,6\n3.5,4,\n");
        assert_eq!(splines.at("a", 3.0), Some(1.0));
        assert_eq!(splines.at("a", 3.125), Some(1.5));
        assert_eq!(splines.at("a", 3.375), Some(3.0));
        assert_eq!(splines.at("a", 3.5), Some(4.0));
        assert_eq!((splines.at("b", 3.25), splines.at("b", 3.3)), (Some(6.0), None));
        assert_eq!((splines.at("a", 2.9), splines.at("a", 3.6), splines.at("a", f64::NAN)), (None, None, None));
        assert_eq!(splines.at("zero", 50.0), Some(0.0));
    }
}
