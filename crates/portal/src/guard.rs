//! What a request has to show before it may change anything: a token that only our own pages hold, and that it comes from one of
//! them (threat T34).

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN};
use model::SessionKey;
use store::Keyring;

use crate::host::BaseUrl;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The token of a session, or of a browser without one.
pub fn token(keyring: &Keyring, key: &SessionKey) -> String {
    let hash = keyring.hash("csrf", key.expose_bytes());
    hash.as_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether this is the token of that key. Compared by keyed hashes, so that how long it takes says nothing.
pub fn is_token(keyring: &Keyring, key: &SessionKey, shown: &str) -> bool {
    let mark = |text: &str| keyring.hash("csrf shown", text.as_bytes());
    mark(shown).matches(&mark(&token(keyring, key)))
}

/// Whether a browser says that the request comes from a page of ours. One that says nothing is no browser of these days.
pub fn is_same_origin(headers: &HeaderMap, base: &BaseUrl) -> bool {
    let site = headers.get(FETCH_SITE).map(|value| value.as_bytes());
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return false;
    }
    match headers.get(ORIGIN).map(|value| value.to_str().unwrap_or_default()) {
        Some(origin) => origin.eq_ignore_ascii_case(&base.to_string()) || is_behind_tls(origin, base),
        None => site.is_some(),
    }
}

/// Without a base URL we do not know that something before us speaks TLS; the authority is what counts.
fn is_behind_tls(origin: &str, base: &BaseUrl) -> bool {
    let authority = |url: &str| url.split_once("://").map(|(_, authority)| authority.to_ascii_lowercase());
    origin.starts_with("https://") && authority(origin) == authority(&base.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_from_elsewhere_is_told_by_its_origin() {
        let base = BaseUrl::parse("http://127.0.0.1:8080").unwrap();
        for (origin, site, ours) in [
            (Some("http://127.0.0.1:8080"), None, true),
            (Some("http://127.0.0.1:8080"), Some("same-origin"), true),
            (Some("https://127.0.0.1:8080"), None, true),
            (None, Some("same-origin"), true),
            (None, None, false),
            (Some("null"), None, false),
            (Some("http://127.0.0.1:8081"), None, false),
            (Some("http://evil.example"), None, false),
            (Some("http://127.0.0.1:8080"), Some("cross-site"), false),
            (None, Some("same-site"), false),
        ] {
            let mut headers = HeaderMap::new();
            origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
            site.map(|site| headers.insert(FETCH_SITE, site.parse().unwrap()));
            assert_eq!(is_same_origin(&headers, &base), ours, "{origin:?} {site:?}");
        }
    }

    #[test]
    fn a_token_is_good_for_its_key_only() {
        let keyring = Keyring::new(&[7; 32]);
        let (one, other) = (SessionKey::from_bytes([1; 32]), SessionKey::from_bytes([2; 32]));
        assert!(is_token(&keyring, &one, &token(&keyring, &one)));
        assert!(!is_token(&keyring, &one, &token(&keyring, &other)) && !is_token(&keyring, &one, ""));
    }
}
