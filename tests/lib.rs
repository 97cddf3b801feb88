//! The end-to-end tests are in `it`: one binary for everything that links
//! the engine. This library is empty.
