//! Which headers a guest may not set, and what makes a message unsound.

/// Headers that the host owns: refused in requests, dropped from responses.
pub fn is_reserved(_name: &str) -> bool {
    true
}
