//! The tree by itself: what paths mean, what is counted, and that the counts
//! are right whatever is done.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use proptest::prelude::*;

use super::*;

const BEGAN: Datetime = Datetime { seconds: 1_764_000_000, nanoseconds: 0 };
const CREATE: Opening =
    Opening { create: true, write: true, directory: false, exclusive: false, truncate: false };

fn tree(bytes: u64, files: u64) -> Tree {
    Tree::new(Quota { bytes, files }, BEGAN)
}

fn made(tree: &mut Tree, path: &str) -> Result<NodeId, ErrorCode> {
    tree.open(ROOT, path, CREATE)
}

#[test]
fn a_path_stays_in_its_directory_or_is_refused() {
    let mut tree = tree(100, 100);
    tree.make_directory(ROOT, "a").unwrap();
    made(&mut tree, "a/file").unwrap();
    let long = "x".repeat(256);
    let longest = "x/".repeat(2_500);
    for (path, code) in [
        ("/etc/passwd", ErrorCode::NotPermitted),
        ("/tmp/a", ErrorCode::NotPermitted),
        ("..", ErrorCode::NotPermitted),
        ("../a", ErrorCode::NotPermitted),
        ("a/../a/file", ErrorCode::NotPermitted),
        ("a/..", ErrorCode::NotPermitted),
        ("a/../../b", ErrorCode::NotPermitted),
        ("//a", ErrorCode::NotPermitted),
        ("", ErrorCode::NoEntry),
        ("a\0b", ErrorCode::Invalid),
        (&long, ErrorCode::NameTooLong),
        (&longest, ErrorCode::NameTooLong),
        ("a/file/", ErrorCode::NotDirectory),
        ("a/file/.", ErrorCode::NotDirectory),
        ("a/file/b", ErrorCode::NotDirectory),
        ("nobody/b", ErrorCode::NoEntry),
        ("..\\..\\b", ErrorCode::NoEntry),
    ] {
        assert_eq!(tree.find(ROOT, path).unwrap_err(), code, "{path:?}");
        assert_eq!(tree.unlink(ROOT, path).unwrap_err(), code, "{path:?}");
        assert_eq!(tree.rename((ROOT, path), (ROOT, "b")).unwrap_err(), code, "{path:?}");
        assert_eq!(tree.rename((ROOT, "a"), (ROOT, path)).is_err(), !path.contains('\\'));
        if path.contains('\\') {
            tree.rename((ROOT, path), (ROOT, "a")).unwrap();
        }
    }
    let file = tree.find(ROOT, "a/file").unwrap();
    for path in ["a//file", "./a/./file", "a/./file"] {
        assert_eq!(tree.find(ROOT, path).unwrap(), file, "{path:?}");
    }
    assert_eq!(tree.find(ROOT, ".").unwrap(), ROOT);
    assert!(tree.is_directory(tree.find(ROOT, "a/").unwrap()));
}

#[test]
fn sizes_count_in_full_and_holes_too() {
    let mut tree = tree(100, 10);
    let file = made(&mut tree, "a").unwrap();
    assert_eq!(tree.extend(file, Some(90), 10).unwrap(), 90);
    assert_eq!(tree.refused(), None);
    for (at, len) in [(Some(100), 1), (Some(u64::MAX), 1), (Some(1 << 40), u64::MAX), (None, 1)] {
        assert_eq!(tree.extend(file, at, len).unwrap_err(), ErrorCode::InsufficientSpace);
    }
    assert_eq!(tree.resize(file, 1 << 40).unwrap_err(), ErrorCode::InsufficientSpace);
    assert_eq!(tree.refused(), Some("scratch.bytes"));
    assert_eq!(tree.size(file).unwrap(), 100);
    // Writing nothing far behind the end makes no hole.
    tree.extend(file, Some(1 << 50), 0).unwrap();
    let other = made(&mut tree, "b").unwrap();
    assert!(tree.extend(other, None, 1).is_err());
    tree.resize(file, 40).unwrap();
    assert_eq!(tree.extend(other, None, 60).unwrap(), 0);
    assert_eq!(tree.extend(other, Some(10), 5).unwrap(), 10);
    assert_eq!(tree.unlink(ROOT, "b").unwrap(), Some(other));
    tree.resize(file, 100).unwrap();
}

#[test]
fn what_is_open_counts_until_it_is_closed() {
    let mut tree = tree(100, 2);
    let file = made(&mut tree, "a").unwrap();
    tree.hold(file);
    tree.hold(file);
    tree.resize(file, 100).unwrap();
    assert_eq!(tree.unlink(ROOT, "a").unwrap(), None);
    assert_eq!(tree.find(ROOT, "a").unwrap_err(), ErrorCode::NoEntry);
    let other = made(&mut tree, "a").unwrap();
    assert_ne!(file, other);
    assert!(tree.resize(other, 1).is_err());
    assert_eq!(made(&mut tree, "b").unwrap_err(), ErrorCode::InsufficientSpace);
    assert_eq!(tree.refused(), Some("scratch.files"));
    assert!(!tree.release(file));
    assert!(tree.release(file));
    tree.resize(other, 100).unwrap();
    made(&mut tree, "b").unwrap();
}

#[test]
fn nothing_is_put_into_a_directory_that_is_gone() {
    let mut tree = tree(100, 10);
    tree.make_directory(ROOT, "a").unwrap();
    made(&mut tree, "file").unwrap();
    let a = tree.find(ROOT, "a").unwrap();
    tree.hold(a);
    tree.remove_directory(ROOT, "a").unwrap();
    assert_eq!(tree.open(a, "b", CREATE).unwrap_err(), ErrorCode::NoEntry);
    assert_eq!(tree.make_directory(a, "b").unwrap_err(), ErrorCode::NoEntry);
    assert_eq!(tree.rename((ROOT, "file"), (a, "b")).unwrap_err(), ErrorCode::NoEntry);
}

#[test]
fn moving_keeps_the_tree_a_tree() {
    let mut tree = tree(100, 10);
    for path in ["a", "a/b", "a/b/c", "d"] {
        tree.make_directory(ROOT, path).unwrap();
    }
    let file = made(&mut tree, "file").unwrap();
    for (from, to, code) in [
        ("a", "a/b/c/a", ErrorCode::Invalid),
        ("a", "a/x", ErrorCode::Invalid),
        (".", "x", ErrorCode::Invalid),
        ("a", ".", ErrorCode::Invalid),
        ("file", "d", ErrorCode::IsDirectory),
        ("file", "x/", ErrorCode::NotDirectory),
        ("d", "file", ErrorCode::NotDirectory),
        ("d", "a", ErrorCode::NotEmpty),
        ("d", "file/x", ErrorCode::NotDirectory),
    ] {
        assert_eq!(tree.rename((ROOT, from), (ROOT, to)).unwrap_err(), code, "{from} -> {to}");
    }
    assert_eq!(tree.rename((ROOT, "d"), (ROOT, "a/b/c")).unwrap(), None);
    assert_eq!(tree.rename((ROOT, "a/b"), (ROOT, "b")).unwrap(), None);
    // What was inside may go below where it was.
    assert_eq!(tree.rename((ROOT, "a"), (ROOT, "b/c/a")).unwrap(), None);
    let other = made(&mut tree, "b/other").unwrap();
    assert_eq!(tree.rename((ROOT, "file"), (ROOT, "b/other")).unwrap(), Some(other));
    assert_eq!(tree.find(ROOT, "b/other").unwrap(), file);
    assert_eq!(tree.rename((ROOT, "b/other"), (ROOT, "b/other")).unwrap(), None);
}

#[test]
fn opening_is_as_the_standard_has_it() {
    let mut tree = tree(100, 10);
    tree.make_directory(ROOT, "d").unwrap();
    let file = made(&mut tree, "f").unwrap();
    tree.resize(file, 10).unwrap();
    let none = Opening::default();
    for (path, how, code) in [
        ("d", Opening { write: true, ..none }, ErrorCode::IsDirectory),
        ("d", CREATE, ErrorCode::IsDirectory),
        ("d", Opening { truncate: true, ..none }, ErrorCode::IsDirectory),
        ("f", Opening { directory: true, ..none }, ErrorCode::NotDirectory),
        ("f", Opening { exclusive: true, ..CREATE }, ErrorCode::Exist),
        ("x", Opening { exclusive: true, ..none }, ErrorCode::NoEntry),
        ("x/", CREATE, ErrorCode::IsDirectory),
        ("d", Opening { directory: true, ..CREATE }, ErrorCode::Invalid),
    ] {
        assert_eq!(tree.open(ROOT, path, how).unwrap_err(), code, "{path} {how:?}");
    }
    assert_eq!(tree.open(ROOT, "f", CREATE).unwrap(), file);
    assert_eq!(tree.size(file).unwrap(), 10);
    tree.open(ROOT, "f", Opening { truncate: true, write: true, ..none }).unwrap();
    assert_eq!(tree.size(file).unwrap(), 0);
    assert!(tree.open(ROOT, "f", Opening { truncate: true, ..none }).is_ok());
}

#[test]
fn a_listing_is_in_the_order_of_names() {
    let mut tree = tree(100, 10);
    for name in ["b", "a", "c"] {
        made(&mut tree, name).unwrap();
    }
    let mut names = Vec::new();
    let mut last = String::new();
    while let Some((name, _)) = tree.after(ROOT, &last).unwrap() {
        // What is removed meanwhile ends nothing.
        tree.unlink(ROOT, &name).unwrap();
        names.push(name.clone());
        last = name;
    }
    assert_eq!(names, ["a", "b", "c"]);
}

const NAMES: [&str; 6] = ["a", "b", "a/a", "a/b", "b/a", "a/b/a"];

#[derive(Debug, Clone)]
enum Act {
    Open(usize, Opening),
    Resize(usize, u64),
    MakeDirectory(usize),
    RemoveDirectory(usize),
    Unlink(usize),
    Rename(usize, usize),
    Close(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let name = || 0..NAMES.len();
    prop_oneof![
        (name(), any::<(bool, bool, bool)>()).prop_map(|(name, (create, exclusive, truncate))| {
            Act::Open(name, Opening { create, exclusive, truncate, write: true, directory: false })
        }),
        (name(), 0..40_u64).prop_map(|(name, size)| Act::Resize(name, size)),
        name().prop_map(Act::MakeDirectory),
        name().prop_map(Act::RemoveDirectory),
        name().prop_map(Act::Unlink),
        (name(), name()).prop_map(|(from, to)| Act::Rename(from, to)),
        (0..8_usize).prop_map(Act::Close),
    ]
}

proptest! {
    #[test]
    fn the_counts_are_what_is_there(acts in prop::collection::vec(act(), 0..80)) {
        let mut tree = tree(64, 5);
        let mut held = Vec::new();
        for act in acts {
            match act {
                Act::Open(name, how) => {
                    if let Ok(id) = tree.open(ROOT, NAMES[name], how) {
                        tree.hold(id);
                        held.push(id);
                    }
                }
                Act::Resize(name, size) => {
                    if let Ok(id) = tree.find(ROOT, NAMES[name]) {
                        let _ = tree.resize(id, size);
                    }
                }
                Act::MakeDirectory(name) => drop(tree.make_directory(ROOT, NAMES[name])),
                Act::RemoveDirectory(name) => drop(tree.remove_directory(ROOT, NAMES[name])),
                Act::Unlink(name) => drop(tree.unlink(ROOT, NAMES[name])),
                Act::Rename(from, to) => drop(tree.rename((ROOT, NAMES[from]), (ROOT, NAMES[to]))),
                Act::Close(index) => {
                    if index < held.len() {
                        tree.release(held.swap_remove(index));
                    }
                }
            }
            let files = tree.nodes.values().filter_map(|node| match node.kind {
                Kind::File { size } => Some(size),
                Kind::Directory { .. } => None,
            });
            prop_assert_eq!(files.sum::<u64>(), tree.bytes);
            prop_assert!(tree.bytes <= 64 && tree.nodes.len() <= 6);
            // Who has a name is found from the root, once; who has none is open.
            let (mut found, mut ahead) = (vec![ROOT], vec![ROOT]);
            while let Some(id) = ahead.pop() {
                if let Ok(entries) = tree.entries(id) {
                    found.extend(entries.values());
                    ahead.extend(entries.values());
                }
            }
            found.sort_unstable();
            let named = tree.nodes.iter().filter(|(_, node)| node.named).map(|(id, _)| *id);
            prop_assert_eq!(named.collect::<Vec<_>>(), found);
            prop_assert!(tree.nodes.values().all(|node| node.named || node.open > 0));
        }
    }
}
