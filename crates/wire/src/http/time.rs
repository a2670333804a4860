//! Instants in headers: an HTTP-date (RFC 9110, section 5.6.7), and where the platform's clients send them, bare unix
//! seconds too (contract, data.md "Long polling").

use std::time::{Duration, UNIX_EPOCH};

use model::UnixSeconds;

use super::trim;

/// The last second that an HTTP-date can say: 9999-12-31T23:59:59Z.
const LAST_DATE: UnixSeconds = 253_402_300_799;

/// Reads `If-Modified-Since`: unix seconds or an HTTP-date in one of its three forms.
pub fn parse_since(value: &str) -> Option<UnixSeconds> {
    let value = trim(value);
    if !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit()) {
        return value.parse().ok();
    }
    parse_http_date(value)
}

/// Reads an HTTP-date in one of its three forms.
pub fn parse_http_date(value: &str) -> Option<UnixSeconds> {
    let since_epoch = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_secs()).ok()
}

/// Writes an HTTP-date. An instant before 1970 or after 9999 has none and is written as the nearest that has.
pub fn http_date(at: UnixSeconds) -> String {
    let seconds = at.clamp(0, LAST_DATE).unsigned_abs();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn since_is_unix_seconds_or_a_date() {
        for (value, at) in [
            ("0", Some(0)),
            ("784111777", Some(784_111_777)),
            (" 784111777 ", Some(784_111_777)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("-1", None),
            ("1.5", None),
            ("+1", None),
            ("", None),
            ("now", None),
        ] {
            assert_eq!(parse_since(value), at, "{value}");
        }
    }

    #[test]
    fn a_date_beyond_the_calendar_is_written_as_its_edge() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(i64::MIN), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    proptest! {
        #[test]
        fn every_second_comes_back(at in 0..=LAST_DATE) {
            prop_assert_eq!(parse_http_date(&http_date(at)), Some(at));
            prop_assert_eq!(parse_since(&at.to_string()), Some(at));
        }

        #[test]
        fn no_value_makes_reading_a_time_panic(value in ".*|[A-Za-z]{3}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT") {
            parse_since(&value);
        }
    }
}
