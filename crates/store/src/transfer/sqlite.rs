//! The side in a file of SQLite.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use model::{Error, Result};
use rusqlite::types::ValueRef;

use super::table::{Kind, Table, Value};
use crate::connection::Connection;
use crate::driver::sqlite::{self, Access, error};
use crate::{MasterKey, schema};

const CACHE_KIB: u32 = 64 << 10;

pub(super) struct Side {
    connection: sqlite::Connection,
}

impl Side {
    pub(super) fn open_source(file: &Path, master: &MasterKey) -> Result<Side> {
        if !file.exists() {
            return Err(Error::internal(format_args!("{} does not exist", file.display())));
        }
        let mut connection = sqlite::Connection::open(file, Access::Write, CACHE_KIB)?;
        schema::migrate(&mut connection)?;
        schema::data_key(&mut Connection::Sqlite(&mut connection), master)?;
        Ok(Side { connection })
    }

    /// The file, made if it is not there.
    pub(super) fn open_target(file: &Path) -> Result<Side> {
        // The log and its index take their permissions from this file.
        let made = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file);
        made.map_err(Error::internal)?;
        let mut connection = sqlite::Connection::open(file, Access::Write, CACHE_KIB)?;
        schema::migrate(&mut connection)?;
        Ok(Side { connection })
    }

    /// Every table of the schema.
    pub(super) fn tables(&mut self) -> Result<Vec<Table>> {
        let inner = self.connection.inner();
        let select = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut names = inner.prepare(select).map_err(error)?;
        let names = names.query_map([], |row| row.get::<_, String>(0)).map_err(error)?;
        names.map(|name| self.table(name.map_err(error)?)).collect()
    }

    fn table(&self, name: String) -> Result<Table> {
        let mut columns = Vec::new();
        let mut key = Vec::new();
        let mut counts = false;
        let mut describe =
            self.connection.inner().prepare("SELECT name, type, pk FROM pragma_table_info($1)").map_err(error)?;
        let mut rows = describe.query([&name]).map_err(error)?;
        while let Some(row) = rows.next().map_err(error)? {
            let (column, declared): (String, String) = (row.get(0).map_err(error)?, row.get(1).map_err(error)?);
            let kind = Kind::declared(&declared)
                .ok_or_else(|| Error::internal(format_args!("{name}.{column} is declared as {declared}")))?;
            let place: i64 = row.get(2).map_err(error)?;
            if place > 0 {
                key.push((place, columns.len()));
                counts |= declared == "INTEGER";
            }
            columns.push((column, kind));
        }
        key.sort_unstable();
        if key.is_empty() {
            return Err(Error::internal(format_args!("table {name} has no key to go by")));
        }
        Ok(Table { name, columns, key: key.into_iter().map(|(_, at)| at).collect(), counts })
    }

    pub(super) fn has_data_key(&mut self) -> Result<bool> {
        const SELECT: &str = "SELECT count(*) FROM setting WHERE name = 'data key'";
        let count: i64 = self.connection.inner().query_row(SELECT, [], |row| row.get(0)).map_err(error)?;
        Ok(count > 0)
    }

    pub(super) fn count(&mut self, table: &Table) -> Result<u64> {
        let count: i64 =
            self.connection.inner().query_row(&table.select_count(), [], |row| row.get(0)).map_err(error)?;
        Ok(count as u64)
    }

    pub(super) fn last_key(&mut self, table: &Table) -> Result<Option<Vec<Value>>> {
        let mut last = None;
        self.query(table, &table.select_last(), &[], &mut |row| {
            last = Some(table.key_of(&row));
            Ok(())
        })?;
        Ok(last)
    }

    pub(super) fn each(
        &mut self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
        row: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        self.query(table, &table.select(after.is_some(), limit), after.unwrap_or_default(), row)
    }

    fn query(
        &mut self,
        table: &Table,
        sql: &str,
        params: &[Value],
        each: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.connection.inner().prepare_cached(sql).map_err(error)?;
        let params = rusqlite::params_from_iter(params.iter().map(Value::param));
        let mut rows = statement.query(params).map_err(error)?;
        while let Some(row) = rows.next().map_err(error)? {
            let values = table.columns.iter().enumerate().map(|(at, (name, kind))| {
                let value = match (row.get_ref(at).map_err(error)?, kind) {
                    (ValueRef::Null, _) => Some(Value::Null),
                    (ValueRef::Integer(value), Kind::Int) => Some(Value::Int(value)),
                    (ValueRef::Integer(value), Kind::Bool) => Some(Value::Bool(value != 0)),
                    (ValueRef::Integer(value), Kind::Real) => Some(Value::Real(value as f64)),
                    (ValueRef::Real(value), Kind::Real) => Some(Value::Real(value)),
                    (ValueRef::Text(bytes), Kind::Text) => String::from_utf8(bytes.to_vec()).ok().map(Value::Text),
                    (ValueRef::Blob(bytes), Kind::Bytes) => Some(Value::Bytes(bytes.to_vec())),
                    _ => None,
                };
                value.ok_or_else(|| Error::internal(format_args!("{}.{name} holds something else", table.name)))
            });
            each(values.collect::<Result<_>>()?)?;
        }
        Ok(())
    }

    pub(super) fn put(&mut self, table: &Table, rows: &[Vec<Value>]) -> Result<()> {
        self.connection.script("BEGIN IMMEDIATE")?;
        let put = self.put_inside(table, rows);
        self.connection.script(if put.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        put
    }

    fn put_inside(&mut self, table: &Table, rows: &[Vec<Value>]) -> Result<()> {
        let mut insert = self.connection.inner().prepare_cached(&table.insert()).map_err(error)?;
        for row in rows {
            for (at, value) in row.iter().enumerate() {
                match value {
                    Value::Real(value) => insert.raw_bind_parameter(at + 1, value),
                    other => insert.raw_bind_parameter(at + 1, other.param()),
                }
                .map_err(error)?;
            }
            insert.raw_execute().map_err(error)?;
        }
        Ok(())
    }

    pub(super) fn clear(&mut self, table: &Table) -> Result<()> {
        self.connection.script(&table.delete())
    }
}
