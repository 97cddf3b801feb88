//! Every target, briefly, in every test run.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::{collections::BTreeSet, fs, path::Path};

use venn_fuzz::{TARGETS, smoke};

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    smoke::run(Path::new(env!("CARGO_MANIFEST_DIR")), target);
}

macro_rules! targets {
    ($($test:ident = $name:literal),* $(,)?) => {
        $(#[test] fn $test() { run($name); })*

        #[test]
        fn no_target_is_left_out() {
            let names: BTreeSet<_> = [$($name),*].into();
            assert_eq!(names, TARGETS.iter().map(|target| target.name).collect());
            for folder in ["corpus", "found", "words"] {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
                for entry in fs::read_dir(&folder).into_iter().flatten() {
                    let name = entry.unwrap().file_name();
                    assert!(names.contains(&*name.to_string_lossy()), "{folder:?} has {name:?}");
                }
            }
        }
    };
}

targets! {
    url = "url",
    customer_host = "customer-host",
    address = "address",
    header = "header",
    manifest = "manifest",
    list = "list",
    audit = "audit",
    cursor = "cursor",
    statement = "statement",
    webhook = "webhook",
}
