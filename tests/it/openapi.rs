//! The API as a product: its description is true, whole and flat, its examples
//! fit, and an answer is the same by whichever way it comes.
mod committed;
mod conditional;
mod cursors;
mod docs;
mod examples;

mod lint;
mod same;
mod strict;
mod usage;
