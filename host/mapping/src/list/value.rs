//! Amounts as CRMs and spreadsheets write them, to canonical decimal text.
//!
//! Canonical: an optional minus, no leading zeros, no thousands marks, a point
//! and no trailing zeros. Exact text, never a float. A currency sign or code is
//! left out: the mapping compares no amounts.
//!
//! Which mark is decimal: with both, the last one; a mark that occurs twice is
//! for thousands. One mark alone is decimal, except a mark before exactly three
//! digits that is the thousands mark where the file comes from: the comma in
//! files parted by comma or tab, the point in files parted by semicolon (there
//! the comma is the decimal mark, which is why they use the semicolon).

/// Digits before the point: more than any amount of money, less than a parser
/// further on could choke on.
const WHOLE_DIGITS_MAX: usize = 18;
/// Digits after the point.
const FRACTION_DIGITS_MAX: usize = 6;

/// None if the text isn't an amount.
pub(super) fn amount(text: &str, delimiter: u8) -> Option<String> {
    let bare = without_currency(text.trim());
    let (negative, digits) = match bare.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, without_currency(rest.trim())),
        None => (false, bare.strip_prefix('+').unwrap_or(bare)),
    };
    let plain: String = digits
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '\u{2019}'))
        .collect();
    let (whole, fraction) = split_decimal(&plain, delimiter)?;
    let whole = ungrouped(whole)?;
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(&whole) || !is_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if whole.len() > WHOLE_DIGITS_MAX || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let sign = if negative && !(whole.is_empty() && fraction.is_empty()) { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

/// Leaves a currency sign or a three-letter code at either end out.
fn without_currency(text: &str) -> &str {
    let signs = ['$', '€', '£', '¥', '₹'];
    let text = text.trim_start_matches(signs).trim_end_matches(signs).trim();
    let is_code = |code: &str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    match text.split_once(' ') {
        Some((code, rest)) if is_code(code) => return rest.trim(),
        _ => {}
    }
    match text.rsplit_once(' ') {
        Some((rest, code)) if is_code(code) => rest.trim(),
        _ => text,
    }
}

fn split_decimal(text: &str, delimiter: u8) -> Option<(&str, &str)> {
    let marks: Vec<(usize, char)> =
        text.char_indices().filter(|(_, c)| matches!(c, '.' | ',')).collect();
    let Some(&(at, last)) = marks.last() else { return Some((text, "")) };
    let behind = text.get(at + 1..)?;
    let occurs_twice = marks.iter().filter(|(_, c)| *c == last).count() > 1;
    let local_thousands = if delimiter == b';' { '.' } else { ',' };
    let only_thousands = marks.len() == 1 && last == local_thousands && behind.len() == 3;
    if occurs_twice || only_thousands {
        // Two kinds, and the last one twice (`1.234,567,890`): nobody writes that.
        return marks.iter().all(|(_, c)| *c == last).then_some((text, ""));
    }
    Some((text.get(..at)?, behind))
}

/// Takes thousands marks out, if they stand at every third digit.
fn ungrouped(whole: &str) -> Option<String> {
    let mut groups = whole.split(['.', ',']);
    let first = groups.next().unwrap_or_default();
    let mut digits = first.to_owned();
    let mut grouped = false;
    for group in groups {
        grouped = true;
        if group.len() != 3 {
            return None;
        }
        digits.push_str(group);
    }
    (!grouped || (1..=3).contains(&first.len())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_become_canonical() {
        for (text, canonical) in [
            ("58000", "58000"),
            ("58000.00", "58000"),
            ("0058", "58"),
            ("0", "0"),
            ("-0.00", "0"),
            ("$1,234.50", "1234.5"),
            ("1.234,50", "1234.5"),
            ("1 234,5", "1234.5"),
            ("1,234", "1234"),
            ("1.234", "1.234"),
            ("1,5", "1.5"),
            (".5", "0.5"),
            ("-12.30", "-12.3"),
            ("EUR 1,000,000", "1000000"),
            ("1'000.5 CHF", "1000.5"),
            ("€ 12", "12"),
            ("-$5", "-5"),
            ("+7", "7"),
            ("1,234,567.891", "1234567.891"),
        ] {
            assert_eq!(amount(text, b',').as_deref(), Some(canonical), "{text}");
        }
        assert_eq!(amount("1.234", b';').as_deref(), Some("1234"));
        assert_eq!(amount("1,234", b';').as_deref(), Some("1.234"));
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in [
            "",
            "abc",
            "1e5",
            "12,34,567",
            "1.2.3",
            "1..2",
            "--5",
            "5-",
            "1,234.567,8",
            "NaN",
            "1 200 USD EUR",
            "12345678901234567890",
            "0.1234567",
            "٣",
            "$",
            ".",
            ",",
            "1,,000",
        ] {
            assert_eq!(amount(text, b','), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn canonical_text_stays_as_it_is(text in "\\PC{0,20}|[-+$]?[0-9., ]{0,14}") {
            if let Some(canonical) = amount(&text, b',') {
                // A point before three digits is a decimal point here.
                proptest::prop_assert_eq!(amount(&canonical, b','), Some(canonical));
            }
        }

        #[test]
        fn whole_numbers_keep_their_value(value in -999_999_999_999i64..999_999_999_999) {
            proptest::prop_assert_eq!(amount(&value.to_string(), b','), Some(value.to_string()));
        }
    }
}
