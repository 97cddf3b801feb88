//! What benches share that start a server.
use std::str::FromStr;

use venn_cluster::Cluster;

use crate::support::Data;

/// The number after `name`, or what is usual.
pub fn argument<T: FromStr<Err: std::fmt::Debug>>(name: &str, usual: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(usual, |text| text.parse().unwrap())
}

/// On each database, or on the one after `--database`; every commit is on the disk.
pub async fn on_each_database(compare: impl AsyncFn(&'static str, Data)) {
    let only: String = argument("--database", String::new());
    if only != "postgres" {
        compare("sqlite", Data::empty()).await;
    }
    if only != "sqlite" {
        let cluster = Cluster::durable().unwrap();
        compare("postgres", Data::on(&cluster)).await;
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    within(&mut values, 500)
}

/// What so many of a thousand stay within.
pub fn within(values: &mut [f64], permille: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * permille).div_ceil(1_000);
    values[place.clamp(1, values.len()) - 1]
}
