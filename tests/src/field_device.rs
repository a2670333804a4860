//! The smallest deployed firmware: it reads an answer into 200 bytes and searches them for words
//! (contract, README "Rules for every HTTP answer").

/// What such a device keeps of an answer: the first 199 bytes, and a zero for C's string functions.
pub struct FieldDevice {
    buffer: Vec<u8>,
}

impl FieldDevice {
    /// Reads as much of the answer as fits.
    pub fn read(answer: &[u8]) -> FieldDevice {
        FieldDevice { buffer: answer[..answer.len().min(199)].to_vec() }
    }

    /// Whether it sees a 200.
    pub fn sees_ok(&self) -> bool {
        self.finds(b"HTTP/1.1 200 OK").is_some()
    }

    /// Whether it sees a 204.
    pub fn sees_no_content(&self) -> bool {
        self.finds(b"HTTP/1.1 204 No Content").is_some()
    }

    /// The 40 bytes after the first blank line, if the buffer holds that many.
    pub fn key(&self) -> Option<&str> {
        let body = self.finds(b"\r\n\r\n")? + 4;
        std::str::from_utf8(self.buffer.get(body..body + 40)?).ok()
    }

    fn finds(&self, words: &[u8]) -> Option<usize> {
        self.buffer.windows(words.len()).position(|window| window == words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_behind_the_two_hundredth_byte_is_lost() {
        let answer = |head: usize| {
            let filler = "x".repeat(head - "HTTP/1.1 200 OK\r\nX: \r\n\r\n".len());
            format!("HTTP/1.1 200 OK\r\nX: {filler}\r\n\r\n{}", "a".repeat(40))
        };
        let fits = FieldDevice::read(answer(159).as_bytes()).key().map(str::len);
        assert_eq!(fits, Some(40));
        assert_eq!(FieldDevice::read(answer(160).as_bytes()).key(), None);
    }
}
