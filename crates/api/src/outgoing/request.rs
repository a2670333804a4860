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
    let judge = Judge { resolver: DefaultResolver::default(), allowed: allowed.to_vec() };
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
struct Judge {
    resolver: DefaultResolver,
    allowed: Vec<Network>,
}

impl Resolver for Judge {
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
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{IpAddr, TcpListener};
    use std::thread::JoinHandle;

    use super::*;

    fn message(method: Method, recipient: &str) -> Message {
        Message { id: 1, method, recipient: recipient.to_owned(), subject: String::new(), text: "hot".to_owned() }
    }

    fn loopback() -> [Network; 1] {
        [Network { address: IpAddr::from([127, 0, 0, 1]), bits: 8 }]
    }

    /// A recipient that answers once, and what it was sent.
    fn recipient(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/path?q=1", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut tcp, _) = listener.accept().unwrap();
            tcp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let (mut heard, mut bytes) = (Vec::new(), [0; 4096]);
            while let Ok(count @ 1..) = tcp.read(&mut bytes) {
                heard.extend_from_slice(&bytes[..count]);
                if heard.ends_with(b"hot") {
                    break;
                }
            }
            tcp.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(heard).unwrap()
        });
        (url, served)
    }

    #[test]
    fn a_message_is_sent_as_its_method_says() {
        for (method, line) in [(Method::HttpGet, "GET"), (Method::HttpPost, "POST"), (Method::HttpPut, "PUT")] {
            let (url, served) = recipient("HTTP/1.1 204 No Content\r\n\r\n");
            assert_eq!(send(&loopback(), &message(method, &url), Duration::from_secs(5)), Delivery::Delivered);
            let heard = served.join().unwrap();
            assert!(heard.starts_with(&format!("{line} /path?q=1 HTTP/1.1\r\n")), "{heard}");
            assert_eq!(heard.ends_with("hot"), method != Method::HttpGet, "{heard}");
        }
    }

    #[test]
    fn a_redirect_is_not_followed_and_a_refusal_is_told() {
        let (url, _served) =
            recipient("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
        let redirected = send(&loopback(), &message(Method::HttpGet, &url), Duration::from_secs(5));
        assert_eq!(redirected, Delivery::Undelivered("its recipient points elsewhere"));
        let (url, _served) = recipient("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
        let refused = send(&loopback(), &message(Method::HttpGet, &url), Duration::from_secs(5));
        assert_eq!(refused, Delivery::Undelivered("its recipient refused it"));
    }

    #[test]
    fn a_recipient_inside_is_not_called_however_it_is_spelled() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "localhost",
            "LOCALHOST",
            "127.0.0.1.",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:0:0:1]",
            "0",
            "0.0.0.0",
            "[::]",
            "127.255.255.254",
            "169.254.169.254",
            "10.0.0.1",
            "[fe80::1]",
            "[fd00::1]",
            "[64:ff9b::7f00:1]",
        ] {
            let url = format!("http://{host}:{port}/");
            let delivery = send(&[], &message(Method::HttpGet, &url), Duration::from_secs(2));
            assert!(matches!(delivery, Delivery::Undelivered(_)), "{url}");
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "somebody called");
    }

    #[test]
    fn only_plain_urls_of_http_are_called() {
        for url in [
            "",
            "example.org",
            "ftp://example.org/",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "http://user@example.org/",
            "http://a:b@example.org/",
            "http://example.org\\@127.0.0.1/",
            "http://exa mple.org/",
            "http://example.org/\r\nX: y",
            "gopher://example.org/",
            "javascript:1",
            "http://exämple.org/",
        ] {
            assert!(readable(url).is_none(), "{url:?}");
        }
        assert!(readable("https://example.org:8443/a?b=c").is_some());
    }
}
