//! A range of 10^18 serial numbers must cost as much as one of ten.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::report::{Report, Row, duration};
use crate::server::Server;
use crate::vendor::Vendor;

const MODEL: &str = "bench-range";
const ROUNDS: u32 = 50;
const LIMIT: Duration = Duration::from_millis(10);

pub fn play(report: &mut Report) -> Outcome<()> {
    let server = Server::start()?;
    let mut vendor = Vendor::new(&server)?;
    vendor.make_model(MODEL, &[])?;
    let path = format!("/provision/manage/model/{MODEL}/");
    let range = r#"{"ranges":[{"format":"base10","length":18,"casing":"lower","first":0,"last":999999999999999999}]}"#;
    let json = |request: kit::Request| request.header("Content-Type", "application/json").body(range);
    let test = vendor.request("GET", &format!("{path}123456789012345678"));
    let steps = [
        ("added", json(vendor.request("POST", &path)), 205),
        ("listed", vendor.request("GET", &format!("{path}?show=ranges")), 200),
        ("tested", test.clone(), 204),
        ("removed", json(vendor.request("DELETE", &path)), 205),
    ];
    let (mut worst, mut sum) = ([Duration::ZERO; 4], [Duration::ZERO; 4]);
    for _ in 0..ROUNDS {
        for (at, (_, request, status)) in steps.iter().enumerate() {
            let begin = Instant::now();
            vendor.ask(request, *status)?;
            let took = begin.elapsed();
            worst[at] = worst[at].max(took);
            sum[at] += took;
        }
        vendor.ask(&test, 404)?;
    }
    for (at, (step, ..)) in steps.iter().enumerate() {
        report.add(Row {
            what: format!("a range of 10^18 numbers is {step}"),
            asked: "under 10 ms".into(),
            reached: format!("{} at most, {} on average", duration(worst[at]), duration(sum[at] / ROUNDS)),
            limit: String::new(),
            held: Some(worst[at] < LIMIT),
        });
    }
    Ok(())
}
