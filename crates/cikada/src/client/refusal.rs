//! A refusal or a silence of the server, in words that say what to do next.

use std::fmt;
use std::io;

use super::server::NOT_CIKADA;
use super::{Answer, Request};
use crate::failure::{Failure, plain};
use crate::output::visible;

/// The longest piece of a server's answer that is shown.
const SHOWN_CHARACTERS: usize = 300;

/// What the server refused, its own words, and what to try.
pub fn explain(request: &Request, answer: &Answer) -> Failure {
    let said = visible(answer.body.trim());
    let said: String = said.chars().take(SHOWN_CHARACTERS).collect();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let failure = Failure::new(format!("cannot {} ({}{said})", request.doing, answer.status));
    let special = request.advice.iter().find(|(status, _)| *status == answer.status).map(|(_, advice)| advice.as_str());
    match special.or(general_advice(answer.status)) {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

/// The server did not answer, or not to the end.
pub fn unreachable(base: &str, doing: &str, error: &ureq::Error) -> Failure {
    let (why, advice) = match error {
        ureq::Error::Io(error) => (plain(error).to_lowercase(), io_advice(error)),
        ureq::Error::HostNotFound => ("no such host".to_owned(), "check --server (or CIKADA_SERVER)"),
        ureq::Error::Timeout(_) => {
            ("it took too long".to_owned(), "try again; is the server busy, or a firewall in the way?")
        }
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
            (error.to_string(), "give the authority that signed the server's certificate with --ca FILE")
        }
        ureq::Error::Protocol(_) => (error.to_string(), NOT_CIKADA),
        other => (other.to_string(), "check --server (or CIKADA_SERVER)"),
    };
    Failure::new(format!("cannot {doing}: {base} did not answer: {why}")).advise(advice)
}

fn general_advice(status: u16) -> Option<&'static str> {
    Some(match status {
        300..=399 => "the address leads elsewhere: give the server's own address with --server",
        401 => "check CIKADA_TOKEN or CIKADA_CIK: it may be another server's, mistyped, or replaced since",
        403 => {
            "this credential may not do that here: is it the right vendor's, and does the client have a vendor name (`cikada register show`)?"
        }
        404 => "check the spelling; `cikada model list` and `cikada sn list MODEL` show what this vendor has",
        405 | 415 => NOT_CIKADA,
        409 => "look at what is there first: `show` and `list` change nothing",
        413 => "send less at once, or raise the limit in the server's configuration",
        429 => "wait a minute: the server slows down those who failed often",
        500 => "the server's log says more",
        503 => "the server's store is busy or unavailable: try again, and look at its log",
        _ => return None,
    })
}

fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "start it with `cikada serve --data DIR`, or name another with --server (or CIKADA_SERVER)"
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the connection was cut; look before trying again whether it was done all the same"
        }
        _ => "check --server (or CIKADA_SERVER), and the network",
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A body may hold a key.
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned() }
    }

    #[test]
    fn a_refusal_says_what_was_tried_and_what_the_server_said() {
        let request = Request::get("/x", &[]).to("show the model boiler");
        assert_eq!(
            explain(&request, &answer(404, "no such model\n")).to_string(),
            "cannot show the model boiler (404: no such model)"
        );
        assert_eq!(explain(&request, &answer(404, "")).to_string(), "cannot show the model boiler (404)");
    }

    #[test]
    fn what_the_server_says_cannot_reach_the_terminal_as_control_codes() {
        let request = Request::get("/x", &[]).to("look");
        let failure = explain(&request, &answer(400, "bad \u{1b}[2J\u{202e}name"));
        assert_eq!(failure.to_string(), "cannot look (400: bad \\u{1b}[2J\\u{202e}name)");
    }
}
