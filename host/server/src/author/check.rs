//! `venn check` without a server: what is wrong with a plugin's folder before
//! it is sent. The gate on the server has the last word; it looks at the same
//! manifest rules and, through [`Inspect`], at the component in the same way.
use std::{fs, path::Path, time::SystemTime};

use anyhow::Result;
use serde::Serialize;
use venn_domain::{limits, manifest::Manifest};

use super::{
    build::{self, Built, MANIFEST_FILE},
    language::Language,
};

/// Looks at a component as the gate does: imports, exports, shape. Wired to the
/// sandbox by the command, so that this module knows no engine.
pub trait Inspect {
    /// What it found; empty if all is well.
    fn inspect(&self, component: &[u8], manifest: &Manifest) -> Result<Vec<Finding>>;
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable id, for example `component.size`.
    pub id: String,
    /// Whether it would be refused for this.
    pub level: Level,
    /// Where, for example `egress[0].host`; empty if all of it.
    pub place: String,
    /// What is so.
    pub message: String,
    /// What to do; empty if nothing.
    pub next_step: String,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Warning,
    /// Refused for this.
    Error,
}

impl Finding {
    fn new(id: &str, level: Level, message: String, next_step: &str) -> Self {
        let (id, place, next_step) = (id.into(), String::new(), next_step.into());
        Self { id, level, place, message, next_step }
    }
}

/// Whether a plugin with these findings can be sent.
pub fn passes(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.level != Level::Error)
}

/// Looks at the plugin in `dir`. An error means that it could not look at all.
pub fn check(dir: &Path, inspect: Option<&dyn Inspect>) -> Result<Vec<Finding>> {
    let path = dir.join(MANIFEST_FILE);
    let Ok(text) = fs::read_to_string(&path) else {
        let message = format!("there is no {MANIFEST_FILE} in {}", dir.display());
        let next = "Go to a plugin's folder, or make one with `venn new NAME`";
        return Ok(vec![Finding::new("manifest.there", Level::Error, message, next)]);
    };
    let manifest = match Manifest::parse_toml(&text) {
        Ok(manifest) => manifest,
        Err(problems) => {
            let finding = |problem: venn_domain::manifest::Problem| Finding {
                id: "manifest.valid".into(),
                level: Level::Error,
                place: problem.place,
                message: problem.reason,
                next_step: problem.next_step,
            };
            return Ok(problems.into_iter().map(finding).collect());
        }
    };
    let said = format!("{} {} is a valid manifest", manifest.name, manifest.version);
    let mut findings = vec![Finding::new("manifest.valid", Level::Ok, said, "")];
    if let Some(built) = build::built(dir)? {
        component(dir, &built, inspect, &mut findings)?;
    } else {
        let message = String::from("it is not built yet");
        let finding = Finding::new("component.built", Level::Error, message, "Type `venn build`");
        findings.push(finding);
    }
    Ok(findings)
}

fn component(
    dir: &Path,
    built: &Built,
    inspect: Option<&dyn Inspect>,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    if changed_since(dir, &built.component_path) {
        let message = String::from("the source is newer than the component");
        findings.push(Finding::new(
            "component.built",
            Level::Warning,
            message,
            "Type `venn build`",
        ));
    }
    let (bytes, most) = (built.bytes, limits::COMPONENT_BYTES);
    findings.push(if bytes > most {
        let message = format!("the component has {bytes} bytes, and at most {most} are allowed (limit `release.component`)");
        Finding::new("component.size", Level::Error, message, "Leave out what it does not need")
    } else {
        let message = format!("the component has {bytes} bytes, SHA-256 {}", built.digest);
        Finding::new("component.size", Level::Ok, message, "")
    });
    if let Some(inspect) = inspect {
        findings.extend(inspect.inspect(&fs::read(&built.component_path)?, &built.manifest)?);
    }
    Ok(())
}

/// Whether a file of the source is younger than the component. Looks at the
/// manifests and at `src` alone; a dependency that changed is not noticed.
pub(crate) fn changed_since(dir: &Path, component: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let (Some(built_at), Ok(language)) = (time(component), Language::of(dir)) else {
        return false;
    };
    let newest = |name| {
        let path = dir.join(name);
        if path.is_dir() { newest_in(&path) } else { time(&path) }
    };
    language.sources().into_iter().filter_map(newest).any(|changed| changed > built_at)
}

fn newest_in(folder: &Path) -> Option<SystemTime> {
    let newest = |entry: fs::DirEntry| {
        // Python writes there what it compiled.
        if entry.file_name() == "__pycache__" {
            return None;
        }
        let meta = entry.metadata().ok()?;
        if meta.is_dir() { newest_in(&entry.path()) } else { meta.modified().ok() }
    };
    folder.read_dir().ok()?.flatten().filter_map(newest).max()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_empty_folder_is_told_what_to_type() {
        let folder = tempfile::tempdir().unwrap();
        let findings = check(folder.path(), None).unwrap();
        assert!(!passes(&findings));
        assert_eq!(findings[0].id, "manifest.there");
        assert_eq!(
            findings[0].next_step,
            "Go to a plugin's folder, or make one with `venn new NAME`"
        );
    }

    #[test]
    fn a_plugin_that_is_not_built_does_not_pass() {
        let folder = tempfile::tempdir().unwrap();
        let dir =
            crate::author::new::new("fresh", Language::Rust, Some(&folder.path().join("fresh")))
                .unwrap();
        let findings = check(&dir, None).unwrap();
        assert!(!passes(&findings));
        let ids: Vec<_> =
            findings.iter().map(|finding| (finding.id.as_str(), finding.level)).collect();
        assert_eq!(ids, [("manifest.valid", Level::Ok), ("component.built", Level::Error)]);
    }
}
