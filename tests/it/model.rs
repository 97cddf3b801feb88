//! Separation of organizations, shown by a model: random operations by random people of
//! random organizations, over the API and over every import of the contract, each answer
//! held against a small reference of who may see what.
//!
//! - [`matrix`]: the reference, to be read by eye; knows nothing of the product
//! - [`chance`]: what happens at a step, from a seed and its number
//! - [`town`]: the server and the model side by side, and calls
//! - [`change`]: steps that change something
//! - [`look`]: steps that look, over the API
//! - [`guest`]: steps that run a plugin, over the imports
//! - [`told`]: what no answer may have in it
//!
//! To add an operation: its rule in `matrix`, its step in `change`, `look` or `guest`. A
//! new address of the API is looked at without being told of; one with an id of a new
//! kind fails until `look::kind` knows it.
//!
//! Our own driver and not a library's: a step is a function of its number and of what
//! there is, so that any part of a sequence is a sequence, which is all that shrinking
//! needs; and it calls a server that runs, for hours, where libraries want a pure
//! function and draw the whole sequence before.
use std::{
    fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Instant,
};

use serde_json::json;

pub mod chance;
mod change;
mod guest;
mod look;
mod matrix;
mod told;
mod town;

use chance::Chance;
use town::{Checked, Figures, Town};

/// Steps until everything begins anew.
const WORLD: u64 = 1_500;
/// Worlds that are tried to find a shorter way to a failure.
const TRIES: usize = 40;

/// Of the smoke test: small, and the same for ever.
const SEEDS: [u64; 2] = [1, 2];
const SMOKE: u64 = 250;

/// What a long run is told; `cargo xtask model` sets them.
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// One world's way through these steps, to its end or to what was not as it should be.
struct Way {
    figures: Figures,
    wrong: Option<(u64, String)>,
    calls: Vec<String>,
}

async fn walk(seed: u64, steps: impl IntoIterator<Item = u64>, wasm: usize) -> Way {
    let mut town = Town::new().await;
    let mut wrong = town.settle(&mut Chance::of(seed, 0)).await.err().map(|text| (0, text));
    for step in steps {
        if wrong.is_some() {
            break;
        }
        town.calls.push(format!("step {step}"));
        let done = town.step(&mut Chance::of(seed, step), wasm).await;
        wrong = done.err().map(|text| (step, text));
    }
    let Town { host, figures, calls, .. } = town;
    host.stop().await;
    Way { figures, wrong, calls }
}

impl Town {
    async fn step(&mut self, chance: &mut Chance, wasm: usize) -> Checked {
        match chance.below(100) {
            draw if draw < wasm => self.run_guest(chance).await,
            draw if draw < wasm + 22 => self.change(chance).await,
            _ => self.look(chance).await,
        }
    }
}

/// Leaves steps out for as long as it goes wrong without them.
async fn shorter(seed: u64, mut steps: Vec<u64>, wasm: usize) -> (Vec<u64>, Way) {
    let mut shortest = walk(seed, steps.iter().copied(), wasm).await;
    let mut part = steps.len().div_ceil(2);
    let mut tries = 0;
    while part > 0 && tries < TRIES {
        let mut at = 0;
        while at < steps.len() && tries < TRIES {
            tries += 1;
            let kept = steps.iter().enumerate();
            let kept = kept.filter(|(place, _)| !(at..at + part).contains(place));
            let kept: Vec<u64> = kept.map(|(_, step)| *step).collect();
            let way = walk(seed, kept.iter().copied(), wasm).await;
            match way.wrong {
                Some((last, _)) => {
                    steps = kept.into_iter().filter(|step| *step <= last).collect();
                    shortest = way;
                }
                None => at += part,
            }
        }
        part /= 2;
    }
    (steps, shortest)
}

/// Takes so many steps from a seed, a world after the other.
async fn take(seed: u64, count: u64, wasm: usize) -> Figures {
    let (mut total, mut taken, begun) = (Figures::default(), 0, Instant::now());
    while taken < count {
        let world = seed.wrapping_mul(1_000_003).wrapping_add(taken / WORLD);
        let steps = WORLD.min(count - taken);
        let way = walk(world, 1..=steps, wasm).await;
        total.answers += way.figures.answers;
        total.wit_calls += way.figures.wit_calls;
        if let Some((step, wrong)) = way.wrong {
            println!("seed {seed}, world {world}, step {}: {wrong}", taken + step);
            let (steps, way) = shorter(world, (1..=step).collect(), wasm).await;
            let (_, wrong) = way.wrong.unwrap_or((0, format!("it did not come again: {wrong}")));
            let calls = way.calls.iter().rev().take(60).rev().cloned().collect::<Vec<_>>();
            let only: Vec<_> = steps.iter().map(u64::to_string).collect();
            keep(seed, taken + step, total, 1);
            panic!(
                "outside the model after {} steps of seed {seed}:\n{wrong}\n\nagain with: \
                 cargo xtask model --world {world} --only {} --wasm-share {wasm}\n\n{}",
                taken + step,
                only.join(","),
                calls.join("\n")
            );
        }
        taken += steps;
        if told("VENN_MODEL_STEPS").is_some() {
            let seconds = begun.elapsed().as_secs();
            println!(
                "{taken} steps, {} answers, {} of imports, {seconds} s",
                total.answers, total.wit_calls
            );
        }
    }
    total
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_model_is_told() {
    let wasm = usize::try_from(told("VENN_MODEL_WASM").unwrap_or(8)).unwrap();
    if let (Ok(only), Some(world)) = (std::env::var("VENN_MODEL_ONLY"), told("VENN_MODEL_WORLD")) {
        let steps: Vec<u64> = only.split(',').map(|step| step.parse().unwrap()).collect();
        let way = walk(world, steps, wasm).await;
        println!("{}", way.calls.join("\n"));
        assert_eq!(way.wrong, None);
        return;
    }
    let fresh =
        told("VENN_MODEL_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32);
    println!("seed {fresh}");
    let Some(count) = told("VENN_MODEL_STEPS") else {
        for seed in SEEDS.into_iter().chain([fresh]) {
            take(seed, SMOKE, wasm).await;
        }
        return;
    };
    let figures = take(fresh, count, wasm).await;
    keep(fresh, count, figures, 0);
}

/// Writes the figures where `cargo xtask model` wants them.
fn keep(seed: u64, steps: u64, Figures { answers, wit_calls }: Figures, outside: u64) {
    if let Some(path) = std::env::var_os("VENN_MODEL_FIGURES") {
        let figures = json!({ "seed": seed, "steps": steps, "answers": answers,
                              "wit_calls": wit_calls, "outside": outside });
        fs::write(path, format!("{figures}\n")).unwrap();
    }
}
