//! Certificates: an authority made on start and the leaf that a simulator shows, good or bad.
//!
//! One [`Authority`] can serve several simulators, so that a host under test trusts one file.
//! Keys live in memory only; nothing here is meant to be kept.

use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What sort of certificate a simulator shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leaf {
    /// Signed by the authority, for the simulator's names.
    #[default]
    Good,
    /// Right names, signed by its own key.
    SelfSigned,
    /// Signed by the authority, right names, ended in 2021.
    Expired,
    /// Signed by the authority, for `wrong.example`.
    WrongName,
}

/// A certificate authority. Clones are the same one.
#[derive(Clone)]
pub struct Authority(Arc<CertifiedIssuer<'static, KeyPair>>);

impl Authority {
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "venn-testkit simulated authority");
        let key = KeyPair::generate().context("making the simulated authority's key")?;
        Ok(Self(Arc::new(CertifiedIssuer::self_signed(params, key)?)))
    }

    /// What a client must trust.
    pub fn ca_pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn server_config(
        &self,
        names: &[String],
        leaf: Leaf,
    ) -> anyhow::Result<rustls::ServerConfig> {
        let (chain, key) = self.certify(names, leaf)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .with_context(|| format!("making a certificate for {}", names.join(", ")))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn certify(
        &self,
        names: &[String],
        leaf: Leaf,
    ) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let names =
            if leaf == Leaf::WrongName { vec!["wrong.example".to_owned()] } else { names.to_vec() };
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.distinguished_name.push(DnType::CommonName, "venn-testkit simulated third party");
        if leaf == Leaf::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().context("making the simulated third party's key")?;
        let certificate = match leaf {
            Leaf::SelfSigned => params.self_signed(&key)?,
            Leaf::Good | Leaf::Expired | Leaf::WrongName => params.signed_by(&key, &self.0)?,
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((vec![certificate.der().clone()], key))
    }
}
