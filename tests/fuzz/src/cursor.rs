//! Cursors of the API: a key's byte, a place in the first line, then what somebody sends
//! in the place of the cursor that was given out; where that begins with `^`, the
//! rest says which of its characters become which.
//!
//! Only what was given out opens, as what it was; what another organization, listing or
//! key gave out does not.
use venn_domain::cursor::Seal;

pub(crate) fn run(bytes: &[u8]) {
    let [key, rest @ ..] = bytes else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (place, sent) = text.split_once('\n').unwrap_or((text, ""));
    let seal = Seal::new(&[*key; 32], &["api", "org_a", "/v1/organizations/a/accounts", "q=x"]);
    let cursor = seal.give_out(place);
    assert_eq!(seal.open(&cursor).as_deref(), Some(place));
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    let others = [
        Seal::new(
            &[key.wrapping_add(1); 32],
            &["api", "org_a", "/v1/organizations/a/accounts", "q=x"],
        ),
        Seal::new(&[*key; 32], &["api", "org_b", "/v1/organizations/a/accounts", "q=x"]),
        Seal::new(&[*key; 32], &["api", "org_a", "/v1/organizations/a/runs", "q=x"]),
        Seal::new(&[*key; 32], &["api", "org_a", "/v1/organizations/a/accounts", "q=xy"]),
        // The same bytes with another border.
        Seal::new(&[*key; 32], &["api", "org_a/v1/organizations/a/accounts", "q=x"]),
    ];
    for other in others {
        assert_eq!(other.open(&cursor), None, "it opens elsewhere");
    }
    if let Some(changes) = sent.strip_prefix('^') {
        let sent = changed(&cursor, changes.as_bytes());
        let opened = seal.open(&sent);
        assert_eq!(opened.is_some(), sent == cursor, "{sent} instead of {cursor}");
    } else if let Some(place) = seal.open(sent) {
        // What was made up is one that would be given out: one place, one cursor.
        assert_eq!(seal.give_out(&place), sent);
    }
}

/// Pairs of a place and a character, and lastly perhaps a place at which to cut.
fn changed(cursor: &str, changes: &[u8]) -> String {
    let mut text = cursor.as_bytes().to_vec();
    let (pairs, last) = changes.as_chunks::<2>();
    for [at, character] in pairs {
        let at = usize::from(*at) % text.len();
        text[at] = *character;
    }
    for at in last {
        text.truncate(usize::from(*at) % text.len());
    }
    String::from_utf8_lossy(&text).into_owned()
}
