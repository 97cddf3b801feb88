//! The private signing key on this machine: one PEM file per server and
//! organization, for its owner's eyes only. It is never sent.
use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path, path::PathBuf};

use zeroize::Zeroizing;

use crate::{
    cli::{credentials, exit::Exit, output::failure::Failure},
    signing::PrivateKey,
};

/// Where the key of this organization on this server is kept.
pub(crate) fn path(server: &reqwest::Url, organization: &str) -> Result<PathBuf, Failure> {
    let host = server.host_str().unwrap_or_default().replace([':', '/'], "-");
    let place = match server.port_or_known_default() {
        Some(port) => format!("{host}_{port}"),
        None => host,
    };
    let folder = credentials::path()?.with_file_name("signing-keys");
    Ok(folder.join(place).join(format!("{organization}.pem")))
}

/// Reads a key; none if the file is not there.
pub(crate) fn read(path: &Path) -> Result<Option<PrivateKey>, Failure> {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path, "read", &error)),
    };
    let place = path.display().to_string();
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(Failure::new(
            Exit::Refused,
            "The signing key may be read by others, so it is not used.",
            format!(
                "`chmod 600 {place}`; if somebody may have read it, `venn signing-keys rotate`."
            ),
        )
        .at(place));
    }
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, "read", &error))?;
    let key = PrivateKey::read(&Zeroizing::new(text)).map_err(|error| {
        Failure::usage(
            format!("The signing key cannot be used: {error}."),
            "Restore the file, or name another one with --signing-key.",
        )
        .at(place)
    })?;
    Ok(Some(key))
}

/// Makes a key and keeps it, before anything is sent: a key that is registered
/// and lost would be in the way for ever.
pub(crate) fn make(path: &Path) -> Result<PrivateKey, Failure> {
    let key = PrivateKey::make().map_err(|error| Failure::unexpected(error.to_string()))?;
    credentials::write_private(path, key.pem().as_bytes())?;
    Ok(key)
}

/// Puts a file in the place of another.
pub(crate) fn replace(new: &Path, old: &Path) -> Result<(), Failure> {
    fs::rename(new, old).map_err(|error| Failure::file(new, "renamed", &error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_for_its_owner_alone_and_read_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing-keys/venn.example_443/org_1.pem");
        assert!(read(&path).unwrap().is_none());
        let key = make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap().unwrap().public_key(), key.public_key());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let place = path.display();
        assert_eq!(
            read(&path).err().unwrap().to_string(),
            format!(
                "error: The signing key may be read by others, so it is not used.\n  where: {place}\n  \
                 next: `chmod 600 {place}`; if somebody may have read it, `venn signing-keys rotate`."
            )
        );
    }
}
