//! Who a device says it is, and the key it gets for saying so (contract README, "Words" and "Limits").

/// The three names with which a device activates. They are read from the firmware and the hardware, so they are checked once.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    pub(crate) vendor: &'a str,
    pub(crate) model: &'a str,
    pub(crate) serial_number: &'a str,
}

/// The name that the server would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// The vendor is not 1 to 100 of `A-Z a-z 0-9 . _ -`.
    Vendor,
    /// The model is not 1 to 100 of `A-Z a-z 0-9 . _ -`.
    Model,
    /// The serial number is empty, over 128 bytes, or holds a control character, a comma, a slash or an outer space.
    SerialNumber,
}

impl<'a> Identity<'a> {
    /// Takes the three names, or says which one the server would refuse.
    pub fn new(vendor: &'a str, model: &'a str, serial_number: &'a str) -> Result<Identity<'a>, BadName> {
        if !is_name(vendor) {
            return Err(BadName::Vendor);
        }
        if !is_name(model) {
            return Err(BadName::Model);
        }
        if !is_id(serial_number) {
            return Err(BadName::SerialNumber);
        }
        Ok(Identity { vendor, model, serial_number })
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    (1..=100).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether a text may stand for a serial number, a content or an alias.
pub(crate) fn is_id(text: &str) -> bool {
    // U+0080 to U+009F are control characters too: in UTF-8 they are 0xC2 and the byte itself.
    let control = |pair: &[u8]| pair[0] == 0xC2 && pair[1] < 0xA0;
    (1..=128).contains(&text.len())
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.bytes().any(|c| c.is_ascii_control() || matches!(c, b',' | b'/'))
        && !text.as_bytes().windows(2).any(control)
}

/// The key that authenticates an activated device: 40 lower-case hex digits. It has no `Debug`, so no log shows it by accident.
#[derive(Clone, Copy)]
pub struct Cik([u8; Cik::LENGTH]);

impl Cik {
    /// Its length, in characters.
    pub const LENGTH: usize = 40;

    /// Reads exactly 40 lower-case hex digits.
    pub fn parse(text: &[u8]) -> Option<Cik> {
        let digits: [u8; Cik::LENGTH] = text.try_into().ok()?;
        digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(Cik(digits))
    }

    /// The 40 digits, as they go on the wire.
    pub fn as_bytes(&self) -> &[u8; Cik::LENGTH] {
        &self.0
    }

    /// The 40 digits, as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_would_refuse_is_refused_before_any_call() {
        assert!(Identity::new("vendor", "m-1.2_3", "00:11 22").is_ok());
        assert_eq!(Identity::new("", "m", "1").unwrap_err(), BadName::Vendor);
        assert_eq!(Identity::new("v", "a b", "1").unwrap_err(), BadName::Model);
        for wrong in ["", " 1", "1 ", "1,2", "1/2", "1\n", "a\u{85}b", "\u{7f}"] {
            assert_eq!(Identity::new("v", "m", wrong).unwrap_err(), BadName::SerialNumber, "{wrong:?}");
        }
        assert!(Identity::new("v", "m", "a\u{a0}b").is_ok());
    }

    #[test]
    fn a_cik_is_forty_lower_case_hex_digits() {
        let text = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(Cik::parse(text.as_bytes()).unwrap().as_str(), text);
        for wrong in ["", &text[1..], &text.to_uppercase(), "<html>012345678901234567890123456789</ht>"] {
            assert!(Cik::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
