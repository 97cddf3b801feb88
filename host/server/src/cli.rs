//! The `venn` command (being written).
