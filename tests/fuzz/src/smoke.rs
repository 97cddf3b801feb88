//! A target on what was kept of it, and on some mutations of that: seconds, the same
//! ones every time, on any compiler.
//!
//! `VENN_FUZZ_RUNS` and `VENN_FUZZ_SEED` ask for more and for others.
use std::{
    env, fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::Target;

/// Mutations where nobody asks for more.
const RUNS: u32 = 500;
/// Longer inputs show nothing new, and take longer.
const BYTES_MAX: usize = 64 << 10;

/// Runs what lies in `corpus/NAME` and `found/NAME`, then mutations of it.
pub fn run(folder: &Path, target: &Target) {
    let corpus = kept(&folder.join("corpus").join(target.name));
    assert!(!corpus.is_empty(), "{} has no corpus", target.name);
    let found = kept(&folder.join("found").join(target.name));
    for (name, bytes) in corpus.iter().chain(&found) {
        let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
        assert!(ran.is_ok(), "{}: {name}: {:?}", target.name, Input(bytes.clone()));
    }
    let seeds: Vec<_> = corpus.into_iter().chain(found).map(|(_, bytes)| bytes).collect();
    let words = words(folder, target);
    let (runs, seed) = (number("VENN_FUZZ_RUNS", RUNS), number("VENN_FUZZ_SEED", 1));
    let config = Config { cases: runs, failure_persistence: None, ..Config::default() };
    let mut start = [0; 32];
    start[..4].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &start);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let ran = runner.run(&mutated(seeds, words), |input| {
        (target.run)(&input.0);
        Ok(())
    });
    if let Err(found) = ran {
        panic!("{} with seed {seed}: {found}", target.name);
    }
}

/// What chance would not write, one a line.
fn words(folder: &Path, target: &Target) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder.join("words").join(target.name)).unwrap_or_default();
    text.lines().map(|word| word.as_bytes().to_vec()).collect()
}

fn kept(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    let mut kept: Vec<_> = entries
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap())
        })
        .collect();
    kept.sort();
    kept
}

fn number(variable: &str, usual: u32) -> u32 {
    env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// Shown as text, which most of it is.
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// One change of some bytes, at a place.
#[derive(Debug, Clone)]
enum Edit {
    Flip(u8),
    Put(u8),
    Cut(usize),
    Repeat(usize),
    Word(Index),
    Splice(Index, Index),
}

fn mutated(seeds: Vec<Vec<u8>>, words: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let edit = prop_oneof![
        (0..8_u8).prop_map(Edit::Flip),
        any::<u8>().prop_map(Edit::Put),
        (1..32_usize).prop_map(Edit::Cut),
        (1..64_usize).prop_map(Edit::Repeat),
        any::<Index>().prop_map(Edit::Word),
        any::<(Index, Index)>().prop_map(|(other, at)| Edit::Splice(other, at)),
    ];
    let edits = proptest::collection::vec((any::<Index>(), edit), 1..8);
    (any::<Index>(), edits).prop_map(move |(first, edits)| {
        let mut bytes = first.get(&seeds).clone();
        for (at, edit) in edits {
            apply(&mut bytes, at.index(BYTES_MAX + 1), &edit, &seeds, &words);
            bytes.truncate(BYTES_MAX);
        }
        Input(bytes)
    })
}

fn apply(bytes: &mut Vec<u8>, at: usize, edit: &Edit, seeds: &[Vec<u8>], words: &[Vec<u8>]) {
    let at = at % (bytes.len() + 1);
    match edit {
        Edit::Flip(bit) => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit),
        Edit::Put(byte) => bytes.insert(at, *byte),
        Edit::Cut(count) => drop(bytes.drain(at..(at + count).min(bytes.len()))),
        Edit::Repeat(count) => {
            let piece = bytes[at..(at + count).min(bytes.len())].to_vec();
            drop(bytes.splice(at..at, piece));
        }
        Edit::Word(_) if words.is_empty() => {}
        Edit::Word(word) => drop(bytes.splice(at..at, word.get(words).iter().copied())),
        Edit::Splice(other, from) => {
            let other = other.get(seeds);
            let from = from.index(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}
