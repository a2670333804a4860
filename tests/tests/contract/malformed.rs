//! Everything malformed: forms, CSV, JSON, paths, headers, methods (contract, README rule 8). Each is refused with a clear
//! status, nothing changes, and the server answers on.

use cikada_tests::{Request, Server, form, fresh_address};

use crate::limits::{all_refused, scene};

#[test]
fn malformed_forms_are_refused() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let path = format!("/manage/group/{model}/");
    for bad in [
        "id=%zz&meta=",
        "id=%&meta=",
        "id=%4&meta=",
        "id=%ff&meta=",
        "id=%c3%28&meta=",
        "id=%00&meta=",
        "id=a&id=b&meta=",
        "=a&meta=",
    ] {
        let answer = vendor.send("POST", &path, "application/x-www-form-urlencoded", bad);
        all_refused(&vendor, &model, [(bad.to_owned(), answer)]);
    }
    let answer = vendor.send("POST", &path, "application/x-www-form-urlencoded", b"id=\xff\xfe&meta=".to_vec());
    all_refused(&vendor, &model, [("raw bytes".to_owned(), answer)]);
    let many: String = (0..100_000).map(|n| format!("a{n}=&")).collect();
    let answer = vendor.send("POST", &path, "application/x-www-form-urlencoded", many);
    all_refused(&vendor, &model, [("a hundred thousand fields".to_owned(), answer)]);
}

#[test]
fn malformed_csv_and_json_are_refused() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let path = format!("/manage/model/{model}/");
    for bad in
        ["B1\n\"B2\n", "B1\nB\"2\n", "B1\n\"B2\"x\n", "B1\n,extra\n", "B1,x,y\n", "B1\n \n", "B1\0\n", "B1\rB2\n"]
    {
        let answer = vendor.send("POST", &path, "text/csv", bad);
        all_refused(&vendor, &model, [(format!("{bad:?}"), answer)]);
    }
    let deep = "[".repeat(100_000);
    let wide = format!("[{}]", vec!["{}"; 50_000].join(","));
    let good = r#""format":"base10","length":4,"casing":"upper""#;
    for bad in [
        "",
        "{",
        "null",
        "\"ranges\"",
        "{\"ranges\":null}",
        "{\"ranges\":[null]}",
        "[[]]",
        &deep,
        &wide,
        &format!("[{{{good},\"first\":1e3,\"last\":2000}}]"),
        &format!("[{{{good},\"first\":\"1\",\"last\":\"2\"}}]"),
        &format!("[{{{good},\"first\":1,\"first\":1,\"last\":2}}]"),
        &format!("[{{{good},\"first\":1,\"last\":340282366920938463463374607431768211456}}]"),
        &format!("[{{{good},\"first\":1,\"last\":99999999999999999999999999999999999999999999999999}}]"),
        &format!("[{{{good},\"first\":1,\"last\":2}}] trailing"),
        r#"[{"format":"base10","length":-1,"casing":"upper","first":1,"last":2}]"#,
        r#"[{"format":"base10","length":1.5,"casing":"upper","first":1,"last":2}]"#,
        r#"[{"format":"base10","length":1000000000,"casing":"upper","first":1,"last":2}]"#,
        r#"[{"format":"base10","length":4,"casing":"UPPER","first":1,"last":2}]"#,
        r#"[{"format":10,"length":4,"casing":"upper","first":1,"last":2}]"#,
    ] {
        for kind in ["application/json", "application/javascript"] {
            let answer = vendor.send("POST", &path, kind, bad);
            all_refused(&vendor, &model, [(format!("{:.80}", bad), answer)]);
        }
    }
}

#[test]
fn malformed_paths_and_queries_are_refused() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let before = vendor.snapshot(&model);
    for path in [
        format!("/manage/model/{model}/%"),
        format!("/manage/model/{model}/%zz"),
        format!("/manage/model/{model}/%ff"),
        format!("/manage/model/{model}/%00"),
        format!("/manage/model/{model}/a%2Fb"),
        format!("/manage/model/{model}/a%2Cb"),
        format!("/manage/model/{model}/a/b"),
        format!("/manage/model/{model}//"),
        format!("/manage//{model}/"),
        format!("/manage/model/../model/{model}"),
        format!("/manage/model/{model}/{}", "x".repeat(129)),
        format!("/manage/model/{}", "x".repeat(101)),
        format!("/manage/content/{model}/%0d%0aX-Injected:%20yes"),
        "/manage/model/%2e%2e/%2e%2e".to_owned(),
    ] {
        for method in ["GET", "DELETE"] {
            let answer = vendor.call(method, &path);
            assert!(matches!(answer.status, 400 | 404 | 405), "{method} {path}: {answer:?}");
            assert_eq!(answer.header("x-injected"), None);
        }
    }
    for query in [
        "?show=nothing",
        "?show=groups&show=log",
        "?sn=%zz",
        "?offset=-1",
        "?limit=x",
        "?%",
        "?&&&=",
        "?offset=99999999999999999999",
    ] {
        let answer = vendor.call("GET", &format!("/manage/model/{model}/A1{query}"));
        assert!(answer.status < 500, "{query}: {answer:?}");
        let answer = vendor.call("GET", &format!("/manage/group/{model}/{query}"));
        assert!(answer.status < 500, "{query}: {answer:?}");
    }
    assert_eq!(vendor.snapshot(&model), before);
}

#[test]
fn a_form_is_read_from_the_body_alone() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let before = vendor.snapshot(&model);
    for (path, body) in [
        (format!("/manage/model/{model}/?sn=B1"), ""),
        (format!("/manage/model/{model}/?delete=true&sn=A1"), ""),
        (format!("/manage/model/{model}/?delete=true"), "hello=world"),
        ("/manage/model/?delete=true&model=".to_owned() + &model, ""),
        (format!("/manage/model/{model}/A1?enable=true&owner={}", server.cast.owner.rid), ""),
    ] {
        vendor.send("POST", &path, "application/x-www-form-urlencoded", body).expect(400);
        assert_eq!(vendor.snapshot(&model), before, "{path}");
    }
}

#[test]
fn doubled_fields_are_refused() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let (owner, template) = (&server.cast.owner.rid, &server.cast.template.rid);
    let paths = [
        ("/manage/model/".to_owned(), format!("model=b&rid={template}&rid={template}")),
        ("/manage/model/".to_owned(), format!("model=b&model=c&rid={template}")),
        ("/manage/model/".to_owned(), format!("model=b&rid={template}&activation_timeout=60&activation_timeout=61")),
        ("/manage/model/".to_owned(), format!("delete=true&model={model}&model={model}")),
        (format!("/manage/model/{model}/"), "sn=B1&sn=B2".to_owned()),
        (format!("/manage/model/{model}/"), "sn=B1&sn[]=B2".to_owned()),
        (format!("/manage/model/{model}/"), "sn=B1&extra=a&extra=b".to_owned()),
        (format!("/manage/model/{model}/"), "delete=true&sn=A1&sn=A1".to_owned()),
        (format!("/manage/model/{model}/A1"), format!("enable=true&owner={owner}&owner={owner}")),
        (format!("/manage/content/{model}/"), "id=b&meta=&meta=".to_owned()),
        (format!("/manage/content/{model}/"), "id=fw&id=fw&delete=true".to_owned()),
        (format!("/manage/group/{model}/"), "id=b&id=c&meta=".to_owned()),
        (format!("/manage/group/{model}/beta/"), "type=sn&type=sn&id=A1".to_owned()),
        (format!("/manage/group/{model}/beta/"), "type=sn&id=A1&id[]=A1".to_owned()),
        (format!("/manage/group/{model}/beta/"), "type=sn&id=A1&expire=1&expire=2".to_owned()),
        (format!("/manage/share/{model}/"), "vendor=a&vendor=a".to_owned()),
        ("/admin/auth/".to_owned(), "id=a&id=b".to_owned()),
        ("/register".to_owned(), format!("delete=true&vendor={0}&vendor={0}", server.cast.vendor_name)),
    ];
    let tries = paths.map(|(path, form)| {
        let answer = vendor.send("POST", &path, "application/x-www-form-urlencoded", form.clone());
        (format!("{path} {form}"), answer)
    });
    all_refused(&vendor, &model, tries);
}

#[test]
fn hostile_activations_are_refused_and_leave_the_window_open() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    vendor.enable(&model, "A1");
    let name = &server.cast.vendor_name;
    for sn in
        ["../A1", "A1/", "A1\0", "A1,", " A1", "A1 ", "A1\n", "\u{1b}[2J", &"A".repeat(129), &"A".repeat(1_000_000)]
    {
        let answer = server.device(&model, sn).activate();
        assert!([400, 404, 413].contains(&answer.status), "{sn:?}: {answer:?}");
    }
    for (vendor, model) in [("..", &*model), (name, ".."), ("é", &model), (name, "a b"), (&"x".repeat(101), &model)] {
        let request = Request::post("/provision/activate", &[("vendor", vendor), ("model", model), ("sn", "A1")]);
        server.call_from(fresh_address(), &request).expect_any(&[400, 404, 413]);
    }
    for sn in ["A1'--", "A1\" OR 1=1", "$1", "%s%n", "A1;DROP TABLE serial_number", "\u{202e}1A", "ａ１", "a1"] {
        server.device(&model, sn).activate().expect(404);
    }
    assert!(vendor.log(&model, "A1").iter().all(|(.., entry)| !entry.contains("result=refused")));
    server.device(&model, "A1").activate().expect(200);
}

#[test]
fn a_wrong_method_is_told_which_ones_there_are() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let before = vendor.snapshot(&model);
    let routes = [
        ("/provision/activate".to_owned(), "POST"),
        ("/provision/download".to_owned(), "GET"),
        ("/timestamp".to_owned(), "GET"),
        ("/ip".to_owned(), "GET"),
        ("/provision/register".to_owned(), "GET POST"),
        ("/provision/manage/model/".to_owned(), "GET POST"),
        (format!("/provision/manage/model/{model}"), "GET PUT DELETE"),
        (format!("/provision/manage/model/{model}/"), "GET POST DELETE"),
        (format!("/provision/manage/model/{model}/A1"), "GET POST DELETE"),
        (format!("/provision/manage/content/{model}/"), "GET POST"),
        (format!("/provision/manage/content/{model}/fw"), "GET POST DELETE"),
        (format!("/provision/manage/group/{model}/"), "GET POST"),
        (format!("/provision/manage/group/{model}/beta"), "GET DELETE"),
        (format!("/provision/manage/group/{model}/beta/"), "GET POST DELETE"),
        (format!("/provision/manage/share/{model}/"), "GET POST"),
        (format!("/provision/manage/share/{model}/x"), "GET DELETE"),
        ("/provision/admin/auth/".to_owned(), "GET POST"),
        ("/provision/admin/auth/x".to_owned(), "GET DELETE"),
    ];
    for (path, methods) in routes {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECTED", "get"] {
            if methods.split(' ').any(|known| known == method) {
                continue;
            }
            let request = Request::new(method, &path).header("X-Exosite-CIK", &server.cast.vendor.cik);
            let answer = server.call(&request);
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            let allowed: Vec<&str> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
            assert!(methods.split(' ').all(|known| allowed.contains(&known)), "{method} {path}: {answer:?}");
            assert!(!allowed.contains(&method), "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(vendor.snapshot(&model), before);
}

#[test]
fn an_unknown_content_type_is_415_where_a_form_is_wanted() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let before = vendor.snapshot(&model);
    for path in [
        "/manage/model/".to_owned(),
        format!("/manage/model/{model}/"),
        format!("/manage/model/{model}/A1"),
        format!("/manage/content/{model}/"),
        format!("/manage/group/{model}/"),
        format!("/manage/group/{model}/beta/"),
        format!("/manage/share/{model}/"),
        "/admin/auth/".to_owned(),
        "/register".to_owned(),
    ] {
        for kind in ["application/xml", "multipart/form-data; boundary=x", "text/html", "nonsense"] {
            let answer = vendor.send("POST", &path, kind, form(&[("id", "x")]));
            assert_eq!(answer.status, 415, "{kind} to {path}: {answer:?}");
        }
    }
    assert_eq!(vendor.snapshot(&model), before);
}

#[test]
fn hostile_header_values_break_nothing() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let before = vendor.snapshot(&model);
    let long = "x".repeat(8000);
    for name in [
        "X-Exosite-CIK",
        "X-Exosite-Token",
        "Authorization",
        "X-Exosite-Vendor",
        "Range",
        "If-Range",
        "If-None-Match",
        "Want-Repr-Digest",
        "Accept",
        "Cookie",
    ] {
        for value in [
            "",
            " ",
            ",",
            "\"",
            "\"\"",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=--1",
            "=",
            "é",
            "Bearer",
            "Bearer ",
            "*",
            "W/",
            "sha-256",
            "sha-256=x",
            &long,
        ] {
            let mut request =
                Request::get(&format!("/provision/manage/content/{model}/fw?download=true")).header(name, value);
            if name != "X-Exosite-CIK" {
                request = request.header("X-Exosite-CIK", &server.cast.vendor.cik);
            }
            let answer = server.call(&request);
            assert!(answer.status < 500, "{name}: {value:.40}: {answer:?}");
        }
    }
    for range in [
        "bytes=5-3",
        "bytes=18446744073709551616-",
        "bytes=0-18446744073709551616",
        "bytes=1 - 2",
        "bytes=a-b",
        "bytes=0x0-0x1",
        "bytes=+1-2",
        "bytes=-0",
        "bytes=9-",
    ] {
        let path = format!("/provision/manage/content/{model}/fw?download=true");
        let request = Request::get(&path).header("X-Exosite-CIK", &server.cast.vendor.cik).header("Range", range);
        let answer = server.call(&request);
        match answer.status {
            200 => assert_eq!(answer.text(), "hello", "{range}"),
            206 => assert!("hello".contains(answer.text()), "{range}: {answer:?}"),
            416 => assert_eq!(answer.header("content-range"), Some("bytes */5"), "{range}"),
            _ => panic!("{range}: {answer:?}"),
        }
    }
    assert_eq!(vendor.snapshot(&model), before);
}
