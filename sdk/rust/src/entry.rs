//! The trait that a plugin implements, and what stands between it and the
//! contract's exports.
//!
//! Does not interpret anything: an event goes in, a report or fault comes out.
use std::{marker::PhantomData, panic, sync::Once};

use serde::de::DeserializeOwned;

use crate::{Error, Event, Fault, Report, bindings::exports::venn::plugin::entry as raw, log};

/// A plugin. There is no `self`: every run is a fresh instance, and what must
/// last goes to [`crate::state`].
pub trait Plugin {
    /// Something happened. Answer a kind that you do not know with
    /// `Ok(Report::default())`: newer hosts may send more kinds.
    fn handle(event: Event) -> Result<Report, Fault>;

    /// Looks before an install is enabled: `GET` and `HEAD` only, no partner
    /// data, no effects, 5 seconds. Says nothing by default.
    fn check(draft: Draft) -> Result<Vec<Finding>, Fault> {
        let _ = draft;
        Ok(Vec::new())
    }

    /// Moves the state of an older release: state only, no egress. An error
    /// keeps the old release running. Does nothing by default.
    fn migrate(old_version: String) -> Result<(), Fault> {
        let _ = old_version;
        Ok(())
    }
}

/// What is to be checked before an install is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// JSON text, valid under the manifest's `config_schema`.
    pub config: String,
    /// Names of the connections that are in place.
    pub connections: Vec<String>,
}

impl Draft {
    /// The configuration as a value.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.config).map_err(|error| Error::data("configuration", &error))
    }

    /// Whether the connection of that name is in place.
    pub fn has_connection(&self, name: &str) -> bool {
        self.connections.iter().any(|connection| connection == name)
    }
}

/// One line of what a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    level: &'static str,
    field: Option<String>,
    message: String,
}

impl Finding {
    /// All is well.
    pub fn ok(message: impl Into<String>) -> Self {
        Self { level: "ok", field: None, message: message.into() }
    }

    /// Worth knowing; the install can be enabled.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { level: "warning", field: None, message: message.into() }
    }

    /// Keeps the install from being enabled. Say what to do about it.
    pub fn error(message: impl Into<String>) -> Self {
        Self { level: "error", field: None, message: message.into() }
    }

    /// The configuration field or connection concerned.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

/// The contract's exports, served by a plugin. Named by [`crate::plugin!`] only.
#[derive(Debug)]
pub struct Entry<P>(PhantomData<P>);

/// Compiles only for a plugin.
pub fn assert_plugin<P: Plugin>() {}

impl<P: Plugin> raw::Guest for Entry<P> {
    fn handle(event: raw::Event) -> Result<raw::Report, raw::Fault> {
        tell_panics();
        P::handle(event.into()).map(Into::into).map_err(Into::into)
    }

    fn check(draft: raw::Draft) -> Result<Vec<raw::Finding>, raw::Fault> {
        tell_panics();
        let draft = Draft { config: draft.config, connections: draft.connections };
        let findings = P::check(draft).map_err(raw::Fault::from)?;
        let raw = |Finding { level, field, message }| raw::Finding {
            level: String::from(level),
            field,
            message,
        };
        Ok(findings.into_iter().map(raw).collect())
    }

    fn migrate(old_version: String) -> Result<(), raw::Fault> {
        tell_panics();
        P::migrate(old_version).map_err(Into::into)
    }
}

/// A panic becomes a bare `unreachable` trap; its words would be lost. So they
/// go to the run's log first, where the verdict finds them.
fn tell_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(|info| log::write("panic", &info.to_string()))));
}
