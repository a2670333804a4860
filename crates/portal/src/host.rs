//! Whose name a browser called (threat T13). A page that answers to any name can be read by a stranger's page whose name was made
//! to point here; so the name is the one that the operator set, and without one an address or this machine's own name.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use http::header::HOST;

/// Where browsers find the portal: scheme and authority, such as `https://portal.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: &'static str,
    authority: String,
}

impl BaseUrl {
    /// Reads `https://name` or `http://name:port`, perhaps with a slash at its end.
    pub fn parse(text: &str) -> Option<BaseUrl> {
        let (scheme, rest) = match text.split_once("://")? {
            ("https", rest) => ("https", rest),
            ("http", rest) => ("http", rest),
            _ => return None,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if authority.is_empty() || !authority.chars().all(good) {
            return None;
        }
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(default_port).unwrap_or(&authority).to_owned();
        Some(BaseUrl { scheme, authority })
    }

    /// Whether browsers come over TLS.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// The URL by which this request came, if that is one to answer to.
pub fn accept(headers: &HeaderMap, is_secure: bool, base: Option<&BaseUrl>) -> Option<BaseUrl> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?.trim().to_ascii_lowercase();
    if hosts.next().is_some() {
        return None;
    }
    if let Some(base) = base {
        let default_port = if base.is_secure() { ":443" } else { ":80" };
        let is_ours = host == base.authority || host.strip_suffix(default_port) == Some(&base.authority);
        return is_ours.then(|| base.clone());
    }
    let scheme = if is_secure { "https" } else { "http" };
    is_address_or_this_machine(&host).then_some(BaseUrl { scheme, authority: host })
}

/// Whether a browser keeps a cookie that wants TLS from there: over plain HTTP, only from this machine.
pub fn keeps_cookies(base: &BaseUrl) -> bool {
    let (name, _) = split(&base.authority);
    base.is_secure() || is_named_local(name) || address(name).is_some_and(|address| address.is_loopback())
}

fn is_address_or_this_machine(host: &str) -> bool {
    let (name, port) = split(host);
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit()));
    is_port && (is_named_local(name) || address(name).is_some())
}

fn is_named_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") && name.len() > ".localhost".len()
}

fn split(host: &str) -> (&str, Option<&str>) {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => (&host[..host.len() - rest.len()], rest.strip_prefix(':')),
        None => host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    }
}

fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok().filter(IpAddr::is_ipv4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(host: &str, base: Option<&str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        let base = base.map(|base| BaseUrl::parse(base).unwrap());
        accept(&headers, false, base.as_ref()).map(|url| url.to_string())
    }

    #[test]
    fn without_a_base_url_only_addresses_and_this_machine_are_answered_to() {
        for host in
            ["localhost", "localhost:8080", "127.0.0.1:1", "192.0.2.7", "[::1]:80", "[2001:db8::1]", "a.localhost"]
        {
            assert_eq!(accepted(host, None), Some(format!("http://{host}")));
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost:",
            "localhost:x",
            "[::1",
            "::1",
            "",
            "localhost, evil",
            ".localhost",
            "127.0.0.1:80@evil",
            "evil#localhost",
            "2130706433x",
        ] {
            assert_eq!(accepted(host, None), None, "{host}");
        }
    }

    #[test]
    fn with_a_base_url_only_that_is() {
        let base = Some("https://Portal.example.org/");
        for host in ["portal.example.org", "PORTAL.example.org", "portal.example.org:443"] {
            assert_eq!(accepted(host, base).as_deref(), Some("https://portal.example.org"));
        }
        for host in ["localhost", "127.0.0.1", "portal.example.org.", "portal.example.org:80", "xportal.example.org"] {
            assert_eq!(accepted(host, base), None, "{host}");
        }
        for bad in ["portal.example.org", "ftp://x", "https://", "https://a/b", "https://a@b", "https://a b"] {
            assert_eq!(BaseUrl::parse(bad), None, "{bad}");
        }
    }
}
