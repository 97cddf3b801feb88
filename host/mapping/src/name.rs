//! Company names as people write them, to a key that can be compared.
//!
//! In order: compatibility forms and accents folded (NFKD, Latin, Greek and
//! Cyrillic marks dropped), lower case, `&`, `+` between words and `and` are one
//! word, punctuation parts words, letters parted by dots or slashes are one
//! word (`S.A.` is `sa`, `A/S` is `as`), a leading `the` and legal forms at the
//! end fall away. A name never loses its last word, and one made of punctuation
//! alone stands for itself: no named company has an empty key.
//!
//! Kept on purpose: a `.com` at the end (`Booking.com` is `booking com`: a
//! different company from `Booking`), digits, the `+` of `C++` and `Disney+`,
//! the `#` of `C#`.
//!
//! Doesn't transliterate (`Яндекс` isn't `Yandex`) and knows no abbreviations.
//!
//! To add a legal form: one word in [`LEGAL_FORMS`], in alphabetical order.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

/// Legal forms, as single words after folding; stripped from the end only.
const LEGAL_FORMS: [&str; 52] = [
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "bv",
    "bvba",
    "co",
    "company",
    "corp",
    "corporation",
    "doo",
    "eg",
    "ehf",
    "eood",
    "ev",
    "gbr",
    "ges",
    "gmbh",
    "hf",
    "inc",
    "incorporated",
    "kft",
    "kg",
    "kgaa",
    "kk",
    "lda",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "mbh",
    "nv",
    "ohg",
    "oy",
    "oyj",
    "plc",
    "pte",
    "pty",
    "pvt",
    "sa",
    "sarl",
    "sas",
    "se",
    "sl",
    "spa",
    "srl",
    "sro",
    "ug",
    "zrt",
];

/// Written without a space before or after the name.
const LEGAL_FORMS_CJK: [&str; 4] = ["株式会社", "有限会社", "有限公司", "주식회사"];

/// The comparable form of a company name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameKey {
    words: Arc<str>,
    joined: Arc<str>,
}

impl NameKey {
    /// Folds a name. Blank text gives an empty key, which equals nothing.
    pub fn of(name: &str) -> Self {
        let words: Arc<str> = Arc::from(fold(name));
        let joined = if words.contains(' ') {
            Arc::from(words.replace(' ', ""))
        } else {
            Arc::clone(&words)
        };
        Self { words, joined }
    }

    /// The words, one space between them: for similarity and for reading.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Without spaces: two names are *equal* when these are, so that
    /// `MailChimp` equals `Mail Chimp` and `Node.js` equals `NodeJS`. Names are
    /// only compared within one registrable domain, where that is safe.
    pub fn joined(&self) -> &str {
        &self.joined
    }

    /// Whether there is no name at all.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

fn fold(name: &str) -> String {
    let plain = plain_letters(name);
    let mut words = split_words(&plain);
    if words.len() > 1 && words.first().is_some_and(|word| word == "the") {
        words.remove(0);
    }
    strip_legal_forms(&mut words);
    if words.is_empty() {
        // Punctuation alone (`!!!`) is still a name.
        let plain = if plain.trim().is_empty() { name } else { &plain };
        return plain.split_whitespace().collect();
    }
    words.join(" ")
}

/// Lower case without accents, compatibility forms, apostrophes and trade marks.
fn plain_letters(name: &str) -> String {
    let silent = |c: &char| {
        matches!(c, '\'' | '`' | '\u{b4}' | '\u{2bc}' | '\u{2019}' | '\u{2120}' | '\u{2122}')
    };
    let is_mark = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    if name.is_ascii() {
        return name.chars().filter(|c| !silent(c)).map(|c| c.to_ascii_lowercase()).collect();
    }
    let folded: String = name
        .chars()
        // Before folding: it would make the letters TM of the sign.
        .filter(|c| !silent(c))
        .nfkd()
        .filter(|c| !is_mark(c))
        .flat_map(char::to_lowercase)
        .flat_map(|c| fold_letter(c).chars().chain(fold_letter(c).is_empty().then_some(c)))
        .collect();
    // Lower case may bring a mark or a compatibility form back (`İ`, `ϓ`).
    folded.nfkd().filter(|c| !is_mark(c)).nfc().collect()
}

/// Letters that have no decomposition but an established plain spelling.
fn fold_letter(c: char) -> &'static str {
    match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        _ => "",
    }
}

fn split_words(plain: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    // Whether a dot or slash, and nothing else, stands before the word.
    let mut joined_before = false;
    let mut joins = false;
    let mut chars = plain.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            _ if c.is_alphanumeric() => word.push(c),
            '#' if !word.is_empty() => word.push(c),
            '+' if !word.is_empty() && !chars.peek().is_some_and(|next| next.is_alphanumeric()) => {
                word.push(c);
            }
            _ => {
                let is_joiner = matches!(c, '.' | '/');
                if word.is_empty() {
                    joins = joins && is_joiner;
                } else {
                    push_word(&mut words, &mut word, joined_before);
                    joins = is_joiner;
                }
                if matches!(c, '&' | '+') {
                    words.push("and".to_owned());
                    joins = false;
                }
                joined_before = joins;
            }
        }
    }
    if !word.is_empty() {
        push_word(&mut words, &mut word, joined_before);
    }
    words
}

/// Adds a word; single letters parted by dots or slashes grow into one word.
fn push_word(words: &mut Vec<String>, word: &mut String, joined_before: bool) {
    let single = |text: &str| text.chars().count() == 1 && text.chars().all(char::is_alphabetic);
    let taken = std::mem::take(word);
    match words.last_mut() {
        Some(last) if joined_before && single(&taken) && is_initials(last) => last.push_str(&taken),
        _ => words.push(taken),
    }
}

/// At most four letters: longer words aren't initials that were just joined.
fn is_initials(text: &str) -> bool {
    text.chars().count() <= 4 && text.chars().all(char::is_alphabetic)
}

fn strip_legal_forms(words: &mut Vec<String>) {
    let mut stripped = false;
    while words.len() > 1
        && let Some(last) = words.last()
    {
        let legal = LEGAL_FORMS.binary_search(&last.as_str()).is_ok();
        // `Smith & Co`, `Acme Private Limited`.
        let left_over = stripped && matches!(last.as_str(), "and" | "private");
        if !legal && !left_over {
            break;
        }
        stripped = true;
        words.pop();
    }
    for form in LEGAL_FORMS_CJK {
        for word in words.iter_mut() {
            let bare = word.trim_start_matches(form).trim_end_matches(form);
            if !bare.is_empty() && bare.len() < word.len() {
                *word = bare.to_owned();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LEGAL_FORMS, NameKey};

    fn check(name: &str, words: &str) {
        assert_eq!(NameKey::of(name).words(), words, "{name}");
    }

    #[test]
    fn legal_forms_fall_away_at_the_end_only() {
        assert!(LEGAL_FORMS.is_sorted());
        for name in [
            "Acme",
            "ACME Inc.",
            "Acme, Inc",
            "acme llc",
            "Acme GmbH & Co. KG",
            "Acme S.A.",
            "Acme B.V.",
            "Acme Pty Ltd",
            "Acme Private Limited",
            "The Acme Company",
            "Acme A/S",
            "Ácme  s.r.l.",
            "Acme S.p.A.",
            "ＡＣＭＥ",
            "Acme®",
            "Acme™",
        ] {
            check(name, "acme");
        }
        check("AG", "ag");
        check("Company", "company");
        check("Inc Magazine", "inc magazine");
        check("株式会社メルカリ", "メルカリ");
    }

    #[test]
    fn short_and_odd_names_keep_a_key() {
        check("1&1", "1 and 1");
        check("/e/", "e");
        check(".NET", "net");
        check("500px", "500px");
        check("1.1.1.1", "1 1 1 1");
        check("F#", "f#");
        check("C++", "c++");
        check("Disney+", "disney+");
        check("Yahoo!", "yahoo");
        check("!!!", "!!!");
        check("+", "and");
        check("", "");
    }

    #[test]
    fn spellings_of_one_name_are_equal() {
        for (a, b) in [
            ("AT&T", "AT and T"),
            ("A+E Networks", "A & E Networks"),
            ("McDonald’s", "McDonalds"),
            ("MailChimp", "Mail Chimp"),
            ("Node.js", "NodeJS"),
            ("Nestlé", "Nestle"),
            ("Straße", "STRASSE"),
            ("U.S. Steel Corp.", "US Steel"),
            ("Hewlett-Packard", "Hewlett Packard"),
            ("Smith & Co", "Smith and Co."),
            ("Łódź", "lodz"),
        ] {
            assert_eq!(NameKey::of(a).joined(), NameKey::of(b).joined(), "{a} / {b}");
        }
        assert_ne!(NameKey::of("Booking.com").joined(), NameKey::of("Booking").joined());
        assert_ne!(NameKey::of("C").joined(), NameKey::of("C++").joined());
    }

    proptest::proptest! {
        #[test]
        fn a_named_company_has_a_key(name in "\\PC{1,40}") {
            proptest::prop_assert_eq!(NameKey::of(&name).is_empty(), name.trim().is_empty() && name.chars().all(char::is_whitespace));
        }

        #[test]
        fn folding_twice_changes_nothing(name in "[A-Za-zäöüßéØŁ0-9 .,&+'/#-]{0,40}") {
            let words = NameKey::of(&name).words().to_owned();
            let again = NameKey::of(&words);
            proptest::prop_assert_eq!(again.words(), words);
        }
    }
}
