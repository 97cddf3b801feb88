//! What happens at a step, drawn from the seed and the step's number alone: so a
//! sequence stays the same when other steps are taken out of it, and a failure is
//! shrunk by leaving steps out.
use std::collections::BTreeSet;

/// A source of choices (`SplitMix64`).
pub struct Chance(u64);

impl Chance {
    /// That of one step.
    pub fn of(seed: u64, step: u64) -> Self {
        let mut chance = Self(seed ^ step.wrapping_mul(0xd134_2543_de82_ef95));
        // Neighbouring numbers begin alike.
        chance.next();
        chance
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// One of them, or none if there is none.
    pub fn any<T: Clone>(&mut self, all: impl IntoIterator<Item = T>) -> Option<T> {
        let all: Vec<T> = all.into_iter().collect();
        if all.is_empty() { None } else { Some(self.pick(&all).clone()) }
    }

    /// Each of them with this chance.
    pub fn some<T: Ord + Clone>(&mut self, percent: usize, all: &[T]) -> BTreeSet<T> {
        all.iter().filter(|_| self.percent(percent)).cloned().collect()
    }

    /// A word of ten letters that stands nowhere else.
    pub fn word(&mut self) -> String {
        let letter = |_| char::from(b'a' + u8::try_from(self.below(26)).unwrap());
        "Z".chars().chain((0..9).map(letter)).collect()
    }
}
