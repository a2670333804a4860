//! Forms with files (RFC 7578), read as they come in: the fields before a file are known before its first byte is.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use model::{Error, Field, Result};

use crate::exchange::Body;

/// The head of one part.
const HEAD_BYTES: usize = 4096;
/// A field that is no file.
const TEXT_BYTES: usize = 64 << 10;
const BAD: Error = Error::Malformed(Field("body"));

/// The parts of a body, one after another.
pub struct Multipart {
    body: Body,
    /// CR LF, two dashes, and what the browser chose.
    delimiter: Vec<u8>,
    held: BytesMut,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeHead,
    InPart,
    Over,
}

/// What is said of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The field.
    pub name: String,
    /// The name of the file, if it is one.
    pub file_name: Option<String>,
    /// What the browser takes it for.
    pub content_type: Option<String>,
}

impl Multipart {
    /// The parts of a body; `UnknownContentType` where it is something else.
    pub fn new(headers: &HeaderMap, body: Body) -> Result<Multipart> {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (essence, parameters) = kind.split_once(';').ok_or(Error::UnknownContentType)?;
        if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Err(Error::UnknownContentType);
        }
        let boundary = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.trim().split_once('=')?;
            name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"').to_owned())
        });
        let boundary = boundary.filter(|text| (1..=70).contains(&text.len())).ok_or(BAD)?;
        // The first delimiter has no line before it.
        let held = BytesMut::from(&b"\r\n"[..]);
        Ok(Multipart { body, delimiter: format!("\r\n--{boundary}").into_bytes(), held, place: Place::InPart })
    }

    /// The text of the first field, which has to be called so.
    pub async fn first_text(&mut self, name: &str) -> Result<String> {
        match self.next().await? {
            Some(head) if head.name == name && head.file_name.is_none() => self.text().await,
            _ => Err(Error::Forbidden(model::Noun::Session)),
        }
    }

    /// The head of the next part; what is left of the one before is passed over. None at the end.
    pub async fn next(&mut self) -> Result<Option<Head>> {
        while self.place == Place::InPart {
            self.piece().await?;
        }
        if self.place == Place::Over {
            return Ok(None);
        }
        let end = loop {
            if let Some(end) = position(&self.held, b"\r\n\r\n") {
                break end;
            }
            if self.held.len() > HEAD_BYTES {
                return Err(BAD);
            }
            self.more().await?;
        };
        let head = read_head(&self.held.split_to(end + 4)[..end])?;
        self.place = Place::InPart;
        // An empty part has its delimiter right here, which begins with the line end that the head was parted by.
        let mut with_line_end = BytesMut::from(&b"\r\n"[..]);
        if self.held.starts_with(&self.delimiter[2..]) {
            with_line_end.extend_from_slice(&self.held);
            self.held = with_line_end;
        }
        Ok(Some(head))
    }

    /// The next bytes of the present part, None at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>> {
        if self.place != Place::InPart {
            return Ok(None);
        }
        loop {
            if let Some(at) = position(&self.held, &self.delimiter) {
                if at > 0 {
                    return Ok(Some(self.held.split_to(at).freeze()));
                }
                // After the delimiter: another part, or two dashes and the end.
                while self.held.len() < self.delimiter.len() + 2 {
                    self.more().await?;
                }
                let after = self.held.split_to(self.delimiter.len() + 2);
                self.place = match &after[self.delimiter.len()..] {
                    b"\r\n" => Place::BeforeHead,
                    b"--" => Place::Over,
                    _ => return Err(BAD),
                };
                return Ok(None);
            }
            let whole = self.held.len().saturating_sub(self.delimiter.len() - 1);
            if whole > 0 {
                return Ok(Some(self.held.split_to(whole).freeze()));
            }
            self.more().await?;
        }
    }

    /// The rest of the present part, as text.
    pub async fn text(&mut self) -> Result<String> {
        let bytes = self.bytes(TEXT_BYTES).await?;
        let text = String::from_utf8(bytes).map_err(|_| BAD)?;
        if text.contains('\0') { Err(BAD) } else { Ok(text) }
    }

    /// The rest of the present part, up to a limit.
    pub async fn bytes(&mut self, limit_bytes: usize) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            if whole.len() + piece.len() > limit_bytes {
                return Err(Error::TooLarge(Field("body")));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    async fn more(&mut self) -> Result<()> {
        let piece = self.body.next().await?.ok_or(BAD)?;
        self.held.extend_from_slice(&piece);
        Ok(())
    }
}

fn read_head(head: &[u8]) -> Result<Head> {
    let text = std::str::from_utf8(head).map_err(|_| BAD)?;
    let mut read = Head::default();
    for line in text.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(BAD)?;
        if name.eq_ignore_ascii_case("content-disposition") {
            read.name = parameter(value, "name").ok_or(BAD)?;
            read.file_name = parameter(value, "filename");
        } else if name.eq_ignore_ascii_case("content-type") {
            read.content_type = Some(value.trim().to_owned());
        }
    }
    Ok(read)
}

/// A quoted parameter, with the three escapes that browsers write.
fn parameter(value: &str, name: &str) -> Option<String> {
    let start = value.find(&format!("; {name}=\""))? + name.len() + 4;
    let rest = &value[start..];
    let text = &rest[..rest.find('"')?];
    Some(text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

fn position(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|window| window == sought)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::pin::Pin;

    use super::*;
    use crate::exchange::Pieces;

    struct Memory(VecDeque<Bytes>);

    impl Pieces for Memory {
        fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>>> + Send + '_>> {
            let piece = self.0.pop_front();
            Box::pin(async move { Ok(piece) })
        }

        fn declared_length(&self) -> Option<u64> {
            None
        }
    }

    fn parts(text: &[u8], piece: usize) -> Multipart {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "multipart/form-data; boundary=\"xYz\"".parse().unwrap());
        let pieces = text.chunks(piece).map(Bytes::copy_from_slice).collect();
        Multipart::new(&headers, Body::new(Memory(pieces))).unwrap()
    }

    #[tokio::test]
    async fn parts_are_read_however_they_come() {
        let text = b"--xYz\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n--xYz\r\n\
            content-disposition: form-data; name=\"empty\"\r\n\r\n\r\n--xYz\r\nContent-Disposition: form-data; name=\"file\"; \
            filename=\"a%22b.bin\"\r\nContent-Type: text/csv\r\n\r\n\r\n--xY\0\r\n--xYz--\r\n";
        for piece in [1, 2, 3, 7, 64, 4096] {
            let mut parts = parts(text, piece);
            assert_eq!(parts.first_text("csrf").await.unwrap(), "token");
            assert_eq!(parts.next().await.unwrap().unwrap().name, "empty");
            assert_eq!(parts.text().await.unwrap(), "", "{piece}");
            let head = parts.next().await.unwrap().unwrap();
            assert_eq!((head.name.as_str(), head.file_name.as_deref()), ("file", Some("a\"b.bin")));
            assert_eq!(head.content_type.as_deref(), Some("text/csv"));
            assert_eq!(parts.bytes(100).await.unwrap(), b"\r\n--xY\0");
            assert!(parts.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn what_breaks_off_or_says_too_much_is_refused() {
        let endless =
            [b"--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n".to_vec(), vec![b'x'; 200]].concat();
        assert!(parts(&endless, 64).first_text("a").await.is_err(), "breaks off");
        let head = [b"--xYz\r\nContent-Disposition: ".to_vec(), vec![b'x'; 9000]].concat();
        assert!(parts(&head, 64).next().await.is_err(), "a long head");
        let mut large = parts(b"--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n0123456789\r\n--xYz--", 4);
        large.next().await.unwrap();
        assert_eq!(large.bytes(9).await, Err(Error::TooLarge(Field("body"))));
        assert!(
            parts(b"--xYz\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nx\r\n--xYz--", 9)
                .first_text("a")
                .await
                .is_err()
        );
    }
}
