//! What a running guest reads, from the store (being written).
