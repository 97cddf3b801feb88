//! Attacks with what is uploaded, before any of it runs: 35 to 47 of the catalogue.
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use venn_sandbox::gate;

use super::{
    bystander,
    hostile::{hostile, section},
    scene::{Scene, once},
};
use crate::{
    publish::components::{bomb, precompiled, with_entry},
    support::guest,
};

const TOO_COMPLEX: &str = "component.too-complex";

pub async fn a_function_of_many_variables(scene: &Scene) -> String {
    let body = "(drop (i64.const 0x7fffffffffffffff))".repeat(110_000);
    let long = with_entry(&format!("(core module (func {body}))"));
    scene.refused(long, TOO_COMPLEX).await;
    let locals = format!("(core module (func (local {})))", "i64 ".repeat(50_000));
    scene.refused(with_entry(&locals), TOO_COMPLEX).await
}

/// Small, and within every limit of the shape.
pub async fn variables_that_live_across_branches(scene: &Scene) -> String {
    scene.refused(bomb(), "compile.died").await
}

pub async fn functions_and_exports_without_number(scene: &Scene) -> String {
    let functions = format!("(core module {})", "(func)".repeat(200_000));
    scene.refused(with_entry(&functions), TOO_COMPLEX).await;
    let exports: Vec<_> = (0..100_000).map(|n| format!("(export \"e{n}\" (func 0))")).collect();
    let exports = format!("(core module (func) {})", exports.concat());
    scene.refused(with_entry(&exports), TOO_COMPLEX).await
}

pub async fn components_in_components(scene: &Scene) -> String {
    const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
    let deep = (0..900).fold(HEAD.to_vec(), |inner, _| {
        let mut outer = HEAD.to_vec();
        section(&mut outer, 4, &inner);
        outer
    });
    scene.refused(deep, TOO_COMPLEX).await;
    let types: Vec<_> =
        (1..28).map(|n| format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1)).collect();
    let doubling = format!("(type $t0 (tuple u8 u8)) {}", types.concat());
    scene.refused(with_entry(&doubling), "compile.failed").await
}

pub async fn segments_and_branch_tables(scene: &Scene) -> String {
    let data = format!("(core module (memory 1) {})", "(data \"\")".repeat(100_001));
    scene.refused(with_entry(&data), TOO_COMPLEX).await;
    let table = format!("(core module (func (br_table {} (i32.const 0))))", "0 ".repeat(70_000));
    scene.refused(with_entry(&table), "compile.failed").await
}

/// Every byte of a good one is changed, and it is cut at every byte; of those that
/// can still be read some meet the compiler too.
pub async fn damaged_at_any_byte(scene: &Scene) -> String {
    const COMPILED: usize = 12;
    let whole = hostile("quiet");
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let changed = (0..whole.len()).flat_map(|at| {
        [0x01, 0xff].map(|bits| {
            let mut changed = whole.clone();
            changed[at] ^= bits;
            changed
        })
    });
    let damaged: Vec<_> = cut.chain(changed).collect();
    let readable: Vec<_> = damaged.iter().filter(|bytes| gate::inspect(bytes).ok()).collect();
    let (mut compiled, mut passed) = (0, 0);
    for bytes in readable.iter().step_by((readable.len() / COMPILED).max(1)) {
        // Neither is an error of ours.
        let gated = scene.world.host.app.sandbox.gate(bytes).await.unwrap();
        compiled += 1;
        passed += usize::from(gated.artifact.is_some());
    }
    let (all, readable) = (damaged.len(), readable.len());
    format!(
        "of {all} damaged ones {readable} can be read; of {compiled} compiled {passed} are plugins"
    )
}

pub async fn what_is_no_component(scene: &Scene) -> String {
    let cases: [(Vec<u8>, &str); 7] = [
        (Vec::new(), "component.empty"),
        (b"\x7fELF\x02\x01\x01".to_vec(), "component.not-wasm"),
        (b"PK\x03\x04rest".to_vec(), "component.not-wasm"),
        (b"\x1f\x8brest".to_vec(), "component.not-wasm"),
        (b"(component)".to_vec(), "component.text"),
        (wat::parse_str("(module)").unwrap(), "component.core-module"),
        (precompiled(), "component.precompiled"),
    ];
    let mut last = String::new();
    for (bytes, check) in cases {
        last = scene.refused(bytes, check).await;
    }
    last
}

pub async fn imports_of_another_world(scene: &Scene) -> String {
    let mut last = String::new();
    for name in ["acme:db/sql@1.0.0", "wasi:nn/graph@0.2.0", "wasi:cli/environment@0.3.0"] {
        let component = with_entry(&format!(r#"(import "{name}" (instance))"#));
        last = scene.refused(component, "import.foreign").await;
    }
    last
}

pub async fn types_of_another_contract(scene: &Scene) -> String {
    let newer = r#"(import "venn:plugin/overlaps@0.2.0" (instance))"#;
    scene.refused(with_entry(newer), "import.version").await;
    scene.refused(guest("newer_differs"), "contract.types").await;
    scene.refused(with_entry(""), "contract.types").await
}

/// One of an organization is looked at, the others are told to wait; another
/// organization publishes meanwhile.
pub async fn fifty_uploads_at_once(scene: &Scene) -> String {
    let world = &scene.world;
    let component = hostile("quiet");
    world
        .publisher
        .post(&world.publisher.own("plugins"), &json!({ "name": "hostile" }))
        .await
        .good();
    // Its first one brings the publisher's key.
    world.publisher.publish(&once(), component.clone()).await.good();
    let manifests: Vec<_> = (1..=50)
        .map(|number| {
            let mut manifest = once();
            manifest["version"] = json!(format!("0.1.{number}"));
            manifest.to_string()
        })
        .collect();
    let flood = manifests
        .iter()
        .map(|manifest| world.publisher.upload("hostile", manifest, component.clone()));
    let neighbour = &scene.bystander.publisher;
    let mut next = bystander::manifest("neighbour");
    next["version"] = json!("0.2.0");
    let (answers, other) =
        tokio::join!(futures::future::join_all(flood), neighbour.publish(&next, component.clone()));
    other.good();
    let busy = answers.iter().filter(|answer| answer.body["code"] == "busy").count();
    let taken = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(busy + taken, answers.len(), "{answers:?}");
    assert!(taken > 0 && busy > 0, "{taken} taken, {busy} told to wait");
    format!("{taken} taken, {busy} told to wait; another publisher's was taken")
}

pub async fn lengths_that_lie_and_bodies_without_end(scene: &Scene) -> String {
    let publisher = &scene.world.publisher;
    publisher.post(&publisher.own("plugins"), &json!({ "name": "hostile" })).await.good();
    let head = |rest: &str| {
        format!(
            "POST {} HTTP/1.1\r\nhost: venn\r\nauthorization: Bearer {}\r\n\
             content-type: multipart/form-data; boundary=b\r\n{rest}\r\n\r\n",
            publisher.own("plugins/hostile/releases"),
            publisher.token
        )
    };
    let part = "--b\r\ncontent-disposition: form-data; name=\"component\"\r\n\r\n";
    // Ten gigabytes, it says.
    let answer = told(publisher.url.as_str(), &head("content-length: 10737418240"), |_| None).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // Chunk after chunk, until it is told to stop.
    let chunk = |number: usize| {
        let text = if number == 0 { part.to_owned() } else { "x".repeat(1 << 20) };
        (number < 200).then(|| format!("{:x}\r\n{text}\r\n", text.len()))
    };
    let answer = told(&publisher.url, &head("transfer-encoding: chunked"), chunk).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // Less than it says, and then nothing more, on a connection that stays: the place
    // is free again.
    let mut stream = TcpStream::connect(address(&publisher.url)).await.unwrap();
    let begun = format!("{}{part}", head("content-length: 100000"));
    stream.write_all(begun.as_bytes()).await.unwrap();
    let component = hostile("quiet");
    let mut answer = publisher.publish(&once(), component.clone()).await;
    while answer.body["code"] == "busy" {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        answer = publisher.publish(&once(), component.clone()).await;
    }
    answer.good();
    drop(stream);
    "413 by the length that is told and by the bytes that come; nothing is kept".to_owned()
}

fn address(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// Sends a request piece by piece, and returns the answer's beginning.
async fn told(url: &str, head: &str, piece: impl Fn(usize) -> Option<String>) -> String {
    let (mut read, mut write) = TcpStream::connect(address(url)).await.unwrap().into_split();
    write.write_all(head.as_bytes()).await.unwrap();
    let sending = async {
        for number in 0.. {
            let Some(text) = piece(number) else { break };
            // It may be told to stop before the end.
            if write.write_all(text.as_bytes()).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut answer = vec![0; 4 << 10];
    let reading = read.read(&mut answer);
    let length = tokio::select! {
        () = sending => 0,
        length = reading => length.unwrap(),
    };
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

pub async fn names_that_are_pages(scene: &Scene) -> String {
    let mut component = hostile("answer_names");
    let mut junk = b"\x04junk".to_vec();
    junk.resize(9 << 20, b'x');
    section(&mut component, 0, &junk);
    let run = scene.run(component).await;
    assert_eq!(
        (&run["ending"], &run["ending_detail"]["code"]),
        (&json!("trap"), &json!("unreachable"))
    );
    let message = run["ending_detail"]["message"].as_str().unwrap();
    assert!(message.contains("alert(1)"), "the name is told, as text: {message}");
    let turns = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!message.chars().any(turns), "{message:?}");
    Value::from(message).to_string()
}
