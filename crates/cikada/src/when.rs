//! Moments and spans as people write them: `2026-01-31 08:00:00`, `90s`, `24h`, `+30d`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 86_400;

/// A moment as `2026-01-31 08:00:00Z`.
pub fn utc(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY_S);
    let of_day = seconds % DAY_S;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// A span of time as people say it.
pub fn span(duration: Duration) -> String {
    match duration.as_micros() {
        micros @ 0..=999 => format!("{micros} µs"),
        micros @ 1_000..=9_999 => format!("{:.1} ms", micros as f64 / 1e3),
        micros @ 10_000..=999_999 => format!("{} ms", micros / 1_000),
        micros => format!("{:.1} s", micros as f64 / 1e6),
    }
}

/// How long ago something was, as people say it; what is still to come is `in 5 min`.
pub fn ago(seconds: i64) -> String {
    let said = match seconds.unsigned_abs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / DAY_S),
    };
    if seconds < 0 { format!("in {said}") } else { format!("{said} ago") }
}

/// Now, in Unix seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads a span: a number of seconds, or a number with `s`, `m`, `h` or `d`.
pub fn parse_span(text: &str) -> Result<u64, String> {
    let (digits, unit_s) = match text.char_indices().last() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3600),
        Some((end, 'd')) => (&text[..end], DAY_S),
        _ => (text, 1),
    };
    let number: Option<u64> = if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None };
    number
        .and_then(|number| number.checked_mul(unit_s))
        .ok_or_else(|| "write it as 3600, 90s, 15m, 24h or 7d".to_owned())
}

/// Reads a moment: Unix seconds, `2026-01-31` (midnight UTC), `+30d` from now, or `never`, which is 0.
pub fn parse_moment(text: &str) -> Result<u64, String> {
    let wrong = || "write it as 2026-01-31, +30d, never, or Unix seconds".to_owned();
    if text == "never" {
        return Ok(0);
    }
    if let Some(span) = text.strip_prefix('+') {
        return now().checked_add(parse_span(span)?).ok_or_else(wrong);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| wrong());
    }
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (Some(Some(year)), Some(Some(month)), Some(Some(day))) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let days = days_from_civil(year, month, day).ok_or_else(wrong)?;
    Ok(days * DAY_S)
}

/// The date of a day counted from 1970-01-01, in the proleptic Gregorian calendar. Years are counted from March, so that
/// the leap day comes last; 400 years are 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (400 * era + year_of_era + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil`], for dates that exist from 1970 to 9999.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let from_march_year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let of_era = from_march_year % 400;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = from_march_year / 400 * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = days.checked_sub(719_468)?;
    (civil(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_700_000_000, "2023-11-14 22:13:20Z"),
            (4_102_444_800, "2100-01-01 00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn a_date_is_its_midnight_and_must_exist() {
        assert_eq!(parse_moment("1970-01-01"), Ok(0));
        assert_eq!(parse_moment("2000-02-29"), Ok(951_782_400));
        assert_eq!(parse_moment("never"), Ok(0));
        assert_eq!(parse_moment("1700000000"), Ok(1_700_000_000));
        let in_a_day = parse_moment("+1d").unwrap();
        assert!(in_a_day.abs_diff(now() + DAY_S) <= 1);
        for wrong in ["2001-02-29", "2026-13-01", "2026-1", "tomorrow", "+", "+x", "-5", "", "+99999999999999999999d"] {
            assert!(parse_moment(wrong).is_err(), "{wrong:?}");
        }
        for day in (0..3_000_000).step_by(37).take_while(|day| civil(*day).0 <= 9999) {
            let (year, month, dom) = civil(day);
            assert_eq!(days_from_civil(year, month, dom), Some(day));
        }
    }

    #[test]
    fn an_age_is_told_in_one_unit() {
        for (seconds, text) in [
            (0, "0 s ago"),
            (119, "119 s ago"),
            (120, "2 min ago"),
            (7_199, "119 min ago"),
            (7_200, "2 h ago"),
            (172_800, "2 d ago"),
            (-300, "in 5 min"),
            (i64::MIN, "in 106751991167300 d"),
        ] {
            assert_eq!(ago(seconds), text);
        }
    }

    #[test]
    fn spans_have_units() {
        for (text, seconds) in [("60", 60), ("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("0", 0)] {
            assert_eq!(parse_span(text), Ok(seconds));
        }
        for wrong in ["", "h", "1.5h", "-1", "+1", "1w", "99999999999999999d", "é"] {
            assert!(parse_span(wrong).is_err(), "{wrong:?}");
        }
    }
}
