//! An injected credential never comes back: an echo of it in an answer's
//! headers or body is replaced before the guest, the tape or the log sees it.
//!
//! It is looked for in the whole answer, so that it does not matter how the
//! third party cut it into chunks: letter by letter, each as it is or as JSON,
//! a URL, a form or HTML write it (`\u002b`, `%2B`, `%252B`, `&#43;`), and as a
//! whole in base64 (at any place in what was encoded), hexadecimal and UTF-16.
//! A part of it, or what was computed from it, is not recognised.
use bytes::Bytes;
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use memchr::memmem;
use zeroize::Zeroizing;

use super::failed;
use crate::{
    ports::Secret,
    tape::entry::{Blob, HttpResult},
};

const MARK: &[u8] = b"[redacted]";

/// Texts in texts, URLs in URLs: deeper ones are not looked into, so that no
/// answer takes more than one look a byte.
const LEVELS: usize = 4;

/// A shorter piece of an encoding would stand in texts by chance.
const ENCODED_MIN: usize = 8;

/// Cleans an answer. One in an encoding that we cannot look into is not
/// handed over: `accept-encoding: identity` was asked for.
pub(super) fn answer(result: HttpResult, secret: Option<&Secret>) -> HttpResult {
    let Some(secret) = secret else { return result };
    let telling = secret.telling().filter(|text| !text.is_empty());
    telling.fold(result, without)
}

/// The same for one text.
fn without(result: HttpResult, text: &str) -> HttpResult {
    let HttpResult::Response { status, headers, body } = result else { return result };
    for (name, value) in &headers {
        let encoded = name.eq_ignore_ascii_case("content-encoding")
            && !value.0.eq_ignore_ascii_case(b"identity");
        if encoded && !body.0.is_empty() {
            let message = "the answer is compressed although it was asked not to be; \
                           where the host adds a credential it must be able to read the answer";
            return failed("protocol", message.to_owned());
        }
    }
    let scrubber = Scrubber::new(text);
    let clean = scrubber.clean(&body.0);
    let changed = clean.len() != body.0.len();
    let headers = headers.into_iter().filter(|(name, _)| !scrubber.is_in_name(name));
    let headers = headers.map(|(name, value)| {
        if changed && name.eq_ignore_ascii_case("content-length") {
            return (name, Blob(clean.len().to_string().into()));
        }
        let value = Blob(scrubber.clean(&value.0));
        (name, value)
    });
    HttpResult::Response { status, headers: headers.collect(), body: Blob(clean.clone()) }
}

/// One credential in all forms in which it is recognised.
struct Scrubber<'a> {
    secret: &'a [u8],
    whole: Vec<Zeroizing<Vec<u8>>>,
}

impl<'a> Scrubber<'a> {
    fn new(secret: &'a str) -> Self {
        let secret = secret.as_bytes();
        let mut whole: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        let mut add = |form: Vec<u8>| {
            let form = Zeroizing::new(form);
            if form.len() >= ENCODED_MIN && !whole.contains(&form) {
                whole.push(form);
            }
        };
        for offset in 0..3 {
            // What stands before shifts the letters; those that it or what
            // follows has a part in are left out.
            let mut shifted = Zeroizing::new(vec![0; offset]);
            shifted.extend_from_slice(secret);
            let own = (offset * 8).div_ceil(6)..shifted.len() * 8 / 6;
            for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
                let text = Zeroizing::new(encoding.encode(&shifted));
                add(text.as_bytes().get(own.clone()).unwrap_or_default().to_vec());
            }
        }
        add(HEXLOWER.encode(secret).into_bytes());
        add(HEXUPPER.encode(secret).into_bytes());
        // Bytes 1 to n-1 of both: the first and last zero may be another's.
        add(secret.iter().flat_map(|byte| [*byte, 0]).take(secret.len() * 2 - 1).collect());
        Self { secret, whole }
    }

    /// The text with every echo replaced; shared if there is none.
    fn clean(&self, text: &Bytes) -> Bytes {
        let mut found: Vec<(usize, usize)> = self.letters(text);
        for form in &self.whole {
            let at = memmem::find_iter(text, form.as_slice());
            found.extend(at.map(|at| (at, at + form.len())));
        }
        if found.is_empty() {
            return text.clone();
        }
        found.sort_unstable();
        let mut out = Vec::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in found {
            if start >= done {
                out.extend_from_slice(text.get(done..start).unwrap_or_default());
                out.extend_from_slice(MARK);
            }
            // Two that overlap have one mark.
            done = done.max(end);
        }
        out.extend_from_slice(text.get(done..).unwrap_or_default());
        out.into()
    }

    /// Header names are told in lower case.
    fn is_in_name(&self, name: &str) -> bool {
        let lower = Zeroizing::new(self.secret.to_ascii_lowercase());
        memmem::find(name.to_ascii_lowercase().as_bytes(), &lower).is_some()
    }

    /// Where it stands, each letter in a form of its own.
    fn letters(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut found: Vec<_> =
            memmem::find_iter(text, self.secret).map(|at| (at, at + self.secret.len())).collect();
        let mut from = 0;
        while let Some(at) = next_start(text, from, self.secret) {
            let end = (1..=LEVELS).find_map(|level| self.match_at(text, at, level));
            if let Some(end) = end {
                found.push((at, end));
                from = end;
            } else {
                from = at + 1;
            }
        }
        found
    }

    fn match_at(&self, text: &[u8], start: usize, level: usize) -> Option<usize> {
        let mut at = start;
        for letter in self.secret {
            at += letter_length(text.get(at..)?, *letter, level)?;
        }
        Some(at)
    }
}

/// The next place at which a letter's form may begin. Escapes are rare, so
/// nearly all places are ruled out at the speed of memory.
fn next_start(text: &[u8], from: usize, secret: &[u8]) -> Option<usize> {
    let rest = text.get(from..)?;
    let plain = secret.first().and_then(|first| memchr::memchr(*first, rest));
    let escaped = memchr::memchr3(b'\\', b'%', b'&', rest);
    [plain, escaped].into_iter().flatten().min().map(|at| from + at)
}

/// How many bytes of the text write this letter, in whichever form; in a URL
/// that is encoded so many times over.
fn letter_length(text: &[u8], letter: u8, level: usize) -> Option<usize> {
    let escaped = match text.first()? {
        b'%' => percent(text, letter, level),
        b'&' => entity(text, letter),
        b'\\' => backslash(text, letter),
        b'+' if letter == b' ' => Some(1),
        _ => None,
    };
    escaped.or_else(|| (text.first() == Some(&letter)).then_some(1))
}

/// `%2B`, and `%252B` of a URL in a URL.
fn percent(text: &[u8], letter: u8, level: usize) -> Option<usize> {
    let mut at = 1;
    for _ in 1..level {
        at += text.get(at..)?.starts_with(b"25").then_some(2)?;
    }
    (hex(text.get(at..at + 2)?) == Some(u32::from(letter))).then_some(at + 2)
}

/// `\u002b`, `\/`, `\"`, and the same in a text in a text (`\\u002b`).
fn backslash(text: &[u8], letter: u8) -> Option<usize> {
    let run = text.iter().take(1 << LEVELS).take_while(|byte| **byte == b'\\').count();
    if letter == b'\\' {
        // Each level of text in text doubles it.
        return [4, 2].into_iter().find(|count| *count <= run);
    }
    let rest = text.get(run..)?;
    if rest.first() == Some(&b'u') && rest.get(1..5).and_then(hex) == Some(u32::from(letter)) {
        return Some(run + 5);
    }
    (rest.first() == Some(&letter) && !letter.is_ascii_alphanumeric()).then_some(run + 1)
}

/// `&amp;`, `&#38;`, `&#x26;`.
fn entity(text: &[u8], letter: u8) -> Option<usize> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let name = text.get(1..end)?;
    let code = match name {
        b"amp" => Some(u32::from(b'&')),
        b"lt" => Some(u32::from(b'<')),
        b"gt" => Some(u32::from(b'>')),
        b"quot" => Some(u32::from(b'"')),
        b"apos" => Some(u32::from(b'\'')),
        [b'#', b'x' | b'X', digits @ ..] => hex(digits),
        [b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok(),
        _ => None,
    };
    (code == Some(u32::from(letter))).then_some(end + 1)
}

fn hex(digits: &[u8]) -> Option<u32> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
#[path = "tests/scrub.rs"]
mod tests;
