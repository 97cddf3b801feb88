//! Devices: a cookie that says that somebody has logged in here before.
//!
//! It opens nothing. It only gives attempts from this browser a count of their own,
//! so that nobody else's failures make its owner wait. It is good with the password and
//! the second factor that were shown for it, and ends with either.
use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use venn_store::password::PasswordLogin;

use super::session;

/// The cookie.
const COOKIE: &str = "__Host-venn-device";
/// How long a browser is remembered: as long as a token may last.
const LASTS_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
/// Random bytes of its name: it must be its own, and says nothing.
const NAME_BYTES: usize = 16;

/// The cookie for a browser in which this person has logged in.
pub fn given(key: &[u8; 32], login: &PasswordLogin) -> std::io::Result<String> {
    let mut name = [0_u8; NAME_BYTES];
    getrandom::fill(&mut name).map_err(|error| std::io::Error::other(error.to_string()))?;
    let name = data_encoding::HEXLOWER.encode(&name);
    let seal = data_encoding::HEXLOWER.encode(&mac(key, login, &name).finalize().into_bytes());
    Ok(session::cookie(COOKIE, &format!("{name}.{seal}"), LASTS_MS))
}

/// The name of the browser, if this person has logged in there with what it takes now.
pub fn of<'h>(headers: &'h HeaderMap, key: &[u8; 32], login: &PasswordLogin) -> Option<&'h str> {
    let (name, seal) = session::find(headers, COOKIE)?.split_once('.')?;
    let seal = data_encoding::HEXLOWER.decode(seal.as_bytes()).ok()?;
    mac(key, login, name).verify_slice(&seal).is_ok().then_some(name)
}

fn mac(key: &[u8; 32], login: &PasswordLogin, name: &str) -> Hmac<Sha256> {
    // Padded to SHA-256's block, as HMAC does by itself.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&block).into());
    let since = login.second_factor_since.map_or(0, |at| at.0).to_string();
    let hash = login.hash.as_deref().unwrap_or_default();
    // The hash has a salt of its own: the same password once more is another one.
    for part in [login.user.id.as_str(), hash, since.as_str(), name] {
        mac.update(part.as_bytes());
        mac.update(b"\0");
    }
    mac
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::http::{HeaderValue, header};
    use venn_domain::time::Timestamp;
    use venn_store::organization::Person;

    use super::*;

    fn login(user: &str) -> PasswordLogin {
        PasswordLogin {
            organization: "org_00000000000000000000000001".parse().unwrap(),
            slug: "acme".to_owned(),
            user: Person {
                id: user.parse().unwrap(),
                email: "ann@acme.example".to_owned(),
                name: "Ann".to_owned(),
                is_service: false,
            },
            hash: Some("$argon2id$one".to_owned()),
            second_factor_since: None,
        }
    }

    #[test]
    fn a_device_is_one_persons_and_ours_and_ends_with_what_was_shown_for_it() {
        let ann = login("usr_00000000000000000000000001");
        let bob = login("usr_00000000000000000000000002");
        let another = PasswordLogin { hash: Some("$argon2id$other".to_owned()), ..ann.clone() };
        let invited = PasswordLogin { hash: None, ..ann.clone() };
        let secured = PasswordLogin { second_factor_since: Some(Timestamp(7)), ..ann.clone() };
        let anew = PasswordLogin { second_factor_since: Some(Timestamp(8)), ..ann.clone() };
        let cookie_of = |login: &PasswordLogin| {
            let cookie = given(&[7; 32], login).unwrap();
            let pair = cookie.split(';').next().unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(pair).unwrap());
            headers
        };
        let headers = cookie_of(&ann);
        assert!(of(&headers, &[7; 32], &ann).is_some());
        for other in [&bob, &another, &invited, &secured] {
            assert_eq!(of(&headers, &[7; 32], other), None);
        }
        assert_eq!(of(&headers, &[8; 32], &ann), None);
        // A factor that is taken away takes its devices along, and so does the next one.
        let headers = cookie_of(&secured);
        assert!(of(&headers, &[7; 32], &secured).is_some());
        assert!(of(&headers, &[7; 32], &ann).is_none() && of(&headers, &[7; 32], &anew).is_none());
        let pair = headers[header::COOKIE].to_str().unwrap();
        let forged = HeaderValue::from_str(&pair.replace('=', "=0")).unwrap();
        let forged = HeaderMap::from_iter([(header::COOKIE, forged)]);
        assert_eq!(of(&forged, &[7; 32], &secured), None);
    }
}
