//! The contract's names: which imports are contract, ambient or foreign.
