//! Credentials that are more than one text, as they lie sealed. All of them are wiped when
//! dropped; none has a `Debug`.
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use venn_sandbox::PortError;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Of the kind `basic`.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Of the kinds `oauth2` and `client-credentials`.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Tokens {
    /// The customer's own client; of `client-credentials` only.
    #[serde(default)]
    pub client: Option<Client>,
    /// Goes along with calls; empty until the first one came.
    #[serde(default)]
    pub access: String,
    /// What the next one is asked for with.
    #[serde(default)]
    pub refresh: Option<String>,
}

/// A client of a token endpoint.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Client {
    /// No secret, but part of it.
    pub id: String,
    /// The secret.
    pub secret: String,
}

/// What goes along with a person to a service's page, and what came back.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct OnTheWay {
    /// PKCE's verifier.
    pub verifier: String,
    /// The code; empty until it came.
    #[serde(default)]
    pub code: String,
}

/// As it is sealed.
pub fn seal(what: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::new());
    // Texts only: it cannot fail, and an empty one is refused when it is opened.
    let _ = serde_json::to_writer(&mut *bytes, what);
    bytes
}

/// As it was sealed.
pub fn open<T: DeserializeOwned>(sealed: &[u8]) -> Result<T, PortError> {
    let opened = serde_json::from_slice(sealed);
    opened.map_err(|_| PortError::Failed("a credential has another form".to_owned()))
}
