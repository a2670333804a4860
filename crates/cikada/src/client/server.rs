//! The server as the client sees it: a base URL, a credential, and an answer to every request.

use std::borrow::Cow;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use http::Uri;
use model::{Cik, SecretKey, Token};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::{Request, digest, refusal};
use crate::failure::{Failure, Outcome};
use crate::output::note;

/// The largest answer that is read into memory; blobs are streamed.
const ANSWER_BYTES: u64 = 256 << 20;
/// How often a busy server is asked again, and the longest wait before each time.
const BUSY_TRIES: u32 = 6;
const BUSY_WAIT_S: u64 = 30;

/// Who asks.
pub enum Credential {
    /// A client's own key.
    Cik(Cik),
    /// A vendor's token.
    Token(Token),
}

/// A server and who speaks to it.
pub struct Server {
    pub(super) agent: Agent,
    base: String,
    credential: Option<Credential>,
}

/// An answer, whatever its status.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, as text: everything that is not a blob is UTF-8.
    pub body: String,
}

impl Server {
    /// `base` is `http://host:port` or `https://host:port`; `authorities` are PEM certificates to trust.
    pub fn at(base: &str, authorities: Option<&[u8]>, credential: Option<Credential>) -> Outcome<Server> {
        let base = base.trim().trim_end_matches('/');
        let uri = check_base(base)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("cikada/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .timeout_per_write(Some(Duration::from_secs(60)))
            .timeout_await_100(Some(Duration::from_secs(5)))
            .max_idle_connections_per_host(64);
        if is_loopback(&uri) {
            config = config.proxy(None);
        }
        if let Some(pem) = authorities {
            config = config.tls_config(TlsConfig::builder().root_certs(root_certificates(pem)?).build());
        }
        Ok(Server { agent: Agent::new_with_config(config.build()), base: base.to_owned(), credential })
    }

    /// The base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends the request; anything but a 2xx is a failure.
    pub fn ask(&self, request: &Request) -> Outcome<Answer> {
        self.call(request)?.accepted(request)
    }

    /// The content type and SHA-256 of what a HEAD names, where the server tells them.
    pub fn digest_of(&self, request: &Request) -> Outcome<Option<(String, digest::Sha256)>> {
        let answer = self.send(&request.clone().header("Want-Repr-Digest", "sha-256=1"))?;
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let digest = if answer.status() == 200 { digest::parse_field(text("Repr-Digest")) } else { None };
        Ok(digest.map(|digest| (text("Content-Type").to_owned(), digest)))
    }

    /// Sends the request and gives the answer, whatever its status. A server that is busy is asked again after the time it
    /// asked for: it has changed nothing when it says so.
    pub fn call(&self, request: &Request) -> Outcome<Answer> {
        let mut tries = 0;
        loop {
            let mut answer = self.send(request)?;
            let status = answer.status().as_u16();
            tries += 1;
            if matches!(status, 429 | 503) && tries < BUSY_TRIES {
                let wait_s = retry_after_s(&answer).unwrap_or(1).clamp(1, BUSY_WAIT_S);
                note(format_args!("the server is busy ({status}); trying again in {wait_s} s"));
                thread::sleep(Duration::from_secs(wait_s));
                continue;
            }
            let bytes = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec();
            let bytes = bytes.map_err(|error| refusal::unreachable(&self.base, &request.doing, &error))?;
            return Ok(Answer { status, body: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }

    /// Sends a request that has its body in memory, or none.
    pub(super) fn send(&self, request: &Request) -> Outcome<http::Response<Body>> {
        let head = self.head(request);
        let sent = match &request.body {
            Some(bytes) => {
                let mut whole = head.body(bytes.as_slice()).map_err(unsendable)?;
                if let Some(patience) = request.patience {
                    whole = self.agent.configure_request(whole).timeout_per_read(Some(patience)).build();
                }
                self.agent.run(whole)
            }
            None => self.agent.run(head.body(()).map_err(unsendable)?),
        };
        sent.map_err(|error| refusal::unreachable(&self.base, &request.doing, &error))
    }

    /// Method, URL and headers, the credential among them.
    pub(super) fn head(&self, request: &Request) -> http::request::Builder {
        let mut builder =
            http::Request::builder().method(request.method.clone()).uri(format!("{}{}", self.base, request.target));
        builder = match &self.credential {
            Some(Credential::Cik(cik)) => builder.header("X-Exosite-CIK", cik.expose_hex()),
            Some(Credential::Token(token)) => builder.header("X-Exosite-Token", token.expose_hex()),
            None => builder,
        };
        request.headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, value))
    }
}

impl Answer {
    /// The answer if it is a 2xx, else the failure that explains it.
    pub fn accepted(self, request: &Request) -> Outcome<Answer> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(refusal::explain(request, &self)) }
    }

    /// The lines of a list of one column.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.body.lines().filter(|line| !line.is_empty())
    }

    /// The records of a CSV answer.
    pub fn records(&self) -> Outcome<Vec<Vec<String>>> {
        let records = wire::csv::Reader::new(self.body.as_bytes());
        records
            .map(|record| record.map(|record| record.fields.into_iter().map(Cow::into_owned).collect()))
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::new(format!("the server's answer is not CSV: {error}")).advise(NOT_CIKADA))
    }

    /// The one record of a CSV answer, with at least `fields` fields.
    pub fn record(&self, fields: usize) -> Outcome<Vec<String>> {
        let record = self.records()?.into_iter().next().unwrap_or_default();
        if record.len() < fields {
            return Err(Failure::new("the server's answer is shorter than it should be").advise(NOT_CIKADA));
        }
        Ok(record)
    }
}

/// What to look at when an answer makes no sense.
pub(super) const NOT_CIKADA: &str =
    "check that --server (or CIKADA_SERVER) names a cikada server and not a proxy in front of it";

fn unsendable(error: http::Error) -> Failure {
    Failure::new(format!("the request cannot be written: {error}"))
}

fn retry_after_s(answer: &http::Response<Body>) -> Option<u64> {
    answer.headers().get("Retry-After")?.to_str().ok()?.trim().parse().ok()
}

fn check_base(base: &str) -> Outcome<Uri> {
    let advice = "give it as http://host:port or https://host";
    let wrong = || Failure::new(format!("the server's address is not a URL: {base}")).advise(advice);
    let uri: Uri = base.parse().map_err(|_| wrong())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    if !is_http || uri.host().is_none_or(str::is_empty) || uri.query().is_some() { Err(wrong()) } else { Ok(uri) }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn root_certificates(pem: &[u8]) -> Outcome<RootCerts> {
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(Failure::new(format!("the file of --ca is not PEM: {error}"))),
        }
    }
    if certificates.is_empty() {
        return Err(Failure::new("the file of --ca holds no certificate"));
    }
    Ok(RootCerts::from(certificates))
}
