//! Where the rows of a server are: in its folder, or in a database of PostgreSQL that several servers share.

use std::fmt;

use store::{Options, Place, Store, Url};

use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::Folder;

/// The place that was named, or else the file in the folder.
pub fn place(named: Option<&str>, folder: &Folder) -> Outcome<Place> {
    match named.filter(|named| !named.is_empty()) {
        None => Ok(Place::File(folder.database())),
        Some(url) if Url::is_meant_by(url) => Ok(Place::Postgres(Url::parse(url).doing("read the store's URL")?)),
        Some(other) => match other.strip_prefix("sqlite:") {
            Some(file) => Ok(Place::File(file.strip_prefix("//").unwrap_or(file).into())),
            None => Err(Failure::new("the store's URL begins with neither postgres:// nor sqlite:")
                .advise("postgres://user:password@host/database")),
        },
    }
}

/// Whether a server was founded there.
pub fn hold_a_server(place: &Place) -> Outcome<bool> {
    Store::holds_a_server(place, Options::new("").timeout).doing("look for the database")
}

/// The place as it is named to people, without a password.
pub fn name(place: &Place) -> impl fmt::Display {
    match place {
        Place::File(file) => file.display().to_string(),
        Place::Postgres(url) => url.to_string(),
    }
}

/// Refuses what works only on rows in a folder where the environment says that they are in PostgreSQL: what a folder holds then is
/// what was left in it.
pub fn require_folder(what: &str) -> Outcome {
    match std::env::var("CIKADA_STORE_URL") {
        Ok(url) if Url::is_meant_by(&url) => {
            Err(Failure::new(format!("{what} is for rows in a data folder, not in PostgreSQL"))
                .advise("unset CIKADA_STORE_URL if the folder is meant"))
        }
        _ => Ok(()),
    }
}
