//! The side in PostgreSQL.

use model::{Error, Result};

use super::table::{Kind, Table, Value};
use crate::connection::Connection;
use crate::driver::postgres::{self, Fault, Purpose, Row, Sequence};
use crate::schema::postgres::Schema;
use crate::{MasterKey, Options, Param, Url, params, schema};

/// The lock under which servers write: who has it keeps them from it.
const KEEP_OTHERS_OUT: &str = "SELECT pg_advisory_lock(7233173, 2)";

pub(super) struct Side {
    connection: postgres::Connection,
}

impl Side {
    pub(super) fn open_source(url: &Url, master: &MasterKey) -> Result<Side> {
        let mut connection = open(url)?;
        if schema::postgres::look(&mut connection)? == Schema::Absent {
            return Err(Error::internal(format_args!("{url} holds no server")));
        }
        schema::postgres::migrate(&mut connection)?;
        let key = schema::data_key(&mut Connection::Postgres(&mut connection), master)?;
        key.ok_or_else(|| Error::internal("the database has no data key"))?;
        run(connection.execute(KEEP_OTHERS_OUT, &[]))?;
        run(connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &[]))?;
        Ok(Side { connection })
    }

    pub(super) fn open_target(url: &Url) -> Result<Side> {
        let mut connection = open(url)?;
        schema::postgres::migrate(&mut connection)?;
        run(connection.execute(KEEP_OTHERS_OUT, &[]))?;
        Ok(Side { connection })
    }

    pub(super) fn has_data_key(&mut self) -> Result<bool> {
        let mut found = false;
        run(self.connection.each("SELECT 1 FROM setting WHERE name = 'data key'", &[], &mut |_| {
            found = true;
            Ok(true)
        }))?;
        Ok(found)
    }

    pub(super) fn count(&mut self, table: &Table) -> Result<u64> {
        let mut count = 0_i64;
        self.query(&table.select_count(), &[], &mut |row| {
            count = row.require(0)?;
            Ok(())
        })?;
        Ok(count as u64)
    }

    pub(super) fn last_key(&mut self, table: &Table) -> Result<Option<Vec<Value>>> {
        let mut last = None;
        self.query(&table.select_last(), &[], &mut |row| {
            last = Some(table.key_of(&values(table, row)?));
            Ok(())
        })?;
        Ok(last)
    }

    pub(super) fn each(
        &mut self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
        each: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        let params: Vec<Param<'_>> = after.unwrap_or_default().iter().map(Value::param).collect();
        self.query(&table.select(after.is_some(), limit), &params, &mut |row| each(values(table, row)?))
    }

    fn query(&mut self, sql: &str, params: &[Param<'_>], each: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        let queried = self.connection.each_once(sql, params, &mut |row| {
            each(row)?;
            Ok(true)
        });
        run(queried).map(|_| ())
    }

    /// By COPY, which is a transaction of its own.
    pub(super) fn put(&mut self, table: &Table, rows: &[Vec<Value>]) -> Result<()> {
        let mut bytes = Vec::with_capacity(rows.len() * 64);
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        for row in rows {
            bytes.extend_from_slice(&(row.len() as i16).to_be_bytes());
            row.iter().for_each(|value| put_value(&mut bytes, value));
        }
        bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        run(self.connection.copy_in(&table.copy(), &bytes)).map(|_| ())
    }

    pub(super) fn clear(&mut self, table: &Table) -> Result<()> {
        run(self.connection.script(&table.delete()))
    }

    pub(super) fn finish(&mut self, tables: &[Table]) -> Result<()> {
        for table in tables.iter().filter(|table| table.counts) {
            run(self.connection.script(&table.count_on()))?;
        }
        let mut connection = Connection::Postgres(&mut self.connection);
        let (row, event) = (schema::highest_id(&mut connection)?, schema::highest_event(&mut connection)?);
        let (row, event) = (block_after(Sequence::Rows, row), block_after(Sequence::Events, event));
        run(self.connection.execute("SELECT setval('row_block', $1, false)", params![row]))?;
        run(self.connection.execute("SELECT setval('event_block', $1, false)", params![event]))?;
        // The planner is to know what has come.
        run(self.connection.script("ANALYZE"))
    }
}

fn open(url: &Url) -> Result<postgres::Connection> {
    let opened = postgres::Connection::open(url, Purpose::WholeTables, Options::new("").timeout);
    opened.map_err(|fault| Error::internal(format_args!("{url}: {fault}")))
}

fn block_after(sequence: Sequence, id: i64) -> i64 {
    postgres::Connection::block_of(sequence, id) + 1
}

/// Faults stay in words here: who moves rows reads them.
fn run<T>(outcome: std::result::Result<T, Fault>) -> Result<T> {
    outcome.map_err(|fault| match fault {
        Fault::Stopped(error) => error,
        fault => Error::internal(fault),
    })
}

fn values(table: &Table, row: &Row<'_>) -> Result<Vec<Value>> {
    let value = |(at, (_, kind)): (usize, &(String, Kind))| {
        Ok(match kind {
            Kind::Int => row.find(at)?.map(Value::Int),
            Kind::Bool => row.find(at)?.map(Value::Bool),
            Kind::Text => row.find(at)?.map(Value::Text),
            Kind::Bytes => row.find(at)?.map(Value::Bytes),
            Kind::Real => row.find(at)?.map(Value::Real),
        }
        .unwrap_or(Value::Null))
    };
    table.columns.iter().enumerate().map(value).collect()
}

fn put_value(bytes: &mut Vec<u8>, value: &Value) {
    let mut put = |field: &[u8]| {
        bytes.extend_from_slice(&(field.len() as i32).to_be_bytes());
        bytes.extend_from_slice(field);
    };
    match value {
        Value::Null => bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
        Value::Int(value) => put(&value.to_be_bytes()),
        Value::Bool(value) => put(&[u8::from(*value)]),
        Value::Text(value) => put(value.as_bytes()),
        Value::Bytes(value) => put(value),
        Value::Real(value) => put(&value.to_bits().to_be_bytes()),
    }
}
