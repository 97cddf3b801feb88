//! Lines for the run's log. Needs no capability. At most 256 lines of 4 KiB
//! each; the customer reads them, support too: no secrets.
//!
//! ```no_run
//! venn_sdk::log::info!("{} tasks", 3);
//! ```
use crate::bindings::venn::plugin::log as raw;

#[doc(inline)]
pub use crate::{__debug as debug, __error as error, __info as info, __warn as warn};

/// Writes a line. Levels are `debug`, `info`, `warn`, `error` and `panic`;
/// anything else counts as `info`.
pub fn write(level: &str, message: &str) {
    raw::write(level, message);
}

/// Writes a line for the plugin's developer.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($text:tt)*) => { $crate::log::write("debug", &::std::format!($($text)*)) };
}

/// Writes a line on what was done.
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($text:tt)*) => { $crate::log::write("info", &::std::format!($($text)*)) };
}

/// Writes a line on what was left out.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($text:tt)*) => { $crate::log::write("warn", &::std::format!($($text)*)) };
}

/// Writes a line on what did not work.
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($text:tt)*) => { $crate::log::write("error", &::std::format!($($text)*)) };
}
