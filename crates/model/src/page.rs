//! Paging of the management API (contract, manage.md): `offset` from 0, `limit` 5 unless said, forced into 5..1000.

/// A window on an ordered list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to skip.
    pub offset: u64,
    /// Rows to give at most.
    pub limit: u32,
}

impl Page {
    /// The page that the two wire fields ask for; what does not parse as a number is the default.
    pub fn from_fields(offset: Option<&str>, limit: Option<&str>) -> Page {
        let offset = offset.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0).min(i64::MAX as u64);
        let limit = limit.and_then(|text| text.parse::<i64>().ok()).unwrap_or(5).clamp(5, 1000);
        Page { offset, limit: limit as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_forced_into_five_to_a_thousand() {
        for (given, limit) in [("0", 5), ("-3", 5), ("5", 5), ("6", 6), ("1000", 1000), ("1001", 1000), ("x", 5)] {
            assert_eq!(Page::from_fields(None, Some(given)), Page { offset: 0, limit });
        }
        assert_eq!(Page::from_fields(Some("7"), None), Page { offset: 7, limit: 5 });
        assert_eq!(Page::from_fields(Some("99999999999999999999"), None).offset, 0);
    }
}
