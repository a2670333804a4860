//! How far a download has come, as it is remembered over a power cut.

use sha2::{Digest, Sha256};

use super::Target;
use crate::buffer::{Writer, copy};

/// The longest version mark that is remembered. One that is longer makes a download start over after a cut.
const ETAG: usize = 80;
const FIXED: usize = 16 + 8 + 8 + 32 + 1;

/// The server's mark of one version of a blob: a strong ETag with its quotes, or the bytes of CoAP's option.
#[derive(Clone, Copy)]
pub struct Etag {
    bytes: [u8; ETAG],
    length: u8,
}

impl Etag {
    /// No mark.
    pub(crate) const NONE: Etag = Etag { bytes: [0; ETAG], length: 0 };

    /// Takes a mark; one that is too long to keep counts as none.
    pub(crate) fn new(text: &[u8]) -> Etag {
        let mut etag = Etag::NONE;
        if let Some(place) = etag.bytes.get_mut(..text.len()) {
            copy(place, text);
            etag.length = text.len() as u8;
        }
        etag
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    pub(crate) fn is_none(&self) -> bool {
        self.length == 0
    }

    /// Whether both are marks, and the same one.
    pub(crate) fn is(&self, other: &Etag) -> bool {
        !self.is_none() && self.as_bytes() == other.as_bytes()
    }
}

/// The payload of [`crate::Record::Progress`].
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    /// Which content goes where: progress of another one is not ours.
    pub(crate) binding: [u8; 16],
    pub(crate) total: u64,
    /// So many bytes are in the image and would survive a power cut.
    pub(crate) offset: u64,
    /// What the whole must hash to.
    pub(crate) digest: [u8; 32],
    pub(crate) etag: Etag,
}

impl Progress {
    pub(crate) const LONGEST: usize = FIXED + ETAG;

    pub(crate) fn encode(&self) -> [u8; Progress::LONGEST] {
        let mut bytes = [0; Progress::LONGEST];
        let mut writer = Writer::new(&mut bytes);
        writer.bytes(&self.binding).bytes(&self.total.to_le_bytes()).bytes(&self.offset.to_le_bytes());
        writer.bytes(&self.digest).bytes(&[self.etag.length]).bytes(&self.etag.bytes);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Progress> {
        let (binding, rest) = bytes.split_first_chunk()?;
        let (total, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk()?;
        let (&length, rest) = rest.split_first()?;
        let etag = Etag::new(rest.get(..usize::from(length))?);
        let (total, offset) = (u64::from_le_bytes(*total), u64::from_le_bytes(*offset));
        (offset <= total).then_some(Progress { binding: *binding, total, offset, digest: *digest, etag })
    }
}

/// Sixteen bytes that stand for a content and the place it goes to.
pub(crate) fn binding(target: &Target<'_>) -> [u8; 16] {
    let mut hash = Sha256::new();
    for text in [target.vendor, target.model, target.id] {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hash.update([target.place]);
    let mut binding = [0; 16];
    binding.iter_mut().zip(hash.finalize()).for_each(|(place, byte)| *place = byte);
    binding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_back_and_nonsense_does_not() {
        let target = Target { vendor: "v", model: "m", id: "firmware_v2", place: 1 };
        let etag = Etag::new(b"\"abc\"");
        let progress = Progress { binding: binding(&target), total: 100, offset: 60, digest: [7; 32], etag };
        let back = Progress::decode(&progress.encode()).unwrap();
        assert_eq!((back.binding, back.total, back.offset, back.digest), (progress.binding, 100, 60, [7; 32]));
        assert!(back.etag.is(&etag));
        assert!(Progress::decode(&progress.encode()[..63]).is_none());
        assert!(Progress::decode(&Progress { offset: 101, ..progress }.encode()).is_none());
        assert_ne!(binding(&target), binding(&Target { place: 0, ..target }));
        assert_ne!(binding(&target), binding(&Target { vendor: "vm", model: "", ..target }));
    }

    #[test]
    fn a_mark_is_only_the_same_as_itself() {
        assert!(!Etag::NONE.is(&Etag::NONE));
        assert!(Etag::new(&[b'x'; 81]).is_none());
        assert!(!Etag::new(b"\"a\"").is(&Etag::new(b"\"b\"")));
    }
}
