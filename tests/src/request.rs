//! One HTTP request, written down exactly as it goes out.

use crate::form::form;

/// A request in the making. `Host` and `Content-Length` are added when the text doesn't say them itself; nothing else is.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    version: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// `method target`, without headers and body.
    pub fn new(method: &str, target: &str) -> Request {
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            version: "HTTP/1.1",
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A GET.
    pub fn get(target: &str) -> Request {
        Request::new("GET", target)
    }

    /// A POST of a form, with its content type.
    pub fn post(target: &str, fields: &[(&str, &str)]) -> Request {
        Request::new("POST", target).header("Content-Type", "application/x-www-form-urlencoded").body(form(fields))
    }

    /// Adds a header line.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header line when there is a value.
    pub fn maybe(self, name: &str, value: Option<&str>) -> Request {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// Speaks HTTP/1.0.
    pub fn http_1_0(mut self) -> Request {
        self.version = "HTTP/1.0";
        self
    }

    /// Its method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Its path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The bytes that go out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let said = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} {}\r\n", self.method, self.target, self.version);
        if !said("host") {
            head.push_str("Host: cikada.test\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let bodiless = self.body.is_empty() && matches!(self.method.as_str(), "GET" | "HEAD" | "DELETE" | "OPTIONS");
        if !bodiless && !said("content-length") && !said("transfer-encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
