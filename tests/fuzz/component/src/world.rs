//! Worlds over our contract, and components of them: as a toolchain makes one of a
//! module, and as an interpreter's library (wit-dylib) linked with nothing.
use std::{fs, path::Path, sync::LazyLock};

use arbitrary::{Result, Unstructured};
use venn_domain::contract::INTERFACES;
use wit_component::{
    ComponentEncoder, Linker, StringEncoding, dummy_module, embed_component_metadata,
};
use wit_parser::{ManglingAndAbi, Resolve, SourceMap};

/// Versions of the contract that a plugin may be built against, and whether this host
/// takes them.
const VERSIONS: [(&str, bool); 6] = [
    ("0.1.0", true),
    ("0.1.7", true),
    ("0.2.0", false),
    ("0.0.9", false),
    ("1.1.0", false),
    ("0.1.0-rc.1", false),
];

/// What else may be imported: package, interface, and whether a plugin may.
const OTHERS: [(&str, &str, bool); 6] = [
    ("acme:tools@1.0.0", "files { read: func(path: string) -> list<u8>; }", false),
    ("wasi:cli@0.2.6", "environment { get-arguments: func() -> list<string>; }", true),
    ("wasi:sockets@0.3.0", "tcp { dial: func(port: u16) -> result; }", false),
    ("wasi:nn@0.2.0", "graph { load: func(model: list<u8>); }", false),
    ("venn-plugin:host@0.1.0", "overlaps { all: func() -> list<string>; }", false),
    ("wasi:random@0.2.0-rc", "random { draw: func(count: u64) -> list<u8>; }", false),
];

/// The contract's files.
static CONTRACT: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "wit"));
    files.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
});

/// What a guest imports and exports.
#[derive(Debug)]
pub(crate) struct World {
    version: u8,
    /// Of the contract's interfaces, a bit each.
    ours: u16,
    /// Of [`OTHERS`], a bit each.
    others: u8,
    entry: bool,
    interpreted: bool,
}

impl World {
    pub(crate) fn by_chance(chance: &mut Unstructured<'_>) -> Result<Self> {
        let (version, ours, others, entry, interpreted) = chance.arbitrary()?;
        Ok(Self { version, ours, others, entry, interpreted })
    }

    fn version(&self) -> (&'static str, bool) {
        *VERSIONS.iter().cycle().nth(usize::from(self.version)).unwrap()
    }

    fn others(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        OTHERS
            .into_iter()
            .enumerate()
            .filter(|(bit, _)| self.others >> bit & 1 == 1)
            .map(|(_, o)| o)
    }

    /// Whether the gate may take a component of it.
    pub(crate) fn is_a_plugin(&self) -> bool {
        self.entry && self.version().1 && self.others().all(|(_, _, may)| may)
    }

    /// A component of it; none if the tools make none.
    pub(crate) fn component(&self) -> Option<Vec<u8>> {
        let (version, _) = self.version();
        let mut resolve = Resolve::default();
        let mut add = |files: Vec<(String, String)>| {
            let mut sources = SourceMap::new();
            for (path, text) in &files {
                sources.push_str(path, text);
            }
            let parsed = sources.parse().map_err(|(_, error)| error).expect("sound text");
            resolve.push_group(parsed).expect("what resolves")
        };
        let versioned =
            |text: &String| text.replace("venn:plugin@0.1.0", &format!("venn:plugin@{version}"));
        add(CONTRACT.iter().map(|(path, text)| (path.clone(), versioned(text))).collect());
        let mut wants = Vec::new();
        for (package, interface, _) in self.others() {
            add(vec![("other.wit".into(), format!("package {package};\ninterface {interface}\n"))]);
            let (name, of) = package.split_once('@').unwrap();
            let interface = interface.split(' ').next().unwrap();
            wants.push(format!("import {name}/{interface}@{of};"));
        }
        for (bit, (interface, _)) in INTERFACES.iter().enumerate() {
            if self.ours >> bit & 1 == 1 {
                wants.push(format!("import venn:plugin/{interface}@{version};"));
            }
        }
        if self.entry {
            wants.push(format!("export venn:plugin/entry@{version};"));
        }
        let text = format!("package fuzz:guest;\nworld guest {{\n{}\n}}\n", wants.join("\n"));
        let package = add(vec![("guest.wit".into(), text)]);
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        if self.interpreted {
            let mut library = wit_dylib::create(&resolve, world, None);
            embed_component_metadata(&mut library, &resolve, world, StringEncoding::UTF8).unwrap();
            let linker = Linker::default().library("guest.so", &library, false).ok()?;
            return linker.stub_missing_functions(true).encode().ok();
        }
        let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().ok()
    }
}
