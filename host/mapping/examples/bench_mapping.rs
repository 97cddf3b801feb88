//! Mapping against the floor: a bare hash join on the host, in turn.
//!
//! `cargo xtask bench mapping` runs it on the two company lists, and on
//! 100,000 × 100,000 accounts made from them. The floor cuts scheme, `www.`
//! and path off the website and joins on what is left: no Public Suffix List,
//! no names, no one-to-one pairing. Ours is normalising and mapping together.
use std::{collections::HashMap, error::Error, fs::File, hint::black_box, time::Instant};

use venn_mapping::{
    Decisions, Entry, bench_data,
    list::{ListLimits, ListReader},
    map_lists,
};

/// Rounds of each, in turn; the median counts.
const ROUNDS: usize = 7;

/// Accounts a side in the large case.
const LARGE: usize = 100_000;

const LIMITS: ListLimits = ListLimits {
    rows_max: 5_000_000,
    cell_bytes_max: 64 * 1024,
    record_bytes_max: 1024 * 1024,
    problems_listed_max: 20,
};

/// Id, name, website.
type Account = (String, String, String);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--json").collect();
    let [left, right] = arguments.as_slice() else {
        return Err("usage: bench_mapping LEFT.csv RIGHT.csv".into());
    };
    let (left, right) = (read(left)?, read(right)?);
    measure("two lists", &left, &right);
    let seed = |list: &[Account]| -> Vec<(String, String)> {
        list.iter().map(|(_, name, website)| (name.clone(), website.clone())).collect()
    };
    let (lefts, rights) = bench_data::synthetic(&seed(&left), &seed(&right), LARGE, 1);
    let plain = |made: Vec<bench_data::Account>| -> Vec<Account> {
        made.into_iter()
            .map(|account| (account.id, account.name, account.website.unwrap_or_default()))
            .collect()
    };
    measure("100000x100000", &plain(lefts), &plain(rights));
    Ok(())
}

fn measure(case: &str, left: &[Account], right: &[Account]) {
    let mut ours = Vec::new();
    let mut floor = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(seconds(|| {
            let (lefts, rights) = (entries(left), entries(right));
            map_lists(&lefts, &rights, &Decisions::default()).figures()
        }));
        floor.push(seconds(|| join(left, right)));
    }
    let (ours, floor) = (median(&mut ours), median(&mut floor));
    let accounts = f64::from(u32::try_from(left.len() + right.len()).unwrap_or(u32::MAX));
    let line = serde_json::json!({
        "bench": "mapping",
        "case": case,
        "ratio": (ours / floor * 100.0).round() / 100.0,
        "accounts_per_s": (accounts / ours).round(),
        "floor_accounts_per_s": (accounts / floor).round(),
        "peak_memory_mib": peak_memory_mib(),
    });
    println!("{line}");
}

fn entries(accounts: &[Account]) -> Vec<Entry> {
    accounts
        .iter()
        .map(|(id, name, website)| {
            Entry::new(
                id.as_str(),
                name,
                Some(website.as_str()).filter(|website| !website.is_empty()),
            )
        })
        .collect()
}

/// How many accounts of the left side have their host on the right side too.
fn join(left: &[Account], right: &[Account]) -> usize {
    let mut hosts: HashMap<String, usize> = HashMap::new();
    for (_, _, website) in right {
        *hosts.entry(host(website)).or_default() += 1;
    }
    left.iter().filter_map(|(_, _, website)| hosts.get(&host(website))).sum()
}

fn host(website: &str) -> String {
    let rest = website.split_once("://").map_or(website, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(host).to_ascii_lowercase()
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The process's peak so far, lists included.
fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|text| text.parse::<u64>().ok());
    kib.unwrap_or_default() / 1_024
}

fn read(path: &str) -> Result<Vec<Account>, Box<dyn Error>> {
    let mut list = ListReader::open(File::open(path)?, None, LIMITS)?;
    let mut accounts = Vec::new();
    while let Some(row) = list.next_row() {
        if let Ok(row) = row {
            accounts.push((row.external_id, row.name, row.website.unwrap_or_default()));
        }
    }
    Ok(accounts)
}
