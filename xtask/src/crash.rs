//! `cargo xtask crash`: a server that is killed at random and at kill points while customers
//! work, as often as one likes, on each database (`docs/crash.md`).
use std::{
    fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use venn_cluster::{Cluster, VARIABLE};

use crate::{cargo, postgres};

#[derive(Args)]
pub(crate) struct Options {
    /// How often the server is killed, on all databases together.
    #[arg(long, default_value_t = 100)]
    kills: u64,
    /// Where the choices come from; drawn, if left out.
    #[arg(long)]
    seed: Option<u64>,
    /// On which database.
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// One JSON object at the end.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Databases {
    Sqlite,
    Postgres,
    Both,
}

const TEST: &str = "crash::campaign::nothing_accepted_is_lost_doubled_or_stuck";

/// What a campaign counts.
const COUNTS: [&str; 7] =
    ["kills", "at_points", "accepted", "lost", "doubled", "stuck", "repeated_outside"];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let cluster = match options.database {
        Databases::Sqlite => None,
        Databases::Postgres | Databases::Both => postgres::start()?,
    };
    if options.database == Databases::Postgres && cluster.is_none() {
        bail!("there is no PostgreSQL here; VENN_REQUIRE=postgres installs it");
    }
    let programs = cargo::build_host(cargo::Profile::Dev)?;
    cargo::build_guests(&programs)?;
    for example in ["crm-tasks", "hubspot-source"] {
        cargo::build_example(&programs, example)?;
    }
    let seed = options.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32);
    let embedded = (options.database != Databases::Postgres).then_some(("sqlite", None));
    let server = cluster.as_ref().map(|cluster| ("postgres", Some(cluster)));
    let databases: Vec<_> = embedded.into_iter().chain(server).collect();
    let mut total = json!({});
    let (mut left, mut verdict) = (options.kills, Ok(()));
    for (number, (name, cluster)) in databases.iter().enumerate() {
        let kills = left / (databases.len() - number) as u64;
        left -= kills;
        let (figures, ended) = campaign(&programs, seed, kills, *cluster)?;
        for count in COUNTS {
            let sum = total[count].as_u64().unwrap_or(0) + figures[count].as_u64().unwrap_or(0);
            total[count] = sum.into();
        }
        total[name] = figures;
        verdict = verdict.and(ended);
    }
    total["seed"] = seed.into();
    total["commit"] = cargo::commit().into();
    if options.json {
        println!("{total}");
        return verdict;
    }
    let [kills, at_points, accepted, lost, doubled, stuck, repeated] =
        COUNTS.map(|count| &total[count]);
    println!(
        "seed {seed}, commit {}: {kills} kills, {at_points} of them at kill points; {accepted} \
         accepted, lost {lost}, doubled {doubled}, stuck {stuck}; {repeated} calls came again \
         outside, each under its own key",
        cargo::commit()
    );
    verdict
}

/// One database's part: what it counted, and whether all was well.
fn campaign(
    programs: &cargo::Programs,
    seed: u64,
    kills: u64,
    cluster: Option<&Cluster>,
) -> anyhow::Result<(Value, anyhow::Result<()>)> {
    let path = cargo::target().join("crash.json");
    let _ = fs::remove_file(&path);
    let mut command = cargo::cargo(&["test", "--locked", "-p", "venn-tests", "--test", "it", "--"]);
    command
        .args(["--exact", TEST, "--nocapture"])
        // Standard output is the figures.
        .stdout(std::io::stderr())
        .env("VENN_BIN", &programs.venn)
        .env("VENN_GUESTS", cargo::guests())
        .env("VENN_PLUGINS", cargo::plugins())
        .env("VENN_CRASH_KILLS", kills.to_string())
        .env("VENN_CRASH_SEED", seed.to_string())
        .env("VENN_CRASH_FIGURES", &path);
    match cluster {
        Some(cluster) => command.env(VARIABLE, cluster.url()),
        None => command.env_remove(VARIABLE),
    };
    let verdict = cargo::run(&mut command);
    let text = fs::read_to_string(&path).context("the campaign told no figures")?;
    Ok((serde_json::from_str(&text)?, verdict))
}
