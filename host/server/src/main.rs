//! The `venn` command.
fn main() {}
