//! The sealed copies of all tables that have such, to be sealed anew after a rotation.

use model::Result;

use crate::{Sealed, Tx, params};

/// A table with sealed copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Keys of clients.
    Client,
    /// Vendor tokens.
    VendorToken,
    /// Share codes.
    ShareCode,
    /// Passwords of the portal.
    Password,
    /// Secrets of one-time codes.
    SecondFactor,
    /// Those that are not confirmed yet.
    PendingFactor,
}

const CLIENTS: &str = "SELECT id, key_sealed FROM client WHERE id > $1 ORDER BY id LIMIT $2";
const TOKENS: &str = "SELECT id, key_sealed FROM vendor_token WHERE id > $1 ORDER BY id LIMIT $2";
const CODES: &str = "SELECT id, key_sealed FROM share_code WHERE id > $1 ORDER BY id LIMIT $2";
const PASSWORDS: &str = "
    SELECT id, password_sealed
    FROM account
    WHERE id > $1 AND password_sealed IS NOT NULL
    ORDER BY id
    LIMIT $2";
const FACTORS: &str = "
    SELECT id, totp_sealed
    FROM account
    WHERE id > $1 AND totp_sealed IS NOT NULL
    ORDER BY id
    LIMIT $2";
const PENDING: &str = "
    SELECT id, totp_pending
    FROM account
    WHERE id > $1 AND totp_pending IS NOT NULL
    ORDER BY id
    LIMIT $2";

/// The next sealed copies by row id after `after`.
pub fn list(tx: &mut Tx<'_>, holder: Holder, after: i64, limit: i64) -> Result<Vec<(i64, Sealed)>> {
    let sql = match holder {
        Holder::Client => CLIENTS,
        Holder::VendorToken => TOKENS,
        Holder::ShareCode => CODES,
        Holder::Password => PASSWORDS,
        Holder::SecondFactor => FACTORS,
        Holder::PendingFactor => PENDING,
    };
    tx.list(sql, params![after, limit], |row| Ok((row.int(0)?, Sealed(row.bytes(1)?))))
}

const SET_CLIENT: &str = "UPDATE client SET key_sealed = $1 WHERE id = $2 AND key_sealed = $3";
const SET_TOKEN: &str = "UPDATE vendor_token SET key_sealed = $1 WHERE id = $2 AND key_sealed = $3";
const SET_CODE: &str = "UPDATE share_code SET key_sealed = $1 WHERE id = $2 AND key_sealed = $3";
const SET_PASSWORD: &str = "UPDATE account SET password_sealed = $1 WHERE id = $2 AND password_sealed = $3";
const SET_FACTOR: &str = "UPDATE account SET totp_sealed = $1 WHERE id = $2 AND totp_sealed = $3";
const SET_PENDING: &str = "UPDATE account SET totp_pending = $1 WHERE id = $2 AND totp_pending = $3";

/// Replaces a sealed copy, unless the row has another one by now.
pub fn replace(tx: &mut Tx<'_>, holder: Holder, id: i64, before: &Sealed, anew: &Sealed) -> Result<()> {
    let sql = match holder {
        Holder::Client => SET_CLIENT,
        Holder::VendorToken => SET_TOKEN,
        Holder::ShareCode => SET_CODE,
        Holder::Password => SET_PASSWORD,
        Holder::SecondFactor => SET_FACTOR,
        Holder::PendingFactor => SET_PENDING,
    };
    tx.execute(sql, params![&anew.0, id, &before.0]).map(|_| ())
}
