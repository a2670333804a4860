//! Every statement of this folder is prepared on the engine, and names its parameters in the order of their first
//! appearance: SQLite numbers them by that, PostgreSQL by their names.

use std::path::Path;
use std::time::Duration;

use crate::Url;
use crate::driver::postgres;
use crate::driver::sqlite::{Access, Connection};
use crate::schema;

fn statements() -> Vec<(String, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/table")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let mut all = Vec::new();
    for path in files {
        if path.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("const ").skip(1) {
            let Some((name, rest)) = part.split_once(": &str = \"") else { continue };
            let (sql, _) = rest.split_once("\";").unwrap();
            // A word is a name, not a statement.
            if !sql.contains(' ') {
                continue;
            }
            all.push((format!("{}: {name}", path.file_name().unwrap().display()), sql.to_owned()));
        }
    }
    all
}

#[test]
fn every_statement_is_prepared_and_numbers_its_parameters_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(&folder.path().join("db"), Access::Write, 1024).unwrap();
    schema::migrate(&mut connection).unwrap();
    let statements = statements();
    assert!(statements.len() > 70, "only {} statements were found", statements.len());
    for (name, sql) in statements {
        let statement = connection.inner().prepare(&sql).unwrap_or_else(|cause| panic!("{name}: {cause}"));
        for number in 1..=statement.parameter_count() {
            let parameter = statement.parameter_name(number).unwrap();
            assert_eq!(parameter, format!("${number}"), "{name}");
        }
    }
}

#[test]
fn every_statement_is_prepared_by_postgresql() {
    let url = Url::parse(&kit::Postgres::shared().database()).unwrap();
    let mut connection = postgres::Connection::open(&url, postgres::Purpose::Serving, Duration::from_secs(5)).unwrap();
    schema::postgres::migrate(&mut connection).unwrap();
    let refused = statements().into_iter().filter_map(|(name, sql)| {
        let fault = connection.require_sound(&sql).err()?;
        Some(format!("{name}: {fault}"))
    });
    assert_eq!(refused.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn no_statement_is_planned_again_for_other_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(&folder.path().join("db"), Access::Write, 1024).unwrap();
    schema::migrate(&mut connection).unwrap();
    let mut planned_again = Vec::new();
    for (name, sql) in statements() {
        let mut statement = connection.inner().prepare(&sql).unwrap();
        let count = statement.parameter_count();
        for round in 1..4_i64 {
            let params = (0..count).map(|number| round * 10 + number as i64);
            // What a statement answers to such parameters is of no interest, nor whether it refuses them.
            if let Ok(mut rows) = statement.query(rusqlite::params_from_iter(params)) {
                while let Ok(Some(_)) = rows.next() {}
            }
        }
        if statement.get_status(rusqlite::StatementStatus::RePrepare) > 0 {
            planned_again.push(name);
        }
    }
    assert_eq!(planned_again, [""; 0]);
}

/// What a rotation does not seal anew nobody opens after it.
#[test]
fn every_sealed_column_is_sealed_anew_by_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(&folder.path().join("db"), Access::Write, 1024).unwrap();
    schema::migrate(&mut connection).unwrap();
    let columns = "
        SELECT m.name, c.name
        FROM sqlite_schema m JOIN pragma_table_info(m.name) c
        WHERE m.type = 'table' AND (c.name LIKE '%sealed%' OR c.name LIKE '%pending')";
    let mut statement = connection.inner().prepare(columns).unwrap();
    let columns = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let columns: Vec<(String, String)> = columns.collect::<Result<_, _>>().unwrap();
    assert!(columns.len() >= 6, "{columns:?}");
    let rotated: Vec<String> =
        statements().into_iter().filter(|(name, _)| name.starts_with("sealed.rs")).map(|(_, sql)| sql).collect();
    for (table, column) in columns {
        let set = format!("UPDATE {table} SET {column} = $1");
        assert!(rotated.iter().any(|sql| sql.starts_with(&set)), "{table}.{column} is not sealed anew");
    }
}
