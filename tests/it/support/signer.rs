//! A publisher's signing key in tests, and what it signs.
use data_encoding::BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use venn_domain::{
    id::{OrganizationId, SigningKeyId},
    signing::{Statement, endorsement_text, proof_text},
};
use venn_server::signing::PrivateKey;

use super::{Actor, Answer};

/// A key of one organization, registered or not.
pub struct Signer {
    /// The organization.
    pub organization: OrganizationId,
    /// The key's id once it is registered.
    pub id: String,
    key: PrivateKey,
}

impl Signer {
    /// The organization's first key, registered if it is not there yet. Whoever
    /// acts for the organization has the same one.
    pub async fn of(actor: &Actor) -> Self {
        let mut signer = Self::unregistered(actor, "first").await;
        let known = actor.all("signing-keys").await;
        let known = known.into_iter().find(|key| key["public_key"] == signer.public_key());
        let key = match known {
            Some(key) => key,
            None => signer.register(actor, &signer.body()).await.good(),
        };
        key["id"].as_str().unwrap().clone_into(&mut signer.id);
        signer
    }

    /// A key of the organization by this name that nobody knows yet.
    pub async fn unregistered(actor: &Actor, name: &str) -> Self {
        let path = format!("/v1/organizations/{}", actor.org);
        let organization = actor.get(&path).await.good()["id"].as_str().unwrap().to_owned();
        // PKCS#8 as openssl has it, around a seed that is made of the names.
        let head = "302e020100300506032b657004220420";
        let seed = Sha256::digest(format!("{} {name}", actor.org));
        let der =
            [data_encoding::HEXLOWER.decode(head.as_bytes()).unwrap(), seed.to_vec()].concat();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
            BASE64.encode(&der)
        );
        let key = PrivateKey::read(&pem).unwrap();
        Self { organization: organization.parse().unwrap(), id: String::new(), key }
    }

    /// The public half.
    pub fn public_key(&self) -> String {
        self.key.public_key()
    }

    /// The body that registers it.
    pub fn body(&self) -> Value {
        let public = self.public_key();
        let proof = self.key.sign(&proof_text(&self.organization, &public));
        json!({ "name": "a test's", "public_key": public, "proof": proof })
    }

    /// This key's word for another one.
    pub fn endorsement(&self, other: &Self) -> String {
        let id: SigningKeyId = self.id.parse().unwrap();
        self.key.sign(&endorsement_text(&self.organization, &other.public_key(), &id))
    }

    /// Registers with this body.
    pub async fn register(&self, actor: &Actor, body: &Value) -> Answer {
        actor.post(&actor.own("signing-keys"), body).await
    }

    /// What it says of an upload.
    pub fn statement(&self, plugin: &str, manifest: &str, component: &[u8]) -> Statement {
        let value: Value = serde_json::from_str(manifest).unwrap_or_default();
        Statement {
            organization: self.organization.clone(),
            plugin: plugin.to_owned(),
            version: value["version"].as_str().unwrap_or_default().to_owned(),
            component: venn_store::blob::digest(component),
            manifest: venn_store::blob::digest(manifest.as_bytes()),
        }
    }

    /// The signature part of an upload.
    pub fn signature(&self, plugin: &str, manifest: &str, component: &[u8]) -> Value {
        self.sign(&self.statement(plugin, manifest, component).text())
    }

    /// The same over any text.
    pub fn sign(&self, statement: &str) -> Value {
        json!({ "key": self.id, "statement": statement, "signature": self.key.sign(statement) })
    }
}
