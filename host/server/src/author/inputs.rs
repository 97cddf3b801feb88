//! What a component is made of, as one digest: where it is the same as the last
//! time, the tool that takes ten seconds is not run again.
use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use super::Tell;

/// One line per file, of the file or of all below the folder: path and digest.
pub(super) fn of(path: &Path) -> Result<String> {
    let failed = || format!("cannot read {}", path.display());
    if !path.is_dir() {
        let bytes = fs::read(path).with_context(failed)?;
        return Ok(format!("{} {}\n", path.display(), venn_sandbox::digest(&bytes)));
    }
    let mut entries = path.read_dir().with_context(failed)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    // Python writes there what it compiled.
    let entries = entries.iter().filter(|entry| entry.file_name() != "__pycache__");
    entries.map(|entry| of(&entry.path())).collect()
}

/// The bytes of `out`: as they are if `make` wrote them for the same inputs,
/// else written anew.
pub(super) fn once(
    out: &Path,
    inputs: &str,
    tell: Tell<'_>,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<Vec<u8>> {
    let (stamp, digest) = (out.with_extension("inputs"), venn_sandbox::digest(inputs.as_bytes()));
    let same = fs::read_to_string(&stamp).is_ok_and(|kept| kept == digest);
    if !(same && out.exists()) {
        tell("making the component (some ten seconds)");
        // A run that is stopped in between must not leave an old stamp.
        let _ = fs::remove_file(&stamp);
        make(out)?;
        fs::write(&stamp, digest)?;
    }
    fs::read(out).with_context(|| format!("cannot read {}", out.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_has_not_changed_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (source, out) = (folder.path().join("src"), folder.path().join("x.wasm"));
        fs::create_dir_all(source.join("__pycache__")).unwrap();
        let made = |text: &str| {
            fs::write(source.join("app.py"), text).unwrap();
            fs::write(source.join("__pycache__/app.pyc"), out.exists().to_string()).unwrap();
            let mut times = 0;
            let bytes = once(&out, &of(&source).unwrap(), &mut |_| {}, |out| {
                times += 1;
                Ok(fs::write(out, text)?)
            });
            (bytes.unwrap(), times)
        };
        assert_eq!(made("a"), (b"a".to_vec(), 1));
        assert_eq!(made("a"), (b"a".to_vec(), 0));
        assert_eq!(made("b"), (b"b".to_vec(), 1));
        let failed = once(&out, "other", &mut |_| {}, |_| anyhow::bail!("no"));
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(made("b").1, 1, "what failed left no stamp");
    }
}
