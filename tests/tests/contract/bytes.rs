//! Rules for every HTTP answer (contract, README), seen byte by byte.

use std::time::Duration;

use cikada_tests::{Answer, FieldDevice, Request, Server, fresh_address, fresh_name, is_hex40, rules};

#[test]
fn the_smallest_firmware_reads_its_key() {
    let server = Server::shared();
    let model = fresh_name("small");
    server.vendor().add_model(&model, &[]);
    for (sn, connection) in [("A1", None), ("A2", Some("close")), ("A3", Some("keep-alive"))] {
        server.vendor().add(&model, &[sn]);
        server.vendor().enable(&model, sn);
        let request = server.device(&model, sn).activation(&[]).maybe("Connection", connection);
        let answer = server.call(&request);
        let seen = FieldDevice::read(&answer.to_bytes());
        assert!(seen.sees_ok(), "{answer:?}");
        assert!(seen.key().is_some_and(is_hex40), "the key is not within 199 bytes: {answer:?}");
        assert_eq!(rules::broken_for_device(&answer), None);
    }
}

#[test]
fn device_answers_keep_their_heads_within_158_bytes() {
    let server = Server::shared();
    let model = fresh_name("heads");
    let vendor = server.vendor();
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["unused"]);
    let cik = vendor.activated(&model, "active");
    let alias = |method: &str| Request::new(method, "/onep:v1/stack/alias?a").header("X-Exosite-CIK", &cik);
    let from = fresh_address();
    let waiting = server.device(&model, "unused");
    let requests = [
        (Request::get("/timestamp"), 200),
        (Request::new("HEAD", "/timestamp"), 200),
        (Request::new("PUT", "/timestamp"), 405),
        (server.device(&model, "absent").activation(&[]), 404),
        (waiting.activation(&[]), 409),
        (waiting.activation(&[("sn", "twice")]), 400),
        (Request::post("/provision/activate", &[]), 400),
        (Request::new("PUT", "/provision/activate"), 405),
        (Request::post("/provision/activate", &[]).body("x".repeat((1 << 20) + 1)), 413),
        (alias("GET"), 204),
        (alias("POST").body("a=1"), 204),
        (alias("POST").body("a=%zz"), 400),
        (alias("PUT").body("a=1"), 405),
        (alias("POST").header("Content-Type", "text/html").body("a=1"), 415),
        (Request::get("/onep:v1/stack/alias?a"), 401),
        (Request::new("PUT", "/onep:v1/stack/record"), 405),
    ];
    for (request, status) in requests {
        for connection in [None, Some("close")] {
            let answer = server.call_from(from, &request.clone().maybe("Connection", connection)).expect(status);
            assert_eq!(rules::broken_for_device(&answer), None);
        }
    }
    let refused = (0..30).map(|_| server.call_from(from, &waiting.activation(&[]))).find(|answer| answer.status == 429);
    let refused = refused.expect("a device that polls is told to wait");
    assert_eq!(rules::broken_for_device(&refused), None);
}

#[test]
fn a_small_answer_arrives_in_one_piece() {
    let server = Server::shared();
    let model = fresh_name("piece");
    let vendor = server.vendor();
    vendor.add_model(&model, &[]);
    let cik = vendor.activated(&model, "A1");
    vendor.upload(&model, "fw", "text/plain", "twenty bytes of blob");
    let device = server.device(&model, "A1");
    let requests = [
        Request::get("/timestamp"),
        Request::get("/nothing"),
        device.activation(&[]).header("Connection", "close"),
        device.download_request(&cik, ""),
        device.download_request(&cik, "&id=fw"),
        device.download_request(&cik, "&id=fw&info=true"),
        vendor.request("GET", "/manage/model/"),
    ];
    for request in requests {
        for _ in 0..30 {
            let answer = server.connect().ask(&request).unwrap();
            assert_eq!(
                answer.first_read,
                answer.to_bytes().len(),
                "{} {}: {answer:?}",
                request.method(),
                request.target()
            );
        }
    }
}

#[test]
fn a_request_of_http_1_0_is_answered_and_the_connection_closed() {
    let server = Server::shared();
    let mut connection = server.connect();
    let answer = connection.ask(&Request::get("/timestamp").http_1_0()).unwrap().expect(200);
    assert_eq!(answer.status_line(), "HTTP/1.1 200 OK");
    assert_eq!(rules::broken(&answer, "GET"), None);
    assert_eq!(rules::broken_for_device(&answer), None);
    assert!(connection.is_closed_by_peer());
    // No Host, no length, nothing: as the oldest modules send it.
    let mut connection = server.connect();
    connection.send(b"GET /timestamp HTTP/1.0\r\n\r\n").unwrap();
    connection.read_answer("GET").unwrap().expect(200);
    assert!(connection.is_closed_by_peer());
}

#[test]
fn a_request_of_http_1_0_may_keep_the_connection() {
    let server = Server::shared();
    let mut connection = server.connect();
    for _ in 0..3 {
        let request = Request::get("/timestamp").http_1_0().header("Connection", "keep-alive");
        let answer = connection.ask(&request).unwrap().expect(200);
        assert_eq!(answer.status_line(), "HTTP/1.1 200 OK");
        assert_eq!(rules::broken_for_device(&answer), None);
    }
}

#[test]
fn a_connection_is_kept_until_somebody_says_close() {
    let server = Server::shared();
    let mut connection = server.connect();
    for target in ["/timestamp", "/nothing", "/ip", "/provision/manage/model/", "/timestamp"] {
        let answer = connection.ask(&Request::get(target)).unwrap();
        assert_eq!(rules::broken(&answer, "GET"), None);
        assert_eq!(answer.header("connection"), None, "{answer:?}");
    }
    let answer = connection.ask(&Request::get("/timestamp").header("Connection", "close")).unwrap();
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.is_closed_by_peer());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::shared();
    let model = fresh_name("pipe");
    server.vendor().add_model(&model, &[]);
    let requests: Vec<Request> = (0..40)
        .map(|n| match n % 4 {
            0 => Request::get("/timestamp"),
            1 => server.vendor().request("POST", &format!("/manage/model/{model}/")).body(format!("sn=P{n:02}")),
            2 => Request::get("/nothing"),
            _ => server.vendor().request("GET", &format!("/manage/model/{model}/P{:02}", n - 2)),
        })
        .collect();
    let mut connection = server.connect();
    connection.send(&requests.iter().flat_map(Request::to_bytes).collect::<Vec<u8>>()).unwrap();
    for (n, request) in requests.iter().enumerate() {
        let answer = connection.read_answer(request.method()).unwrap();
        assert_eq!(rules::broken(&answer, request.method()), None);
        answer.expect([200, 205, 404, 204][n % 4]);
    }
}

#[test]
fn a_stray_line_break_after_a_body_is_passed_over() {
    let server = Server::shared();
    let mut connection = server.connect();
    for _ in 0..3 {
        let request = Request::post("/provision/activate", &[("vendor", "nobody"), ("model", "x"), ("sn", "y")]);
        connection.send(&[request.to_bytes(), b"\r\n".to_vec()].concat()).unwrap();
        connection.read_answer("POST").unwrap().expect_any(&[404, 429]);
        connection.ask(&Request::get("/timestamp")).unwrap().expect(200);
    }
    // In the same segment as the next request, and by itself.
    let (post, get) = (Request::post("/provision/activate", &[]).to_bytes(), Request::get("/timestamp").to_bytes());
    connection.send(&[&post[..], b"\r\n", &get].concat()).unwrap();
    connection.read_answer("POST").unwrap().expect(400);
    connection.read_answer("GET").unwrap().expect(200);
    connection.send(b"\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    connection.send(&get).unwrap();
    connection.read_answer("GET").unwrap().expect(200);
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let server = Server::shared();
    let model = fresh_name("expect");
    server.vendor().add_model(&model, &[]);
    let upload = server.vendor().request("POST", &format!("/manage/content/{model}/fw"));
    let upload = upload.header("Content-Type", "text/plain").header("Expect", "100-continue").body("hello");
    let bytes = upload.to_bytes();
    let (head, body) = bytes.split_at(bytes.len() - 5);
    let mut connection = server.connect().patience(Duration::from_secs(10));
    connection.send(head).unwrap();
    let go_on = connection.read_answer("POST").unwrap().expect(100);
    assert_eq!(go_on.head, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.send(body).unwrap();
    connection.read_answer("POST").unwrap().expect(205);
    assert_eq!(server.vendor().call("GET", &format!("/manage/content/{model}/fw?download=true")).text(), "hello");
}

#[test]
fn a_client_that_doesnt_wait_for_100_continue_is_served_as_well() {
    let server = Server::shared();
    let mut connection = server.connect();
    let request = Request::post("/provision/activate", &[("vendor", "nobody")]).header("Expect", "100-continue");
    connection.send(&request.to_bytes()).unwrap();
    let mut answer = connection.read_answer("POST").unwrap();
    if answer.status == 100 {
        answer = connection.read_answer("POST").unwrap();
    }
    answer.expect(400);
    connection.ask(&Request::get("/timestamp")).unwrap().expect(200);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Server::shared();
    let mut connection = server.connect();
    let request = Request::post("/provision/activate", &[("vendor", "nobody"), ("model", "x"), ("sn", "y")]);
    for byte in request.to_bytes() {
        connection.send(&[byte]).unwrap();
    }
    connection.read_answer("POST").unwrap().expect(404);
}

#[test]
fn a_body_may_come_in_chunks() {
    let server = Server::shared();
    let model = fresh_name("chunks");
    server.vendor().add_model(&model, &[]);
    let path = format!("/manage/content/{model}/fw");
    let upload = server.vendor().request("POST", &path).header("Transfer-Encoding", "chunked");
    let upload = upload.body("5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n");
    let mut connection = server.connect();
    connection.ask(&upload).unwrap().expect(205);
    connection.ask(&Request::get("/timestamp")).unwrap().expect(200);
    assert_eq!(server.vendor().call("GET", &format!("{path}?download=true")).text(), "hello world");
}

#[test]
fn the_target_may_be_absolute_and_the_host_anything() {
    let server = Server::shared();
    for target in ["http://vendor.m2.example.com/timestamp", "http://vendor.m2.example.com:80/timestamp?x=y"] {
        server.call(&Request::get(target)).expect(200);
    }
    for host in ["vendor.m2.example.com", "[::1]:80", "localhost:1", "a"] {
        server.call(&Request::get("/timestamp").header("Host", host)).expect(200);
    }
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::shared();
    let model = fresh_name("head");
    let vendor = server.vendor();
    vendor.add_model(&model, &[]);
    vendor.upload(&model, "fw", "text/plain", "hello");
    let cik = vendor.activated(&model, "A1");
    let device = format!("/provision/download?vendor={}&model={model}", server.cast.vendor_name);
    for (target, key) in [
        ("/ip".to_owned(), &cik),
        (device.clone(), &cik),
        (format!("{device}&id=fw"), &cik),
        (format!("{device}&id=fw&info=true"), &cik),
        (format!("{device}&id=nothing"), &cik),
        (format!("/provision/manage/model/{model}"), &server.cast.vendor.cik),
        (format!("/provision/manage/model/{model}/"), &server.cast.vendor.cik),
    ] {
        let ask = |method: &str| server.call(&Request::new(method, &target).header("X-Exosite-CIK", key));
        let (get, head) = (ask("GET"), ask("HEAD"));
        assert_eq!(without_date(&get), without_date(&head), "{target}");
        assert!(head.body.is_empty());
    }
    // And the connection stays in step.
    let mut connection = server.connect();
    connection.ask(&Request::new("HEAD", "/ip")).unwrap().expect(200);
    connection.ask(&Request::get("/ip")).unwrap().expect(200);
}

#[test]
fn errors_dont_repeat_secrets() {
    let server = Server::shared();
    let secret = "feedfacefeedfacefeedfacefeedfacefeedface";
    for request in [
        Request::get("/provision/manage/model/").header("X-Exosite-CIK", secret),
        Request::get("/provision/manage/model/").header("X-Exosite-Token", secret),
        Request::get("/provision/manage/model/").header("Authorization", &format!("Bearer {secret}")),
        Request::get("/provision/download?vendor=a&model=b").header("X-Exosite-CIK", secret),
        Request::post(
            "/provision/activate",
            &[("vendor", "a"), ("model", "b"), ("sn", "c"), ("nonce", &secret.repeat(2))],
        ),
    ] {
        let answer = server.call(&request);
        assert!(answer.status >= 400 && !answer.text().contains(secret), "{answer:?}");
    }
    assert!(!server.errors().contains(secret));
}

fn without_date(answer: &Answer) -> Vec<(String, String)> {
    answer.headers.iter().filter(|(name, _)| name != "Date").cloned().collect()
}
