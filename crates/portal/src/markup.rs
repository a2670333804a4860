//! Small pieces of pages that Rust writes rather than a template: instants, sizes, names in paths.

use std::fmt;

use askama::filters::HtmlSafe;
use model::{Status, UnixSeconds};

use crate::segment;

/// An instant as a `<time>`, which a script shows in the viewer's zone. Nothing in it comes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(pub UnixSeconds);

/// The same, as a distance: "3 minutes ago".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ago(pub UnixSeconds);

/// A number of bytes for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// A number with its thousands parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub i64);

/// A span of time for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub i64);

/// A whole number, as a template hands it over: itself, or a reference to it.
pub trait Number {
    fn number(&self) -> i64;
}

macro_rules! number {
    ($($type:ty),*) => {
        $(impl Number for $type {
            fn number(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        })*
    };
}

number!(i64, u64, usize);

impl<N: Number + ?Sized> Number for &N {
    fn number(&self) -> i64 {
        (**self).number()
    }
}

/// An instant, in a template.
pub fn at(instant: impl Number) -> At {
    At(instant.number())
}

/// An instant as a distance, in a template.
pub fn ago(instant: impl Number) -> Ago {
    Ago(instant.number())
}

/// A number of bytes, in a template.
pub fn bytes(amount: impl Number) -> Bytes {
    Bytes(amount.number().unsigned_abs())
}

/// A number, in a template.
pub fn count(amount: impl Number) -> Count {
    Count(amount.number())
}

/// A span of seconds, in a template.
pub fn span(seconds: impl Number) -> Span {
    Span(seconds.number())
}

impl HtmlSafe for At {}
impl HtmlSafe for Ago {}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\">{}</time>", exact(self.0), readable(self.0))
    }
}

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\" data-as=\"relative\">{}</time>", exact(self.0), readable(self.0))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return write!(f, "{} bytes", self.0);
        }
        let (mut value, mut unit) = (self.0 as f64 / 1024.0, 0);
        while value >= 1024.0 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let digits = if value < 10.0 { 1 } else { 0 };
        write!(f, "{value:.digits$} {}", UNITS[unit])
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.unsigned_abs().to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push('\u{202f}');
            }
            text.push(digit);
        }
        write!(f, "{}{text}", if self.0 < 0 { "−" } else { "" })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let mut left = self.0.max(0);
        let mut parts = Vec::new();
        for (unit, word) in UNITS {
            let count = left / unit;
            left %= unit;
            if count > 0 {
                parts.push(format!("{count} {word}{}", if count == 1 { "" } else { "s" }));
            }
        }
        f.write_str(if parts.is_empty() { "no time" } else { "" })?;
        f.write_str(&parts.join(" "))
    }
}

/// The word and the mark of a status, as the style sheet knows it.
pub fn status_mark(status: Status) -> &'static str {
    match status {
        Status::Unused => "unused",
        other => other.word(),
    }
}

/// What a person reads for a status.
pub fn status_title(status: Status) -> &'static str {
    match status {
        Status::Unused => "unused",
        Status::NotActivated => "waiting",
        Status::Activated => "activated",
        Status::Expired => "expired",
    }
}

/// The path of a model and what is under it.
pub fn model_path(model: &str, rest: &[&str]) -> String {
    let mut path = format!("/portal/models/{}", segment::written(model));
    for name in rest {
        path.push('/');
        path.push_str(&segment::written(name));
    }
    path
}

/// `2026-11-28T16:00:00Z`
pub fn exact(at: impl Number) -> String {
    let at = at.number();
    let (year, month, day) = date(at.div_euclid(86_400));
    let second = at.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// `2026-11-28`
pub fn day(at: UnixSeconds) -> String {
    let (year, month, day) = date(at.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-28 16:00 UTC`
pub fn readable(at: UnixSeconds) -> String {
    let second = at.rem_euclid(86_400);
    format!("{} {:02}:{:02} UTC", day(at), second / 3600, second / 60 % 60)
}

/// Reads `2026-11-28`, or `2026-11-28T16:00` as a browser's field for an instant writes it, as UTC.
pub fn read_instant(text: &str) -> Option<UnixSeconds> {
    let (day, time) = text.trim().trim_end_matches('Z').split_once(['T', ' ']).unwrap_or((text.trim(), "00:00"));
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut clock = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    let is_good = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    let days = is_good.then(|| days_before(year, month) + day - 1)?;
    (date(days) == (year, month, day)).then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The days from 1970 to the first of a month, by the civil calendar.
fn days_before(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a number of days from 1970.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_and_read_back() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_881_600, "2026-11-28T16:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(exact(at), text);
            assert_eq!(read_instant(text), Some(at));
        }
        assert_eq!(read_instant("2026-11-28"), Some(1_795_824_000));
        for bad in ["", "2026-02-29", "2026-13-01", "2026-01-01T24:00", "x", "2026-1-1T1", "1969-12-31"] {
            assert_eq!(read_instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn amounts_are_written_for_people() {
        assert_eq!(Bytes(1023).to_string(), "1023 bytes");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Bytes(4 << 30).to_string(), "4.0 GiB");
        assert_eq!(Count(1_234_567).to_string(), "1\u{202f}234\u{202f}567");
        assert_eq!(Span(90_061).to_string(), "1 day 1 hour 1 minute 1 second");
        assert_eq!(Span(0).to_string(), "no time");
    }
}
