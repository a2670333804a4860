//! What a device remembers about its activation: the key it has, the nonce of a call that is under way.

use crate::Cik;
use crate::buffer::Writer;

const NONCE: usize = 32;
const HAS_KEY: u8 = 1;
const HAS_NONCE: u8 = 2;

/// The payload of [`crate::Record::Key`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Keys {
    /// The key. While there is a nonce too, the key is in doubt: the server refused it.
    pub(crate) cik: Option<Cik>,
    /// What makes a repeated call the same call.
    pub(crate) nonce: Option<[u8; NONCE]>,
}

impl Keys {
    pub(crate) const LENGTH: usize = 1 + Cik::LENGTH + NONCE;

    pub(crate) fn encode(&self) -> [u8; Keys::LENGTH] {
        let mut bytes = [0; Keys::LENGTH];
        let flags = if self.cik.is_some() { HAS_KEY } else { 0 } | if self.nonce.is_some() { HAS_NONCE } else { 0 };
        let cik = self.cik.as_ref().map_or(&[0; Cik::LENGTH], Cik::as_bytes);
        Writer::new(&mut bytes).bytes(&[flags]).bytes(cik).bytes(&self.nonce.unwrap_or_default());
        bytes
    }

    /// A payload of another shape counts as nothing remembered.
    pub(crate) fn decode(bytes: &[u8]) -> Keys {
        let Some((&[flags], rest)) = bytes.split_first_chunk::<1>() else { return Keys::default() };
        let Some((cik, nonce)) = rest.split_first_chunk::<{ Cik::LENGTH }>() else { return Keys::default() };
        Keys {
            cik: if flags & HAS_KEY != 0 { Cik::parse(cik) } else { None },
            nonce: if flags & HAS_NONCE != 0 { nonce.try_into().ok() } else { None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_reads_back() {
        let cik = Cik::parse(&[b'a'; 40]);
        for keys in [
            Keys::default(),
            Keys { cik, nonce: None },
            Keys { cik: None, nonce: Some([b'7'; 32]) },
            Keys { cik, nonce: Some([b'7'; 32]) },
        ] {
            let back = Keys::decode(&keys.encode());
            assert_eq!(back.nonce, keys.nonce);
            assert_eq!(back.cik.map(|cik| *cik.as_bytes()), keys.cik.map(|cik| *cik.as_bytes()));
        }
        assert!(Keys::decode(b"").nonce.is_none());
    }
}
