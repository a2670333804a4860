//! The two cookies: one of a person who is signed in, one of a browser that is not yet (threats T34, T36). Both are host-only and
//! never sent along from another site.

use http::HeaderMap;
use http::header::COOKIE;
use model::SessionKey;

/// The session.
const SESSION: &str = "__Host-cikada";
/// A browser before it has a session, so that the form to sign in is bound to it.
const VISITOR: &str = "__Host-cikada-visitor";
const MANNERS: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The key of the session that the browser shows.
pub fn session(headers: &HeaderMap) -> Option<SessionKey> {
    find(headers, SESSION)
}

/// The mark of the browser.
pub fn visitor(headers: &HeaderMap) -> Option<SessionKey> {
    find(headers, VISITOR)
}

/// The field that keeps a session for as long as the browser runs; the server ends it sooner.
pub fn keep_session(key: &SessionKey) -> String {
    format!("{SESSION}={}; {MANNERS}", key.expose_hex())
}

/// The field that forgets it.
pub fn forget_session() -> String {
    format!("{SESSION}=; Max-Age=0; {MANNERS}")
}

/// The field that marks a browser.
pub fn keep_visitor(key: &SessionKey) -> String {
    format!("{VISITOR}={}; {MANNERS}", key.expose_hex())
}

fn find(headers: &HeaderMap, name: &str) -> Option<SessionKey> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut found = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (given, value) = pair.trim().split_once('=')?;
        (given == name).then_some(value)
    });
    let first = found.next()?;
    // Two of one name: somebody has planted one.
    if found.next().is_some() { None } else { SessionKey::parse(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_once_or_not_at_all() {
        let key = "a5".repeat(32);
        for (line, found) in [
            (format!("__Host-cikada={key}"), true),
            (format!("x=y; __Host-cikada={key} ; z"), true),
            (format!("__Host-cikada={key}; __Host-cikada={key}"), false),
            (format!("__Host-cikada-visitor={key}"), false),
            (format!("cikada={key}"), false),
            ("__Host-cikada=".to_owned(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, line.parse().unwrap());
            assert_eq!(session(&headers).is_some(), found, "{line}");
        }
    }
}
