//! A table as it is moved: its columns, its key, and the statements that are made of them. The names are those of our own schema.

use sha2::{Digest, Sha256};

use crate::Param;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Bool,
    Text,
    Bytes,
    Real,
}

/// One value on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
    Real(f64),
}

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
    /// The places of the columns of its primary key.
    pub(super) key: Vec<usize>,
    /// Whether the engine gives out its ids where nobody else does.
    pub(super) counts: bool,
}

/// Rows that were read: how many, and a digest of them all.
#[derive(Default)]
pub(super) struct Digested {
    pub(super) rows: u64,
    digest: Sha256,
}

impl Kind {
    /// The kind of a column that was declared so.
    pub(super) fn declared(text: &str) -> Option<Kind> {
        match text {
            "INTEGER" | "BIGINT" => Some(Kind::Int),
            "BOOLEAN" => Some(Kind::Bool),
            "TEXT" => Some(Kind::Text),
            "BYTEA" => Some(Kind::Bytes),
            "DOUBLE PRECISION" => Some(Kind::Real),
            _ => None,
        }
    }
}

impl Table {
    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }

    fn key_names(&self, after_each: &str) -> String {
        self.key.iter().map(|at| format!("\"{}\"{after_each}", self.columns[*at].0)).collect::<Vec<_>>().join(", ")
    }

    /// `SELECT` of the rows in the order of their keys, from the first or after a key.
    pub(super) fn select(&self, is_after: bool, limit: usize) -> String {
        let (names, key) = (self.names(), self.key_names(""));
        let from = if is_after {
            let values = (1..=self.key.len()).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ");
            format!(" WHERE ({key}) > ({values})")
        } else {
            String::new()
        };
        format!("SELECT {names} FROM \"{}\"{from} ORDER BY {key} LIMIT {limit}", self.name)
    }

    /// `SELECT` of the last row.
    pub(super) fn select_last(&self) -> String {
        format!("SELECT {} FROM \"{}\" ORDER BY {} LIMIT 1", self.names(), self.name, self.key_names(" DESC"))
    }

    pub(super) fn select_count(&self) -> String {
        format!("SELECT count(*) FROM \"{}\"", self.name)
    }

    pub(super) fn insert(&self) -> String {
        let values = (1..=self.columns.len()).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO \"{}\" ({}) VALUES ({values})", self.name, self.names())
    }

    pub(super) fn copy(&self) -> String {
        format!("COPY \"{}\" ({}) FROM STDIN (FORMAT binary)", self.name, self.names())
    }

    pub(super) fn delete(&self) -> String {
        format!("DELETE FROM \"{}\"", self.name)
    }

    /// The next number that PostgreSQL gives out for a table whose ids it counts.
    pub(super) fn count_on(&self) -> String {
        let id = &self.columns[self.key[0]].0;
        format!(
            "SELECT setval(pg_get_serial_sequence('\"{0}\"', '{id}'), (SELECT coalesce(max(\"{id}\"), 0) + 1 FROM \"{0}\"), false)",
            self.name
        )
    }

    pub(super) fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key.iter().map(|at| row[*at].clone()).collect()
    }
}

impl Value {
    pub(super) fn param(&self) -> Param<'_> {
        match self {
            Value::Null | Value::Real(_) => Param::Null,
            Value::Int(value) => Param::Int(*value),
            Value::Bool(value) => Param::Bool(*value),
            Value::Text(value) => Param::Text(value),
            Value::Bytes(value) => Param::Bytes(value),
        }
    }
}

impl Digested {
    pub(super) fn take(&mut self, row: &[Value]) {
        self.rows += 1;
        for value in row {
            // The length goes before the bytes, so that no two rows look alike.
            let mut put = |kind: u8, bytes: &[u8]| {
                self.digest.update([kind]);
                self.digest.update((bytes.len() as u64).to_be_bytes());
                self.digest.update(bytes);
            };
            match value {
                Value::Null => put(0, &[]),
                Value::Int(value) => put(1, &value.to_be_bytes()),
                Value::Bool(value) => put(2, &[u8::from(*value)]),
                Value::Text(value) => put(3, value.as_bytes()),
                Value::Bytes(value) => put(4, value),
                Value::Real(value) => put(5, &value.to_bits().to_be_bytes()),
            }
        }
    }

    pub(super) fn finish(self) -> (u64, [u8; 32]) {
        (self.rows, self.digest.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_go_by_the_key() {
        let columns = vec![("a".to_owned(), Kind::Int), ("b".to_owned(), Kind::Text), ("c".to_owned(), Kind::Bool)];
        let table = Table { name: "t".to_owned(), columns, key: vec![0, 1], counts: false };
        let select =
            "SELECT \"a\", \"b\", \"c\" FROM \"t\" WHERE (\"a\", \"b\") > ($1, $2) ORDER BY \"a\", \"b\" LIMIT 5";
        assert_eq!(table.select(true, 5), select);
        assert_eq!(table.insert(), "INSERT INTO \"t\" (\"a\", \"b\", \"c\") VALUES ($1, $2, $3)");
    }

    #[test]
    fn rows_that_differ_are_digested_differently() {
        let digest = |rows: &[&[Value]]| {
            let mut all = Digested::default();
            rows.iter().for_each(|row| all.take(row));
            all.finish()
        };
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(digest(&[&[text("a"), text("b")]]), digest(&[&[text("a"), text("b")]]));
        assert_ne!(digest(&[&[text("ab"), text("")]]).1, digest(&[&[text("a"), text("b")]]).1);
        assert_ne!(digest(&[&[Value::Null]]).1, digest(&[&[text("")]]).1);
        assert_ne!(digest(&[&[Value::Int(1)]]).1, digest(&[&[Value::Bool(true)]]).1);
    }
}
