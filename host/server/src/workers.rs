//! What works in the background: each worker takes its work from the store.
