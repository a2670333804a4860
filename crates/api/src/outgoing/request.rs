//! `http_get`, `http_post`, `http_put` (threat T37): the name is resolved once, what it resolves to is judged, and that is what is
//! called. Nothing is followed, and the answer's body is not read.

use std::io;
use std::time::Duration;

use domain::processing::{Delivery, Message, Method};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use super::address::{Network, may_be_called};

/// The largest head of an answer.
const HEAD_BYTES: usize = 64 << 10;
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// Sends a message as a request.
pub(super) fn send(allowed: &[Network], message: &Message, patience: Duration) -> Delivery {
    send_through(DefaultResolver::default(), allowed, message, patience)
}

/// The same, with names resolved so.
fn send_through(resolver: impl Resolver, allowed: &[Network], message: &Message, patience: Duration) -> Delivery {
    let Some(uri) = readable(&message.recipient) else {
        return Delivery::Undelivered("its recipient is no URL of http or https");
    };
    let config = Config::builder()
        .timeout_global(Some(patience))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_response_header_size(HEAD_BYTES)
        .proxy(None)
        .user_agent("cikada")
        .build();
    let judge = Judge { resolver, allowed: allowed.to_vec() };
    let agent = Agent::with_parts(config, DefaultConnector::default(), judge);
    let answer = match message.method {
        Method::HttpPost => agent.post(uri).content_type(PLAIN_TEXT).send(message.text.as_str()),
        Method::HttpPut => agent.put(uri).content_type(PLAIN_TEXT).send(message.text.as_str()),
        _ => agent.get(uri).call(),
    };
    match answer {
        Ok(answer) if answer.status().is_success() => Delivery::Delivered,
        Ok(answer) if answer.status().is_redirection() => Delivery::Undelivered("its recipient points elsewhere"),
        Ok(_) => Delivery::Undelivered("its recipient refused it"),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            Delivery::Undelivered("its recipient is not on the public internet")
        }
        Err(Error::Timeout(_)) => Delivery::Undelivered("its recipient took too long"),
        Err(_) => Delivery::Undelivered("its recipient cannot be reached"),
    }
}

/// A URL with nothing in it that could be read in two ways.
fn readable(recipient: &str) -> Option<Uri> {
    let is_plain = recipient.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let uri: Uri = recipient.parse().ok().filter(|_| is_plain)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority()?.as_str();
    (is_http && !authority.contains('@')).then_some(uri)
}

/// Resolves a name and leaves only the addresses that may be called.
#[derive(Debug)]
struct Judge<R> {
    resolver: R,
    allowed: Vec<Network>,
}

impl<R: Resolver> Resolver for Judge<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        let mut callable = self.empty();
        for address in found.iter().filter(|address| may_be_called(address.ip(), &self.allowed)) {
            callable.push(*address);
        }
        match callable.is_empty() {
            true => Err(Error::Io(io::ErrorKind::PermissionDenied.into())),
            false => Ok(callable),
        }
    }
}

#[cfg(test)]
mod tests;
