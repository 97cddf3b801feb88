//! What a run's connection gets at the moment of a call: by its kind a key, a name and a
//! password, a token that is good just now, or the publisher's own key.
use data_encoding::BASE64;
use venn_domain::{
    authority::Denial, capability::Capability, connection::ConnectionState,
    manifest::ConnectionKind,
};
use venn_sandbox::{PortError, Secret};
use venn_store::{
    StoreError, connection::Connection, publisher_credential::CredentialKind, secret::Opened,
};
use zeroize::Zeroizing;

use crate::{
    oauth::renew::{self, Wanted},
    ports::InstallPorts,
};

pub mod held;

use held::Login;

/// Shorter passwords would stand in texts by chance: only the pair of name and password is
/// looked for in answers.
const TELLING_CHARS: usize = 4;

/// The credential of an install's connection, by the manifest's name; another one than the
/// refused if there is one.
pub async fn of(
    ports: &InstallPorts,
    name: &str,
    refused: Option<[u8; 32]>,
) -> Result<Option<Secret>, PortError> {
    let (store, keys) = (&ports.app.store, &ports.app.keys.encryption);
    let found = store.install_secret(keys, &ports.install, name).await;
    let Some((connection, opened)) = found.map_err(|error| failed(&error))? else {
        return backend_key(ports, name, refused).await;
    };
    let Some(opened) = opened else { return Err(reconnect(name, &connection, store.now())) };
    match connection.kind {
        ConnectionKind::ApiKey if refused.is_none() => {
            Ok(Some(Secret::new(text(opened.expose())?)))
        }
        ConnectionKind::Basic if refused.is_none() => login(&opened).map(Some),
        ConnectionKind::Oauth2 | ConnectionKind::ClientCredentials => {
            let wanted = Wanted { name: name.to_owned(), refused };
            renew::token(ports, &wanted, connection, opened).await
        }
        // A person has to look: nothing here is renewed by itself.
        _ => Ok(None),
    }
}

/// The publisher's key: the newest first, and the one before where that is refused.
async fn backend_key(
    ports: &InstallPorts,
    name: &str,
    refused: Option<[u8; 32]>,
) -> Result<Option<Secret>, PortError> {
    let gone = || {
        let why = format!("the connection `{name}` is not in place any more");
        PortError::Unavailable(why)
    };
    let control = ports.control().await.map_err(|error| failed(&error))?.ok_or_else(gone)?;
    let mut requests = control.manifest.connections.iter();
    let request = requests.find(|one| one.name == name && one.kind == ConnectionKind::BackendKey);
    let request = request.ok_or_else(gone)?;
    let of = (name, CredentialKind::BackendKey, request.host.as_str());
    let store = &ports.app.store;
    let found = store.open_credential(&ports.app.keys.encryption, &control.plugin, of).await;
    let (_, values) = found.map_err(|error| failed(&error))?.ok_or_else(gone)?;
    for value in values {
        let secret = Secret::new(text(value.expose())?);
        if refused != Some(secret.fingerprint()) {
            return Ok(Some(secret));
        }
    }
    Ok(None)
}

fn login(opened: &Opened) -> Result<Secret, PortError> {
    let login: Login = held::open(opened.expose())?;
    let pair = Zeroizing::new(format!("{}:{}", login.user, login.password));
    let secret = Secret::new(BASE64.encode(pair.as_bytes())).made_of(pair);
    let is_telling = login.password.len() >= TELLING_CHARS;
    Ok(if is_telling { secret.made_of(login.password.clone()) } else { secret })
}

fn text(bytes: &[u8]) -> Result<String, PortError> {
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| PortError::Failed("a credential is not text".to_owned()))
}

/// The denial of a connection that a person has to make anew.
fn reconnect(name: &str, connection: &Connection, now: venn_domain::time::Timestamp) -> PortError {
    let (state, reason) = connection.standing(now);
    debug_assert_eq!(state, ConnectionState::ReconnectRequired);
    denied(format!("connection {name}"), &reason, "customer-admin")
}

/// A denial on account of a credential.
pub fn denied(what: String, why: &str, who: &'static str) -> PortError {
    PortError::Denied(Denial {
        capability: Capability::HttpEgress.name().into(),
        what,
        why: why.to_owned(),
        who_can_change_it: who.into(),
    })
}

/// Something of ours failed; why is logged.
pub fn failed(error: &StoreError) -> PortError {
    tracing::error!(error = error as &dyn std::error::Error, "ports.credential failed");
    PortError::Failed("the store failed".to_owned())
}
