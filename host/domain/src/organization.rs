//! Organizations, members, roles and token scopes.
