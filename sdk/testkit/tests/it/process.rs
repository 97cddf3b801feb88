//! `venn-sim` as a process: it says where it listens, serves, and ends with its starter.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::client::Client;

#[tokio::test]
async fn it_prints_where_it_listens_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let ca_path = folder.path().join("ca.pem");
    let mut child = Command::new(env!("CARGO_BIN_EXE_venn-sim"))
        .args(["hubspot", "--token", "pat-demo", "--ca-out"])
        .arg(&ca_path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let ca_pem = std::fs::read_to_string(&ca_path).unwrap();
    assert_eq!(ready["ca_pem"], ca_pem);
    let addr = ready["addr"].as_str().unwrap().parse().unwrap();
    let client = Client::new("api.hubapi.com", addr, &ca_pem).token("pat-demo");
    client.get("/crm/v3/objects/tasks").await.good(200);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
