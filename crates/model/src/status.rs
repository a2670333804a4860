//! The status of a serial number (contract, README "Life of a serial number").

use std::fmt;

/// Where a serial number stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Registered, or covered by a range; it has no client.
    #[default]
    Unused,
    /// It has a client, and the device may call in until the window closes.
    NotActivated,
    /// The device has its CIK.
    Activated,
    /// The window closed unused, or the CIK was disabled.
    Expired,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Status; 4] = [Status::Unused, Status::NotActivated, Status::Activated, Status::Expired];

    /// The word on the wire; unused is the empty one.
    pub fn word(self) -> &'static str {
        match self {
            Status::Unused => "",
            Status::NotActivated => "notactivated",
            Status::Activated => "activated",
            Status::Expired => "expired",
        }
    }

    /// The status that this word of the wire stands for.
    pub fn from_word(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.word() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_comes_back_from_its_word() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
        }
        assert_eq!(Status::from_word(""), Some(Status::Unused));
        assert_eq!(Status::from_word("unused"), None);
        assert_eq!(Status::from_word("Activated"), None);
    }
}
