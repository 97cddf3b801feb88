//! A row of a CRM as the store keeps it: normalised, in its population. One
//! function for imported lists and for live sources, so that the same company
//! reads the same whichever way it came.
use std::collections::{HashMap, HashSet};

use venn_domain::{account::SourceRow, limits, run::AccountWrite};
use venn_mapping::{
    Entry,
    list::{Row, RowProblem, Texts, Value},
};
use venn_store::import::ImportRow;

/// A row that was read, in this population.
pub fn normalised(row: Row, population: String) -> ImportRow {
    let entry = Entry::new(&row.external_id, &row.name, row.website.as_deref());
    ImportRow {
        host: entry.host().unwrap_or_default().to_owned(),
        domain: entry.registrable().unwrap_or_default().to_owned(),
        name_key: entry.name().words().to_owned(),
        population,
        external_id: row.external_id,
        name: row.name,
        website: row.website.unwrap_or_default(),
        owner: row.owner.unwrap_or_default(),
        stage: row.stage.unwrap_or_default(),
        amount: row.amount.unwrap_or_default(),
        created_on: row.created_on.unwrap_or_default(),
        extra: row.extra,
    }
}

/// What a live source says of several accounts; the text names row (from 0),
/// field, reason and next step of the first that is wrong.
pub fn of_source(rows: &[SourceRow]) -> Result<Vec<ImportRow>, String> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut normal = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let told = |RowProblem { value, reason, next_step, .. }| {
            format!("row {at}, {value}: {reason}. {next_step}")
        };
        let read = read(row).map_err(told)?;
        if let Some(first) = seen.insert(&row.external_id, at) {
            return Err(format!(
                "row {at}, external-id: it is that of row {first} already. Send one of the two."
            ));
        }
        normal.push(normalised(read, row.population().to_owned()));
    }
    Ok(normal)
}

/// What a run's effects have to write. They were looked at when the guest made
/// them; one that does not read any more is none.
pub fn of_effects(writes: &[AccountWrite]) -> Vec<ImportRow> {
    let upserts = writes.iter().filter_map(|write| match write {
        AccountWrite::Upsert(row) => Some(row),
        AccountWrite::Remove(_) => None,
    });
    upserts
        .filter_map(|row| Some(normalised(read(row).ok()?, row.population().to_owned())))
        .collect()
}

fn read(row: &SourceRow) -> Result<Row, RowProblem> {
    let texts = Texts {
        external_id: &row.external_id,
        name: &row.name,
        website: &row.website,
        stage: &row.stage,
        owner: &row.owner,
        amount: &row.amount,
        created_on: &row.created_on,
    };
    let most = usize::try_from(limits::IMPORT_CELL_BYTES).unwrap_or(usize::MAX);
    texts.check(&row.extra, most)?;
    let mut names = HashSet::new();
    let trimmed = row.extra.iter().map(|(name, text)| (name.trim(), text.trim()));
    let mut extra = Vec::with_capacity(row.extra.len());
    for (name, text) in trimmed {
        if let Some(reason) = bad_name(name, &mut names) {
            return Err(RowProblem {
                value: Value::Extra(name.to_owned()),
                code: venn_mapping::list::Code::BadHeader,
                reason: reason.to_owned(),
                next_step: "Give each further value a short name of its own.",
            });
        }
        if !text.is_empty() {
            extra.push((name.to_owned(), text.to_owned()));
        }
    }
    // Plain decimals: the comma is for thousands.
    Row::of(0, texts, extra, b',')
}

/// Names of further values are chosen in rules and grants.
const NAME_BYTES: usize = 128;

fn bad_name<'a>(name: &'a str, names: &mut HashSet<&'a str>) -> Option<&'static str> {
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return Some("a name has 1 to 128 bytes, and no control characters");
    }
    (!names.insert(name)).then_some("the name is there twice")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn row(id: &str) -> SourceRow {
        SourceRow {
            external_id: id.to_owned(),
            name: "Acme, Inc.".to_owned(),
            website: "https://www.acme.example/".to_owned(),
            stage: "Customer".to_owned(),
            amount: "1234.50".to_owned(),
            ..SourceRow::default()
        }
    }

    #[test]
    fn a_source_row_reads_like_a_row_of_a_list() {
        let rows = of_source(&[SourceRow {
            extra: vec![
                (" tier ".to_owned(), " 2 ".to_owned()),
                ("none".to_owned(), String::new()),
            ],
            ..row("7")
        }])
        .unwrap();
        let row = &rows[0];
        assert_eq!(
            (&*row.host, &*row.population, &*row.amount),
            ("acme.example", "customers", "1234.5")
        );
        assert_eq!(row.extra, [("tier".to_owned(), "2".to_owned())]);
        let chosen = SourceRow { population: "vip".to_owned(), ..self::row("7") };
        assert_eq!(of_source(&[chosen]).unwrap()[0].population, "vip");
    }

    #[test]
    fn what_is_wrong_names_row_and_field() {
        let wrong = |row: SourceRow| of_source(&[self::row("1"), row]).unwrap_err();
        assert_eq!(
            wrong(SourceRow { amount: "much".to_owned(), ..row("2") }),
            "row 1, amount: \"much\" isn't an amount. Write it as a plain number with a decimal point, such as 1234.50."
        );
        assert_eq!(
            wrong(row("1")),
            "row 1, external-id: it is that of row 0 already. Send one of the two."
        );
        assert_eq!(
            wrong(SourceRow { name: "a\0".to_owned(), ..row("2") }),
            "row 1, name: it has a NUL character. Take it out: no name or address has one."
        );
        let twice = vec![("t".to_owned(), "1".to_owned()), ("t ".to_owned(), "2".to_owned())];
        assert_eq!(
            wrong(SourceRow { extra: twice, ..row("2") }),
            "row 1, extra t: the name is there twice. Give each further value a short name of its own."
        );
        let long = "x".repeat(65_537);
        assert_eq!(
            wrong(SourceRow { owner: long, ..row("2") }),
            "row 1, owner: it has more than 65536 bytes. Shorten it, or leave it out."
        );
    }
}
