//! Toolchains that `venn` sets up itself, outside of any plugin's folder: once
//! per version of their pins, shared by all plugins of a person.
use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Names another folder for the toolchains.
pub(super) const CACHE: &str = "VENN_CACHE";

/// The folder `name` with what these pins ask for. `fill` is called with the
/// empty folder if it is not there yet; who comes meanwhile waits.
pub(super) fn toolchain(
    name: &str,
    pins: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let cache = folder()?;
    let digest = venn_sandbox::digest(pins.as_bytes());
    let name = format!("{name}-{}", digest.get(..12).unwrap_or_default());
    let (place, done) = (cache.join(&name), cache.join(format!("{name}.done")));
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock().with_context(|| format!("cannot lock {}", cache.display()))?;
    if done.exists() {
        return Ok(place);
    }
    // What a run that was stopped left behind is not to be trusted.
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    fill(&place)?;
    fs::write(done, "")?;
    Ok(place)
}

fn folder() -> Result<PathBuf> {
    let of = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = of(CACHE)
        .or_else(|| Some(of("XDG_CACHE_HOME")?.join("venn/toolchains")))
        .or_else(|| Some(of("HOME")?.join(".cache/venn/toolchains")));
    cache.with_context(|| format!("there is no folder for toolchains: set {CACHE} to one, or HOME"))
}
