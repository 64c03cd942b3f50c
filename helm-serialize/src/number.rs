use helm_core::Digits;

/// Writes a number with its digits: rounded as its exact decimal expansion is, half to even, and never as "-0".
pub(crate) fn write_number(out: &mut String, number: f64, digits: Digits) {
    match digits {
        Digits::Decimals(decimals) => write_fixed(out, number, decimals),
        Digits::Significant(significant) => {
            let rounded = format!("{number:.*e}", significant.max(1) - 1);
            let exponent: i32 = rounded.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
            let decimals = usize::try_from(significant as i32 - 1 - exponent).unwrap_or(0);
            write_fixed(out, rounded.parse().unwrap_or(number), decimals);
        }
    }
}

const TENS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

fn write_fixed(out: &mut String, number: f64, decimals: usize) {
    let scaled = number.abs() * TENS.get(decimals).copied().unwrap_or(f64::NAN);
    let from_half = (scaled - scaled.floor() - 0.5).abs();
    // Near a half, the product's own rounding could decide: the exact expansion does. NaN goes there, too.
    let plain = scaled < 1e9 && from_half > 1e-6;
    if !plain {
        let written = format!("{number:.decimals$}");
        let is_zero = written.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
        out.push_str(if is_zero { written.trim_start_matches('-') } else { &written });
        return;
    }
    let mut rest = scaled.round() as u64;
    if number < 0.0 && rest > 0 {
        out.push('-');
    }
    let mut bytes = [b'0'; 24];
    let mut start = bytes.len();
    let mut written = 0;
    while rest > 0 || written <= decimals {
        if written == decimals && decimals > 0 {
            start -= 1;
            bytes[start] = b'.';
        }
        start -= 1;
        bytes[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        written += 1;
    }
    out.push_str(std::str::from_utf8(&bytes[start..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: f64, digits: Digits) -> String {
        let mut out = String::new();
        write_number(&mut out, number, digits);
        out
    }

    #[test]
    fn digits_after_the_point() {
        for (number, decimals, expected) in [
            (23.449, 1, "23.4"),
            (-0.04, 1, "0.0"),
            (0.5, 0, "0"),
            (1.5, 0, "2"),
            (2.5, 0, "2"),
            (0.0, 0, "0"),
            (0.05, 1, "0.1"),
            (1e12, 2, "1000000000000.00"),
            (-7.0, 0, "-7"),
            (0.007, 3, "0.007"),
            (1.0, 9, "1.000000000"),
        ] {
            assert_eq!(written(number, Digits::Decimals(decimals)), expected);
        }
    }

    #[test]
    fn significant_digits() {
        for (number, significant, expected) in [
            (0.023_449, 3, "0.0234"),
            (23_449.0, 3, "23400"),
            (9.996, 3, "10.0"),
            (0.0, 3, "0.00"),
            (-1234.5, 2, "-1200"),
            (5.0, 1, "5"),
        ] {
            assert_eq!(written(number, Digits::Significant(significant)), expected);
        }
    }

    proptest! {
        #[test]
        fn equals_the_exact_expansion(number in prop_oneof![-1e6f64..1e6, -10f64..10.0], decimals in 0usize..9) {
            let expected = format!("{number:.decimals$}");
            let digits = written(number, Digits::Decimals(decimals));
            let is_zero = digits.parse() == Ok(0.0);
            prop_assert!(digits == expected || is_zero && expected == ["-", &digits].concat());
        }

        #[test]
        fn halves_go_as_the_exact_expansion_does(n in -10_000i64..10_000, decimals in 0usize..4) {
            let number = (n as f64 + 0.5) / TENS[decimals];
            let expected = format!("{number:.decimals$}");
            let digits = written(number, Digits::Decimals(decimals));
            prop_assert!(digits == expected || expected == ["-", &digits].concat());
        }
    }
}
