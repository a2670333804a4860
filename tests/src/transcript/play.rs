//! Plays a transcript against a real server and tells what differs.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::coap;
use super::pattern::{Values, fill, fits};
use super::{Case, Expectation, Step, parse};
use crate::{Answer, Connection, Server, Vendor, fresh_address, fresh_name, rules};

/// Plays every case of a transcript on one fresh server, and ends the test with all differences at once.
#[track_caller]
pub fn play(name: &str, text: &str) {
    let cases = parse(text).unwrap_or_else(|why| panic!("{name}: {why}"));
    assert!(!cases.is_empty(), "{name} has no case");
    let server = Server::start();
    let mut different = String::new();
    for case in &cases {
        // A preparation that is refused ends its case, not the transcript.
        let outcome = catch_unwind(AssertUnwindSafe(|| play_case(&server, case)));
        let outcome = outcome.unwrap_or_else(|_| Err((case.line, "a preparation was refused, see above".to_owned())));
        if let Err((line, why)) = outcome {
            let _ = write!(different, "\n{name}:{line}: {}\n{why}\n", case.title);
        }
    }
    assert!(different.is_empty(), "{different}");
}

/// The state of one case.
struct Stage<'a> {
    server: &'a Server,
    vendor: Vendor<'a>,
    values: Values,
    address: Ipv4Addr,
}

fn play_case(server: &Server, case: &Case) -> Result<(), (usize, String)> {
    let model = fresh_name("model");
    let mut stage =
        Stage { server, vendor: server.vendor(), values: known(server, &model), address: Ipv4Addr::LOCALHOST };
    stage.move_to(fresh_address());
    let says = |words: &str| {
        let first = case.steps.first().map(|line| &line.step);
        matches!(first, Some(Step::Prepare(said)) if said.join(" ").starts_with(words))
    };
    if !says("nomodel") && !says("model {model}") {
        stage.vendor.add_model(&model, &[]);
    }
    for line in &case.steps {
        let outcome = match &line.step {
            Step::Prepare(words) => stage.prepare(words),
            Step::Exchange { request, expected } => stage.exchange(request, expected),
        };
        outcome.map_err(|why| (line.number, why))?;
    }
    Ok(())
}

fn known(server: &Server, model: &str) -> Values {
    let cast = &server.cast;
    let pairs = [
        ("vendor", &cast.vendor_name),
        ("vendor.rid", &cast.vendor.rid),
        ("vendor.cik", &cast.vendor.cik),
        ("vendor.token", &cast.vendor_token),
        ("owner.rid", &cast.owner.rid),
        ("owner.cik", &cast.owner.cik),
        ("root.rid", &cast.root.rid),
        ("root.cik", &cast.root.cik),
        ("template.rid", &cast.template.rid),
        ("template.cik", &cast.template.cik),
        ("unknown", &crate::UNKNOWN_KEY.to_owned()),
        ("model", &model.to_owned()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

impl Stage<'_> {
    fn move_to(&mut self, address: Ipv4Addr) {
        self.address = address;
        self.values.insert("address".into(), address.to_string());
    }

    fn prepare(&mut self, words: &[String]) -> Result<(), String> {
        let filled = |word: &String| fill(word, &self.values).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let words = words.iter().map(filled).collect::<Result<Vec<_>, _>>()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let model = self.values["model"].clone();
        match words.as_slice() {
            ["nomodel"] => {}
            ["model", name, fields @ ..] => {
                let fields: Vec<(&str, &str)> = fields.iter().filter_map(|field| field.split_once('=')).collect();
                self.vendor.add_model(name, &fields);
            }
            ["numbers", numbers @ ..] => self.vendor.add(&model, numbers),
            ["enabled", numbers @ ..] => self.enable(&model, numbers),
            ["activated", numbers @ ..] => {
                self.enable(&model, numbers);
                for number in numbers {
                    let cik = self.server.device(&model, number).activate_ok();
                    self.values.insert(format!("{number}.cik"), cik);
                }
            }
            ["disabled", numbers @ ..] => {
                for number in numbers {
                    self.vendor.disable(&model, number).expect(205);
                }
            }
            ["address"] => self.move_to(fresh_address()),
            ["jump", seconds] => self.server.jump(seconds.parse().map_err(|_| "a strange number of seconds")?),
            _ => return Err(format!("no such preparation: {words:?}")),
        }
        Ok(())
    }

    fn enable(&mut self, model: &str, numbers: &[&str]) {
        self.vendor.add(model, numbers);
        for number in numbers {
            let rid = self.vendor.enable(model, number);
            self.values.insert(format!("{number}.rid"), rid);
        }
    }

    fn exchange(&mut self, request: &[String], expected: &Expectation) -> Result<(), String> {
        if request[0].starts_with("COAP ") {
            return coap::exchange(self.server.coap(), self.address, &mut self.values, request, expected);
        }
        let (method, bytes) = self.request(request)?;
        let mut connection = Connection::open_from(self.server.address, self.address).map_err(|why| why.to_string())?;
        let _ = connection.send(&bytes);
        let told = |why: String| format!("{why}\n--- request ---\n{}", String::from_utf8_lossy(&bytes));
        let answer = connection.read_answer(&method).map_err(|why| told(format!("no answer: {why}")))?;
        match self.difference(&answer, expected, &method)? {
            None => Ok(()),
            Some(why) => Err(told(format!("{why}\n--- answer ---{answer:?}"))),
        }
    }

    /// The method and the bytes that go out.
    fn request(&self, lines: &[String]) -> Result<(String, Vec<u8>), String> {
        let blank = lines.iter().position(String::is_empty).unwrap_or(lines.len());
        let (head, body) = (&lines[..blank], lines.get(blank + 1..).unwrap_or_default().join("\n"));
        let body = fill(&body, &self.values)?;
        let said = |name: &str| head[1..].iter().any(|line| line.to_ascii_lowercase().starts_with(name));
        let mut bytes = fill(&head[0], &self.values)?;
        bytes.extend(if head[0].contains(" HTTP/") { &b"\r\n"[..] } else { b" HTTP/1.1\r\n" });
        if !said("host:") {
            bytes.extend(b"Host: cikada.test\r\n");
        }
        for line in &head[1..] {
            bytes.extend(fill(line, &self.values)?);
            bytes.extend(b"\r\n");
        }
        let method = head[0].split(' ').next().unwrap_or_default().to_owned();
        let bodiless = body.is_empty() && matches!(method.as_str(), "GET" | "HEAD" | "DELETE");
        if !bodiless && !said("content-length:") && !said("transfer-encoding:") {
            bytes.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        Ok((method, bytes))
    }

    /// What the answer has otherwise than expected; an Err where the transcript itself is wrong.
    fn difference(&mut self, answer: &Answer, expected: &Expectation, method: &str) -> Result<Option<String>, String> {
        if !expected.statuses.contains(&answer.status) {
            return Ok(Some(format!("expected {:?}, got {}", expected.statuses, answer.status)));
        }
        if let Some(broken) = rules::broken(answer, method) {
            return Ok(Some(broken));
        }
        if let Some(why) = self.header_difference(answer, expected)? {
            return Ok(Some(why));
        }
        if expected.kind == "json" {
            return self.json_difference(answer, expected);
        }
        if answer.status >= 400 && expected.body.is_empty() {
            return Ok(None);
        }
        let mut pattern = expected.body.join("\\n");
        if matches!(expected.kind.as_str(), "csv" | "lines") && !expected.body.is_empty() {
            pattern.push_str("\\n");
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if fits(&pattern, &text, &mut self.values)? {
            return Ok(None);
        }
        Ok(Some(format!("another body\n--- expected body ---\n{}", expected.body.join("\n"))))
    }

    fn header_difference(&mut self, answer: &Answer, expected: &Expectation) -> Result<Option<String>, String> {
        let mut free = vec!["date", "content-length"];
        let mut named: Vec<(String, String, bool)> = Vec::new();
        for line in &expected.headers {
            let optional = line.starts_with('?');
            let (name, value) = line.trim_start_matches('?').split_once(": ").ok_or("a strange header")?;
            named.push((name.to_owned(), value.to_owned(), optional));
        }
        let kind = answer.header("content-type").unwrap_or_default();
        if let Some(allowed) = content_types(&expected.kind)? {
            free.push("content-type");
            if !allowed.contains(&kind) {
                return Ok(Some(format!("Content-Type is {kind:?}, none of {allowed:?}")));
            }
        } else if answer.status >= 400 {
            free.push("content-type");
        }
        match answer.status {
            429 | 503 => free.push("retry-after"),
            _ => {}
        }
        for (name, pattern, optional) in &named {
            match answer.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
                Some((_, value)) if fits(pattern, value, &mut self.values)? => {}
                Some((_, value)) => return Ok(Some(format!("{name} is {value:?}, expected {pattern:?}"))),
                None if *optional => {}
                None => return Ok(Some(format!("{name} is missing"))),
            }
        }
        let known = |name: &str| {
            free.contains(&name.to_ascii_lowercase().as_str())
                || named.iter().any(|(n, ..)| n.eq_ignore_ascii_case(name))
        };
        let extra = answer.headers.iter().find(|(name, _)| !known(name));
        Ok(extra.map(|(name, value)| format!("nobody asked for {name}: {value}")))
    }

    fn json_difference(&self, answer: &Answer, expected: &Expectation) -> Result<Option<String>, String> {
        let wanted = fill(&expected.body.join("\n"), &self.values)?;
        let wanted: Value = serde_json::from_slice(&wanted).map_err(|why| format!("the expected JSON: {why}"))?;
        Ok(match serde_json::from_slice::<Value>(&answer.body) {
            Err(why) => Some(format!("not JSON: {why}")),
            Ok(got) if got == wanted => None,
            Ok(_) => Some(format!("other JSON\n--- expected ---\n{wanted}")),
        })
    }
}

/// The content types that go for a kind of body; none is said of an answer without a kind.
fn content_types(kind: &str) -> Result<Option<&'static [&'static str]>, String> {
    Ok(Some(match kind {
        "" => return Ok(None),
        "csv" => &["text/csv", "text/csv; charset=utf-8"],
        "lines" => &["text/csv", "text/csv; charset=utf-8", "text/plain", "text/plain; charset=utf-8"],
        "text" => &["text/plain; charset=utf-8"],
        "form" => &["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8"],
        "json" | "jsontext" => &["application/json", "application/json; charset=utf-8"],
        _ => return Err(format!("no such kind of body: {kind}")),
    }))
}
