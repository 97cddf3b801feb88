//! Two company lists, mapped and printed: figures, then the pairs by similar
//! name and the near misses. To judge a pairing rule or the threshold on lists
//! of one's own:
//!
//! `cargo run --release -p venn-mapping --example two_lists -- left.csv right.csv`
//! For timings see `bench_mapping`.

use std::error::Error;
use std::fs::File;

use venn_mapping::list::{ListLimits, ListReader};
use venn_mapping::{Decisions, Entry, Mapping, Rule, map_lists, similarity_permille};

type Account = (String, String, Option<String>);

/// Generous: this is a tool for files of one's own.
const LIMITS: ListLimits = ListLimits {
    rows_max: 5_000_000,
    cell_bytes_max: 64 * 1024,
    record_bytes_max: 1024 * 1024,
    problems_listed_max: 20,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(left), Some(right)) = (arguments.next(), arguments.next()) else {
        return Err("usage: two_lists LEFT.csv RIGHT.csv".into());
    };
    let (left, right) = (read(&left)?, read(&right)?);
    let (lefts, rights) = (entries(&left), entries(&right));
    let mapping = map_lists(&lefts, &rights, &Decisions::default());
    println!("{:#?}", mapping.figures());
    let name = |accounts: &[Account], id: &str| {
        accounts
            .iter()
            .find(|account| account.0 == id)
            .map(|account| account.1.clone())
            .unwrap_or_default()
    };
    for rule in [Rule::Similar, Rule::Host] {
        println!("\n{rule}:");
        for pair in mapping.pairs().filter(|pair| pair.evidence.rule == rule) {
            let (host_left, host_right) = (&pair.evidence.host_left, &pair.evidence.host_right);
            println!(
                "  {:4} {} | {}  [{} | {}]",
                pair.evidence.similarity_permille,
                name(&left, &pair.left),
                name(&right, &pair.right),
                host_left.as_deref().unwrap_or("-"),
                host_right.as_deref().unwrap_or("-"),
            );
        }
    }
    println!("\nnear misses:");
    for (similarity, left_id, right_id) in near_misses(&mapping, &lefts, &rights).iter().take(60) {
        println!("  {similarity:4} {} | {}", name(&left, left_id), name(&right, right_id));
    }
    Ok(())
}

fn read(path: &str) -> Result<Vec<Account>, Box<dyn Error>> {
    let mut list = ListReader::open(File::open(path)?, None, LIMITS)?;
    let mut accounts = Vec::new();
    while let Some(row) = list.next_row() {
        match row {
            Ok(row) => accounts.push((row.external_id, row.name, row.website)),
            Err(problem) => println!("{path}: {problem}"),
        }
    }
    if let Some(problem) = &list.report().refused {
        return Err(format!("{path}: {problem}").into());
    }
    println!("{path}: {} rows, {:?}", list.report().rows_accepted, list.report().format);
    Ok(accounts)
}

fn entries(accounts: &[Account]) -> Vec<Entry> {
    accounts.iter().map(|(id, name, website)| Entry::new(id, name, website.as_deref())).collect()
}

/// The leftovers of each domain, compared; the most similar first.
fn near_misses(mapping: &Mapping, left: &[Entry], right: &[Entry]) -> Vec<(u16, String, String)> {
    let find = |side: &[Entry], id: &str| side.iter().find(|entry| &**entry.id() == id).cloned();
    let mut misses = Vec::new();
    for domain in mapping.domains.values() {
        for l in domain.unpaired_left.iter().filter_map(|id| find(left, id)) {
            for r in domain.unpaired_right.iter().filter_map(|id| find(right, id)) {
                misses.push((similarity_permille(&l, &r), l.id().to_string(), r.id().to_string()));
            }
        }
    }
    misses.sort_by(|a, b| b.cmp(a));
    misses
}
