//! What survives when a device's power fails: records and two firmware slots. A write that is cut short leaves rubbish.

use device::Record;
use device::board::{Fault, Memory};

#[derive(Default)]
pub struct Flash {
    records: [[Vec<u8>; 2]; 3],
    images: [Vec<u8>; 2],
}

impl Flash {
    /// The power fails after so many bytes of a record are written.
    pub fn tear_record(&mut self, record: Record, slot: u8, bytes: &[u8], written: usize) {
        let place = &mut self.records[record as usize][usize::from(slot & 1)];
        *place = vec![0xff; bytes.len()];
        let written = written.min(bytes.len());
        place[..written].copy_from_slice(&bytes[..written]);
    }

    pub fn image(&self, slot: u8) -> &[u8] {
        &self.images[usize::from(slot & 1)]
    }

    /// Reads an image, as much as fits.
    pub fn read_image(&self, slot: u8, offset: u64, into: &mut [u8]) -> usize {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.image(slot).get(from..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        length
    }

    /// Writes at an offset; what was behind it is erased, as a sector is.
    pub fn write_image(&mut self, slot: u8, offset: u64, bytes: &[u8]) {
        let image = &mut self.images[usize::from(slot & 1)];
        image.resize(usize::try_from(offset).unwrap_or(usize::MAX).min(1 << 24), 0xff);
        image.extend_from_slice(bytes);
    }

    /// The old image is not needed any more; ten thousand devices share one memory here.
    pub fn drop_image(&mut self, slot: u8) {
        self.images[usize::from(slot & 1)] = Vec::new();
    }
}

impl Memory for Flash {
    fn load(&mut self, record: Record, slot: u8, into: &mut [u8]) -> Result<usize, Fault> {
        let bytes = &self.records[record as usize][usize::from(slot & 1)];
        let length = bytes.len().min(into.len());
        into[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn store(&mut self, record: Record, slot: u8, bytes: &[u8]) -> Result<(), Fault> {
        self.records[record as usize][usize::from(slot & 1)] = bytes.to_vec();
        Ok(())
    }
}
