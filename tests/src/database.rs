//! The database file, as somebody looks at it, or damages it, who is not cikada.

use std::cell::Cell;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};

/// A connection that only looks; a server may be using the file.
pub struct Witness {
    connection: Connection,
    /// What was held at which version.
    seen: Cell<Option<(i64, Held)>>,
}

/// What a database holds: a hash over every row of every table but the time mark and what waits to be swept away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held([u8; 32]);

impl Witness {
    /// Looks into the database of a data folder.
    pub fn of(data: &Path) -> Witness {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(data.join("cikada.db"), flags).expect("a database");
        Witness { connection, seen: Cell::new(None) }
    }

    /// A number that changes whenever somebody else commits a change.
    pub fn version(&self) -> i64 {
        self.connection.query_row("PRAGMA data_version", [], |row| row.get(0)).expect("a number")
    }

    /// Does something that must change nothing but the time mark.
    #[track_caller]
    pub fn sees_no_change<T>(&self, act: impl FnOnce() -> T, what: impl Fn() -> String) -> T {
        let seen = self.look();
        let outcome = act();
        assert!(self.look() == seen, "it changed something: {}", what());
        outcome
    }

    /// What is held now; read again only if somebody has committed since.
    fn look(&self) -> Held {
        let version = self.version();
        if let Some((seen, held)) = self.seen.get()
            && seen == version
        {
            return held;
        }
        let held = self.held();
        self.seen.set(Some((version, held)));
        held
    }

    /// Reads everything.
    pub fn held(&self) -> Held {
        let mut hash = Sha256::new();
        // One transaction, so that all is of one moment.
        let look = self.connection.unchecked_transaction().expect("a transaction");
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut names = look.prepare(tables).unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for name in names {
            hash.update(name.as_bytes());
            // What waits to be swept away goes by itself.
            let living = match name.as_str() {
                "sweep" => " WHERE FALSE",
                "point" => " WHERE resource_id IN (SELECT id FROM resource)",
                _ => "",
            };
            let mut rows = look.prepare(&format!("SELECT * FROM \"{name}\"{living}")).unwrap();
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<Value> = (0..columns).map(|at| row.get(at).unwrap()).collect();
                if !matches!(values.first(), Some(Value::Text(name)) if name == "time mark") {
                    hash.update(format!("{values:?}").as_bytes());
                }
            }
        }
        Held(hash.finalize().into())
    }

    /// The one number that a query answers.
    pub fn number(&self, sql: &str) -> i64 {
        self.connection.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }
}

/// Runs statements on the database of a folder that nobody serves.
pub fn damage(data: &Path, sql: &str) {
    let connection = Connection::open(data.join("cikada.db")).expect("a database");
    connection.execute_batch(sql).unwrap_or_else(|why| panic!("{sql}: {why}"));
    let changed: i64 = connection.query_row("SELECT total_changes()", [], |row| row.get(0)).expect("a number");
    assert!(changed > 0, "no row was damaged by {sql}");
}

/// Takes the write lock, as a process would that is not cikada; it is given back with the connection.
pub fn lock_database(data: &Path) -> Connection {
    let connection = Connection::open(data.join("cikada.db")).expect("a database");
    connection.execute_batch("BEGIN EXCLUSIVE").expect("nobody else writes");
    connection
}
