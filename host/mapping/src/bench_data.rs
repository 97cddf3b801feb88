//! Made-up lists of any size for benchmarks, from two real ones.
//!
//! The seeds are repeated; each repetition moves to domains of its own
//! (`acme.com` becomes `acme-7.com` on both sides alike), so that the shape of
//! the real lists stays: how many accounts share a domain, how many domains are
//! shared, how names differ. Some names get a legal form, other case or a typing
//! error. The same seed number gives the same lists.
//!
//! Only with the feature `bench`; nothing that runs in production uses it.

use crate::host::Host;

/// One made-up account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Unique within its side.
    pub id: String,
    /// The name, at times written in another way.
    pub name: String,
    /// The website, as the seed writes it.
    pub website: Option<String>,
}

/// `accounts` accounts a side. A seed is a name and a website, which may be empty.
pub fn synthetic(
    left_seed: &[(String, String)],
    right_seed: &[(String, String)],
    accounts: usize,
    seed: u64,
) -> (Vec<Account>, Vec<Account>) {
    let mut random = SplitMix(seed);
    (side("l", left_seed, accounts, &mut random), side("r", right_seed, accounts, &mut random))
}

fn side(
    prefix: &str,
    seeds: &[(String, String)],
    accounts: usize,
    random: &mut SplitMix,
) -> Vec<Account> {
    let mut all = Vec::with_capacity(accounts);
    for copy in 0.. {
        if seeds.is_empty() {
            break;
        }
        for (name, website) in seeds {
            if all.len() == accounts {
                return all;
            }
            all.push(Account {
                id: format!("{prefix}{:08}", all.len()),
                name: respelled(name, random),
                website: moved(website, copy),
            });
        }
    }
    all
}

/// The website on the copy's own domain.
fn moved(website: &str, copy: usize) -> Option<String> {
    let host = Host::parse(website).ok()?;
    let Ok(domain) = host.registrable() else { return Some(website.to_owned()) };
    let (label, suffix) = domain.split_once('.')?;
    Some(website.to_lowercase().replacen(domain, &format!("{label}-{copy}.{suffix}"), 1))
}

fn respelled(name: &str, random: &mut SplitMix) -> String {
    match random.next() % 16 {
        0 => format!("{name}, Inc."),
        1 => name.to_uppercase(),
        2 => format!("{name} GmbH"),
        3 => name.chars().skip(1).collect(),
        _ => name.to_owned(),
    }
}

/// `SplitMix64`: small, seeded, good enough to choose spellings.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
