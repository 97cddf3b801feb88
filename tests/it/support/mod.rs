//! What the tests share: a server in this process, people who call it, and
//! where the built guests are.
mod actor;
pub mod collector;
mod data;
pub mod description;
pub mod host;
pub mod script;
mod signer;
pub mod site;
pub mod storm;
pub mod world;

use std::path::PathBuf;

pub use actor::{Actor, Answer};
pub use data::Data;
pub use host::{Host, TestClock};
pub use signer::Signer;
pub use world::World;

/// The component of a test guest, built by `cargo xtask guests`.
pub fn guest(name: &str) -> Vec<u8> {
    read(&folder("VENN_GUESTS", "guests").join(format!("{name}.wasm")))
}

/// The `venn` program.
pub fn venn() -> PathBuf {
    folder("VENN_BIN", "debug/venn")
}

/// What compiles for the servers: `venn` with a memory, where the tests run (see
/// `compile_cached.rs`), else `venn` itself.
pub fn compile_program() -> PathBuf {
    option_env!("CARGO_BIN_EXE_compile-cached").map_or_else(venn, PathBuf::from)
}

/// The example plugin that makes tasks in a CRM, in a guest language.
#[derive(Debug, Clone, Copy)]
pub enum CrmTasks {
    Rust,
    Typescript,
    Python,
}

impl CrmTasks {
    /// The plugin's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "crm-tasks",
            Self::Typescript => "crm-tasks-ts",
            Self::Python => "crm-tasks-py",
        }
    }

    /// Its component.
    pub fn component(self) -> Vec<u8> {
        read(&folder("VENN_PLUGINS", "plugins").join(format!("{}.wasm", self.name())))
    }

    /// Its manifest, as it is sent.
    pub fn manifest(self) -> serde_json::Value {
        let file = format!("{}.manifest.json", self.name());
        serde_json::from_slice(&read(&folder("VENN_PLUGINS", "plugins").join(file))).unwrap()
    }
}

/// Tests of the example plugin, each over the component of each guest language:
/// `rust::NAME`, `typescript::NAME`, `python::NAME`. The tests of a language that
/// is not set up are left out by `cargo xtask test`.
#[macro_export]
macro_rules! in_each_language {
    ($(async fn $name:ident($plugin:ident) $body:block)*) => {
        $(async fn $name($plugin: $crate::support::CrmTasks) $body)*
        $crate::in_each_language!(@mod rust Rust $($name)*);
        $crate::in_each_language!(@mod typescript Typescript $($name)*);
        $crate::in_each_language!(@mod python Python $($name)*);
    };
    (@mod $module:ident $language:ident $($name:ident)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name($crate::support::CrmTasks::$language).await;
                }
            )*
        }
    };
}

/// The example source's component.
pub fn hubspot_source() -> Vec<u8> {
    read(&hubspot_source_file("wasm"))
}

/// The example source's manifest, as it is sent.
pub fn hubspot_source_manifest() -> serde_json::Value {
    serde_json::from_slice(&read(&hubspot_source_file("manifest.json"))).unwrap()
}

/// It is built beside the other one.
fn hubspot_source_file(extension: &str) -> PathBuf {
    folder("VENN_PLUGINS", "plugins").join(format!("hubspot-source.{extension}"))
}

/// One of the two company lists.
pub fn list(name: &str) -> Vec<u8> {
    read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data").join(name))
}

/// The files below a folder that hold these bytes anywhere: to look for what
/// must not be on the disk.
pub fn files_with(folder: &std::path::Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if memchr::memmem::find(&std::fs::read(&path).unwrap(), bytes).is_some() {
                found.push(path);
            }
        }
    }
    found
}

fn folder(variable: &str, below_target: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target").join(below_target),
        PathBuf::from,
    )
}

fn read(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo xtask test` builds what the tests need", path.display())
    })
}
