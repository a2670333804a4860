//! Turning the keys over: another master key, and another key that seals.
//!
//! One transaction wraps everything by the new master key and makes a new seal key; from then on the old master key opens
//! nothing of this database. What was sealed before is sealed anew in small steps by whoever serves the database. The data
//! key stays, because issued keys carry what is derived from it; by itself it opens no sealed copy.

use std::path::Path;
use std::time::Duration;

use model::{Error, Result};
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::driver::postgres::Purpose;
use crate::driver::sqlite::{self, Access};
use crate::keyring::{Keyring, MasterKey, Seals, cipher, first_seal_key, random};
use crate::pool::{Place, Store};
use crate::{Tx, params, schema};

const DATA: &str = "data key";
const SEAL: &str = "seal key";
const BEFORE: &str = "seal key before";
const CACHE_KIB: u32 = 1024;

/// The working keys of a database.
pub(crate) fn keyring(connection: &mut Connection<'_>, master: &MasterKey) -> Result<Keyring> {
    let data = data_key(connection, master)?;
    Ok(Keyring::with(&data, seals(connection, master, &data)?))
}

/// Whether a master key is the one of this database.
pub fn fits(file: &Path, master: &MasterKey) -> Result<bool> {
    let mut file = sqlite::Connection::open(file, Access::Read, CACHE_KIB)?;
    let connection = &mut Connection::Sqlite(&mut file);
    Ok(schema::wrapped_key(connection, DATA)?.is_some() && schema::key(connection, master, DATA).is_ok())
}

/// Whether something may still be sealed with the key before the present one.
pub fn is_resealing(file: &Path) -> Result<bool> {
    let mut file = sqlite::Connection::open(file, Access::Read, CACHE_KIB)?;
    Ok(schema::wrapped_key(&mut Connection::Sqlite(&mut file), BEFORE)?.is_some())
}

/// Turns the keys of a database over, beside a server or without one: all or nothing.
pub fn turn_over(file: &Path, old: &MasterKey, new: &MasterKey) -> Result<()> {
    let mut connection = sqlite::Connection::open(file, Access::Write, CACHE_KIB)?;
    connection.script("BEGIN IMMEDIATE")?;
    let data = data_key(&mut Connection::Sqlite(&mut connection), old)?;
    if schema::wrapped_key(&mut Connection::Sqlite(&mut connection), BEFORE)?.is_some() {
        return Err(Error::internal("the keys are being turned over already"));
    }
    let before = match schema::key(&mut Connection::Sqlite(&mut connection), old, SEAL)? {
        Some(key) => key,
        None => first_seal_key(&data),
    };
    let mut present = Zeroizing::new([0; 32]);
    random(present.as_mut())?;
    for (name, key) in [(DATA, &data), (SEAL, &present), (BEFORE, &before)] {
        let keep = "
            INSERT INTO setting (name, bytes)
            VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes";
        connection.inner().execute(keep, rusqlite::params![name, new.wrap(name, key)?.0]).map_err(sqlite::error)?;
    }
    connection.script("COMMIT")
}

/// Empties the write-ahead log, where old pages may still hold what was sealed with old keys. False while somebody reads.
pub fn empty_log(file: &Path) -> Result<bool> {
    let connection = sqlite::Connection::open(file, Access::Write, CACHE_KIB)?;
    connection.inner().busy_timeout(Duration::from_millis(500)).map_err(sqlite::error)?;
    let busy: i64 =
        connection.inner().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(sqlite::error)?;
    Ok(busy == 0)
}

const PRESENT: &str = "SELECT bytes FROM setting WHERE name = 'seal key'";
const FORGET: &str = "DELETE FROM setting WHERE name = 'seal key before'";

/// The seal key as it stands in the database: another one, once the keys have been turned over.
pub fn present(tx: &mut Tx<'_>) -> Result<Option<Vec<u8>>> {
    tx.find(PRESENT, params![], |row| row.bytes(0))
}

/// Nothing is sealed with the key before any more.
pub fn forget_before(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute(FORGET, params![]).map(|_| ())
}

impl Store {
    /// Takes up the keys that a rotation by another process has left. The master key is the new one.
    pub fn take_up_keys(&self, master: &MasterKey) -> Result<()> {
        let keys = |connection: &mut Connection<'_>| {
            let data = data_key(connection, master)?;
            seals(connection, master, &data)
        };
        let seals = match &self.shared.options.place {
            Place::File(file) => {
                let mut connection = sqlite::Connection::open(file, Access::Read, CACHE_KIB)?;
                keys(&mut Connection::Sqlite(&mut connection))?
            }
            Place::Postgres(_) => {
                let mut connection = self.shared.connect(Purpose::Serving)?;
                keys(&mut Connection::Postgres(&mut connection))?
            }
        };
        self.shared.keyring.take_up(seals);
        Ok(())
    }

    /// Opens nothing with the key before the present one any more.
    pub fn forget_seal_before(&self) {
        self.shared.keyring.forget_before();
    }
}

fn data_key(connection: &mut Connection<'_>, master: &MasterKey) -> Result<Zeroizing<[u8; 32]>> {
    schema::key(connection, master, DATA)?.ok_or_else(|| Error::internal("the database has no data key"))
}

fn seals(connection: &mut Connection<'_>, master: &MasterKey, data: &[u8; 32]) -> Result<Seals> {
    let present = match schema::key(connection, master, SEAL)? {
        Some(key) => cipher(&key),
        None => cipher(&first_seal_key(data)),
    };
    let before = schema::key(connection, master, BEFORE)?.map(|key| cipher(&key));
    Ok(Seals { present, before })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Options};

    #[test]
    fn the_old_master_key_opens_nothing_and_what_was_sealed_is_still_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        let options = Options::new(&file);
        let [first, second, third] = [1, 2, 3].map(|byte| MasterKey::from_bytes([byte; 32]));
        Store::create(&options, &first).unwrap();
        let store = Store::open(options.clone(), &first, Clock::system(), |_| ()).unwrap();
        let sealed = store.keyring().seal("cik", 5, b"secret").unwrap();
        let hash = store.keyring().hash("cik", b"secret");
        turn_over(&file, &first, &second).unwrap();
        assert!(turn_over(&file, &second, &third).is_err(), "one at a time");
        assert!(!fits(&file, &first).unwrap() && fits(&file, &second).unwrap());
        // A server that has not heard of it goes on as before.
        assert_eq!(store.keyring().open("cik", 5, &sealed.0).unwrap().as_slice(), b"secret");
        store.take_up_keys(&second).unwrap();
        let anew = store.keyring().seal_anew("cik", 5, &sealed.0).unwrap().unwrap();
        assert!(store.keyring().seal_anew("cik", 5, &anew.0).unwrap().is_none());
        for copy in [&sealed, &anew] {
            assert_eq!(store.keyring().open("cik", 5, &copy.0).unwrap().as_slice(), b"secret");
        }
        assert!(store.keyring().hash("cik", b"secret").matches(&hash), "issued keys are recognized for ever");
        store.close();
        assert!(Store::open(options.clone(), &first, Clock::system(), |_| ()).is_err());
        // Whoever has the old master key and an old copy knows the data key, and still opens nothing that is sealed anew.
        let mut connection = sqlite::Connection::open(&file, Access::Write, 1024).unwrap();
        let old = Keyring::new(&data_key(&mut Connection::Sqlite(&mut connection), &second).unwrap());
        assert!(old.open("cik", 5, &sealed.0).is_ok() && old.open("cik", 5, &anew.0).is_err());
        connection.inner().execute(FORGET, []).unwrap();
        turn_over(&file, &second, &third).unwrap();
        let store = Store::open(options, &third, Clock::system(), |_| ()).unwrap();
        assert!(store.keyring().open("cik", 5, &anew.0).is_ok() && store.keyring().open("cik", 5, &sealed.0).is_err());
    }
}
