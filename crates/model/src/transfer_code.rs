//! The code by which one owner hands a device to another: short enough to be read aloud.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Without `I`, `L`, `O` and `U`: what is read aloud or from paper is not mistaken.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 12;
const GROUP: usize = 4;

/// 60 random bits. It is good for one device, once, for a few days. Like all secrets it has no `Debug`, no `Display` and no
/// `==`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TransferCode([u8; LENGTH]);

impl TransferCode {
    /// The code that these random bytes make.
    pub fn from_random(bytes: &[u8; 32]) -> TransferCode {
        let mut digits = [0; LENGTH];
        for (digit, byte) in digits.iter_mut().zip(bytes) {
            *digit = DIGITS[usize::from(byte % 32)];
        }
        TransferCode(digits)
    }

    /// Reads a code as people type it: any case, with or without dashes and spaces, `O` for zero.
    pub fn parse(text: &str) -> Option<TransferCode> {
        let mut digits = [0; LENGTH];
        let mut count = 0;
        for c in text.bytes().filter(|c| !matches!(c, b'-' | b' ' | b'\t')) {
            let digit = match c.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                digit => digit,
            };
            *digits.get_mut(count)? = *DIGITS.iter().find(|known| **known == digit)?;
            count += 1;
        }
        (count == LENGTH).then_some(TransferCode(digits))
    }

    /// Its digits: for hashing only.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is shown to the one who hands the device over: `7K3M-9QXA-0T5R`.
    pub fn expose_text(&self) -> String {
        let groups = self.0.chunks(GROUP).map(|group| String::from_utf8_lossy(group).into_owned());
        groups.collect::<Vec<_>>().join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_comes_back_however_it_is_typed() {
        let code = TransferCode::from_random(&[27; 32]);
        let text = code.expose_text();
        assert_eq!(text.len(), LENGTH + 2);
        for typed in [text.clone(), text.to_lowercase(), text.replace('-', ""), text.replace('-', " ")] {
            assert_eq!(TransferCode::parse(&typed).unwrap().expose_text(), text);
        }
        assert_eq!(TransferCode::parse("o0il-0000-0000").unwrap().expose_text(), "0011-0000-0000");
        for bad in ["", "1234-5678-9AB", "1234-5678-9ABCD", "UUUU-0000-0000", "1234-5678-9AB\u{e9}"] {
            assert!(TransferCode::parse(bad).is_none(), "{bad}");
        }
    }
}
