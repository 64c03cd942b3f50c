use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::{Cells, MissingReason, Value};

/// A row of the batch, what was expected there, and what found.
pub(crate) type Fault = (usize, &'static str, &'static str);

const MISSING: Value = Value::Missing(MissingReason::NotRecorded);

pub(super) fn is_read(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) => is_number(item.data_type()),
        DataType::FixedSizeList(item, _) => is_number(item.data_type()),
        DataType::Dictionary(_, value) => matches!(**value, DataType::Utf8 | DataType::LargeUtf8),
        DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Date32 => true,
        DataType::Null => true,
        other => is_number(other),
    }
}

fn is_number(data_type: &DataType) -> bool {
    (data_type.is_integer() || data_type.is_floating()) && *data_type != DataType::Float16
}

/// An array's cells.
pub(crate) fn cells(array: &ArrayRef) -> Result<Cells, Fault> {
    let texts = |texts: &mut dyn Iterator<Item = Option<&str>>| {
        Ok(Cells::Text(texts.map(|text| text.filter(|text| !text.is_empty()).map(str::to_owned)).collect()))
    };
    match array.data_type() {
        DataType::Null => Ok(Cells::Numbers(vec![MISSING; array.len()])),
        DataType::Utf8 => texts(&mut array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => texts(&mut array.as_string::<i64>().iter()),
        DataType::Utf8View => texts(&mut array.as_string_view().iter()),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            // Without a value, all rows are null, and arrow panics where it is asked for keys.
            if dictionary.values().is_empty() {
                return Ok(Cells::Text(vec![None; array.len()]));
            }
            let Cells::Text(values) = cells(dictionary.values())? else {
                return Err((0, "text", "another kind"));
            };
            let keys = dictionary.normalized_keys();
            let key = |(row, &key): (usize, &usize)| {
                if dictionary.keys().is_null(row) { None } else { values.get(key).cloned().flatten() }
            };
            Ok(Cells::Text(keys.iter().enumerate().map(key).collect()))
        }
        DataType::Boolean => {
            let value = |cell: Option<bool>| cell.map_or(MISSING, |cell| Value::Number(f64::from(u8::from(cell))));
            Ok(Cells::Numbers(array.as_boolean().iter().map(value).collect()))
        }
        DataType::Date32 => {
            let dates = array.as_primitive::<Date32Type>().iter();
            Ok(Cells::Text(dates.map(|days| days.map(date)).collect()))
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            list_cells(array.len(), |row| lists.is_valid(row).then(|| lists.value(row)))
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            list_cells(array.len(), |row| lists.is_valid(row).then(|| lists.value(row)))
        }
        DataType::FixedSizeList(_, _) => {
            let lists = array.as_fixed_size_list();
            list_cells(array.len(), |row| lists.is_valid(row).then(|| lists.value(row)))
        }
        _ => numbers(array).map(Cells::Numbers),
    }
}

fn numbers(array: &ArrayRef) -> Result<Vec<Value>, Fault> {
    match array.data_type() {
        DataType::Float64 => floats::<Float64Type>(array, |number| number),
        DataType::Float32 => floats::<Float32Type>(array, f64::from),
        DataType::Int8 => floats::<Int8Type>(array, f64::from),
        DataType::Int16 => floats::<Int16Type>(array, f64::from),
        DataType::Int32 => floats::<Int32Type>(array, f64::from),
        DataType::UInt8 => floats::<UInt8Type>(array, f64::from),
        DataType::UInt16 => floats::<UInt16Type>(array, f64::from),
        DataType::UInt32 => floats::<UInt32Type>(array, f64::from),
        // A larger whole number is no f64; infinity stands for it, which is refused.
        DataType::Int64 => {
            let exact = |n: i64| if n.unsigned_abs() <= 1 << 53 { n as f64 } else { f64::INFINITY };
            floats::<Int64Type>(array, exact)
        }
        DataType::UInt64 => floats::<UInt64Type>(array, |n| if n <= 1 << 53 { n as f64 } else { f64::INFINITY }),
        _ => Err((0, "numbers, booleans, text, dates or lists of numbers", "another kind")),
    }
}

fn floats<T: ArrowPrimitiveType>(array: &ArrayRef, to_f64: impl Fn(T::Native) -> f64) -> Result<Vec<Value>, Fault> {
    let array = array.as_primitive::<T>();
    let mut infinite = false;
    let value = |&native: &T::Native| {
        let number = to_f64(native);
        infinite |= number.is_infinite();
        if number.is_nan() { MISSING } else { Value::Number(number) }
    };
    let mut cells: Vec<Value> = array.values().iter().map(value).collect();
    // Under a null stands anything.
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        let nulls = !nulls.inner();
        nulls.set_indices().for_each(|row| cells[row] = MISSING);
    }
    let is_infinite = |cell: &Value| cell.as_number().is_some_and(f64::is_infinite);
    match infinite.then(|| cells.iter().position(is_infinite)).flatten() {
        Some(row) => Err((row, "a finite number, whole ones up to 2^53", "infinity or a larger one")),
        None => Ok(cells),
    }
}

fn list_cells(n: usize, list: impl Fn(usize) -> Option<ArrayRef>) -> Result<Cells, Fault> {
    let list = |row| {
        let Some(items) = list(row) else { return Ok(None) };
        let items = numbers(&items).map_err(|(_, expected, found)| (row, expected, found))?;
        let item = |item: &Value| item.as_number().map(|number| number as f32);
        let items: Option<Vec<f32>> = items.iter().map(item).collect();
        items.map(Some).ok_or((row, "a list of numbers", "a missing one among them"))
    };
    (0..n).map(list).collect::<Result<_, _>>().map(Cells::Lists)
}

/// Days since 1970-01-01 as a date of the Gregorian calendar, year-month-day.
fn date(days: i32) -> String {
    // Years that begin in March, in eras of 400 years: leap days come last.
    let days = i64::from(days) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        let dates = [0, -1, 59, 60, 11_016, 16_922, -25_567].map(date);
        let expected =
            ["1970-01-01", "1969-12-31", "1970-03-01", "1970-03-02", "2000-02-29", "2016-05-01", "1900-01-01"];
        assert_eq!(dates, expected);
    }
}
