//! The rules that every HTTP answer keeps (contract, README "Rules for every HTTP answer"), as checks on one answer.

use crate::Answer;

/// The most bytes that a device answer may take for status line, headers and blank line.
pub const DEVICE_HEAD_BYTES: usize = 158;

/// What the answer breaks of the rules that hold everywhere, if anything.
pub fn broken(answer: &Answer, method: &str) -> Option<String> {
    let wrong = |why: &str| Some(format!("{why}: {answer:?}"));
    let words = answer.status_line().get(13..).unwrap_or_default();
    if !reasons(answer.status).contains(&words) {
        return wrong("not the standard status line");
    }
    if answer.headers.iter().any(|(name, _)| !is_title_case(name)) {
        return wrong("a header name not in Title-Case");
    }
    for banned in ["server", "transfer-encoding", "x-powered-by", "content-encoding"] {
        if answer.header(banned).is_some() {
            return wrong("a header that has no place here");
        }
    }
    if !answer.header("date").is_some_and(is_http_date) {
        return wrong("no good Date");
    }
    let length = answer.header("content-length");
    match answer.status {
        204 | 304 if length.is_some() => return wrong("a length on an answer without a body"),
        204 | 304 => {}
        205 if length != Some("0") => return wrong("a 205 says Content-Length: 0"),
        _ if length.is_none() => return wrong("no Content-Length"),
        _ if method != "HEAD" && length != Some(answer.body.len().to_string().as_str()) => {
            return wrong("Content-Length is not the body's length");
        }
        _ => {}
    }
    if answer.body.is_empty() {
        if method != "HEAD" && answer.status >= 400 {
            return wrong("an error without a word");
        }
    } else if answer.header("content-type").is_none() {
        return wrong("a body without a content type");
    }
    if answer.status >= 400 && method != "HEAD" {
        return broken_error(answer);
    }
    None
}

/// What an error answer breaks of rule 8.
fn broken_error(answer: &Answer) -> Option<String> {
    let text = answer.text().strip_suffix('\n').unwrap_or(answer.text());
    let wrong = |why: &str| Some(format!("{why}: {answer:?}"));
    if answer.header("content-type").is_none_or(|kind| !kind.starts_with("text/plain")) {
        return wrong("an error that is not plain text");
    }
    if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
        return wrong("an error that is not one short line");
    }
    if matches!(answer.status, 429 | 503) && answer.header("retry-after").and_then(|s| s.parse::<u32>().ok()).is_none()
    {
        return wrong("no Retry-After in seconds");
    }
    if answer.status == 405 && answer.header("allow").is_none_or(str::is_empty) {
        return wrong("a 405 without Allow");
    }
    None
}

/// What a device answer breaks of rule 4, if anything.
pub fn broken_for_device(answer: &Answer) -> Option<String> {
    if answer.head.len() > DEVICE_HEAD_BYTES {
        return Some(format!("a head of {} bytes: {answer:?}", answer.head.len()));
    }
    let needed = |name: &str| match name {
        "Date" | "Content-Length" | "Content-Type" | "Connection" => true,
        "Retry-After" => answer.status == 429 || answer.status == 503,
        "Allow" => answer.status == 405,
        "Last-Modified" => matches!(answer.status, 200 | 304),
        _ => false,
    };
    let extra = answer.headers.iter().find(|(name, _)| !needed(name));
    extra.map(|(name, _)| format!("{name} isn't needed: {answer:?}"))
}

/// The standard reason phrases; 413 has had two.
pub fn reasons(status: u16) -> &'static [&'static str] {
    match status {
        100 => &["Continue"],
        200 => &["OK"],
        204 => &["No Content"],
        205 => &["Reset Content"],
        206 => &["Partial Content"],
        304 => &["Not Modified"],
        400 => &["Bad Request"],
        401 => &["Unauthorized"],
        403 => &["Forbidden"],
        404 => &["Not Found"],
        405 => &["Method Not Allowed"],
        408 => &["Request Timeout"],
        409 => &["Conflict"],
        411 => &["Length Required"],
        413 => &["Content Too Large", "Payload Too Large"],
        415 => &["Unsupported Media Type"],
        416 => &["Range Not Satisfiable"],
        417 => &["Expectation Failed"],
        429 => &["Too Many Requests"],
        431 => &["Request Header Fields Too Large"],
        500 => &["Internal Server Error"],
        503 => &["Service Unavailable"],
        _ => &[],
    }
}

/// `Content-Length`, `X-Exosite-CIK`, `ETag`: a capital at the head of every part.
fn is_title_case(name: &str) -> bool {
    name.split('-').all(|part| part.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit()))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn is_http_date(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| match c {
            '0'..='9' => '9',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            other => other,
        })
        .collect();
    shape == "Aaa, 99 Aaa 9999 99:99:99 AAA" && text.ends_with("GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(head: &str, body: &str) -> Answer {
        let mut answer = Answer::parse_head(head.replace('\n', "\r\n").as_bytes()).unwrap();
        answer.body = body.as_bytes().to_vec();
        answer
    }

    const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn a_good_answer_breaks_no_rule() {
        let head = format!("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 2\n{DATE}\n\n");
        assert_eq!(broken(&answer(&head, "ok"), "GET"), None);
        let head = format!("HTTP/1.1 205 Reset Content\nContent-Length: 0\n{DATE}\n\n");
        assert_eq!(broken(&answer(&head, ""), "POST"), None);
        let head = format!("HTTP/1.1 204 No Content\n{DATE}\n\n");
        assert_eq!(broken(&answer(&head, ""), "GET"), None);
    }

    #[test]
    fn each_rule_is_noticed_when_it_is_broken() {
        for (head, body) in [
            ("HTTP/1.1 200 Okay\nContent-Length: 0\n", ""),
            ("HTTP/1.1 200 OK\ncontent-length: 0\n", ""),
            ("HTTP/1.1 200 OK\nContent-Length: 0\nServer: x\n", ""),
            ("HTTP/1.1 200 OK\nContent-Type: text/plain\n", "x"),
            ("HTTP/1.1 200 OK\nContent-Length: 1\n", "x"),
            ("HTTP/1.1 204 No Content\nContent-Length: 0\n", ""),
            ("HTTP/1.1 205 Reset Content\n", ""),
            ("HTTP/1.1 404 Not Found\nContent-Length: 0\n", ""),
            ("HTTP/1.1 404 Not Found\nContent-Type: text/plain\nContent-Length: 3\n", "a\nb"),
            ("HTTP/1.1 405 Method Not Allowed\nContent-Type: text/plain\nContent-Length: 2\n", "no"),
            ("HTTP/1.1 429 Too Many Requests\nContent-Type: text/plain\nContent-Length: 2\n", "no"),
        ] {
            assert!(broken(&answer(&format!("{head}{DATE}\n\n"), body), "GET").is_some(), "{head}");
        }
        assert!(broken(&answer("HTTP/1.1 200 OK\nContent-Length: 0\n\n", ""), "GET").is_some(), "no Date");
    }
}
