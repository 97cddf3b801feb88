//! The project's tasks: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench`.
//!
//! Each does its own set-up. To add one: a variant of [`Task`], a file with
//! its `run`.
#![allow(
    clippy::indexing_slicing,
    clippy::assigning_clones,
    reason = "a JSON value answers null for what is not there; a demo copies what it likes"
)]

use clap::{Parser, Subcommand};

mod api_diff;
mod attacks;
mod bench;
mod c_guest;
mod cargo;
mod crash;
mod demo;
mod flame;
mod fuzz;
mod guest_language;
mod languages;
mod model;
mod mutants;
mod openapi;
mod postgres;
mod schemathesis;
mod test;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Venn's tasks; each does its own set-up")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything, start a server and drive the whole job through it.
    Demo(demo::Options),
    /// Set up what the tests need, and run all of them.
    Test(test::Options),
    /// Try the attacks of `docs/attacks.md`, each next to a bystander.
    Attacks(attacks::Options),
    /// Hold random operations of many organizations against who may see what.
    Model(model::Options),
    /// Kill a server that works, again and again; nothing may be lost, doubled or stuck.
    Crash(crash::Options),
    /// Measure us against the limit, interleaved, and print ratios.
    Bench(bench::Options),
    /// The same plugin in each guest language: sizes and times.
    Languages(languages::Options),
    /// Write `docs/openapi.json` anew, from the code.
    Openapi,
    /// What would break for callers of the API as it was released.
    ApiDiff(api_diff::Options),
    /// Try whether the API is what its description says, with schemathesis.
    Schemathesis(schemathesis::Options),
    /// Give what strangers write to what reads it, for as long as one likes.
    Fuzz(fuzz::Options),
    /// Break what decides in every small way; a test must notice each.
    Mutants(mutants::Options),
    /// Build the test guests only.
    Guests,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Attacks(options) => attacks::run(&options),
        Task::Model(options) => model::run(&options),
        Task::Crash(options) => crash::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Languages(options) => languages::run(&options),
        Task::Openapi => openapi::write(),
        Task::ApiDiff(options) => api_diff::run(&options),
        Task::Schemathesis(options) => schemathesis::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Mutants(options) => mutants::run(&options),
        Task::Guests => cargo::build_guests(&cargo::build_host(cargo::Profile::Dev)?),
    }
}
