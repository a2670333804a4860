//! One request, before it is sent: method, path, body, and the words for what it is to do.

use std::time::Duration;

use http::Method;
use wire::{form, path};

/// A request to the management or device API.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Vec<u8>>,
    /// Completes "cannot …" when it is refused.
    pub(super) doing: String,
    pub(super) advice: Vec<(u16, String)>,
    /// How long the answer may take, where it may take longer than others.
    pub(super) patience: Option<Duration>,
}

impl Request {
    /// `base` ends where the first segment begins; `segments` are encoded and joined with slashes.
    pub fn new(method: Method, base: &str, segments: &[&str]) -> Request {
        let mut target = base.to_owned();
        for (index, segment) in segments.iter().enumerate() {
            if index > 0 {
                target.push('/');
            }
            push_segment(&mut target, segment);
        }
        let doing = format!("call {method} {target}");
        Request { method, target, headers: Vec::new(), body: None, doing, advice: Vec::new(), patience: None }
    }

    /// A GET.
    pub fn get(base: &str, segments: &[&str]) -> Request {
        Request::new(Method::GET, base, segments)
    }

    /// A POST.
    pub fn post(base: &str, segments: &[&str]) -> Request {
        Request::new(Method::POST, base, segments)
    }

    /// Says what the request is to do: completes "cannot …".
    pub fn to(mut self, doing: impl Into<String>) -> Request {
        self.doing = doing.into();
        self
    }

    /// The answer may take so long to come.
    pub fn patient(mut self, patience: Duration) -> Request {
        self.patience = Some(patience);
        self
    }

    /// What to try when the answer is `status`.
    pub fn advise(mut self, status: u16, advice: impl Into<String>) -> Request {
        self.advice.push((status, advice.into()));
        self
    }

    /// Ends the path with a slash: the collection beneath, not the thing itself.
    pub fn collection(mut self) -> Request {
        self.target.push('/');
        self
    }

    /// Adds a field to the query.
    pub fn query(mut self, name: &str, value: &str) -> Request {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(&form::encode([(name, value)]));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends fields as a form.
    pub fn form<'a>(self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Request {
        self.body("application/x-www-form-urlencoded", form::encode(fields).into_bytes())
    }

    /// Sends `bytes`.
    pub fn body(mut self, content_type: &str, bytes: Vec<u8>) -> Request {
        self.headers.push(("Content-Type", content_type.to_owned()));
        self.body = Some(bytes);
        self
    }
}

/// A path segment; one of dots alone is written out, so that no proxy takes it for a step up.
fn push_segment(target: &mut String, segment: &str) {
    match segment {
        "." | ".." => target.push_str(&segment.replace('.', "%2E")),
        _ => target.push_str(&path::encode_segment(segment)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_odd_characters_stay_one_segment() {
        for (id, target) in [
            ("plain-1", "/m/plain-1"),
            ("01:02:03", "/m/01%3A02%3A03"),
            ("a b?c#d", "/m/a%20b%3Fc%23d"),
            ("é%", "/m/%C3%A9%25"),
            ("..", "/m/%2E%2E"),
            (".", "/m/%2E"),
            ("...", "/m/..."),
        ] {
            assert_eq!(Request::get("/m/", &[id]).target, target);
        }
    }

    #[test]
    fn a_query_and_a_collection_join_the_path() {
        let request = Request::get("/provision/manage/model/", &["m"]).collection().query("show", "a&b").query("x", "");
        assert_eq!(request.target, "/provision/manage/model/m/?show=a%26b&x=");
    }
}
