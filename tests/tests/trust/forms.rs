//! Every route that takes a form, with fields that stand twice (threat T30) and values at the ends of what numbers can be (T29).
//! The rows are read from the server's own description, so that a new form is tried, too.

use cikada_tests::{Request, Server, encode};
use serde_json::Value;

/// Numbers that somebody forgot about.
const EXTREMES: &[&str] = &[
    "-1",
    "0",
    "-0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "1e308",
    "1e309",
    "NaN",
    "inf",
    "-inf",
    "0x10",
    "1_000",
    "٣",
    "+1",
    " 1",
    "1.0",
    "",
];

struct Form {
    method: String,
    path: String,
    fields: Vec<String>,
    query: Vec<String>,
    headers: Vec<String>,
}

/// The forms of the description, with names filled in; and routes that are only asked.
fn forms(server: &Server) -> Vec<Form> {
    let answer = server.call(&Request::get("/openapi.json")).expect(200);
    let description: Value = serde_json::from_str(answer.text()).unwrap();
    let mut forms = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let properties =
                &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"];
            let fields = properties.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
            let (mut query, mut headers) = (Vec::new(), Vec::new());
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let parameter = match parameter["$ref"].as_str() {
                    Some(name) => description.pointer(name.trim_start_matches('#')).unwrap(),
                    None => parameter,
                };
                let name = parameter["name"].as_str().unwrap().to_owned();
                match parameter["in"].as_str() {
                    Some("query") if name != "aliases" => query.push(name),
                    Some("header") => headers.push(name),
                    _ => {}
                }
            }
            let path = path.replace("{model}", "model").replace("{vendor}", "partner");
            let path = path.replace("{sn}", "sn").replace("{id}", "id").replace("{alias}", "alias");
            forms.push(Form { method: method.to_uppercase(), path, fields, query, headers });
        }
    }
    forms
}

fn stage() -> Server {
    let server = Server::start_with("[activation]\ntrusted_networks = [\"127.0.0.0/8\"]\n");
    let vendor = server.vendor();
    vendor.add_model("model", &[]);
    vendor.add("model", &["sn"]);
    vendor.upload("model", "id", "text/plain", "bytes");
    vendor.add_group("model", "id");
    vendor.add_group("model", "other");
    server
}

impl Form {
    fn request(&self, server: &Server, query: &str, body: &str) -> Request {
        let target = if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) };
        let request = Request::new(&self.method, &target).header("X-Exosite-CIK", &server.cast.vendor.cik);
        match self.method.as_str() {
            "GET" => request,
            _ => request.header("Content-Type", "application/x-www-form-urlencoded").body(body),
        }
    }
}

#[test]
fn a_field_that_stands_twice_is_refused_and_changes_nothing() {
    let server = stage();
    let before = server.vendor().snapshot("model");
    let (mut doubled, mut tried) = (0, 0);
    // A record names an alias before each of its parts, as often as it likes.
    for form in forms(&server).into_iter().filter(|form| form.path != "/onep:v1/stack/record") {
        for field in form.fields.iter().filter(|field| !field.ends_with("[]")) {
            // Every other field once, with something that could be good.
            let others: Vec<String> = form
                .fields
                .iter()
                .filter(|other| *other != field && !other.ends_with("[]"))
                .filter(|other| !matches!(other.as_str(), "delete" | "remove" | "disable" | "oldsn" | "code"))
                .map(|other| format!("{other}={}", good(&server, other)))
                .collect();
            let twice = format!("{field}={0}&{field}={0}", good(&server, field));
            let listed = format!("{field}={0}&{field}[]={0}", good(&server, field));
            let bodies = [[&[twice][..], &others].concat(), [&others[..], &[listed]].concat()];
            // An unknown field may stand as often as it likes, so that only fields with a list of that name are held to both forms.
            let bodies = if form.fields.contains(&format!("{field}[]")) { &bodies[..] } else { &bodies[..1] };
            for body in bodies {
                let body = body.join("&");
                let answer = server.call(&form.request(&server, "", &body));
                assert_eq!(answer.status, 400, "{} {} {body}: {answer:?}", form.method, form.path);
                doubled += 1;
            }
        }
        for name in &form.query {
            let mut twice = format!("{name}={0}&{name}={0}", good(&server, name));
            // What pages only the groups of a thing is not read where they are not asked for.
            let pages_groups =
                form.query.iter().any(|other| other == "show") && form.path != "/provision/manage/model/model/";
            if pages_groups && matches!(name.as_str(), "offset" | "limit") {
                twice.push_str("&show=groups");
            }
            let answer = server.call(&form.request(&server, &twice, ""));
            assert!((400..500).contains(&answer.status), "{} {}?{twice}: {answer:?}", form.method, form.path);
            tried += 1;
        }
        // What a form says is not what a query says.
        if form.fields.iter().any(|field| field == "delete") {
            let answer =
                server.call(&form.request(&server, "delete=true&id=id&model=model&vendor=acme&sn=sn", "nothing=1"));
            assert_eq!(
                answer.status, 400,
                "{} {}: the query was taken for the body: {answer:?}",
                form.method, form.path
            );
        }
    }
    assert!(doubled >= 30 && tried >= 20, "{doubled} fields and {tried} parameters are not all");
    assert_eq!(server.vendor().snapshot("model"), before);
}

#[test]
fn numbers_at_the_ends_of_what_they_can_be_are_understood_or_refused() {
    let server = stage();
    let mut tried = 0;
    for form in forms(&server) {
        let mut try_one = |request: Request| {
            let answer = server.call(&request);
            assert!(answer.status < 500, "{} {}: {answer:?}", request.method(), request.target());
            tried += 1;
        };
        for extreme in EXTREMES.iter().map(|text| encode(text)) {
            for field in &form.fields {
                let others = form.fields.iter().filter(|other| *other != field && !other.ends_with("[]"));
                let others = others
                    .filter(|other| !matches!(other.as_str(), "delete" | "remove" | "disable" | "code" | "oldsn"));
                let others: String = others.map(|other| format!("&{other}={}", good(&server, other))).collect();
                try_one(form.request(&server, "", &format!("{field}={extreme}{others}")));
            }
            for name in &form.query {
                try_one(form.request(&server, &format!("{name}={extreme}"), ""));
            }
        }
        for extreme in EXTREMES.iter().filter(|text| text.is_ascii()) {
            for name in form.headers.iter().filter(|name| !matches!(name.as_str(), "Upgrade" | "Request-Timeout")) {
                try_one(form.request(&server, "", "id=x").header(name, extreme));
            }
        }
    }
    // A wait is not waited for: too long is refused, none at all ends at once.
    for (timeout, statuses) in [
        ("300001", [400, 400]),
        ("-1", [400, 400]),
        ("1e3", [400, 400]),
        ("9223372036854775808", [400, 400]),
        ("0", [304, 204]),
    ] {
        let request = Request::get("/onep:v1/stack/alias?a").header("X-Exosite-CIK", &server.cast.vendor.cik);
        server.call(&request.header("Request-Timeout", timeout)).expect_any(&statuses);
    }
    assert!(tried > 1_000, "{tried} tries are not all");
    server.call(&Request::get("/healthz")).expect(200);
}

/// Something that could be good for a field of that name.
fn good(server: &Server, field: &str) -> String {
    match field {
        "vendor" => server.cast.vendor_name.clone(),
        "model" => "fresh".to_owned(),
        "rid" => server.cast.template.rid.clone(),
        "owner" => server.cast.owner.rid.clone(),
        "code" => "0".repeat(40),
        "nonce" => "n".repeat(20),
        "enable" | "disable" | "delete" | "remove" | "protected" | "status" | "info" | "download" => "true".to_owned(),
        "activation_timeout" => "3600".to_owned(),
        "type" => "sn".to_owned(),
        "expire" | "offset" | "limit" => "1".to_owned(),
        "show" => "groups".to_owned(),
        _ => "fresh".to_owned(),
    }
}
