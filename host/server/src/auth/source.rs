//! Where a request comes from: one address, or one network of IPv6.
use std::net::{IpAddr, Ipv4Addr};

use axum::{extract::FromRequestParts, http::request::Parts};
use venn_domain::peer;

use crate::{app::App, error::ApiError};

/// The address at the other end of the connection; set where it is accepted.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What counts as one source of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(pub IpAddr);

impl FromRequestParts<App> for Source {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let lines = parts.headers.get_all("x-forwarded-for").iter();
        let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap_or("?")).collect();
        let list = lines.iter().flat_map(|line| line.split(',')).collect::<Vec<_>>();
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(Self(peer::source(peer::far_end(peer, list.into_iter(), &app.proxies))))
    }
}
