//! What a caller with proper checks makes of each certificate.

use std::error::Error;

use reqwest::Method;
use venn_testkit::{Authority, Echo, HubSpot, Leaf, Options, Simulator};

use crate::client::{Client, TOKEN};

/// The innermost reason why a call did not come about.
async fn refusal(leaf: Leaf) -> String {
    let simulator = Simulator::start(Options::new(HubSpot::new(TOKEN)).leaf(leaf)).await.unwrap();
    let client = Client::new("api.hubapi.com", simulator.addr, &simulator.ca_pem).token(TOKEN);
    let error = client.send(Method::GET, "/crm/v3/objects/tasks", None).await.unwrap_err();
    let mut source: &dyn Error = &error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    assert!(simulator.calls().is_empty());
    source.to_string()
}

#[tokio::test]
async fn bad_certificates_are_refused_before_a_byte_is_sent() {
    let expired = refusal(Leaf::Expired).await;
    assert!(expired.starts_with("invalid peer certificate: certificate expired"), "{expired}");
    let wrong = refusal(Leaf::WrongName).await;
    assert!(
        wrong.starts_with(
            "invalid peer certificate: certificate not valid for name \"api.hubapi.com\""
        ),
        "{wrong}"
    );
    assert_eq!(refusal(Leaf::SelfSigned).await, "invalid peer certificate: UnknownIssuer");
}

#[tokio::test]
async fn one_authority_serves_several_third_parties() {
    let authority = Authority::new().unwrap();
    let portal =
        Simulator::start(Options::new(HubSpot::new(TOKEN)).authority(&authority)).await.unwrap();
    let echo =
        Simulator::start(Options::new(Echo).authority(&authority).names(["api.other.example"]))
            .await
            .unwrap();
    let ca_pem = authority.ca_pem();
    let client = Client::new("api.hubapi.com", portal.addr, &ca_pem).token(TOKEN);
    client.get("/crm/v3/objects/tasks").await.good(200);
    Client::new("api.other.example", echo.addr, &ca_pem).get("/x").await.good(200);
}

#[tokio::test]
async fn a_stranger_authority_is_not_trusted() {
    let simulator = Simulator::start(Options::new(Echo)).await.unwrap();
    let other = Authority::new().unwrap().ca_pem();
    let client = Client::new("echo.example", simulator.addr, &other);
    assert!(client.send(Method::GET, "/", None).await.unwrap_err().is_connect());
}
