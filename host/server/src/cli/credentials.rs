//! Kept logins: `$XDG_CONFIG_HOME/venn/credentials.json`, one entry a profile.
//!
//! The file holds tokens, so it is for its owner alone: it is written with
//! mode 0600 and not read if others may. A kept token is bound to its server:
//! it is never sent to another one.
use std::{
    collections::BTreeMap,
    env, fmt, fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{exit::Exit, output::failure::Failure};

/// All profiles.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// By name.
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// One kept login.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// The server's address.
    pub(crate) server: String,
    /// The token.
    pub(crate) token: String,
    /// The slug of the organization that the token is for.
    pub(crate) organization: String,
}

impl fmt::Debug for Profile {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("server", &self.server)
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}

/// Where the file is.
pub(crate) fn path() -> Result<PathBuf, Failure> {
    let folder =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config =
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
    let config = config.ok_or_else(|| {
        Failure::usage(
            "There is no folder for the credentials: neither XDG_CONFIG_HOME nor HOME is set.",
            "Set HOME, or give the token by VENN_TOKEN or --token-file.",
        )
    })?;
    Ok(config.join("venn").join("credentials.json"))
}

/// Reads the file; one that is not there has no profiles.
pub(crate) fn read(path: &Path) -> Result<Credentials, Failure> {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Credentials::default()),
        Err(error) => return Err(Failure::file(path, "read", &error)),
    };
    if meta.permissions().mode() & 0o077 != 0 {
        let place = path.display();
        return Err(Failure::new(
            Exit::NotLoggedIn,
            "The credentials may be read by others, so they are not used.",
            format!("`chmod 600 {place}`; if somebody may have read it, revoke the tokens in it."),
        )
        .at(place.to_string()));
    }
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, "read", &error))?;
    serde_json::from_str(&text).map_err(|error| {
        // The position only: the parser's text can quote what it read.
        let what = format!(
            "The credentials cannot be understood (line {}, column {}).",
            error.line(),
            error.column()
        );
        Failure::new(
            Exit::NotLoggedIn,
            what,
            "Remove the file and log in again: `venn login --server URL`.",
        )
        .at(path.display().to_string())
    })
}

/// Writes all profiles.
pub(crate) fn write(path: &Path, credentials: &Credentials) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(credentials)
        .map_err(|error| Failure::file(path, "written", &error.into()))?;
    write_private(path, &text)
}

/// Writes a file for its owner alone, beside, then renames: who reads meanwhile
/// sees the old or the new.
pub(crate) fn write_private(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::file(path, "written", &error);
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    // `create_new`: a file that somebody else put there would keep its mode.
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed)?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn one() -> Credentials {
        let profile = Profile {
            server: "http://127.0.0.1:8080".to_owned(),
            token: "venn_x_secret".to_owned(),
            organization: "acme".to_owned(),
        };
        Credentials { profiles: [("default".to_owned(), profile)].into() }
    }

    #[test]
    fn a_login_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("venn/credentials.json");
        write(&path, &one()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(read(&path).unwrap().profiles["default"].token, "venn_x_secret");
        // Written again over an open one: the new file is closed too.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, &one()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn credentials_that_others_can_read_are_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        write(&path, &one()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let place = path.display();
        assert_eq!(
            read(&path).unwrap_err().to_string(),
            format!(
                "error: The credentials may be read by others, so they are not used.\n  where: {place}\n  \
                 next: `chmod 600 {place}`; if somebody may have read it, revoke the tokens in it."
            )
        );
    }

    #[test]
    fn neither_debug_nor_errors_show_a_token() {
        assert!(!format!("{:?}", one()).contains("secret"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        write(&path, &one()).unwrap();
        fs::write(&path, r#"{"profiles":{"default":"venn_x_secret"}}"#).unwrap();
        assert!(!read(&path).unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn no_file_is_no_login() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&folder.path().join("none.json")).unwrap().profiles.is_empty());
    }
}
