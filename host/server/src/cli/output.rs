//! What people see: results on stdout, notes and progress on stderr.
//!
//! - [`table`]: aligned tables that fit the terminal.
//! - [`failure`]: errors with their place and what to type next.
//! - [`value`]: reading the API's JSON, safe to print.
//!
//! Colour only on a terminal and without `NO_COLOR`. No text of somebody else
//! reaches the terminal with its control characters: see [`value::clean`].
use std::{
    cell::Cell,
    io::{self, IsTerminal as _, Write as _},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

pub(crate) mod failure;
pub(crate) mod table;
pub(crate) mod value;

use self::{
    failure::Failure,
    table::{Column, Field},
};

/// `format!` onto the end of a text.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!($out, $($text)*);
    }};
}
pub(super) use put;

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What stands out: headings.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What may be overlooked.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// What failed.
    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// What worked.
    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// What waits for somebody.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }
}

/// Where a command writes.
#[derive(Debug)]
pub(crate) struct Output {
    /// Print the API's JSON, and nothing else, on stdout.
    pub(crate) json: bool,
    /// Colour of stdout.
    pub(crate) paint: Paint,
    /// Colour of stderr.
    pub(crate) paint_err: Paint,
    /// Columns of the terminal; none where there is none.
    pub(crate) width: Option<usize>,
    progress: bool,
    printed: Cell<bool>,
}

#[expect(
    clippy::unused_self,
    reason = "whoever writes needs the session's output, so that nobody writes around it"
)]
impl Output {
    /// Looks at the terminal and the environment once.
    pub(crate) fn new(json: bool, no_progress: bool) -> Self {
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let width = console::Term::stdout().size_checked().map(|(_, columns)| columns.into());
        Self {
            json,
            paint: Paint(colour && io::stdout().is_terminal()),
            paint_err: Paint(colour && io::stderr().is_terminal()),
            width: width.filter(|_| io::stdout().is_terminal()),
            progress: !no_progress && io::stderr().is_terminal(),
            printed: Cell::new(false),
        }
    }

    /// Writes to stdout. A reader that has gone (`| head`) is no error.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        self.printed.set(true);
        let mut out = io::stdout().lock();
        let line_end = if text.ends_with('\n') { "" } else { "\n" };
        match write!(out, "{text}{line_end}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::unexpected(format!("The result cannot be written: {error}.")))
            }
            _ => Ok(()),
        }
    }

    /// Whether something is on stdout already: with `--json` it is the one document.
    pub(crate) fn has_printed(&self) -> bool {
        self.printed.get()
    }

    /// A note for the person, on stderr. If even that fails there is nobody to tell.
    pub(crate) fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A table of rows.
    pub(crate) fn table(&self, rows: &[Value], columns: &[Column]) -> String {
        table::render(rows, columns, self.width, self.paint)
    }

    /// One thing's fields, one a line.
    pub(crate) fn fields(&self, value: &Value, fields: &[Field]) -> String {
        table::render_fields(value, fields, self.paint)
    }

    /// A bar over `total` bytes; invisible where nobody looks.
    pub(crate) fn bar(&self, total_bytes: u64, label: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total_bytes), self.target());
        let style = "{msg:>12} [{wide_bar}] {bytes}/{total_bytes} {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(label.to_owned());
        bar
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
    }
}
