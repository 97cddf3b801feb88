//! Uploads that never run: each refused with the id of a check and a hint, and
//! nothing of it kept.
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{manifest, taskworks, upload};
use crate::support::{Actor, guest, venn};

/// Uploads it; the problems of the refusal, as (check, reason, hint).
async fn gate(publisher: &Actor, component: Vec<u8>) -> Vec<(String, String, String)> {
    let refused = upload(publisher, manifest().to_string(), component).await;
    let refused = refused.refused(422, "gate-failed");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let problems = refused["problems"].as_array().unwrap().iter();
    let problems: Vec<_> = problems
        .map(|problem| {
            (text(&problem["place"]), text(&problem["reason"]), text(&problem["next_step"]))
        })
        .collect();
    let checks: Vec<_> = problems.iter().map(|(check, _, _)| check.as_str()).collect();
    let detail =
        format!("The component did not pass: {}. The release was not kept.", checks.join(", "));
    assert_eq!(refused["detail"], detail);
    assert_eq!(publisher.all("plugins/script/releases").await, Vec::<Value>::new());
    problems
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// An otherwise empty component that exports something by the entry's name.
pub fn with_entry(inside: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component {inside} (instance $entry) (export "venn:plugin/entry@0.1.0" (instance $entry)))"#
    ))
}

/// Native code, as the compile child makes it.
pub fn precompiled() -> Vec<u8> {
    let mut child = Command::new(venn())
        .arg("compile-child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&guest("old_guest")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.len() > 10_000);
    output.stdout
}

/// A host that is killed leaves no compiler behind, not even one that waits for its
/// input, which this test holds open.
#[cfg(target_os = "linux")]
#[test]
fn a_compiler_ends_with_the_process_that_started_it() {
    let start = r#"exec 3<&0; "$0" compile-child <&3 2>&1 & echo $!; exec 3<&-; wait"#;
    let mut parent = Command::new("sh")
        .args(["-c", start])
        .arg(venn())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = parent.stdin.take().unwrap();
    let mut said = BufReader::new(parent.stdout.take().unwrap());
    let mut child = String::new();
    said.read_line(&mut child).unwrap();
    // It limits itself once it has asked to be killed.
    let limits = format!("/proc/{}/limits", child.trim());
    let ready = |text: String| {
        text.lines().any(|line| {
            line.starts_with("Max processes") && line.split_whitespace().nth(2) == Some("0")
        })
    };
    while !ready(std::fs::read_to_string(&limits).unwrap()) {
        std::thread::yield_now();
    }
    parent.kill().unwrap();
    parent.wait().unwrap();
    // One that lives would say what it thinks of an empty component.
    drop(input);
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_named_for_what_it_is() {
    let (_host, publisher) = taskworks().await;
    let cases: [(Vec<u8>, [&str; 3]); 9] = [
        (
            Vec::new(),
            [
                "component.empty",
                "the upload is empty",
                "send the component's bytes, for example with `venn publish`",
            ],
        ),
        (
            b"hello".to_vec(),
            [
                "component.not-wasm",
                "it is not WebAssembly: it does not begin with `\\0asm`",
                "upload the file that `venn build` wrote",
            ],
        ),
        (
            b"\x7fELF\x02\x01\x01".to_vec(),
            [
                "component.not-wasm",
                "it is a native program (ELF), not WebAssembly",
                "build it for the target `wasm32-wasip2` or `wasm32-unknown-unknown`",
            ],
        ),
        (
            b"PK\x03\x04rest".to_vec(),
            [
                "component.not-wasm",
                "it is a zip archive, not WebAssembly",
                "upload the `.wasm` file itself, not packed",
            ],
        ),
        (
            b"\x1f\x8brest".to_vec(),
            [
                "component.not-wasm",
                "it is a compressed file, not WebAssembly",
                "upload the `.wasm` file itself, not compressed",
            ],
        ),
        (
            b";; text\n(component)".to_vec(),
            [
                "component.text",
                "it is WebAssembly text, not binary",
                "translate it with `wasm-tools parse`",
            ],
        ),
        (
            wat("(module (func))"),
            [
                "component.core-module",
                "it is a core WebAssembly module, not a component",
                "build it with `venn build`, or make one of it with `venn component`",
            ],
        ),
        (
            b"\0asm\x0e\0\x01\0".to_vec(),
            [
                "component.not-wasm",
                "it begins like WebAssembly, but has a version that this host does not know",
                "build it with a toolchain for WASI 0.2",
            ],
        ),
        (
            precompiled(),
            [
                "component.precompiled",
                "it is a precompiled artifact, which is native code and never accepted",
                "upload the component that it was compiled from (`.wasm`)",
            ],
        ),
    ];
    for (component, expected) in cases {
        let [check, reason, hint] = expected.map(str::to_owned);
        assert_eq!(gate(&publisher, component).await, [(check, reason, hint)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_imports_and_exports_must_be_the_contracts() {
    let (_host, publisher) = taskworks().await;
    let ours = "a plugin may import the contract and WASI 0.2 only; leave out what needs more";
    let newer = "build with the SDK of this host's version of the contract";
    let shape = "export exactly the functions of the contract's `entry`; the SDK does";
    let import = |name: &str| with_entry(&format!(r#"(import "{name}" (instance))"#));
    let cases: [(Vec<u8>, [&str; 3]); 6] = [
        (
            import("acme:db/sql@1.0.0"),
            [
                "import.foreign",
                "`acme:db/sql@1.0.0` is neither of the contract venn:plugin@0.1.0 nor of WASI 0.2; remove the library that imports it or build it in",
                ours,
            ],
        ),
        (
            import("wasi:nn/graph@0.2.0"),
            [
                "import.foreign",
                "`wasi:nn/graph@0.2.0` is not a part of WASI 0.2 that plugins have (cli, clocks, filesystem, http, io, random, sockets); remove its use",
                ours,
            ],
        ),
        (
            import("venn:plugin/overlaps@0.2.0"),
            [
                "import.version",
                "`venn:plugin/overlaps@0.2.0` is of a newer contract venn:plugin@0.2.0, and this host has 0.1.0; build with an SDK for 0.1",
                newer,
            ],
        ),
        (
            wat("(component)"),
            [
                "export.missing",
                "it does not export `venn:plugin/entry@0.1.0`",
                "build with the SDK, which exports it; a library or a command is not a plugin",
            ],
        ),
        (
            with_entry(""),
            [
                "contract.types",
                "its export `venn:plugin/entry@0.1.0` has no function `handle`",
                shape,
            ],
        ),
        (
            wat(
                r#"(component (import "wasi:io/poll@0.2.0" (instance (export "surprise" (func)))) (instance $entry) (export "venn:plugin/entry@0.1.0" (instance $entry)))"#,
            ),
            [
                "contract.types",
                "it imports `surprise` of `wasi:io/poll@0.2.0`, which this host does not have",
                "build with an SDK that is not newer than this host, or without what is missing",
            ],
        ),
    ];
    for (component, expected) in cases {
        let [check, reason, hint] = expected.map(str::to_owned);
        assert_eq!(gate(&publisher, component).await, [(check, reason, hint)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_or_does_not_compile_is_refused_at_its_place() {
    let (_host, publisher) = taskworks().await;
    let good = guest("script");
    let cut = gate(&publisher, good[..good.len() / 2].to_vec()).await;
    let [(check, reason, hint)] = cut.as_slice() else { panic!("{cut:?}") };
    assert_eq!(check, "component.malformed");
    assert!(reason.starts_with("it cannot be read at byte "), "{reason}");
    assert_eq!(hint, "build it again; if it was copied or downloaded, compare its SHA-256");

    let invalid = gate(&publisher, with_entry("(core module (func (result i32)))")).await;
    let [(check, reason, hint)] = invalid.as_slice() else { panic!("{invalid:?}") };
    assert_eq!(check, "compile.failed");
    assert!(reason.starts_with("it does not compile: "), "{reason}");
    assert_eq!(
        hint,
        "build it with a toolchain for WASI 0.2 and without proposals such as threads, 64-bit memories or garbage collection"
    );

    let locals = "i32 ".repeat(10_001);
    let complex =
        gate(&publisher, with_entry(&format!("(core module (func (local {locals})))"))).await;
    let hint = "split the plugin or build it with optimisation; no toolchain that we know makes such a shape from ordinary code";
    assert_eq!(
        complex,
        [(
            "component.too-complex".to_owned(),
            "it has more than 10000 local variables in one function".to_owned(),
            hint.to_owned()
        )]
    );
}

/// A function with thousands of variables alive across as many branches.
pub fn bomb() -> Vec<u8> {
    let branch = |i: usize| {
        let (to, from) = ((i * 7 + 1) % 9_000, (i * 13 + 5) % 9_000);
        format!(
            "(if (i32.wrap_i64 (local.get {i})) (then (local.set {to} (i64.add (local.get {i}) (local.get {from})))))"
        )
    };
    let body: String = (0..9_000).map(branch).collect();
    with_entry(&format!("(core module (func (local {}) {body}))", "i64 ".repeat(9_000)))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_in_compilation_takes_nothing_with_it() {
    let (_host, publisher) = taskworks().await;
    let bomb = bomb();
    assert!(bomb.len() < 1 << 20, "a small file: {} bytes", bomb.len());
    let died = gate(&publisher, bomb).await;
    let [(check, reason, hint)] = died.as_slice() else { panic!("{died:?}") };
    assert_eq!(check, "compile.died");
    assert!(reason.starts_with("compiling it was stopped: it took more than "), "{reason}");
    assert_eq!(
        hint,
        "no ordinary program needs that much; look for generated functions with thousands of branches or variables"
    );
    // The next one is compiled as if nothing had been.
    let release = upload(&publisher, manifest().to_string(), guest("script")).await.good();
    assert_eq!(release["state"], "submitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_too_large_is_refused_with_the_limit() {
    let (_host, publisher) = taskworks().await;
    let mut large = guest("old_guest");
    large.resize((32 << 20) + 1, 0);
    let refused = upload(&publisher, manifest().to_string(), large).await.refused(413, "too-large");
    assert_eq!(
        refused["detail"],
        "The part `component` is larger than 33554432 bytes (limit `release.component`)."
    );
    let long = format!("{}{}", manifest(), " ".repeat(256 << 10));
    let refused = upload(&publisher, long, guest("old_guest")).await.refused(413, "too-large");
    assert_eq!(refused["detail"].as_str().unwrap().split(' ').nth(2), Some("`manifest`"));
    assert_eq!(publisher.all("plugins/script/releases").await, Vec::<Value>::new());
    // One hundred megabytes are announced by their length, and refused by it.
    let mut huge = guest("old_guest");
    huge.resize(100 << 20, 0);
    let refused = upload(&publisher, manifest().to_string(), huge).await;
    assert_eq!(
        (refused.status, refused.body["code"].as_str()),
        (413, Some("too-large")),
        "{}",
        refused.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_none_names_the_part() {
    use reqwest::multipart::{Form, Part};
    let (_host, publisher) = taskworks().await;
    let send = |form: Form| {
        let path = publisher.own("plugins/script/releases");
        let request = publisher.request(reqwest::Method::POST, &path).multipart(form);
        let publisher = publisher.clone();
        async move { publisher.send(request).await.refused(400, "bad-upload")["detail"].clone() }
    };
    let manifest = || Part::text(manifest().to_string());
    assert_eq!(
        send(Form::new().part("manifest", manifest())).await,
        "The part `component` is wrong: it is missing."
    );
    let twice = Form::new().part("manifest", manifest()).part("manifest", manifest());
    assert_eq!(send(twice).await, "The part `manifest` is wrong: it stands twice.");
    let odd = Form::new().part("readme", Part::text("x"));
    assert_eq!(send(odd).await, "The part `readme` is wrong: it is not a part of a release.");
    let json = publisher.post(&publisher.own("plugins/script/releases"), &json!({})).await;
    assert!(json.body["code"].is_string(), "a problem document: {} {}", json.status, json.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_one_shows_every_check_and_every_import_with_its_class() {
    let (_host, publisher) = taskworks().await;
    let release = upload(&publisher, manifest().to_string(), guest("script")).await.good();
    let findings = release["gate"]["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["ok"] == true && finding["hint"] == ""));
    assert_eq!(findings.len(), 14, "every check was made: {findings:?}");
    let imports = release["gate"]["imports"].as_array().unwrap();
    let class = |name: &str| {
        let found = imports.iter().find(|import| import["name"] == name);
        found.map(|import| (import["class"].clone(), import["capability"].clone()))
    };
    let contract = json!("contract");
    assert_eq!(class("venn:plugin/http@0.1.0"), Some((contract.clone(), json!("http:egress"))));
    assert_eq!(class("venn:plugin/log@0.1.0"), Some((contract, Value::Null)));
    assert!(imports.iter().all(|import| import["class"] != "foreign"), "{imports:?}");
    assert_eq!(release["component_bytes"], guest("script").len());
    assert_eq!(release["digest"].as_str().unwrap().len(), 64);
}
