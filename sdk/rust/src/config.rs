//! The customer's configuration of this install. Needs no capability.
use serde::de::DeserializeOwned;

use crate::{Error, bindings::venn::plugin::config as raw};

/// The configuration as a value. The host has held it against the manifest's
/// `config_schema`, so [`Error::Data`] means that schema and type differ.
pub fn get<T: DeserializeOwned>() -> Result<T, Error> {
    serde_json::from_str(&text()).map_err(|error| Error::data("configuration", &error))
}

/// The configuration as JSON text.
pub fn text() -> String {
    raw::get()
}
