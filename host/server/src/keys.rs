//! The host's own keys: those that encrypt secrets, and those behind sealed
//! artifacts, cursors and idempotency keys.
//!
//! `<data>/keys.json` is made at the first start, with mode 0600; a file that
//! others can read is refused. `VENN_KEYS_FILE` names another file, for example
//! on a disk that is not in the backup; `VENN_KEY` (64 hexadecimal digits)
//! brings everything by the environment and cannot be rotated.
//!
//! The key-encryption keys rotate; the root never does, because what is made
//! from it must not change: artifacts would be compiled again, and a repeated
//! call would get another idempotency key. One HMAC label per purpose, so that
//! no two purposes share a key; to add one: a label and a field of [`Keys`].
use data_encoding::HEXLOWER;
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use venn_store::secret;
use zeroize::{Zeroize, Zeroizing};

mod rotate;
#[cfg(test)]
mod tests;

pub use rotate::{Rotated, rotate, unused};

/// The file's name in the data folder.
pub(crate) const FILE: &str = "keys.json";
/// Held by a server while it runs, so that no rotation pulls its keys away.
const LOCK: &str = "keys.lock";

/// The keys of a running host. No `Debug`, no `Serialize`.
pub struct Keys {
    /// For secrets.
    pub encryption: Arc<secret::Keys>,
    /// Seals compiled artifacts: native code.
    pub artifact: [u8; 32],
    /// Seals cursors that plugins keep.
    pub cursor: [u8; 32],
    /// Idempotency keys of outbound calls.
    pub idempotency: [u8; 32],
    /// Seals signing keys and signatures.
    pub signing: [u8; 32],
    /// Seals the names of devices.
    pub device: [u8; 32],
    /// Makes the URLs of webhooks.
    pub webhook: [u8; 32],
    /// Names these keys without telling them, hex; a rotation does not change it.
    pub fingerprint: String,
    /// Whether they are from `VENN_KEY`.
    pub of_variable: bool,
    /// The shared lock, until the host ends.
    _lock: File,
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.artifact.zeroize();
        self.cursor.zeroize();
        self.idempotency.zeroize();
        self.signing.zeroize();
        self.device.zeroize();
        self.webhook.zeroize();
    }
}

/// Why there are no keys; never with their values.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file cannot be used.
    #[error("{what} failed for {path}; check that it is there and that this user may use it")]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Others could read the keys.
    #[error(
        "{path} can be read by others (mode {mode:04o}); run `chmod 600 {path}` and, if others were on this machine, `venn keys rotate`"
    )]
    TooOpen {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// The file is not a key file.
    #[error(
        "{path} is not a key file: {why}; restore it from a backup, because without it no stored credential can be read"
    )]
    Bad {
        /// The file.
        path: String,
        /// Why, without values.
        why: &'static str,
    },
    /// `VENN_KEY` is not a key.
    #[error(
        "VENN_KEY is not a key; it must have 64 hexadecimal digits, for example from `openssl rand -hex 32`"
    )]
    BadVariable,
    /// `VENN_KEY` cannot be rotated.
    #[error(
        "the keys come from VENN_KEY and cannot be rotated; use a key file (VENN_KEYS_FILE, or `keys.json` in the data folder)"
    )]
    NotRotatable,
    /// There is no key file to rotate.
    #[error("there is no key file at {path}; give the one that the server uses")]
    Missing {
        /// The file.
        path: String,
    },
    /// A server runs, or a rotation.
    #[error("the keys in {path} are in use; stop `venn serve` there and try again")]
    InUse {
        /// The data folder.
        path: String,
    },
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Random(getrandom::Error),
    /// The store failed.
    #[error("the stored secrets could not be opened with these keys")]
    Store(#[from] venn_store::StoreError),
}

/// `keys.json`. Wiped when dropped.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    /// The id of the key under which new secrets are put.
    current: String,
    /// Key-encryption keys in hexadecimal, by id.
    keys: BTreeMap<String, String>,
    /// What the other keys are made from, in hexadecimal.
    root: String,
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        self.root.zeroize();
        self.keys.values_mut().for_each(Zeroize::zeroize);
    }
}

/// Where the keys come from.
enum Source {
    File(PathBuf),
    Variable(Zeroizing<String>),
}

impl Source {
    fn of_environment(folder: &Path) -> Self {
        if let Some(path) = std::env::var_os("VENN_KEYS_FILE") {
            return Self::File(path.into());
        }
        match std::env::var("VENN_KEY") {
            Ok(text) => Self::Variable(Zeroizing::new(text)),
            Err(_) => Self::File(folder.join(FILE)),
        }
    }
}

/// Loads the keys of a data folder; none if there is no key file.
pub fn load(folder: &Path) -> Result<Option<Keys>, KeysError> {
    load_from(folder, Source::of_environment(folder))
}

/// Loads the keys of a data folder, or makes them: before the first start.
pub fn load_or_make(folder: &Path) -> Result<Keys, KeysError> {
    load_or_make_from(folder, Source::of_environment(folder))
}

/// Where the keys of a data folder are, for people.
pub fn place(folder: &Path) -> String {
    match Source::of_environment(folder) {
        Source::File(path) => path.display().to_string(),
        Source::Variable(_) => "VENN_KEY".to_owned(),
    }
}

/// Keeps the keys from being rotated as long as the file is held: for a backup, in
/// which they must fit the secrets.
pub fn hold(folder: &Path) -> Result<File, KeysError> {
    let lock = open_lock(folder)?;
    lock.try_lock_shared().map_err(|_| KeysError::InUse { path: folder.display().to_string() })?;
    Ok(lock)
}

fn load_from(folder: &Path, source: Source) -> Result<Option<Keys>, KeysError> {
    match source {
        Source::File(path) => {
            let lock = hold(folder)?;
            let Some(file) = read(&path)? else { return Ok(None) };
            keys_of_file(lock, &file, &path).map(Some)
        }
        Source::Variable(text) => keys_of_variable(hold(folder)?, &text).map(Some),
    }
}

fn load_or_make_from(folder: &Path, source: Source) -> Result<Keys, KeysError> {
    let lock = hold(folder)?;
    match source {
        Source::File(path) => keys_of_file(lock, &read_or_make(&path)?, &path),
        Source::Variable(text) => keys_of_variable(lock, &text),
    }
}

fn keys_of_file(lock: File, file: &KeyFile, path: &Path) -> Result<Keys, KeysError> {
    Ok(keys(lock, file.encryption(path)?, &*file.root(path)?, false))
}

fn keys_of_variable(lock: File, text: &str) -> Result<Keys, KeysError> {
    let root = unhex(text.trim()).ok_or(KeysError::BadVariable)?;
    let key = Zeroizing::new(derive(&root, "venn key-encryption v1"));
    // The id names the key without telling it: another variable is
    // another id, and the error says that the key is not there.
    let id = HEXLOWER.encode(derive(&key, "venn key id v1").get(..8).unwrap_or_default());
    let encryption = secret::Keys::new(id.clone(), [(id, key)].into())?;
    Ok(keys(lock, encryption, &root, true))
}

fn keys(lock: File, encryption: secret::Keys, root: &[u8; 32], of_variable: bool) -> Keys {
    Keys {
        encryption: Arc::new(encryption),
        artifact: derive(root, "venn artifact v1"),
        cursor: derive(root, "venn cursor v1"),
        idempotency: derive(root, "venn idempotency v1"),
        signing: derive(root, "venn signing v1"),
        device: derive(root, "venn device v1"),
        webhook: derive(root, "venn webhook v1"),
        fingerprint: HEXLOWER.encode(&derive(root, "venn fingerprint v1")),
        of_variable,
        _lock: lock,
    }
}

impl KeyFile {
    fn make() -> Result<Self, KeysError> {
        let mut file = Self {
            current: String::new(),
            keys: BTreeMap::new(),
            root: HEXLOWER.encode(&*random()?),
        };
        file.add_key()?;
        Ok(file)
    }

    /// Adds a key and makes it the current one.
    fn add_key(&mut self) -> Result<(), KeysError> {
        let name = random()?;
        let id = format!("key_{}", HEXLOWER.encode(name.get(..8).unwrap_or_default()));
        self.keys.insert(id.clone(), HEXLOWER.encode(&*random()?));
        self.current = id;
        Ok(())
    }

    fn encryption(&self, path: &Path) -> Result<secret::Keys, KeysError> {
        let bad = |why| KeysError::Bad { path: path.display().to_string(), why };
        let mut all = BTreeMap::new();
        for (id, text) in &self.keys {
            let key =
                unhex(text).ok_or_else(|| bad("a key does not have 64 hexadecimal digits"))?;
            all.insert(id.clone(), key);
        }
        secret::Keys::new(self.current.clone(), all)
            .map_err(|_| bad("`current` does not name one of the keys"))
    }

    fn root(&self, path: &Path) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        unhex(&self.root).ok_or_else(|| KeysError::Bad {
            path: path.display().to_string(),
            why: "`root` does not have 64 hexadecimal digits",
        })
    }

    /// Temporary file, sync, rename: a crash leaves the old file or the new one.
    fn write(&self, path: &Path) -> Result<(), KeysError> {
        let mut text = Zeroizing::new(Vec::new());
        serde_json::to_writer_pretty(&mut *text, self).map_err(|_| KeysError::Bad {
            path: path.display().to_string(),
            why: "it cannot be written as JSON",
        })?;
        let folder = folder_of(path);
        let mut file = tempfile::Builder::new()
            .prefix(&unfinished_prefix(path))
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)
            .map_err(failed("creating a file", folder))?;
        file.write_all(&text).map_err(failed("writing", path))?;
        file.as_file().sync_all().map_err(failed("syncing", path))?;
        file.persist(path).map_err(|error| failed("renaming", path)(error.error))?;
        let opened = File::open(folder).map_err(failed("opening", folder))?;
        opened.sync_all().map_err(failed("syncing", folder))
    }
}

/// The folder that a key file is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How the name begins under which a key file is written.
fn unfinished_prefix(path: &Path) -> String {
    format!(".{}", path.file_stem().unwrap_or_default().to_string_lossy())
}

fn read_or_make(path: &Path) -> Result<KeyFile, KeysError> {
    if let Some(file) = read(path)? {
        return Ok(file);
    }
    let file = KeyFile::make()?;
    file.write(path)?;
    Ok(file)
}

/// Reads a key file, none if there is none.
fn read(path: &Path) -> Result<Option<KeyFile>, KeysError> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("reading", path)(error)),
    };
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeysError::TooOpen { path: path.display().to_string(), mode });
    }
    let text = Zeroizing::new(std::fs::read(path).map_err(failed("reading", path))?);
    let bad = |why| KeysError::Bad { path: path.display().to_string(), why };
    serde_json::from_slice(&text).map(Some).map_err(|_| bad("its JSON has another form"))
}

fn open_lock(folder: &Path) -> Result<File, KeysError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options.open(&path).map_err(failed("opening", &path))
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> KeysError {
    let path = path.display().to_string();
    move |source| KeysError::File { what, path, source }
}

/// HMAC-SHA-256 of the label: independent keys from one root.
fn derive(root: &[u8; 32], label: &str) -> [u8; 32] {
    // Padded to SHA-256's block, as HMAC does by itself.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(root).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(label.as_bytes());
    mac.finalize().into_bytes().into()
}

fn random() -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(KeysError::Random)?;
    Ok(bytes)
}

fn unhex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}
