//! The publisher toolchain (being written).
