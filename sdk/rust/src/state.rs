//! Small state of the install, kept between runs. Needs `state`. A run reads
//! its own writes; they are committed with a report, or not at all.
//!
//! Each partnership has its own partition ([`of`]) and there is a common one
//! ([`common`]). A run that has read a partner's rows writes only to that
//! partner's partition, so that the end of a partnership can purge it.
//! Keys have at most 512 bytes, values 64 KiB, an install 10,000 keys.
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, bindings::venn::plugin::state as raw};

/// One partition.
#[derive(Debug, Clone, Copy)]
pub struct Partition<'a>(Option<&'a str>);

/// The partition that belongs to no partnership.
pub const fn common() -> Partition<'static> {
    Partition(None)
}

/// The partition of a partnership.
pub const fn of(partnership: &str) -> Partition<'_> {
    Partition(Some(partnership))
}

impl Partition<'_> {
    /// A value.
    pub fn get(self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(raw::get(self.0, key)?)
    }

    /// Writes a value.
    pub fn set(self, key: &str, value: &[u8]) -> Result<(), Error> {
        Ok(raw::set(self.0, key, value)?)
    }

    /// A value kept as JSON; [`Error::Data`] if it has another shape.
    pub fn get_json<T: DeserializeOwned>(self, key: &str) -> Result<Option<T>, Error> {
        let value = self.get(key)?;
        let read = value.as_deref().map(serde_json::from_slice).transpose();
        read.map_err(|error| Error::data(&format!("state `{key}`"), &error))
    }

    /// Writes a value as JSON.
    pub fn set_json<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<(), Error> {
        let value = serde_json::to_vec(value);
        self.set(key, &value.map_err(|error| Error::data(&format!("state `{key}`"), &error))?)
    }

    /// Removes a value; fine if there is none.
    pub fn remove(self, key: &str) -> Result<(), Error> {
        Ok(raw::remove(self.0, key)?)
    }

    /// Keys that start with `prefix`, in byte order, after the key `cursor`;
    /// none left when it answers with an empty list.
    pub fn keys(self, prefix: &str, cursor: Option<&str>) -> Result<Vec<String>, Error> {
        Ok(raw::keys(self.0, prefix, cursor)?)
    }
}
