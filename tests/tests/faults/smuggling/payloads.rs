//! Requests that two parsers may read in two ways, each with a request hidden in it. All of them are refused.

/// A payload, and what it tries.
pub struct Payload {
    pub what: String,
    /// Up to where the hidden request begins.
    pub bytes: Vec<u8>,
}

/// Every payload.
pub fn all() -> Vec<Payload> {
    let mut payloads = Vec::new();
    let mut add = |what: &str, text: String| {
        payloads.push(Payload { what: what.to_owned(), bytes: text.chars().map(|c| c as u8).collect() });
    };
    let post = |fields: &str, rest: &str| format!("POST /ip HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{rest}");

    for value in [
        "+3",
        "-3",
        "0x3",
        "3 3",
        "3;",
        "3.0",
        "1e1",
        "",
        "99999999999999999999",
        "18446744073709551619",
        "3\u{b}",
        "\u{b}3",
        "3\0",
        "_3",
        "3_0",
        "\"3\"",
        "3, 3",
        "3,4",
        ",3",
        "3,",
        "\u{b2}",
        "three",
        "3\u{a0}",
        "\u{ff}3",
    ] {
        add("a length that is no number", post(&format!("Content-Length: {value}"), "abc"));
    }
    for fields in [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 0\r\nContent-Length: 40",
        "Content-Length: 40\r\ncontent-length: 0",
        "Content-Length: 3\r\nX: y\r\nCONTENT-LENGTH: 0",
    ] {
        add("two lengths", post(fields, "abc"));
    }
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: Chunked",
        "Content-Length: 5\r\nTransfer-Encoding:\tchunked",
        "Content-Length: 5\r\nTransfer-Encoding: chunked ",
        "Content-Length: 5\r\ntransfer-encoding:chunked",
        "Content-Length: 5\r\nTransfer-Encoding: identity",
    ] {
        add("both lengths", post(fields, "0\r\n\r\n"));
    }
    for value in [
        "xchunked",
        "chunkedx",
        "chunked, identity",
        "identity, chunked",
        "identity",
        "gzip, chunked",
        "chunked, chunked",
        "chunked;q=1",
        "\"chunked\"",
        "chunked\u{b}",
        "\u{b}chunked",
        "chunked\0",
        "chu nked",
        ",chunked",
        "chunked,",
        "",
        "cow",
        "chunked\u{a0}",
        "\u{ff}chunked",
        "chunked chunked",
    ] {
        add("a coding that is not chunked", post(&format!("Transfer-Encoding: {value}"), "0\r\n\r\n"));
    }
    for fields in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\r\n\tz\r\nContent-Length: 5",
    ] {
        add("two codings, or one on a second line", post(fields, "0\r\n\r\n"));
    }
    for name in [
        "Content-Length ",
        "Content-Length\t",
        "Content-Length\u{b}",
        "\u{b}Content-Length",
        "Content\0-Length",
        "Content-Length\u{a0}",
        "Content Length",
        "Transfer-Encoding ",
        "Transfer-Encoding\t",
        "Transfer-Encoding\u{b}",
        "\u{b}Transfer-Encoding",
        "Transfer\0-Encoding",
    ] {
        let value = if name.contains("Transfer") { "chunked" } else { "5" };
        add("a name that is none", post(&format!("{name}: {value}"), "0\r\n\r\n"));
    }
    for fields in [
        "X: y\nContent-Length: 5",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rContent-Length: 5",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\r\n\rTransfer-Encoding: chunked",
        "X: y\0\r\nContent-Length: 5",
        "Content-Length\r\nX: y",
        ": 5",
        "Content-Length: 5\n",
    ] {
        add("a line that does not end as lines do", post(fields, "0\r\n\r\n"));
    }
    for chunks in [
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabc\r\r\n0\r\n\r\n",
        "-1\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "g\r\n",
        "ffffffffffffffff0\r\nabc",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "3\r\r\nabc\r\n0\r\n\r\n",
        "3\0\r\nabc\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "3;a=\0\r\nabc\r\n0\r\n\r\n",
        "0\n\n",
        "0\r\n\n",
        "0\r\nContent-Length: 5\r\n\r\n",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\nHost: b\r\n\r\n",
        "3,3\r\nabc\r\n0\r\n\r\n",
        "3_\r\nabc\r\n0\r\n\r\n",
        "\u{b}3\r\nabc\r\n0\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
    ] {
        add("a chunk that is none", post("Transfer-Encoding: chunked", chunks));
    }
    add(
        "a chunk with a long extension",
        post("Transfer-Encoding: chunked", &format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(400))),
    );
    for head in [
        "GET /ip HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /ip HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
        "GET  /ip HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/ip HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ip\tHTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /i p HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ip HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /ip http/1.1\r\nHost: a\r\n\r\n",
        "GET /ip HTTP/1.10\r\nHost: a\r\n\r\n",
        "GET /ip HTTP/01.1\r\nHost: a\r\n\r\n",
        "GET /ip HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /ip HTTP/1,1\r\nHost: a\r\n\r\n",
        "GET /ip\r\n\r\n",
        " GET /ip HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ip HTTP/1.1\nHost: a\n\n",
        "GET /ip HTTP/1.1\r\rHost: a\r\r",
        "GET /ip\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "G:T /ip HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /ip HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /ip HTTP/1.1\r\n Host: a\r\n\r\n",
    ] {
        add("a request line or host that is none", head.to_owned());
    }
    payloads
}
