//! `GET /.well-known/core`: what is here (RFC 6690; contract, coap.md).

use model::Result;
use wire::coap::content_format::LINK_FORMAT;

use super::entry::not_acceptable;
use crate::coap::request::text;
use crate::coap::{Answer, Request};

/// How long the list may be kept: it changes with the program only.
const KEPT_S: u32 = 86_400;

/// A resource and its attributes. Where a path goes on with names, the path without them stands for all.
struct Link {
    path: &'static str,
    attributes: &'static [(&'static str, &'static str)],
}

const LINKS: &[Link] = &[
    Link { path: "/ts", attributes: &[("ct", "0 42")] },
    Link { path: "/1a", attributes: &[("rt", "cikada.alias"), ("ct", "0 60"), ("obs", "")] },
    Link { path: "/rpc", attributes: &[("rt", "cikada.rpc"), ("ct", "60 50")] },
    Link { path: "/provision/activate", attributes: &[("rt", "cikada.activate"), ("ct", "0")] },
    Link { path: "/provision/download", attributes: &[("rt", "cikada.content"), ("ct", "0 42")] },
];

/// The list, or what of it fits a query (section 4.1).
pub(super) fn links(request: &Request) -> Result<Answer> {
    if let Some(refused) = not_acceptable(request, &[LINK_FORMAT]) {
        return Ok(refused);
    }
    let mut filters = Vec::new();
    for query in &request.query {
        filters.extend(text(query, "query")?.split_once('='));
    }
    let fitting = LINKS.iter().filter(|link| filters.iter().all(|(name, pattern)| link.fits(name, pattern)));
    let list: Vec<String> = fitting.map(Link::text).collect();
    Ok(Answer::content(LINK_FORMAT, list.join(",")).max_age(KEPT_S).by("GET /.well-known/core"))
}

impl Link {
    fn text(&self) -> String {
        let mut text = format!("<{}>", self.path);
        for (name, value) in self.attributes {
            match value.is_empty() {
                true => text.push_str(&format!(";{name}")),
                false => text.push_str(&format!(";{name}=\"{value}\"")),
            }
        }
        text
    }

    fn fits(&self, name: &str, pattern: &str) -> bool {
        let matches = |value: &str| match pattern.strip_suffix('*') {
            Some(prefix) => value.starts_with(prefix),
            None => value == pattern,
        };
        match name {
            "href" => matches(self.path),
            _ => self.attributes.iter().any(|(given, value)| *given == name && value.split(' ').any(matches)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use wire::coap::{Block, Code};

    fn asked(queries: &[&'static str]) -> String {
        let request = Request {
            method: Code::GET,
            path: vec![],
            query: queries.iter().map(|query| Bytes::from_static(query.as_bytes())).collect(),
            body: Bytes::new(),
            format: None,
            accept: None,
            block: Block::FIRST,
            observes: false,
            address: [192, 0, 2, 1].into(),
        };
        String::from_utf8(links(&request).unwrap().body.bytes.to_vec()).unwrap()
    }

    #[test]
    fn everything_is_listed_and_a_query_chooses() {
        assert_eq!(asked(&[]).split(',').count(), LINKS.len());
        assert_eq!(asked(&["href=/ts"]), "</ts>;ct=\"0 42\"");
        assert_eq!(asked(&["href=/provision/*"]).split(',').count(), 2);
        assert_eq!(asked(&["rt=cikada.rpc"]), "</rpc>;rt=\"cikada.rpc\";ct=\"60 50\"");
        assert_eq!(asked(&["ct=60", "rt=cikada.a*"]), "</1a>;rt=\"cikada.alias\";ct=\"0 60\";obs");
        assert_eq!(asked(&["rt=nothing"]), "");
    }
}
