use crate::{MissingReason, Value};

/// A number of a SAS transport file: an IBM hexadecimal float, or one of SAS' missing values.
///
/// `cell` has up to 8 bytes, big-endian: a sign bit, an exponent of 16 in 7 bits (64 is 0), and a fraction below 1 in
/// the others. Of a fraction of more than the 53 bits that f64 holds, the lowest are cut off. A missing value has a
/// fraction of 0 and its code, the ASCII character behind the point, as the first byte.
///
/// `None` where the fraction is 0 and the first byte neither a code nor 0: that is no number that SAS writes.
pub(super) fn value(cell: &[u8]) -> Option<Value> {
    let mut bytes = [0; 8];
    bytes[..cell.len()].copy_from_slice(cell);
    let bits = u64::from_be_bytes(bytes);
    let fraction = bits & 0x00ff_ffff_ffff_ffff;
    if fraction == 0 {
        return match bytes[0] {
            0 => Some(Value::Number(0.0)),
            b'.' => Some(Value::Missing(MissingReason::NotRecorded)),
            code @ (b'_' | b'A'..=b'Z') => Some(Value::Missing(MissingReason::SasCode(code.into()))),
            _ => None,
        };
    }
    let too_many = (64 - fraction.leading_zeros()).saturating_sub(f64::MANTISSA_DIGITS);
    let fraction = (fraction >> too_many << too_many) as f64;
    // Powers of 2 from -312 to 196: far from the ends of f64, so the product is exact.
    let power = (4 * i64::from(bytes[0] & 0x7f) - 4 * 64) - 56;
    let scale = f64::from_bits(((power + 1023) as u64) << 52);
    let magnitude = fraction * scale;
    Some(Value::Number(if bytes[0] & 0x80 == 0 { magnitude } else { -magnitude }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(cell: &[u8]) -> f64 {
        value(cell).and_then(Value::as_number).expect("a number")
    }

    #[test]
    fn known_numbers() {
        assert_eq!(number(&[0; 8]).to_bits(), 0.0f64.to_bits());
        assert_eq!(number(&[0x41, 0x10, 0, 0, 0, 0, 0, 0]), 1.0);
        assert_eq!(number(&[0xc1, 0x10, 0, 0, 0, 0, 0, 0]), -1.0);
        // The example of IBM's Principles of Operation.
        assert_eq!(number(&[0xc2, 0x76, 0xa0, 0, 0, 0, 0, 0]), -118.625);
        // 0.1 and 1/3, each with the 53 bits of its nearest f64.
        assert_eq!(number(&[0x40, 0x19, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]), 0.1);
        assert_eq!(number(&[0x40, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x54]), 1.0 / 3.0);
    }

    #[test]
    fn edges() {
        // The largest: 16^63 less its last bit, of whose 56 bits 53 stay.
        let largest = number(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(largest, 2f64.powi(252) - 2f64.powi(199));
        assert_eq!(number(&[0xff; 8]), -largest);
        // The smallest with a first digit (5.4e-79), and the smallest at all.
        assert_eq!(number(&[0x00, 0x10, 0, 0, 0, 0, 0, 0]), 2f64.powi(-260));
        assert_eq!(number(&[0, 0, 0, 0, 0, 0, 0, 1]), 2f64.powi(-312));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 1]), -(2f64.powi(-312)));
        // Not infinity: a fraction of ones with another exponent.
        assert_eq!(number(&[0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), 16.0 - 2f64.powi(-49));
        // Without leading digits the bits don't exceed f64's: nothing is cut.
        assert_eq!(number(&[0x42, 0x01, 0, 0, 0, 0, 0, 1]), 1.0 + 2f64.powi(-48));
    }

    #[test]
    fn shorter_numbers_are_cut_longer_ones() {
        assert_eq!(number(&[0x41, 0x20]), 2.0);
        assert_eq!(number(&[0xc4, 0x01, 0x00]), -256.0);
        assert_eq!(number(&[0x46, 0x12, 0x34, 0x56, 0x78]), f64::from(0x0012_3456u32) + 120.0 / 256.0);
        assert_eq!(number(&[0, 0]), 0.0);
        assert_eq!(value(b".\0"), Some(Value::Missing(MissingReason::NotRecorded)));
        assert_eq!(value(b"B\0\0"), Some(Value::Missing(MissingReason::SasCode('B'))));
    }

    #[test]
    fn first_bytes_without_a_fraction_are_zero_a_code_or_nothing() {
        for first in 0..=u8::MAX {
            let expected = match first {
                0 => Some(Value::Number(0.0)),
                b'.' => Some(Value::Missing(MissingReason::NotRecorded)),
                b'_' | b'A'..=b'Z' => Some(Value::Missing(MissingReason::SasCode(first.into()))),
                _ => None,
            };
            assert_eq!(value(&[first, 0, 0, 0, 0, 0, 0, 0]), expected, "first byte {first:#04x}");
        }
    }

    proptest! {
        /// By the definition: sign · fraction · 16^(exponent - 64), added up digit by digit.
        #[test]
        fn equals_the_sum_of_its_digits(first: u8, digits in proptest::collection::vec(0u8..16, 2..=12)) {
            prop_assume!(digits.len() % 2 == 0 && digits.iter().any(|&digit| digit != 0));
            let mut cell = vec![first];
            cell.extend(digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]));
            let mut expected = 0.0;
            for (index, &digit) in digits.iter().enumerate() {
                expected += f64::from(digit) * 16f64.powi(i32::from(first & 0x7f) - 64 - 1 - index as i32);
            }
            // Up to 12 digits are 48 bits: every partial sum is exact.
            prop_assert_eq!(number(&cell), if first & 0x80 == 0 { expected } else { -expected });
        }

        #[test]
        fn is_finite_whatever_the_bytes(cell in proptest::collection::vec(any::<u8>(), 2..=8)) {
            if let Some(Value::Number(number)) = value(&cell) {
                prop_assert!(number.is_finite());
            }
        }
    }
}
