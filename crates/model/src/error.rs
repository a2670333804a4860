//! One small error of facts. It names nouns, never sentences, HTTP statuses or CoAP codes: those are decided once,
//! at the door, in `api/common/codes.rs`.

use std::fmt;

/// The result of every rule and every table function.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A field is missing, empty, repeated or does not parse. Nothing was changed.
    Malformed(Field),
    /// A field or a body is over its limit. Nothing was changed.
    TooLarge(Field),
    /// A body of a kind that is not understood here.
    UnknownContentType,
    /// No credential, or one that authenticates nobody.
    Unauthorized,
    /// The credential is good, but gives no right to this.
    Forbidden(Noun),
    /// The calling client is locked by its owner.
    Locked,
    /// There is no such thing, or it is not visible to the caller: the two are never told apart.
    Absent(Noun),
    /// The name is taken; the text, where there is one, is the first name of the batch that was.
    Exists(Noun, Option<String>),
    /// The serial number is known, but a device may not activate it now.
    NotEnabled,
    /// The request fits the grammar and the caller, but not the present state.
    Conflict(Clash),
    /// A limit of the owning client is used up.
    LimitReached(Noun),
    /// Too many failed tries; the caller may come back after that many seconds.
    TooManyTries {
        /// Seconds until the next try is worth making.
        retry_after_s: u32,
    },
    /// The rule has to write and runs where it cannot; the store runs it again on its writer. Never leaves the store.
    ReadOnly,
    /// The store cannot take the request now; it may be sent again.
    Unavailable,
    /// A fault of ours. The text is for the log only and never leaves the server.
    Internal(String),
}

/// The name, as it stands on the wire, of the field that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field(pub &'static str);

/// What an error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noun {
    /// The account of a person.
    Account,
    /// An alias of a resource.
    Alias,
    /// A client of the ownership tree.
    Client,
    /// A named blob of a model.
    Content,
    /// A group of a model.
    Group,
    /// A client model.
    Model,
    /// The client under which a device is made.
    Owner,
    /// A serial-number range.
    Range,
    /// The link by which a person is invited.
    Invitation,
    /// Any resource: client, dataport, datarule, dispatch.
    Resource,
    /// A serial number.
    SerialNumber,
    /// The session of a person.
    Session,
    /// A share of a model, or the code of a shared resource.
    Share,
    /// A vendor token.
    Token,
    /// A vendor.
    Vendor,
}

/// A state that a request ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clash {
    /// The serial number already has a client.
    HasClient,
    /// The serial number has no client.
    NoClient,
    /// What the model clones is gone.
    NoTemplate,
    /// The calling client already has another vendor name.
    HasVendorName,
    /// The vendor still has models.
    HasModels,
    /// Nobody else could administer it any more.
    LastAdministrator,
    /// A range overlaps one that is there.
    RangeOverlaps,
    /// A member of a group would be its own ancestor, a resource its own owner.
    Cycle,
}

impl Noun {
    /// The word for it in an error's text.
    pub fn word(self) -> &'static str {
        match self {
            Noun::Account => "account",
            Noun::Alias => "alias",
            Noun::Client => "client",
            Noun::Content => "content",
            Noun::Group => "group",
            Noun::Invitation => "invitation",
            Noun::Model => "model",
            Noun::Owner => "owner",
            Noun::Range => "range",
            Noun::Resource => "resource",
            Noun::SerialNumber => "serial number",
            Noun::Session => "session",
            Noun::Share => "share",
            Noun::Token => "token",
            Noun::Vendor => "vendor",
        }
    }
}

impl Error {
    /// A fault of ours, with its cause for the log.
    pub fn internal(cause: impl fmt::Display) -> Error {
        Error::Internal(cause.to_string())
    }
}

/// For logs. What a caller is told is written in `api/common/codes.rs`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Error {}
