//! Columns' names with stars, each of which stands for any characters.

/// Whether a column's name fits a pattern in which each star stands for any characters, whatever the case of letters.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    fn fit(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|at| fit(rest, &name[at..])),
            Some((first, rest)) => {
                name.first().is_some_and(|byte| byte.eq_ignore_ascii_case(first) && fit(rest, &name[1..]))
            }
        }
    }
    fit(pattern.as_bytes(), name.as_bytes())
}

/// Whether some column's name fits two patterns, stars in either.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    fn meet(a: &[u8], b: &[u8]) -> bool {
        match (a.split_first(), b.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) if meet(rest, b) => true,
            (_, Some((b'*', rest))) if meet(a, rest) => true,
            (Some((b'*', _)), Some((_, rest))) => meet(a, rest),
            (Some((_, rest)), Some((b'*', _))) => meet(rest, b),
            (Some((first, a)), Some((second, b))) => first.eq_ignore_ascii_case(second) && meet(a, b),
            _ => false,
        }
    }
    meet(a.as_bytes(), b.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, fit) in [
            ("p20002_i0_a*", "p20002_i0_a33", true),
            ("P20002_i0_a*", "p20002_i0_a", true),
            ("p*_i0", "p31_i0", true),
            ("p*_i0", "p31_i1", false),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_meet_where_a_name_fits_both() {
        for (a, b, meet) in [
            ("t_0_*", "t_*_1", true),
            ("t_0_*", "T_0_1", true),
            ("t_0_*", "t_1_*", false),
            ("*", "a", true),
            ("a*b", "*c", false),
            ("", "*", true),
            ("a", "ab", false),
        ] {
            assert_eq!((overlap(a, b), overlap(b, a)), (meet, meet), "{a} {b}");
        }
    }

    proptest::proptest! {
        /// Whatever fits two patterns shows that they meet.
        #[test]
        fn a_name_that_fits_both_is_an_overlap(a in "[ab*]{0,5}", b in "[ab*]{0,5}", name in "[ab]{0,5}") {
            if fits(&a, &name) && fits(&b, &name) {
                proptest::prop_assert!(overlap(&a, &b));
            }
        }
    }
}
