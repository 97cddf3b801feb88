//! Aligned tables that fit the terminal, and the fields of one thing.
//!
//! Ids are never cut, because people copy them; other columns give up width,
//! the widest first. If even that is not enough, rows are written as blocks.
//! Where there is no terminal nothing is cut: a script reads it.
use console::{measure_text_width, truncate_str};
use serde_json::Value;

use super::{
    Paint,
    value::{moment, text},
};

/// Between two columns.
const GAP: usize = 2;
/// A cut column keeps at least this much, or it says nothing any more.
const CUT_MIN: usize = 8;

/// How a column's values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Text,
    Number,
    Moment,
    State,
}

/// One column: its title and where its value is in a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    path: &'static str,
    kind: Kind,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $kind:ident;)*) => {
        impl Column {$(
            $(#[$doc])*
            pub(crate) const fn $name(title: &'static str, path: &'static str) -> Self {
                Self { title, path, kind: Kind::$kind }
            }
        )*}
    };
}

kinds! {
    /// Never cut: ids, codes, names that are typed again.
    whole = Whole;
    /// Cut if there is no room.
    text = Text;
    /// To the right.
    number = Number;
    /// A moment.
    moment = Moment;
    /// Coloured by what it means.
    state = State;
}

/// One field of one thing, shown on a line of its own.
pub(crate) type Field = Column;

impl Column {
    fn cell(&self, row: &Value) -> String {
        match self.kind {
            Kind::Moment => moment(row, self.path),
            _ => text(row, self.path),
        }
    }

    fn coloured(&self, cell: &str, padded: &str, paint: Paint) -> String {
        if self.kind != Kind::State {
            return padded.to_owned();
        }
        match cell {
            "ok" | "done" | "active" | "enabled" | "approved" | "connected" | "yes" | "same" => {
                paint.green(padded)
            }
            "failed" | "fault" | "trap" | "limit" | "host-failed" | "dead" | "refused"
            | "rejected" | "no" | "needs-attention" | "broken" | "suspended" | "ended" => {
                paint.red(padded)
            }
            _ => paint.yellow(padded),
        }
    }
}

/// The table as text, each line ended.
pub(crate) fn render(
    rows: &[Value],
    columns: &[Column],
    width: Option<usize>,
    paint: Paint,
) -> String {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| column.cell(row)).collect()).collect();
    let natural: Vec<usize> = (0..)
        .zip(columns)
        .map(|(i, column)| {
            let widest = cells
                .iter()
                .filter_map(|row| row.get(i))
                .map(|cell| measure_text_width(cell))
                .max();
            widest.unwrap_or(0).max(measure_text_width(column.title))
        })
        .collect();
    let Some(widths) = fit(&natural, columns, width) else {
        return rows
            .iter()
            .map(|row| render_fields(row, columns, paint))
            .collect::<Vec<_>>()
            .join("\n");
    };
    let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    let mut out = paint.bold(line(&titles, columns, &widths, Paint(false)).trim_end());
    out.push('\n');
    for row in &cells {
        out.push_str(line(row, columns, &widths, paint).trim_end());
        out.push('\n');
    }
    out
}

fn line(cells: &[String], columns: &[Column], widths: &[usize], paint: Paint) -> String {
    let mut out = String::new();
    for ((cell, column), width) in cells.iter().zip(columns).zip(widths) {
        if !out.is_empty() {
            out.push_str(&" ".repeat(GAP));
        }
        let cut = truncate_str(cell, *width, "…");
        let room = " ".repeat(width.saturating_sub(measure_text_width(&cut)));
        let padded = if column.kind == Kind::Number {
            format!("{room}{cut}")
        } else {
            format!("{cut}{room}")
        };
        out.push_str(&column.coloured(cell, &padded, paint));
    }
    out
}

/// Widths that fit, or none if the columns that are never cut are too wide.
fn fit(natural: &[usize], columns: &[Column], width: Option<usize>) -> Option<Vec<usize>> {
    let mut widths = natural.to_vec();
    let Some(width) = width else { return Some(widths) };
    let gaps = GAP * columns.len().saturating_sub(1);
    loop {
        let total: usize = widths.iter().sum::<usize>() + gaps;
        let Some(excess) = total.checked_sub(width).filter(|excess| *excess > 0) else {
            return Some(widths);
        };
        let least = |column: &Column| CUT_MIN.max(measure_text_width(column.title));
        let cuttable =
            widths.iter_mut().zip(columns).filter(|(w, c)| c.kind == Kind::Text && **w > least(c));
        let (widest, column) = cuttable.max_by_key(|(w, _)| **w)?;
        // Half of the excess at a time, so that two wide columns share it.
        *widest = widest.saturating_sub(excess.div_ceil(2)).max(least(column));
    }
}

/// One thing, a field a line, values aligned and never cut.
pub(crate) fn render_fields(value: &Value, fields: &[Field], paint: Paint) -> String {
    let widest = fields.iter().map(|field| measure_text_width(field.title)).max().unwrap_or(0);
    let mut out = String::new();
    for field in fields {
        let room = " ".repeat(widest - measure_text_width(field.title) + GAP);
        let cell = field.cell(value);
        out.push_str(&paint.dim(field.title));
        out.push_str(&room);
        out.push_str(&field.coloured(&cell, &cell, paint));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::whole("ID", "id"),
        Column::text("NAME", "name"),
        Column::state("STATE", "state"),
        Column::number("ROWS", "rows"),
    ];

    fn rows() -> Vec<Value> {
        vec![
            json!({"id": "imp_1", "name": "A very long name of a company list", "state": "done", "rows": 2675}),
            json!({"id": "imp_22", "name": "日本", "state": "failed", "rows": 1}),
        ]
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        assert_eq!(
            render(&rows(), COLUMNS, None, Paint(false)),
            "ID      NAME                                STATE   ROWS\n\
             imp_1   A very long name of a company list  done    2675\n\
             imp_22  日本                                failed     1\n"
        );
    }

    #[test]
    fn on_a_narrow_terminal_the_text_gives_way_and_the_id_stays() {
        assert_eq!(
            render(&rows(), COLUMNS, Some(40), Paint(false)),
            "ID      NAME                STATE   ROWS\n\
             imp_1   A very long name …  done    2675\n\
             imp_22  日本                failed     1\n"
        );
    }

    #[test]
    fn on_a_tiny_terminal_rows_are_blocks() {
        assert_eq!(
            render(&rows(), COLUMNS, Some(20), Paint(false)),
            "ID     imp_1\nNAME   A very long name of a company list\nSTATE  done\nROWS   2675\n\
             \n\
             ID     imp_22\nNAME   日本\nSTATE  failed\nROWS   1\n"
        );
    }

    #[test]
    fn colours_do_not_move_columns() {
        let plain = render(&rows(), COLUMNS, Some(40), Paint(false));
        let coloured = render(&rows(), COLUMNS, Some(40), Paint(true));
        assert_ne!(plain, coloured);
        assert_eq!(plain, console::strip_ansi_codes(&coloured));
    }

    proptest! {
        #[test]
        fn a_table_is_never_wider_than_the_terminal(
            names in proptest::collection::vec(".{0,60}", 1..5),
            width in 34_usize..120,
        ) {
            let rows: Vec<Value> = names
                .iter()
                .map(|name| json!({"id": "imp_01", "name": name, "state": "done", "rows": 12}))
                .collect();
            for line in render(&rows, COLUMNS, Some(width), Paint(false)).lines() {
                prop_assert!(measure_text_width(line) <= width, "{line:?} is wider than {width}");
            }
        }
    }
}
