//! The client against a real socket: what it sends, when it sends it again,
//! and what it says if nobody answers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use serde_json::json;

use super::*;

/// One request as it was received, and the answer to it; none closes the socket.
fn serve(answers: Vec<Option<&'static str>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let answer = |answer: Option<&str>| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = receive(&stream);
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes()).unwrap();
            }
            request
        };
        answers.into_iter().map(answer).collect()
    });
    (address, server)
}

fn receive(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8(body).unwrap()
}

const CREATED: &str =
    "HTTP/1.1 201 Created\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{\"id\":\"imp1\"}";

fn client(server: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(server, Some(Zeroizing::new("venn_t_s".to_owned()))).unwrap()
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
    line.and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
}

#[test]
fn a_post_carries_the_token_and_is_repeated_under_the_same_key_if_the_connection_is_lost() {
    let (address, server) = serve(vec![None, Some(CREATED)]);
    let body = json!({"mode": "replace"});
    let call = Call::new(Method::POST, &["organizations", "a/b", "imports"]).with("x", Some("1 2"));
    let reply = client(&address).call(&call, &Send::Json(&body)).unwrap();
    assert_eq!(reply.text, "{\"id\":\"imp1\"}");
    let requests = server.join().unwrap();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
    assert!(
        requests[0].starts_with("POST /v1/organizations/a%2Fb/imports?x=1+2 HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(requests[0].ends_with("\r\n\r\n{\"mode\":\"replace\"}"), "{}", requests[0]);
    assert_eq!(header(&requests[0], "authorization"), "Bearer venn_t_s");
    assert_eq!(header(&requests[0], "idempotency-key").len(), 32);
}

#[test]
fn another_call_has_another_key() {
    let (address, server) = serve(vec![Some(CREATED), Some(CREATED)]);
    let client = client(&address);
    for _ in 0..2 {
        client.call(&Call::new(Method::POST, &["organizations"]), &Send::Nothing).unwrap();
    }
    let requests = server.join().unwrap();
    assert_ne!(header(&requests[0], "idempotency-key"), header(&requests[1], "idempotency-key"));
}

#[test]
fn a_file_is_sent_whole_and_counted_and_sent_whole_again_after_a_loss() {
    let (address, server) = serve(vec![None, Some(CREATED)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    std::fs::write(&path, "id,name\n1,Acme\n").unwrap();
    let bar = ProgressBar::hidden();
    client(&address).call(&Call::new(Method::PUT, &["f"]), &Send::File(&path, &bar)).unwrap();
    for request in server.join().unwrap() {
        assert!(request.ends_with("\r\n\r\nid,name\n1,Acme\n"), "{request}");
    }
    assert_eq!((bar.position(), bar.length()), (15, Some(15)));
}

#[test]
fn a_redirect_is_an_error_and_the_token_stays_here() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://evil.test/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (address, server) = serve(vec![Some(moved)]);
    let failure =
        client(&address).call(&Call::new(Method::GET, &["me"]), &Send::Nothing).unwrap_err();
    assert_eq!(
        failure.to_string(),
        format!(
            "error: The answer (302) is not one of Venn's: \n  where: GET {address}/v1/me\n  \
             next: Check that --server is the address of a Venn server, without a path."
        )
    );
    assert_eq!(server.join().unwrap().len(), 1);
}

#[test]
fn a_server_that_is_not_there_is_told_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure =
        client(&address).call(&Call::new(Method::GET, &["me"]), &Send::Nothing).unwrap_err();
    assert_eq!(failure.exit, Exit::Unreachable);
    assert_eq!(
        failure.to_string(),
        format!(
            "error: The server cannot be reached: Connection refused (os error 111).\n  where: GET {address}/v1/me\n  \
             next: Check that it runs at {address} (`venn serve`), or give another --server."
        )
    );
}

#[test]
fn names_that_would_change_the_path_are_refused() {
    for name in ["", ".", ".."] {
        let call = ["installs", name, "grant"];
        let failure = client("http://127.0.0.1:1")
            .call(&Call::new(Method::GET, &call), &Send::Nothing)
            .unwrap_err();
        assert_eq!(failure.exit, Exit::Usage, "{name}");
    }
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_sent() {
    for (address, why) in [
        (
            "127.0.0.1:8080",
            "`127.0.0.1:8080` is not a server's address: relative URL without a base.",
        ),
        (
            "ftp://a",
            "`ftp://a` is not a server's address: it starts with neither http:// nor https://.",
        ),
        ("http://u:p@a", "The server's address has a password in it."),
    ] {
        let failure = Client::new(address, None).unwrap_err().to_string();
        assert!(failure.contains(why), "{failure}");
    }
}
