//! Which population an account falls into: by the import's own map first, then
//! by the default mapping of stages. Stages that neither knows are counted.
use std::collections::{BTreeMap, HashMap};

use venn_domain::account::population_of_stage;
use venn_store::import::UnknownStage;

/// Different unknown stages that are counted one by one: more than any CRM has.
/// A column that holds something else must not fill the memory.
const UNKNOWN_MAX: usize = 1_000;
/// Unknown stages that a report lists.
const LISTED_MAX: usize = 50;
/// Characters of a stage that a report repeats: enough to find it.
const STAGE_CHARS_MAX: usize = 80;

/// The mapping of one import.
pub(super) struct Stages {
    map: HashMap<String, String>,
    unknown: BTreeMap<String, u64>,
}

impl Stages {
    pub(super) fn new(map: &BTreeMap<String, String>) -> Self {
        let map = map.iter().map(|(stage, key)| (normal(stage), key.clone())).collect();
        Self { map, unknown: BTreeMap::new() }
    }

    /// The population's key; notes the stage if nobody knows it.
    pub(super) fn population(&mut self, stage: &str) -> String {
        if let Some(key) = self.map.get(&normal(stage)) {
            return key.clone();
        }
        let (key, known) = population_of_stage(stage);
        if !known {
            let stage: String = stage.chars().take(STAGE_CHARS_MAX).collect();
            if self.unknown.len() < UNKNOWN_MAX || self.unknown.contains_key(&stage) {
                *self.unknown.entry(stage).or_default() += 1;
            }
        }
        key.to_owned()
    }

    /// The unknown stages, the most frequent first.
    pub(super) fn unknown(&self) -> Vec<UnknownStage> {
        let found = self.unknown.iter();
        let mut found: Vec<_> =
            found.map(|(stage, &rows)| UnknownStage { stage: stage.clone(), rows }).collect();
        found.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.stage.cmp(&b.stage)));
        found.truncate(LISTED_MAX);
        found
    }
}

fn normal(stage: &str) -> String {
    stage.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_imports_own_map_comes_first_and_unknown_stages_are_counted() {
        let map = BTreeMap::from([("VIP ".to_owned(), "key-accounts".to_owned())]);
        let mut stages = Stages::new(&map);
        assert_eq!(stages.population(" vip"), "key-accounts");
        assert_eq!(stages.population("Customer"), "customers");
        assert_eq!(stages.population("churned"), "prospects");
        assert_eq!(stages.population("churned"), "prospects");
        assert_eq!(stages.population(""), "prospects");
        let unknown = |stage: &str, rows| UnknownStage { stage: stage.to_owned(), rows };
        assert_eq!(stages.unknown(), [unknown("churned", 2), unknown("", 1)]);
    }

    #[test]
    fn a_column_of_other_things_does_not_fill_the_memory() {
        let mut stages = Stages::new(&BTreeMap::new());
        for number in 0..10_000 {
            stages.population(&format!("stage {number}"));
        }
        assert_eq!((stages.unknown.len(), stages.unknown().len()), (UNKNOWN_MAX, LISTED_MAX));
    }
}
