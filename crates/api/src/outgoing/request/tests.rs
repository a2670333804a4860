//! Requests of dispatches against real sockets, and against those who would have them call inside (threat T37).

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

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

/// Addresses inside, or that belong to nobody.
const INSIDE: [[u8; 4]; 11] = [
    [127, 0, 0, 1],
    [127, 255, 255, 254],
    [10, 0, 0, 1],
    [172, 16, 0, 1],
    [192, 168, 0, 1],
    [169, 254, 169, 254],
    [0, 0, 0, 0],
    [100, 64, 0, 1],
    [198, 18, 0, 1],
    [224, 0, 0, 1],
    [255, 255, 255, 255],
];

/// One address in every way that one or the other system reads.
fn spellings([a, b, c, d]: [u8; 4]) -> Vec<String> {
    let whole = u32::from_be_bytes([a, b, c, d]);
    let (low16, low24, high16) = (whole & 0xffff, whole & 0xff_ffff, whole >> 16);
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{low16}"),
        format!("{a}.{low24}"),
        format!("{whole}"),
        format!("0x{whole:08x}"),
        format!("0X{whole:08X}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0x{a:x}.{low24}"),
        format!("0{whole:o}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0{a:o}.{b}.0x{c:x}.{d}"),
        format!("[::ffff:{a}.{b}.{c}.{d}]"),
        format!("[::ffff:{high16:x}:{low16:x}]"),
        format!("[0:0:0:0:0:FFFF:{high16:X}:{low16:X}]"),
        format!("[::{a}.{b}.{c}.{d}]"),
        format!("[::ffff:0:{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b::{high16:x}:{low16:x}]"),
        format!("[64:ff9b:1::{high16:x}:{low16:x}]"),
        format!("[2002:{high16:x}:{low16:x}::1]"),
        format!("[fec0::{high16:x}:{low16:x}]"),
    ]
}

const OTHERS: [&str; 26] = [
    "localhost",
    "LOCALHOST",
    "LocalHost",
    "ip6-localhost",
    "127.0.0.1.",
    "0",
    "0x0",
    "00",
    "127.1",
    "127.0.1",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[febf::1]",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[2001::1]",
    "[100::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[4000::1]",
];

#[test]
fn a_recipient_inside_is_not_called_however_it_is_spelled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sixth = TcpListener::bind("[::1]:0").ok();
    let ports = [Some(&listener), sixth.as_ref()].into_iter().flatten().map(|door| door.local_addr().unwrap().port());
    let hosts: Vec<String> =
        INSIDE.into_iter().flat_map(spellings).chain(OTHERS.iter().map(|host| (*host).to_owned())).collect();
    assert!(hosts.len() >= 200, "{} spellings", hosts.len());
    for port in ports {
        for host in &hosts {
            let url = format!("http://{host}:{port}/");
            let delivery = send(&[], &message(Method::HttpPost, &url), Duration::from_secs(2));
            assert!(matches!(delivery, Delivery::Undelivered(_)), "{url}");
        }
    }
    for door in [Some(listener), sixth].into_iter().flatten() {
        door.set_nonblocking(true).unwrap();
        assert!(door.accept().is_err(), "somebody called");
    }
}

/// A name server that says something else each time.
#[derive(Debug)]
struct Changing {
    answers: Vec<Vec<SocketAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Resolver for Changing {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let place = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let mut found = self.empty();
        self.answers[place].iter().for_each(|address| found.push(*address));
        Ok(found)
    }
}

#[test]
fn a_name_that_changes_its_mind_is_asked_once_and_what_it_says_inside_is_left_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let inside = listener.local_addr().unwrap();
    let outside: SocketAddr = "192.0.1.1:9".parse().unwrap();
    assert!(may_be_called(outside.ip(), &[]));
    for answers in [vec![vec![outside], vec![inside]], vec![vec![inside, outside]], vec![vec![outside, inside]]] {
        let asked = Arc::new(AtomicUsize::new(0));
        let name = Changing { answers, asked: Arc::clone(&asked) };
        let message = message(Method::HttpGet, "http://rebinding.example/");
        let delivery = send_through(name, &[], &message, Duration::from_millis(500));
        assert!(matches!(delivery, Delivery::Undelivered(_)));
        assert_eq!(asked.load(Ordering::SeqCst), 1, "what was judged is what is called");
    }
    let only_inside = Changing { answers: vec![vec![inside]], asked: Arc::default() };
    let refused =
        send_through(only_inside, &[], &message(Method::HttpGet, "http://inside.example/"), Duration::from_secs(2));
    assert_eq!(refused, Delivery::Undelivered("its recipient is not on the public internet"));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody called");
}

#[test]
fn a_redirect_to_the_inside_is_not_followed() {
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = inside.local_addr().unwrap().port();
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let location = format!("http://127.0.0.1:{port}/");
        let answer = format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let (url, _served) = recipient(answer.leak());
        let redirected = send(&loopback(), &message(Method::HttpPost, &url), Duration::from_secs(5));
        assert_eq!(redirected, Delivery::Undelivered("its recipient points elsewhere"), "{status}");
    }
    inside.set_nonblocking(true).unwrap();
    assert!(inside.accept().is_err(), "somebody called");
}

#[test]
fn an_answer_that_is_too_large_or_too_slow_is_given_up() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(80 << 10));
    let (url, _served) = recipient(endless.leak());
    assert!(matches!(
        send(&loopback(), &message(Method::HttpPost, &url), Duration::from_secs(5)),
        Delivery::Undelivered(_)
    ));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let began = Instant::now();
    let delivery = send(&loopback(), &message(Method::HttpGet, &url), Duration::from_millis(300));
    assert_eq!(delivery, Delivery::Undelivered("its recipient took too long"));
    assert!(began.elapsed() < Duration::from_secs(2));
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
        "http://127.0.0.1%2f@example.org/",
        "http://example.org@127.0.0.1/",
        "http://example.org%40127.0.0.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127。0。0。1/",
        "http://[::1/",
        "http://ex\tample.org/",
        "https:/127.0.0.1/",
        "http:127.0.0.1",
        "//127.0.0.1/",
    ] {
        assert!(readable(url).is_none(), "{url:?}");
    }
    assert!(readable("https://example.org:8443/a?b=c").is_some());
}
