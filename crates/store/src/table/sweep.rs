//! Table `sweep`: what a deletion left behind, to be removed in small steps beside the ordinary work.

use model::{Error, Result};

use crate::{Tx, params};

/// Rows that no other row leads to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// The serial numbers of a model that is gone.
    SerialNumbers {
        /// The model's row id.
        model_id: i64,
    },
    /// The points of a resource that is gone.
    Points {
        /// The resource's row id.
        resource_id: i64,
    },
}

const INSERT: &str = "INSERT INTO sweep (kind, subject_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// Writes down what is to be removed.
pub fn insert(tx: &mut Tx<'_>, leftover: Leftover) -> Result<()> {
    let (kind, id) = leftover.columns();
    tx.execute(INSERT, params![kind, id]).map(|_| ())
}

const FIRST: &str = "SELECT kind, subject_id FROM sweep ORDER BY kind, subject_id LIMIT 1";

/// Something to remove, if there is anything.
pub fn first(tx: &mut Tx<'_>) -> Result<Option<Leftover>> {
    tx.find(FIRST, params![], |row| {
        let id = row.int(1)?;
        match row.int(0)? {
            1 => Ok(Leftover::SerialNumbers { model_id: id }),
            2 => Ok(Leftover::Points { resource_id: id }),
            kind => Err(Error::internal(format_args!("stored sweep kind {kind}"))),
        }
    })
}

const DELETE: &str = "DELETE FROM sweep WHERE kind = $1 AND subject_id = $2";

/// It is removed.
pub fn delete(tx: &mut Tx<'_>, leftover: Leftover) -> Result<()> {
    let (kind, id) = leftover.columns();
    tx.execute(DELETE, params![kind, id]).map(|_| ())
}

impl Leftover {
    fn columns(self) -> (i64, i64) {
        match self {
            Leftover::SerialNumbers { model_id } => (1, model_id),
            Leftover::Points { resource_id } => (2, resource_id),
        }
    }
}
