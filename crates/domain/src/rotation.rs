//! Sealing anew what was sealed before the keys were turned over, a small step at a time, so that no writer waits long for it.

use model::{Cik, Result, ShareCode, Token};
use store::table::sealed::{self, Holder};
use store::{Tx, rotation};

use crate::account;
use crate::key::Purpose;

const STEP: i64 = 500;
const ORDER: [Holder; 6] = [
    Holder::Client,
    Holder::VendorToken,
    Holder::ShareCode,
    Holder::Password,
    Holder::SecondFactor,
    Holder::PendingFactor,
];

/// How far it has come. A process that begins again begins at the beginning: what is sealed anew is passed over quickly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    holder: usize,
    after: i64,
    /// Copies that were sealed anew.
    pub sealed: u64,
}

/// Does one step; `None` when nothing is left that only the key before opens, which is forgotten then.
pub fn step(tx: &mut Tx<'_>, progress: Progress) -> Result<Option<Progress>> {
    tx.require_writing()?;
    let Some(holder) = ORDER.get(progress.holder) else {
        rotation::forget_before(tx)?;
        return Ok(None);
    };
    let purpose = match holder {
        Holder::Client => Cik::PURPOSE,
        Holder::VendorToken => Token::PURPOSE,
        Holder::ShareCode => ShareCode::PURPOSE,
        Holder::Password => account::PASSWORD,
        Holder::SecondFactor | Holder::PendingFactor => account::SECOND_FACTOR,
    };
    let copies = sealed::list(tx, *holder, progress.after, STEP)?;
    let mut next = progress;
    for (id, copy) in &copies {
        if let Some(anew) = tx.keyring().seal_anew(purpose, *id, &copy.0)? {
            sealed::replace(tx, *holder, *id, copy, &anew)?;
            next.sealed += 1;
        }
        next.after = *id;
    }
    if (copies.len() as i64) < STEP {
        (next.holder, next.after) = (progress.holder + 1, 0);
    }
    Ok(Some(next))
}
