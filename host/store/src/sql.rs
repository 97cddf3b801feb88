//! A statement that is put together from fixed parts, with its values bound in
//! the order in which they are named. No value ever becomes text of the statement.
use sqlx::{
    Any, AnyConnection,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{StoreError, page_rows, row::without_nul};

enum Value {
    Text(String),
    Number(i64),
}

/// A statement under construction.
#[derive(Default)]
pub(crate) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Adds a fixed part.
    pub(crate) fn add(&mut self, part: &str) -> &mut Self {
        self.text.push_str(part);
        self
    }

    /// Adds a placeholder for a text.
    pub(crate) fn text(&mut self, value: &(impl ToString + ?Sized)) -> &mut Self {
        self.bind(Value::Text(without_nul(&value.to_string())))
    }

    /// Adds a placeholder for a number.
    pub(crate) fn number(&mut self, value: i64) -> &mut Self {
        self.bind(Value::Number(value))
    }

    /// Adds `(…, …)`; of an empty list nothing is a member.
    pub(crate) fn list<'a>(&mut self, values: impl IntoIterator<Item = &'a String>) -> &mut Self {
        self.add("(");
        let before = self.values.len();
        for value in values {
            if self.values.len() > before {
                self.add(", ");
            }
            self.text(value);
        }
        if self.values.len() == before {
            self.add("NULL");
        }
        self.add(")")
    }

    fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    fn query(self) -> Query<'static, Any, AnyArguments> {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(self.text));
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query
    }

    /// Runs it.
    pub(crate) async fn rows(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Vec<AnyRow>, StoreError> {
        Ok(self.query().fetch_all(connection).await?)
    }

    /// Runs it, for as many of its rows as fit on a page of at most `limit`; and whether
    /// there are more.
    pub(crate) async fn page(
        self,
        connection: &mut AnyConnection,
        limit: usize,
    ) -> Result<(Vec<AnyRow>, bool), StoreError> {
        page_rows(self.query().fetch(connection), limit).await
    }

    /// Runs it, for one number.
    pub(crate) async fn count(self, connection: &mut AnyConnection) -> Result<u64, StoreError> {
        let rows = self.rows(connection).await?;
        let number = rows.first().map(|row| sqlx::Row::try_get::<i64, _>(row, 0)).transpose()?;
        Ok(number.unwrap_or_default().unsigned_abs())
    }
}
