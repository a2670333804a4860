//! The head of a request as routes see it (contract, README "Rules for every HTTP answer", 6).

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;

use http::request::Parts;
use http::{HeaderMap, Method};
use model::{Error, Field, Result};

use super::path::{Path, Segments};
use super::seat::Seat;
use super::tls::Identity;

/// Method, path, query, headers and peer.
pub struct Head {
    method: Method,
    uri: http::Uri,
    headers: HeaderMap,
    path: Result<Option<Path>>,
    peer: IpAddr,
    seat: Option<Arc<Seat>>,
}

/// The credentials of a request as they came, each at most once. None where the header is missing or empty.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// `X-Exosite-CIK`.
    pub cik: Option<&'a str>,
    /// `X-Exosite-Token`.
    pub token: Option<&'a str>,
    /// `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
}

/// Whether somebody waits for an answer, also when the head of its request is gone.
pub struct Watch {
    seat: Option<Arc<Seat>>,
}

impl Watch {
    /// Ends when nobody waits for the answer any more: the peer has hung up, or the server stops.
    pub fn last_call(&self) -> impl Future<Output = ()> + Send + use<> {
        let seat = self.seat.clone();
        poll_fn(move |context| seat.as_ref().map_or(Poll::Pending, |seat| seat.poll_last_call(context)))
    }
}

impl Head {
    /// A head from its parts. The peer's address is written as IPv4 where it is one.
    pub fn new(parts: Parts, peer: IpAddr) -> Head {
        let path = Path::read(parts.uri.path());
        let peer = peer.to_canonical();
        Head { method: parts.method, uri: parts.uri, headers: parts.headers, path, peer, seat: None }
    }

    /// The same, of a request that came in over that connection.
    pub(super) fn seated(self, seat: Arc<Seat>) -> Head {
        Head { seat: Some(seat), ..self }
    }

    /// Sees whether somebody still waits for the answer. For routes that wait.
    pub fn watch(&self) -> Watch {
        Watch { seat: self.seat.clone() }
    }

    /// Whether it came over TLS.
    pub fn is_secure(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.is_secure())
    }

    /// The device that the connection's certificate names.
    pub fn identity(&self) -> Option<&Identity> {
        self.seat.as_ref()?.identity()
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The decoded segments of the path. `Malformed` for a bad escape; `None` where the path is deeper than any that is
    /// served.
    pub fn segments(&self) -> Result<Option<Segments<'_>>> {
        match &self.path {
            Ok(path) => Ok(path.as_ref().map(|path| path.segments(self.uri.path()))),
            Err(error) => Err(error.clone()),
        }
    }

    /// The path as it came.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The query as it came, without the question mark; empty where there is none.
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The caller's address.
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header, by its name in lower case: the first, where there are several. None where it is missing, empty or not text.
    pub fn header(&self, name: &'static str) -> Option<&str> {
        let value = self.headers.get(name)?;
        std::str::from_utf8(value.as_bytes()).ok().map(str::trim).filter(|text| !text.is_empty())
    }

    /// A header that may stand only once, by its name in lower case. None where it is missing or empty; `Malformed` where
    /// it is doubled or not text.
    pub fn single_header(&self, name: &'static str) -> Result<Option<&str>> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Error::Malformed(Field(name)));
        }
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| Error::Malformed(Field(name)))?.trim();
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The credentials; `Malformed` where one of them is doubled.
    pub fn credentials(&self) -> Result<Credentials<'_>> {
        Ok(Credentials {
            cik: self.single_header("x-exosite-cik")?,
            token: self.single_header("x-exosite-token")?,
            bearer: self.single_header("authorization")?.and_then(bearer),
        })
    }

    /// The media type of the body without its parameters, as it came.
    pub fn content_type(&self) -> Result<Option<&str>> {
        let value = self.single_header("content-type")?;
        let essence = value.map(|value| value.split_once(';').map_or(value, |(essence, _)| essence).trim());
        Ok(essence.filter(|essence| !essence.is_empty()))
    }
}

/// What follows `Bearer`. Another scheme is no credential of ours.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, credential) = authorization.split_once(' ')?;
    let credential = credential.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !credential.is_empty()).then_some(credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        let mut request = http::Request::get("/a/b%20c?d=e");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Head::new(request.body(()).unwrap().into_parts().0, "::ffff:192.0.2.7".parse().unwrap())
    }

    #[test]
    fn an_empty_credential_counts_as_absent_and_a_doubled_one_is_malformed() {
        let cik = "X-Exosite-CIK";
        assert_eq!(head(&[(cik, "")]).credentials().unwrap().cik, None);
        assert_eq!(head(&[(cik, "  ")]).credentials().unwrap().cik, None);
        assert_eq!(head(&[("x-eXOSITE-cik", " abc ")]).credentials().unwrap().cik, Some("abc"));
        let doubled = head(&[(cik, "abc"), (cik, "")]);
        assert_eq!(doubled.credentials().err(), Some(Error::Malformed(Field("x-exosite-cik"))));
    }

    #[test]
    fn a_bearer_is_told_from_other_schemes() {
        for (value, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Basic YTpi", None),
        ] {
            assert_eq!(head(&[("Authorization", value)]).credentials().unwrap().bearer, expected, "{value}");
        }
    }

    #[test]
    fn a_content_type_is_read_without_its_parameters() {
        for (value, expected) in [
            ("text/csv", Some("text/csv")),
            ("Text/CSV ; charset=utf-8", Some("Text/CSV")),
            ("", None),
            ("; a=b", None),
        ] {
            assert_eq!(head(&[("Content-Type", value)]).content_type(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn the_peer_is_written_as_ipv4_where_it_is_one() {
        let head = head(&[]);
        assert_eq!(head.peer().to_string(), "192.0.2.7");
        assert_eq!(head.segments().unwrap().unwrap()[..], ["a", "b c"]);
        assert_eq!(head.query(), "d=e");
    }
}
