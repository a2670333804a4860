//! The nouns of cikada: what a name, a key, a range, a window *is*. No I/O, no async, no SQL.
//!
//! Everything that comes from outside is parsed into one of these types at the door (see `api`), and below
//! the door no bare string stands for a thing that has a name.

mod account;
mod error;
mod key;
mod limits;
mod name;
mod options;
mod page;
mod range;
mod spelling;
mod status;
pub mod tally;
mod time;
mod transfer_code;

pub use account::{AccountName, InvitationKey, Role, SessionKey};
pub use error::{Clash, Error, Field, Noun, Result};
pub use key::{Cik, Rid, SecretKey, ShareCode, Token};
pub use limits::Limits;
pub use name::{Alias, ContentId, Extra, GroupId, Meta, ModelName, SerialNumber, TokenId, VendorName};
pub use options::ModelOptions;
pub use page::Page;
pub use range::{Range, RangeColumns};
pub use spelling::{Casing, Format, Spelling};
pub use status::Status;
pub use time::{Seconds, UnixSeconds};
pub use transfer_code::TransferCode;
