//! Reading a row: typed columns, and errors that name table, column and row.
use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::{Row as _, any::AnyRow};
use venn_domain::time::Timestamp;

use crate::StoreError;

/// How many bytes of text a row holds.
pub(crate) fn text_bytes(row: &AnyRow) -> usize {
    let texts = (0..row.len()).filter_map(|column| row.try_get::<String, _>(column).ok());
    texts.map(|text| text.len()).sum()
}

/// A row of one table; the first column read as text is its key in errors.
pub(crate) struct Row<'r> {
    table: &'static str,
    row: &'r AnyRow,
}

impl<'r> Row<'r> {
    pub(crate) const fn new(table: &'static str, row: &'r AnyRow) -> Self {
        Self { table, row }
    }

    fn bad(&self, column: &'static str, reason: String) -> StoreError {
        let row = self.row.try_get::<String, _>(0).unwrap_or_else(|_| "?".to_owned());
        StoreError::BadRow { table: self.table, column, row, reason }
    }

    fn get<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
    {
        self.row.try_get(column).map_err(|error| self.bad(column, error.to_string()))
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.get(column)
    }

    pub(crate) fn text_or_none(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.get(column)
    }

    pub(crate) fn number(&self, column: &'static str) -> Result<i64, StoreError> {
        self.get(column)
    }

    pub(crate) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        let number = self.number(column)?;
        u64::try_from(number).map_err(|_| self.bad(column, "negative".to_owned()))
    }

    pub(crate) fn truth(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.number(column)? != 0)
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.number(column).map(Timestamp)
    }

    pub(crate) fn time_or_none(
        &self,
        column: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp))
    }

    pub(crate) fn blob(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }

    /// An id or another name with a text form.
    pub(crate) fn parsed<T: FromStr>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(column)?;
        text.parse().map_err(|error: T::Err| self.bad(column, error.to_string()))
    }

    pub(crate) fn parsed_or_none<T: FromStr>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text_or_none(column)?;
        text.map(|text| text.parse().map_err(|error: T::Err| self.bad(column, error.to_string())))
            .transpose()
    }

    /// A closed set of names.
    pub(crate) fn named<T>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        parse(&text).ok_or_else(|| self.bad(column, "unknown name".to_owned()))
    }

    /// JSON text; empty text is the default.
    pub(crate) fn json<T: DeserializeOwned + Default>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(T::default());
        }
        serde_json::from_str(&text).map_err(|error| self.bad(column, error.to_string()))
    }

    /// JSON text that is always there.
    pub(crate) fn json_always<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| self.bad(column, error.to_string()))
    }
}

/// A text of a plugin as it can be kept: PostgreSQL's text holds no NUL.
pub(crate) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// JSON text of a value of ours; such values always have one.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
