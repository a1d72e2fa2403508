//! Values on their way into a statement and rows on their way out, for both databases: it knows the few
//! column types that we use, and must never know what a column means.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Decode, Postgres, Row, Sqlite, Type};
use uuid::Uuid;

use crate::{Result, StoreError};

/// A value to bind. Nullable where some column is.
#[derive(Clone, Debug)]
pub enum Value {
    /// A code.
    Short(Option<i16>),
    /// A count.
    Int(i32),
    /// A time, an amount, a version.
    Long(Option<i64>),
    /// Yes or no.
    Flag(bool),
    /// Text.
    Text(Option<String>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An id.
    Uuid(Option<Uuid>),
    /// A list of ids, for `in_ids($n)`.
    Ids(Vec<Uuid>),
    /// A list of texts, for `in_texts($n)`.
    Texts(Vec<String>),
}

macro_rules! values {
    ($($from:ty => $variant:ident($v:ident) $e:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($v: $from) -> Self {
                Self::$variant($e)
            }
        }
    )*};
}
values! {
    i16 => Short(v) Some(v);
    Option<i16> => Short(v) v;
    i32 => Int(v) v;
    i64 => Long(v) Some(v);
    u32 => Long(v) Some(i64::from(v));
    Option<i64> => Long(v) v;
    bool => Flag(v) v;
    &str => Text(v) Some(v.to_owned());
    String => Text(v) Some(v);
    Option<String> => Text(v) v;
    Vec<u8> => Bytes(v) v;
    Uuid => Uuid(v) Some(v);
    Option<Uuid> => Uuid(v) v;
    Vec<Uuid> => Ids(v) v;
    &[Uuid] => Ids(v) v.to_vec();
    Vec<String> => Texts(v) v;
}

/// Binds values on PostgreSQL.
pub fn bind_postgres(
    mut query: Query<'_, Postgres, PgArguments>,
    values: Vec<Value>,
) -> Query<'_, Postgres, PgArguments> {
    for value in values {
        query = match value {
            Value::Short(v) => query.bind(v),
            Value::Int(v) => query.bind(v),
            Value::Long(v) => query.bind(v),
            Value::Flag(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Bytes(v) => query.bind(v),
            Value::Uuid(v) => query.bind(v),
            Value::Ids(v) => query.bind(v),
            Value::Texts(v) => query.bind(v),
        };
    }
    query
}

/// Binds values on SQLite. A list becomes a JSON array, because SQLite has no arrays; ids in it become
/// hexadecimal texts, because JSON has no bytes.
pub fn bind_sqlite(
    mut query: Query<'_, Sqlite, SqliteArguments>,
    values: Vec<Value>,
) -> Query<'_, Sqlite, SqliteArguments> {
    for value in values {
        query = match value {
            Value::Short(v) => query.bind(v),
            Value::Int(v) => query.bind(v),
            Value::Long(v) => query.bind(v),
            Value::Flag(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Bytes(v) => query.bind(v),
            Value::Uuid(v) => query.bind(v),
            Value::Ids(v) => {
                let items: Vec<String> = v.iter().map(|id| format!("\"{}\"", id.simple())).collect();
                query.bind(format!("[{}]", items.join(",")))
            }
            Value::Texts(v) => query.bind(serde_json::Value::from(v).to_string()),
        };
    }
    query
}

/// A row of either database.
#[derive(Debug)]
pub enum Record {
    /// From PostgreSQL.
    Postgres(PgRow),
    /// From SQLite.
    Sqlite(SqliteRow),
}

/// What both databases can read.
pub trait Cell: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}
impl<T> Cell for T where T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}

impl Record {
    /// The value of `column`, read as `T`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming `table` when it is something else.
    pub fn get<T: Cell>(&self, table: &'static str, column: &'static str) -> Result<T> {
        let got = match self {
            Self::Postgres(row) => row.try_get::<T, _>(column),
            Self::Sqlite(row) => row.try_get::<T, _>(column),
        };
        got.map_err(|e| self.corrupt(table, column, e.to_string()))
    }

    /// The error for a value that was read but means nothing.
    pub fn corrupt(&self, table: &'static str, column: &'static str, why: String) -> StoreError {
        let key = |name: &str| match self {
            Self::Postgres(row) => row.try_get::<Uuid, _>(name).ok(),
            Self::Sqlite(row) => row.try_get::<Uuid, _>(name).ok(),
        };
        let own = match table {
            "refund_leg" => "l_id",
            "refund" => "r_id",
            "orders" => "o_id",
            "agreement" | "plan" => "id",
            _ => "p_id",
        };
        let row = [own, "id", "subject"].into_iter().find_map(key);
        StoreError::Corrupt { table, row: row.map_or_else(|| "?".to_owned(), bursar_core::id::to_text), column, why }
    }
}
