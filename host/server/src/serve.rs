//! Serving (being written).
