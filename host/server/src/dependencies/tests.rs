//! Lists as `cargo auditable` writes them, and as somebody else might.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};

use super::*;

const LIST: &str = r#"{"packages":[
    {"name":"adler","version":"0.2.3","source":"crates.io"},
    {"name":"cc","version":"1.0.83","source":"crates.io","kind":"build"},
    {"name":"plugin","version":"0.1.0","source":"local","dependencies":[0,1],"root":true}]}"#;

fn packed(json: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(json).unwrap();
    encoder.finish().unwrap()
}

/// An empty component with these lists, each in a core module of it.
fn component(lists: &[Vec<u8>]) -> Vec<u8> {
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    for list in lists {
        let mut content = vec![7];
        content.extend(b".dep-v0");
        content.extend(list);
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        section(&mut module, 0, &content);
        section(&mut component, 1, &module);
    }
    component
}

fn section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    let mut rest = content.len();
    while rest > 0x7f {
        out.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap());
    out.extend(content);
}

fn damaged(component: &[u8]) -> String {
    match read(component) {
        Carried::Damaged(why) => why,
        other => format!("{other:?}"),
    }
}

#[test]
fn a_component_tells_its_crates_or_that_it_has_no_list() {
    assert_eq!(read(&component(&[])), Carried::Nothing);
    let Carried::Listed(packages) = read(&component(&[packed(LIST.as_bytes())])) else {
        panic!("not listed")
    };
    let seen: Vec<_> =
        packages.iter().map(|one| (one.name.as_str(), one.build, one.root)).collect();
    assert_eq!(seen, [("adler", false, false), ("cc", true, false), ("plugin", false, true)]);
    // Each core module has its own; places go on.
    let Carried::Listed(both) =
        read(&component(&[packed(LIST.as_bytes()), packed(LIST.as_bytes())]))
    else {
        panic!("not listed")
    };
    assert_eq!((both.len(), both.last().unwrap().needs.as_slice()), (6, [3, 4].as_slice()));
}

#[test]
fn a_list_that_is_none_says_why_without_its_words() {
    let bomb = packed(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100 << 10);
    assert_eq!(damaged(&component(&[bomb])), "its lists have more than 4194304 bytes");
    let half = packed(&vec![b' '; 3 << 20]);
    assert_eq!(
        damaged(&component(&[half.clone(), half])),
        "it is not a list of crates: line 1, column 3145728"
    );
    let plain = damaged(&component(&[LIST.as_bytes().to_vec()]));
    assert!(plain.starts_with("it is not packed as it should be: "), "{plain}");
    let deep = packed("[".repeat(100_000).as_bytes());
    assert_eq!(damaged(&component(&[deep])), "it is not a list of crates: line 1, column 3");
    let name = LIST.replace("adler", "<script>\\u001b[31m");
    assert_eq!(damaged(&component(&[packed(name.as_bytes())])), "a name in it is none of a crate");
    let circle = LIST.replace(r#""crates.io"}"#, r#""crates.io","dependencies":[2]}"#);
    assert!(damaged(&component(&[packed(circle.as_bytes())])).starts_with("it is not a list"));
    let many = vec![packed(br#"{"packages":[]}"#); LISTS + 1];
    assert_eq!(damaged(&component(&many)), "it carries more than 64 lists");
    assert!(damaged(b"\0asm\x0d\0\x01\0\x01\xff").len() > 10);
}

#[test]
fn the_list_is_a_cyclonedx_document() {
    let Carried::Listed(packages) = read(&component(&[packed(LIST.as_bytes())])) else {
        panic!("not listed")
    };
    let document = sbom(&packages);
    assert_eq!(document["bomFormat"], "CycloneDX");
    assert_eq!(document["metadata"]["component"]["name"], "plugin");
    assert_eq!(document["components"][0]["purl"], "pkg:cargo/adler@0.2.3");
    assert_eq!(document["components"][1]["scope"], "excluded");
    assert_eq!(document["dependencies"][2], json!({ "ref": "2", "dependsOn": ["0", "1"] }));
}
