//! One HTTP answer, kept as the bytes that came.

use std::fmt;

/// A parsed answer beside the head it was parsed from.
#[derive(Clone)]
pub struct Answer {
    /// Status line, headers and blank line, byte by byte.
    pub head: Vec<u8>,
    /// `200` and so on.
    pub status: u16,
    /// Name and value of every header line, in order, spelled as they came.
    pub headers: Vec<(String, String)>,
    /// The body, without any transfer coding.
    pub body: Vec<u8>,
    /// How many bytes the first read on the socket returned: all of them, if the answer came in one segment.
    pub first_read: usize,
}

impl Answer {
    /// Reads a whole head, `\r\n\r\n` included.
    pub fn parse_head(head: &[u8]) -> Result<Answer, String> {
        let text = std::str::from_utf8(head).map_err(|_| "the head is not text".to_owned())?;
        let mut lines = text.strip_suffix("\r\n\r\n").ok_or("the head has no end")?.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| format!("not a status line: {status_line:?}"))?;
        let header = |line: &str| match line.split_once(": ") {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(format!("not a header line: {line:?}")),
        };
        let headers = lines.map(header).collect::<Result<_, _>>()?;
        Ok(Answer { head: head.to_vec(), status, headers, body: Vec::new(), first_read: 0 })
    }

    /// The status line without its line break.
    pub fn status_line(&self) -> &str {
        let text = std::str::from_utf8(&self.head).expect("parsed as text");
        text.split("\r\n").next().unwrap_or_default()
    }

    /// The value of a header, whatever the case of its name; it must not stand there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = found.next();
        assert!(found.next().is_none(), "{name} stands twice in {self:?}");
        first.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("the body is not UTF-8: {self:?}"))
    }

    /// The body's lines.
    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// Ends the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "expected {status}, got {self:?}");
        self
    }

    /// Ends the test unless the status is one of these.
    #[track_caller]
    pub fn expect_any(self, statuses: &[u16]) -> Answer {
        assert!(statuses.contains(&self.status), "expected one of {statuses:?}, got {self:?}");
        self
    }

    /// Head and body as they came.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), self.body.as_slice()].concat()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.body[..self.body.len().min(400)];
        write!(f, "\n{}{}", String::from_utf8_lossy(&self.head), String::from_utf8_lossy(shown))?;
        if shown.len() < self.body.len() { write!(f, "… ({} bytes)", self.body.len()) } else { Ok(()) }
    }
}
