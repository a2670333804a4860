//! A resource as something that holds values.

use model::{Error, Noun, Result};
use store::Tx;
use store::table::resource::{self, Format, Kind, Resource};

/// A dataport, a datarule or a dispatch, with what storing and reading its values takes. What is kept of it in a cache is
/// believed while `Subject::Resource(id)` and the `Subject::Client` of its owner are unchanged: whatever alters it
/// (description, subscriptions, owner, dropping) touches the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Row id.
    pub id: i64,
    /// The client that owns it, by row id.
    pub owner_id: i64,
    /// What it is.
    pub kind: Kind,
    /// How its values are written.
    pub format: Format,
    /// Whether something is done to its values before they are stored.
    pub preprocessed: bool,
}

impl Series {
    /// The series of that row id. A client holds no values.
    pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Series>> {
        Ok(resource::find(tx, id)?.as_ref().and_then(Series::of))
    }

    /// The series of that row id, or Absent.
    pub fn require(tx: &mut Tx<'_>, id: i64) -> Result<Series> {
        Series::find(tx, id)?.ok_or(Error::Absent(Noun::Resource))
    }

    /// In what format a value that is written to it is read: a rule takes any number, whatever it makes of it.
    pub fn input_format(&self) -> Format {
        match self.kind {
            Kind::Datarule if self.format == Format::Integer => Format::Float,
            _ => self.format,
        }
    }

    /// The series of a resource that was read already; None for a client. The outcomes that a dispatch stores are text.
    pub fn of(resource: &Resource) -> Option<Series> {
        let owner_id = resource.owner_id.filter(|_| resource.kind != Kind::Client)?;
        let format = resource.format.unwrap_or(Format::String);
        Some(Series {
            id: resource.id,
            owner_id,
            kind: resource.kind,
            format,
            preprocessed: resource.excerpt.preprocessed,
        })
    }
}
