//! Dates as CRMs and spreadsheets write them, to `YYYY-MM-DD`.
//!
//! Year first, with `-` or `/`, also with a time behind it (the day as written
//! counts: the time zone of an export isn't known); `31.12.2025`, day first; and
//! `12/31/2025` where only one order is possible. `03/04/2025` is refused, not
//! guessed.

/// None if the text isn't a date, or could be two.
pub(super) fn date(text: &str) -> Option<String> {
    let day_part = text.trim().split([' ', 'T']).next()?;
    let mark = day_part.chars().find(|c| !c.is_ascii_digit())?;
    let parts: Vec<&str> = day_part.split(mark).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    let (year, month, day) = match mark {
        '-' | '/' if first.len() == 4 => (number(first)?, number(second)?, number(third)?),
        '.' if third.len() == 4 => (number(third)?, number(second)?, number(first)?),
        '/' if third.len() == 4 => {
            let (a, b) = (number(first)?, number(second)?);
            match (a > 12, b > 12) {
                (true, false) => (number(third)?, b, a),
                (false, true) => (number(third)?, a, b),
                // The same day in both orders.
                (false, false) if a == b => (number(third)?, a, b),
                _ => return None,
            }
        }
        _ => return None,
    };
    let valid =
        (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day) && year >= 1000;
    valid.then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn number(text: &str) -> Option<u16> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn days_in(year: u16, month: u16) -> u16 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_become_canonical() {
        for text in [
            "2025-12-31",
            "2025/12/31",
            "2025-12-31 23:59",
            "2025-12-31T23:59:59.000+0000",
            "31.12.2025",
            "12/31/2025",
            "31/12/2025",
            " 2025-12-31 ",
        ] {
            assert_eq!(date(text).as_deref(), Some("2025-12-31"), "{text}");
        }
        assert_eq!(date("2024-2-29").as_deref(), Some("2024-02-29"));
        assert_eq!(date("1/1/2025").as_deref(), Some("2025-01-01"));
    }

    #[test]
    fn what_is_no_date_or_two_is_none() {
        for text in [
            "",
            "2025",
            "03/04/2025",
            "2025-13-01",
            "2025-02-29",
            "1900-02-29",
            "2025-12-31-1",
            "0000-01-01",
            "13/13/2025",
            "31-12-2025",
            "tomorrow",
            "2025-1２-01",
            "20251231",
            "45291",
            "25-12-31",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
