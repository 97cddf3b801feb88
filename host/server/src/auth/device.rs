//! Devices: a cookie that says that somebody has logged in here before.
//!
//! It opens nothing. It only gives attempts from this browser a count of their own,
//! so that nobody else's failures make its owner wait.
use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use venn_domain::id::UserId;

use super::session;

/// The cookie.
const COOKIE: &str = "__Host-venn-device";
/// How long a browser is remembered: as long as a token may last.
const LASTS_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
/// Random bytes of its name: it must be its own, and says nothing.
const NAME_BYTES: usize = 16;

/// The cookie for a browser in which this person has logged in.
pub fn given(key: &[u8; 32], user: &UserId) -> std::io::Result<String> {
    let mut name = [0_u8; NAME_BYTES];
    getrandom::fill(&mut name).map_err(|error| std::io::Error::other(error.to_string()))?;
    let name = data_encoding::HEXLOWER.encode(&name);
    let seal = data_encoding::HEXLOWER.encode(&mac(key, user, &name).finalize().into_bytes());
    Ok(session::cookie(COOKIE, &format!("{name}.{seal}"), LASTS_MS))
}

/// The name of the browser, if this person has logged in there.
pub fn of<'h>(headers: &'h HeaderMap, key: &[u8; 32], user: &UserId) -> Option<&'h str> {
    let (name, seal) = session::find(headers, COOKIE)?.split_once('.')?;
    let seal = data_encoding::HEXLOWER.decode(seal.as_bytes()).ok()?;
    mac(key, user, name).verify_slice(&seal).is_ok().then_some(name)
}

fn mac(key: &[u8; 32], user: &UserId, name: &str) -> Hmac<Sha256> {
    // Padded to SHA-256's block, as HMAC does by itself.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&block).into());
    mac.update(user.as_str().as_bytes());
    mac.update(b"\0");
    mac.update(name.as_bytes());
    mac
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    #[test]
    fn a_device_is_one_persons_and_ours() {
        let (ann, bob): (UserId, UserId) = (
            "usr_00000000000000000000000001".parse().unwrap(),
            "usr_00000000000000000000000002".parse().unwrap(),
        );
        let cookie = given(&[7; 32], &ann).unwrap();
        let pair = cookie.split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(pair).unwrap());
        assert!(of(&headers, &[7; 32], &ann).is_some());
        assert_eq!(of(&headers, &[7; 32], &bob), None);
        assert_eq!(of(&headers, &[8; 32], &ann), None);
        let forged = pair.replace('=', "=0");
        headers.insert(header::COOKIE, HeaderValue::from_str(&forged).unwrap());
        assert_eq!(of(&headers, &[7; 32], &ann), None);
    }
}
