//! A token that is good at the moment of a call.
//!
//! One that ends soon is renewed before, one that was refused after; by one process at a
//! time (`venn_store::connection::renewal`), and in a task of its own: a run that is over
//! meanwhile must not lose what the service gave. Who finds that somebody else renews it
//! takes the one that works still, or waits.
use std::{sync::Arc, time::Duration};

use venn_domain::{
    connection::{Failed, Freshness},
    limits,
    manifest::ConnectionKind,
};
use venn_sandbox::{PortError, Secret};
use venn_store::{
    StoreError,
    connection::{
        Connection,
        renewal::{Lease, Renewed},
    },
    crash,
    secret::Opened,
};

use super::token::{Asker, Grant, NotGiven, host_of, meaning, publishers_client};
use crate::{
    credential::{
        denied, failed,
        held::{self, Tokens},
    },
    ports::InstallPorts,
};

/// How often is looked whether somebody else's new token is there. The wait ends with the
/// call that waits.
const LOOK: Duration = Duration::from_millis(50);

/// What a call needs.
pub struct Wanted {
    /// The manifest's name of the connection.
    pub name: String,
    /// The one that was just refused, by its fingerprint.
    pub refused: Option<[u8; 32]>,
}

/// What is to be done now.
enum Step {
    /// This one will do.
    Use,
    /// There is no other than the refused one.
    Nothing,
    /// Somebody else renews it.
    Wait,
    /// It is too early for another attempt.
    TooEarly,
    /// Renew it; whether this one works meanwhile.
    Renew { works: bool },
}

/// A token that is good now; none if the refused one is all that there is.
pub async fn token(
    ports: &InstallPorts,
    wanted: &Wanted,
    connection: Connection,
    opened: Opened,
) -> Result<Option<Secret>, PortError> {
    let store = &ports.app.store;
    let (mut connection, mut opened) = (connection, opened);
    loop {
        let held: Tokens = held::open(opened.expose())?;
        let secret = || Secret::new(held.access.clone());
        match step(ports, wanted, &connection, &secret()) {
            Step::Use => return Ok(Some(secret())),
            Step::Nothing => return Ok(None),
            Step::TooEarly => return Err(PortError::ThirdParty(connection.state_reason)),
            Step::Wait => tokio::time::sleep(LOOK).await,
            Step::Renew { works } => {
                let until = store.now().plus_ms(limits::TOKEN_LEASE_MS.cast_signed());
                let leased = store.lease_renewal(&connection, ports.install.as_str(), until).await;
                if leased.map_err(|error| failed(&error))? == Lease::Taken {
                    let task = Renewal {
                        ports: Arc::new(ports.again()),
                        name: wanted.name.clone(),
                        connection: connection.clone(),
                        held: held.clone(),
                    };
                    let renewed = ports.app.renewals.spawn(task.run()).await;
                    let lost = |_| PortError::Failed("the renewal was lost".to_owned());
                    match renewed.map_err(lost)? {
                        // What there is now says the rest.
                        Ok(()) | Err(Stopped::Failed(Failed::Reconnect { .. })) => {}
                        Err(Stopped::Failed(_) | Stopped::Denied(_)) if works => {
                            return Ok(wanted.refused.is_none().then(secret));
                        }
                        Err(Stopped::Failed(Failed::Client { reason })) => {
                            let what = format!("credential {}", wanted.name);
                            return Err(denied(what, &reason, "publisher"));
                        }
                        Err(Stopped::Failed(Failed::Passing { reason })) => {
                            return Err(PortError::ThirdParty(reason));
                        }
                        Err(Stopped::Denied(error) | Stopped::Ours(error)) => return Err(error),
                    }
                }
            }
        }
        let keys = &ports.app.keys.encryption;
        let found = store.install_secret(keys, &ports.install, &wanted.name).await;
        let Some(found) = found.map_err(|error| failed(&error))? else {
            let why = format!("the connection `{}` is not in place any more", wanted.name);
            return Err(PortError::Unavailable(why));
        };
        let Some(now) = found.1 else {
            let (_, reason) = found.0.standing(store.now());
            let what = format!("connection {}", wanted.name);
            return Err(denied(what, &reason, "customer-admin"));
        };
        (connection, opened) = (found.0, now);
    }
}

fn step(ports: &InstallPorts, wanted: &Wanted, connection: &Connection, present: &Secret) -> Step {
    let now = ports.app.store.now();
    let Some(tokens) = &connection.tokens else { return Step::Nothing };
    let freshness = tokens.life.at(now);
    let is_refused = wanted.refused == Some(present.fingerprint());
    let works = freshness != Freshness::Over && !is_refused;
    if works && (freshness == Freshness::Good || wanted.refused.is_some()) {
        return Step::Use;
    }
    let otherwise = |step| if works { Step::Use } else { step };
    if !tokens.life.renewable {
        return otherwise(Step::Nothing);
    }
    // It came just now: the refusal has another cause than its age.
    let again = tokens.life.issued_at.plus_ms(limits::TOKEN_AGAIN_MS.cast_signed());
    if is_refused && freshness != Freshness::Over && again > now {
        return Step::Nothing;
    }
    if tokens.lease_until > now {
        return otherwise(Step::Wait);
    }
    if tokens.retry_at > now {
        return otherwise(if is_refused { Step::Nothing } else { Step::TooEarly });
    }
    Step::Renew { works }
}

/// Why a renewal brought nothing.
enum Stopped {
    Failed(Failed),
    Denied(PortError),
    Ours(PortError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Ours(failed(&error))
    }
}

/// One renewal, by who has the lease.
struct Renewal {
    ports: Arc<InstallPorts>,
    name: String,
    connection: Connection,
    held: Tokens,
}

impl Renewal {
    async fn run(self) -> Result<(), Stopped> {
        let store = &self.ports.app.store;
        let Some(control) = self.ports.control().await? else {
            return Err(Stopped::Ours(PortError::Failed("the install is gone".to_owned())));
        };
        let mut requests = control.manifest.connections.iter();
        let oauth = requests.find(|one| one.name == self.name).and_then(|one| one.oauth.clone());
        let Some(oauth) = oauth else {
            let why = format!("the connection `{}` is not in place any more", self.name);
            return Err(Stopped::Ours(PortError::Unavailable(why)));
        };
        let clients = match &self.held.client {
            Some(own) => Some(vec![own.clone()]),
            None => publishers_client(&self.ports.app, &control, &self.name, &oauth).await?,
        };
        let Some(clients) = clients else {
            let reason = format!(
                "the publisher has put no OAuth client for {}; only the publisher can mend that",
                host_of(&oauth.token_endpoint)
            );
            return self.failed(Failed::Client { reason }).await;
        };
        let grant = match (&self.held.refresh, self.connection.kind) {
            (Some(refresh), ConnectionKind::Oauth2) => Grant::Refresh(refresh),
            _ => Grant::Client,
        };
        let asker = Asker::new(Arc::clone(&self.ports), control);
        match asker.ask(&oauth, &clients, &grant).await {
            Ok(given) => {
                crash::point("token.fetched");
                let newer = given.refresh.map(|token| token.to_string());
                let refresh = newer.or_else(|| self.held.refresh.clone());
                let tokens = Tokens {
                    client: self.held.client.clone(),
                    access: given.access.to_string(),
                    refresh,
                };
                let renewed = Renewed {
                    secret: held::seal(&tokens),
                    expires_at: given.lasts_ms.map(|ms| store.now().plus_ms(ms)),
                    renewable: true,
                };
                let keys = Arc::clone(&self.ports.app.keys.encryption);
                store.keep_renewed(keys, &self.connection, renewed).await?;
                tracing::debug!(connection = %self.connection.id, "connection.renewed");
                Ok(())
            }
            Err(not_given) => {
                let tokens = self.connection.tokens.as_ref();
                let failures = tokens.map_or(0, |tokens| tokens.failures) + 1;
                let failure = meaning(self.connection.kind, &oauth, &not_given, failures);
                let stopped = self.failed(failure).await;
                match not_given {
                    NotGiven::Denied(denial) => Err(Stopped::Denied(PortError::Denied(denial))),
                    NotGiven::HostFailed(why) => Err(Stopped::Ours(PortError::Failed(why))),
                    _ => stopped,
                }
            }
        }
    }

    async fn failed(&self, failure: Failed) -> Result<(), Stopped> {
        tracing::warn!(connection = %self.connection.id, reason = failure.reason(), "connection.not-renewed");
        self.ports.app.store.note_not_renewed(&self.connection, failure.clone()).await?;
        Err(Stopped::Failed(failure))
    }
}
