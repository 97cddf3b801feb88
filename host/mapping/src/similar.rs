//! How similar two company names are, on one registrable domain.
//!
//! # Why not a plain string distance
//! Accounts of one domain share their brand: `Google Ads` and `Google Meet` are
//! half equal letter by letter, and Jaro-Winkler rewards exactly that prefix. So
//! the domain's own label is taken out of both names first (unless nothing else
//! is left of one of them), the remaining words are sorted, and the normalised
//! Indel ratio of the rest counts. Names whose numbers differ (`Python 2`,
//! `Python 3`) are different products: their similarity is cut below the
//! threshold.
//!
//! Symmetric, and 1000 exactly for equal keys. Knows nothing of hosts.

use crate::entry::Entry;

/// Two names at least this similar pair. Chosen on real lists: see the figures
/// in `tests/it/real_lists.rs`, and print them with the example `two_lists`.
pub const SIMILAR_MIN_PERMILLE: u16 = 850;

/// How many leftovers of one side and domain are compared, in the order of
/// their ids: two sides of 200 make 40,000 comparisons, some 10 ms. Without it
/// two lists with all accounts on one domain would cost hours. The largest real
/// domain so far (google.com) has some 60 accounts.
pub const SIMILAR_ACCOUNTS_MAX: usize = 200;

/// Characters of a name that count: longer ones are texts, and a comparison
/// costs the product of both lengths.
const NAME_CHARS_MAX: usize = 128;

/// A name prepared for many comparisons on one domain.
pub(crate) struct Comparable {
    whole: String,
    without_brand: String,
    numbers: Vec<String>,
}

impl Comparable {
    pub(crate) fn of(entry: &Entry, brand: &str) -> Self {
        let mut words: Vec<&str> = entry.name().words().split(' ').collect();
        words.sort_unstable();
        let mut numbers: Vec<String> = words
            .iter()
            .flat_map(|word| word.split(|c: char| !c.is_ascii_digit()))
            .filter(|run| !run.is_empty())
            .map(str::to_owned)
            .collect();
        numbers.sort_unstable();
        let whole = shortened(&words);
        words.retain(|word| *word != brand);
        Self { whole, without_brand: shortened(&words), numbers }
    }

    pub(crate) fn similarity_permille(&self, other: &Self) -> u16 {
        if self.whole == other.whole {
            return if self.whole.is_empty() { 0 } else { 1000 };
        }
        let (a, b) = if self.without_brand.is_empty() || other.without_brand.is_empty() {
            (&self.whole, &other.whole)
        } else {
            (&self.without_brand, &other.without_brand)
        };
        let ratio = rapidfuzz::fuzz::ratio(a.chars(), b.chars());
        let permille = thousandths(ratio);
        if self.numbers == other.numbers {
            permille
        } else {
            permille.min(SIMILAR_MIN_PERMILLE - 1)
        }
    }
}

fn shortened(words: &[&str]) -> String {
    words.join(" ").chars().take(NAME_CHARS_MAX).collect()
}

/// 0..=1 to 0..=1000. Steps down, so that 1000 means equal.
fn thousandths(ratio: f64) -> u16 {
    let scaled = (ratio * 1000.0).clamp(0.0, 1000.0);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1000 just above; NaN becomes 0"
    )]
    let permille = scaled as u16;
    permille
}

/// The label of a registrable domain that names its owner: `acme` of `acme.co.uk`.
pub(crate) fn brand(registrable: &str) -> &str {
    registrable.split('.').next().unwrap_or(registrable)
}

/// How similar the names of two accounts are, in thousandths.
pub fn similarity_permille(left: &Entry, right: &Entry) -> u16 {
    if !left.name().is_empty() && left.name().joined() == right.name().joined() {
        return 1000;
    }
    let brand = match (left.registrable(), right.registrable()) {
        (Ok(a), Ok(b)) if a == b => brand(a),
        _ => "",
    };
    Comparable::of(left, brand).similarity_permille(&Comparable::of(right, brand)).min(999)
}

#[cfg(test)]
mod tests {
    use super::{SIMILAR_MIN_PERMILLE, similarity_permille};
    use crate::entry::Entry;

    fn similarity(a: &str, b: &str) -> u16 {
        let on = |name| Entry::new("1", name, Some("acme.com"));
        let (a, b) = (on(a), on(b));
        assert_eq!(similarity_permille(&a, &b), similarity_permille(&b, &a));
        similarity_permille(&a, &b)
    }

    #[test]
    fn the_shared_brand_is_no_evidence() {
        assert!(similarity("Acme Ads", "Acme Meet") < 500);
        assert!(similarity("Acme Analytics", "Acme Analitics") >= SIMILAR_MIN_PERMILLE);
        assert_eq!(similarity("Acme Inc", "ACME"), 1000);
    }

    #[test]
    fn word_order_is_no_difference_and_numbers_are() {
        assert!(similarity("Acme Cloud Storage", "Storage Cloud") >= SIMILAR_MIN_PERMILLE);
        assert!(similarity("Acme Protocol 2", "Acme Protocol 3") < SIMILAR_MIN_PERMILLE);
    }

    #[test]
    fn no_name_is_similar_to_nothing() {
        assert_eq!(similarity("", ""), 0);
        assert!(similarity("", "Acme") < 100);
    }
}
