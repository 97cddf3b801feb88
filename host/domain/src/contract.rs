//! What a component imports: contract, ambient or foreign.
//!
//! *Contract* interfaces carry capabilities. *Ambient* ones are the rest of
//! WASI 0.2: linked, and denying; a runtime may import them without use.
//! Everything else is *foreign* and refused at publish, with what to do.
//! To add an interface to the contract: a line in [`INTERFACES`].
use semver::Version;

use crate::capability::Capability;

/// The contract's package.
pub const PACKAGE: &str = "venn:plugin";
/// The contract's version on this host. Before 1.0.0 every breaking change
/// raises the second number, so only that one must be equal.
pub const VERSION: Version = Version::new(0, 1, 0);

/// The contract's imports, and the capability that each carries.
pub const INTERFACES: [(&str, Option<Capability>); 9] = [
    ("types", None),
    ("overlaps", Some(Capability::OverlapsRead)),
    ("accounts", Some(Capability::AccountsWrite)),
    ("timeline", Some(Capability::TimelineWrite)),
    ("state", Some(Capability::State)),
    ("config", None),
    ("log", None),
    ("http", Some(Capability::HttpEgress)),
    ("host", None),
];

/// The WASI 0.2 packages that are linked in their denying form.
pub const AMBIENT: [&str; 7] = ["cli", "clocks", "filesystem", "http", "io", "random", "sockets"];

/// What an import is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// Ours.
    Contract {
        /// One of [`INTERFACES`].
        interface: &'static str,
        /// The version that the component was built against.
        version: Version,
        /// The capability that it carries.
        capability: Option<Capability>,
    },
    /// WASI 0.2: linked, and denying.
    Ambient,
    /// Refused at publish.
    Foreign {
        /// Why, and what to do.
        why: String,
    },
}

/// The capability that an interface of the contract carries.
pub fn capability_of(interface: &str) -> Option<Capability> {
    INTERFACES.iter().find(|(name, _)| *name == interface).and_then(|(_, capability)| *capability)
}

/// Says what an import of a component is, by its name
/// (`venn:plugin/overlaps@0.1.0`, `wasi:io/streams@0.2.6`).
pub fn classify(import: &str) -> Import {
    let foreign = |why: String| Import::Foreign { why };
    let shown: String = import.chars().filter(|c| !c.is_control()).take(120).collect();
    let Some((package, interface, version)) = split(import) else {
        if import.starts_with("wasi_snapshot_preview1") || import == "env" {
            return foreign(format!(
                "`{shown}` belongs to core modules of WASI preview 1; build a component with `venn build`"
            ));
        }
        return foreign(format!(
            "`{shown}` is not a versioned interface such as `{PACKAGE}/overlaps@{VERSION}`; a \
             plugin imports whole interfaces only"
        ));
    };
    if package == PACKAGE {
        return ours(&shown, interface, version);
    }
    let Some(wasi) = package.strip_prefix("wasi:") else {
        return foreign(format!(
            "`{shown}` is neither of the contract {PACKAGE}@{VERSION} nor of WASI 0.2; remove the \
             library that imports it or build it in"
        ));
    };
    if !AMBIENT.contains(&wasi) {
        return foreign(format!(
            "`{shown}` is not a part of WASI 0.2 that plugins have ({}); remove its use",
            AMBIENT.join(", ")
        ));
    }
    if (version.major, version.minor) != (0, 2) || !version.pre.is_empty() {
        return foreign(format!(
            "`{shown}` is of WASI {version}, and this host has WASI 0.2; build with a toolchain \
             for `wasm32-wasip2`"
        ));
    }
    Import::Ambient
}

fn ours(shown: &str, interface: &str, version: Version) -> Import {
    let same =
        version.major == VERSION.major && version.minor == VERSION.minor && version.pre.is_empty();
    if !same {
        let age = if version < VERSION { "an older" } else { "a newer" };
        let why = format!(
            "`{shown}` is of {age} contract {PACKAGE}@{version}, and this host has {VERSION}; \
             build with an SDK for {}.{}",
            VERSION.major, VERSION.minor
        );
        return Import::Foreign { why };
    }
    match INTERFACES.iter().find(|(name, _)| *name == interface) {
        Some((interface, capability)) => {
            Import::Contract { interface, version, capability: *capability }
        }
        None => Import::Foreign {
            why: format!(
                "`{shown}` is not an interface of the contract {PACKAGE}@{VERSION} on this host; \
                 build with an SDK that is not newer, or ask the platform for an update"
            ),
        },
    }
}

/// Splits `namespace:package/interface@version`.
fn split(import: &str) -> Option<(&str, &str, Version)> {
    let (path, version) = import.split_once('@')?;
    let (package, interface) = path.split_once('/')?;
    package.split_once(':')?;
    Some((package, interface, Version::parse(version).ok()?))
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(import: &str) -> String {
        match classify(import) {
            Import::Foreign { why } => why,
            other => panic!("{import}: {other:?}"),
        }
    }

    #[test]
    fn every_interface_of_the_contract_with_its_capability() {
        for (name, capability) in INTERFACES {
            for patch in [0, 7] {
                let version = Version::new(0, 1, patch);
                let expected = Import::Contract { interface: name, version, capability };
                assert_eq!(classify(&format!("venn:plugin/{name}@0.1.{patch}")), expected);
            }
            assert_eq!(capability_of(name), capability);
        }
        assert_eq!(capability_of("http"), Some(Capability::HttpEgress));
        let carried: Vec<_> = INTERFACES.iter().filter_map(|(_, capability)| *capability).collect();
        // Files are not the contract's: `wasi:filesystem` carries them. What others add to the
        // timeline comes as an event.
        let elsewhere = [Capability::Scratch, Capability::TimelineRead];
        let mut own = Capability::ALL.into_iter().filter(|one| !elsewhere.contains(one));
        assert!(own.all(|capability| carried.contains(&capability)));
    }

    #[test]
    fn the_contract_of_the_wit_files_is_the_one_of_this_table() {
        let world = include_str!("../../../wit/plugin.wit");
        let imports: Vec<_> = world
            .lines()
            .filter_map(|line| line.strip_prefix("    import "))
            .map(|line| line.trim_end_matches(';'))
            .collect();
        assert_eq!(imports, INTERFACES.map(|(name, _)| name));
        assert!(world.starts_with(&format!("package {PACKAGE}@{VERSION};")));
    }

    #[test]
    fn wasi_02_is_ambient() {
        for import in [
            "wasi:io/streams@0.2.6",
            "wasi:cli/environment@0.2.0",
            "wasi:sockets/udp@0.2.12",
            "wasi:http/types@0.2.3",
        ] {
            assert_eq!(classify(import), Import::Ambient, "{import}");
        }
    }

    #[test]
    fn foreign_imports_say_what_to_do() {
        assert_eq!(
            why("venn:plugin/overlaps@0.2.0"),
            "`venn:plugin/overlaps@0.2.0` is of a newer contract venn:plugin@0.2.0, and this host has 0.1.0; build with an SDK for 0.1"
        );
        assert_eq!(
            why("venn:plugin/overlaps@0.0.9"),
            "`venn:plugin/overlaps@0.0.9` is of an older contract venn:plugin@0.0.9, and this host has 0.1.0; build with an SDK for 0.1"
        );
        assert_eq!(
            why("venn:plugin/payments@0.1.0"),
            "`venn:plugin/payments@0.1.0` is not an interface of the contract venn:plugin@0.1.0 on this host; build with an SDK that is not newer, or ask the platform for an update"
        );
        assert_eq!(
            why("wasi:nn/graph@0.2.0"),
            "`wasi:nn/graph@0.2.0` is not a part of WASI 0.2 that plugins have (cli, clocks, filesystem, http, io, random, sockets); remove its use"
        );
        assert_eq!(
            why("wasi:http/handler@0.3.0"),
            "`wasi:http/handler@0.3.0` is of WASI 0.3.0, and this host has WASI 0.2; build with a toolchain for `wasm32-wasip2`"
        );
        assert_eq!(
            why("acme:db/sql@1.0.0"),
            "`acme:db/sql@1.0.0` is neither of the contract venn:plugin@0.1.0 nor of WASI 0.2; remove the library that imports it or build it in"
        );
        assert_eq!(
            why("wasi_snapshot_preview1"),
            "`wasi_snapshot_preview1` belongs to core modules of WASI preview 1; build a component with `venn build`"
        );
        assert_eq!(
            why("overlaps"),
            "`overlaps` is not a versioned interface such as `venn:plugin/overlaps@0.1.0`; a plugin imports whole interfaces only"
        );
        for import in [
            "",
            "venn:plugin/overlaps",
            "venn:plugin@0.1.0",
            "venn:plugin/overlaps@1",
            "venn:plugin/overlaps@0.1.0-rc.1",
            "venn:plugin2/overlaps@0.1.0",
            "evil:wasi/io@0.2.0",
            "wasi:io/streams@0.2.0-rc-2023-11-10",
            "wasi:io/streams",
            "venn:plugin/Overlaps@0.1.0",
            "venn:plugin/overlaps/x@0.1.0",
        ] {
            why(import);
        }
    }

    proptest! {
        #[test]
        fn any_name_is_classified(import in any::<String>()) {
            classify(&import);
        }
    }
}
