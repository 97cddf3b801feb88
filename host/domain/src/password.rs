//! What a password must be. How it is hashed is the server's business.
//!
//! Length is what guessing costs; rules about kinds of characters make people
//! write `Password1!`. What anybody would try first is refused.

use crate::limits::{
    PASSWORD_BYTES as BYTES_MAX, PASSWORD_CHARS_MIN as CHARS_MIN,
    PASSWORD_DISTINCT_MIN as DISTINCT_MIN,
};

/// Why a password is refused. Never with the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Guessed too soon.
    #[error("it has fewer than {CHARS_MIN} characters")]
    Short,
    /// No password has so many.
    #[error("it has more than {BYTES_MAX} bytes")]
    Long,
    /// The same few characters again and again.
    #[error("it has fewer than {DISTINCT_MIN} different characters")]
    Monotone,
    /// It is what everybody knows of the person.
    #[error("it is made of your address, name or organization")]
    OwnName,
    /// It is made of what everybody tries.
    #[error("it is one of those that are tried first")]
    Common,
}

/// What is tried first, whatever stands around it in digits and signs.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "letmein",
    "qwerty",
    "qwertz",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "iloveyou",
    "welcome",
    "changeme",
    "administrator",
    "admin",
    "secret",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "trustno",
    "venn",
];

/// Whether a password may be used by a person of whom these words are known.
pub fn check(password: &str, known: &[&str]) -> Result<(), Unfit> {
    if password.chars().count() < CHARS_MIN {
        return Err(Unfit::Short);
    }
    if password.len() > BYTES_MAX {
        return Err(Unfit::Long);
    }
    let lower = password.to_lowercase();
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < DISTINCT_MIN {
        return Err(Unfit::Monotone);
    }
    // What is left when the known is taken out must carry it alone.
    let left = |words: &mut dyn Iterator<Item = String>| {
        let rest = words.fold(lower.clone(), |text, word| text.replace(&word, ""));
        rest.chars().filter(|c| c.is_alphabetic()).count()
    };
    let words = known.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    // Whole first: an address has parts that are too short to be words.
    let own = known.iter().copied().chain(words).filter(|word| word.chars().count() > 3);
    let mut own = own.map(str::to_lowercase);
    if lower.chars().any(char::is_alphabetic) && left(&mut own) == 0 {
        return Err(Unfit::OwnName);
    }
    let mut longest_first: Vec<String> = COMMON.iter().map(|word| (*word).to_owned()).collect();
    longest_first.sort_by_key(|word| std::cmp::Reverse(word.len()));
    // Digits and signs alone are a date or a telephone number.
    if left(&mut longest_first.into_iter()) == 0 && lower.len() < 2 * CHARS_MIN {
        return Err(Unfit::Common);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_refused() {
        let known = ["ann.miller@acme.example", "Ann Miller", "acme"];
        let table = [
            ("correct horse battery", Ok(())),
            ("zwölf Zeichen", Ok(())),
            ("eleven char", Err(Unfit::Short)),
            ("aaaaaaaaaaaaaaaa", Err(Unfit::Monotone)),
            ("password123456", Err(Unfit::Common)),
            ("Passw0rd!!!!!!2026", Err(Unfit::Common)),
            ("qwertyuiop1234", Err(Unfit::Common)),
            ("1985-12-24-01", Err(Unfit::Common)),
            ("acme-miller-1985", Err(Unfit::OwnName)),
            ("Miller.2026.Acme", Err(Unfit::OwnName)),
            ("ann.miller@acme.example", Err(Unfit::OwnName)),
            ("Ann.Miller@Acme.Example2026", Err(Unfit::OwnName)),
            ("miller brews coffee", Ok(())),
        ];
        for (password, expected) in table {
            assert_eq!(check(password, &known), expected, "{password}");
        }
        assert_eq!(check(&"aB3$xyz ".repeat(33), &known), Err(Unfit::Long));
    }
}
