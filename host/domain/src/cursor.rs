//! Cursors of the API's listings: the place after which a page begins, sealed with
//! what it pages. One that was made up, changed, or given out for something else does
//! not open, so that nothing of it reaches a query.
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of the seal: forging one takes 2^64 tries with this server.
const SEAL_BYTES: usize = 16;

/// What cursors are sealed with.
#[derive(Clone)]
pub struct Seal(Hmac<Sha256>);

impl Seal {
    /// Of everything that a cursor belongs to: whose, which listing, which filters. No
    /// part has U+0000.
    pub fn new(key: &[u8; 32], parts: &[&str]) -> Self {
        // Padded to SHA-256's block, as HMAC does by itself.
        let mut block = [0; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        let mut seal = Hmac::<Sha256>::new((&block).into());
        for part in parts {
            seal.update(part.as_bytes());
            seal.update(&[0]);
        }
        Self(seal)
    }

    /// The cursor of a place.
    pub fn give_out(&self, place: &str) -> String {
        let mut seal = self.0.clone();
        seal.update(place.as_bytes());
        let mut bytes = seal.finalize().into_bytes().to_vec();
        bytes.truncate(SEAL_BYTES);
        bytes.extend_from_slice(place.as_bytes());
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The place in a cursor that was given out under this seal.
    pub fn open(&self, cursor: &str) -> Option<String> {
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
        let (given, place) = bytes.split_at_checked(SEAL_BYTES)?;
        let mut seal = self.0.clone();
        seal.update(place);
        seal.verify_truncated_left(given).ok()?;
        String::from_utf8(place.to_vec()).ok()
    }
}
