//! The threads for reads: one snapshot a rule.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use model::{Error, Result};

use super::{Place, Shared, lock};
use crate::Tx;
use crate::connection::Connection;
use crate::driver::postgres::{self, Fault, Purpose};

/// Something to do on a thread for reads.
pub(super) type Work = Box<dyn FnOnce(&mut Reader) + Send>;

/// A thread for reads.
pub(super) struct Reader {
    shared: Arc<Shared>,
    /// Its own connection to PostgreSQL; those to SQLite are lent to whoever asks.
    connection: Option<postgres::Connection>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Reader {
        Reader { shared, connection: None }
    }

    /// Does what waits until nothing can come any more.
    pub(super) fn serve(&mut self, waiting: &Mutex<Receiver<Work>>) {
        loop {
            let work = lock(waiting).recv();
            match work {
                Ok(work) => {
                    // A panic costs that request only: its answer is dropped, which its caller reads as a fault.
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(self)));
                }
                Err(_) => return,
            }
        }
    }

    pub(super) fn run<T>(&mut self, rule: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        match &self.shared.options.place {
            Place::File(_) => self.shared.read_here(rule),
            Place::Postgres(_) => self.run_on_postgres(rule),
        }
    }

    fn run_on_postgres<T>(&mut self, rule: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        loop {
            let kept = self.connection.take().filter(postgres::Connection::is_clean);
            let was_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.shared.connect(Purpose::Serving)?,
            };
            let stamp = self.shared.changes.now();
            let begun = connection.later("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &[]);
            let outcome = begun.map_err(Fault::into_error).and_then(|()| {
                let link = Connection::Postgres(&mut connection);
                rule(&mut Tx::new(link, self.shared.of_every_tx(), stamp, self.shared.clock.now(), None))
            });
            if !connection.is_lost() {
                // Nothing depends on how a read ends.
                let _ = connection.send_off("COMMIT");
                self.connection = Some(connection);
                return outcome;
            }
            // One that has lain idle may have been cut long ago: that is nobody's answer.
            if !was_kept {
                return Err(Error::Unavailable);
            }
        }
    }
}
