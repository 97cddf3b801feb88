//! What an upload must be before anyone runs it.
//!
//! [`inspect`] looks at the bytes alone, before any compiler sees them: what
//! the file is, how large and how complex, what it imports and exports. After
//! compilation [`contract`] compares types. Each check has a stable id, and a
//! refusal says what to do.
//!
//! To add a check: a line in [`CHECKS`], a finding where it is made, a test
//! with its whole text.
use serde::Serialize;
use venn_domain::{contract, limits};

pub(crate) mod contract_types;
mod format;
mod lists;
mod scan;

pub use lists::dependency_lists;

/// What was found about an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// SHA-256, hexadecimal.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// What it imports, in its own order.
    pub imports: Vec<ImportFinding>,
    /// Every check that was made, failed ones first.
    pub findings: Vec<GateFinding>,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportFinding {
    /// For example `venn:plugin/overlaps@0.1.0`.
    pub name: String,
    /// `contract`, `ambient` or `foreign`.
    pub class: &'static str,
    /// The capability that it carries, if it is of the contract.
    pub capability: Option<&'static str>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateFinding {
    /// Stable id, see [`CHECKS`].
    pub check: &'static str,
    /// Whether it passed.
    pub ok: bool,
    /// What was found.
    pub message: String,
    /// What to do; empty if it passed.
    pub hint: String,
}

/// Every check's id, and what it says when it passes.
pub const CHECKS: [(&str, &str); 14] = [
    ("component.too-large", "the size is within the limit"),
    ("component.empty", "the upload is not empty"),
    ("component.precompiled", "it is not compiled already"),
    ("component.core-module", "it is a component, not a core module"),
    ("component.text", "it is binary, not text"),
    ("component.not-wasm", "it is WebAssembly"),
    ("component.malformed", "its sections can be read"),
    ("component.too-complex", "its shape is within the limits"),
    ("import.foreign", "it imports nothing but the contract and WASI 0.2"),
    ("import.version", "it imports a version of the contract that this host serves"),
    ("export.missing", "it exports the contract's entry"),
    ("compile.failed", "it compiles"),
    ("compile.died", "it compiles within the limits"),
    ("contract.types", "its imports and exports have the contract's types"),
];

impl Inspection {
    /// Whether nothing failed.
    pub fn ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.ok)
    }

    /// Adds a failed check in front.
    pub(crate) fn fail(&mut self, finding: GateFinding) {
        self.findings.retain(|old| old.check != finding.check);
        self.findings.insert(0, finding);
    }

    /// Adds a passed check.
    pub(crate) fn pass(&mut self, check: &'static str) {
        self.findings.push(passed(check));
    }
}

/// A failed check.
pub(crate) fn failed(
    check: &'static str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> GateFinding {
    GateFinding { check, ok: false, message: message.into(), hint: hint.into() }
}

fn passed(check: &'static str) -> GateFinding {
    let text = CHECKS.iter().find(|(id, _)| *id == check).map_or("", |(_, text)| *text);
    GateFinding { check, ok: true, message: text.to_owned(), hint: String::new() }
}

/// The finding against an upload of that size, if it is too large.
pub fn too_large(bytes: u64) -> Option<GateFinding> {
    let most = limits::COMPONENT_BYTES;
    let message = format!("the upload has {bytes} bytes, and a component may have {most}");
    let hint = "strip debug information (`strip = true` in the release profile) and leave out what the plugin does not use";
    (bytes > most).then(|| failed("component.too-large", message, hint))
}

/// Looks at an upload without compiling it. Linear in its size.
pub fn inspect(bytes: &[u8]) -> Inspection {
    let mut inspection = Inspection {
        digest: crate::artifact::digest(bytes),
        size: bytes.len() as u64,
        imports: Vec::new(),
        findings: Vec::new(),
    };
    if let Some(finding) = too_large(inspection.size) {
        inspection.fail(finding);
        return inspection;
    }
    if let Some(finding) = format::refusal(bytes) {
        inspection.fail(finding);
        return inspection;
    }
    let found = match scan::scan(bytes) {
        Ok(found) => found,
        Err(finding) => {
            inspection.fail(finding);
            return inspection;
        }
    };
    for name in &found.imports {
        inspection.imports.push(import(name));
    }
    for (check, _) in CHECKS.iter().take_while(|(check, _)| !check.starts_with("compile.")) {
        inspection.pass(check);
    }
    if !found.exports.iter().any(|name| is_entry(name)) {
        let message = format!("it does not export `{}`", entry_name());
        let hint = "build with the SDK, which exports it; a library or a command is not a plugin";
        inspection.fail(failed("export.missing", message, hint));
    }
    for name in &found.imports {
        if let contract::Import::Foreign { why } = contract::classify(name) {
            let ours = name.starts_with(contract::PACKAGE);
            let (check, hint) = if ours {
                ("import.version", "build with the SDK of this host's version of the contract")
            } else {
                (
                    "import.foreign",
                    "a plugin may import the contract and WASI 0.2 only; leave out what needs more",
                )
            };
            fail_once_more(&mut inspection, failed(check, why, hint));
        }
    }
    inspection
}

/// Several imports may fail the same check; each is listed.
fn fail_once_more(inspection: &mut Inspection, finding: GateFinding) {
    inspection.findings.retain(|old| !(old.ok && old.check == finding.check));
    inspection.findings.insert(0, finding);
}

fn import(name: &str) -> ImportFinding {
    let (class, capability) = match contract::classify(name) {
        contract::Import::Contract { capability, .. } => {
            ("contract", capability.map(venn_domain::capability::Capability::name))
        }
        contract::Import::Ambient => ("ambient", None),
        contract::Import::Foreign { .. } => ("foreign", None),
    };
    ImportFinding { name: crate::run::log::plain(name, 256), class, capability }
}

/// The interface that a plugin exports.
pub(crate) fn entry_name() -> String {
    format!("{}/entry@{}", contract::PACKAGE, contract::VERSION)
}

/// The entry of a version that the linker takes for ours.
fn is_entry(name: &str) -> bool {
    let Some((interface, version)) = name.split_once('@') else { return false };
    let Ok(version) = version.parse::<semver::Version>() else { return false };
    interface.strip_prefix(contract::PACKAGE) == Some("/entry")
        && (version.major, version.minor) == (contract::VERSION.major, contract::VERSION.minor)
}

#[cfg(test)]
mod tests;
