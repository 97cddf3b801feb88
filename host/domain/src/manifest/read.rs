//! Reading a manifest: TOML as people write it, JSON as it is sent.
//!
//! Shape first (one problem, with line and column), then everything else at
//! once. A key that stands twice is refused in both: whoever reads the first
//! one and whoever reads the last one would approve different things.
use super::{Manifest, check::Problem};
use crate::{json, limits};

impl Manifest {
    /// Reads and checks a manifest written as TOML.
    pub fn parse_toml(text: &str) -> Result<Self, Vec<Problem>> {
        check_size(text.len())?;
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let (line, column) = position(text, start);
            vec![shape(line, column, error.message().trim())]
        })?;
        // JSON is how it is sent: what is refused there is told here, at its place.
        json::check(&manifest.to_json()).map_err(|error| {
            let escapes = ["\\u0000", "\\U00000000", "\\x00"];
            let start = escapes.iter().filter_map(|nul| text.find(nul)).min().unwrap_or(0);
            let (line, column) = position(text, start);
            vec![shape(line, column, &reason(&error))]
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads and checks a manifest sent as JSON.
    pub fn parse_json(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        check_size(bytes.len())?;
        let wrong =
            |error: &serde_json::Error| vec![shape(error.line(), error.column(), &reason(error))];
        json::check(bytes).map_err(|error| wrong(&error))?;
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| wrong(&error))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest as JSON: the same bytes for equal manifests, and it reads
    /// back as the same manifest.
    pub fn to_json(&self) -> Vec<u8> {
        // A manifest has text keys only, so serializing it cannot fail; an
        // empty text would be refused by every reader.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn check_size(bytes: usize) -> Result<(), Vec<Problem>> {
    if bytes as u64 <= limits::MANIFEST_BYTES {
        return Ok(());
    }
    Err(vec![Problem {
        place: "the whole manifest".to_owned(),
        reason: format!(
            "it has {bytes} bytes, and at most {} are allowed (limit `release.manifest`)",
            limits::MANIFEST_BYTES
        ),
        next_step: "Shorten it; long texts belong on a page of yours".to_owned(),
    }])
}

fn shape(line: usize, column: usize, reason: &str) -> Problem {
    let next_step = if reason.starts_with("unknown field") {
        "Correct the name or remove it"
    } else if reason.starts_with("missing field") {
        "Add it"
    } else if reason.starts_with("duplicate") {
        "Keep one of them"
    } else {
        "Correct it; docs/manifest.md describes every member"
    };
    Problem {
        place: format!("line {line}, column {column}"),
        reason: reason.chars().take(500).collect(),
        next_step: next_step.to_owned(),
    }
}

/// What is wrong, without the place.
fn reason(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let tail = format!(" at line {} column {}", error.line(), error.column());
    whole.strip_suffix(&tail).unwrap_or(&whole).to_owned()
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
