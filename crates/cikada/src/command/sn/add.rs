//! `cikada sn add`: a few serial numbers by hand.

use serde_json::json;

use super::PATH;
use crate::client::{Request, Server};
use crate::failure::Outcome;
use crate::output::Output;

/// Registers them together: all or none.
pub fn add(server: &Server, output: Output, model: &str, sns: &[String], extra: Option<&str>) -> Outcome {
    let mut csv = String::new();
    for sn in sns {
        let fields = [Some(sn.as_str()), extra];
        wire::csv::write_record(&mut csv, fields.into_iter().flatten());
    }
    let what = if let [sn] = sns { sn.clone() } else { format!("{} serial numbers", sns.len()) };
    let request = Request::post(PATH, &[model])
        .collection()
        .body("text/csv", csv.into_bytes())
        .to(format!("register {what}"))
        .advise(400, "a serial number is 1 to 128 bytes without comma, slash, control characters and outer spaces; none was registered")
        .advise(409, "none was registered; leave out the one that is there (`cikada sn show`), or use `cikada sn import`, which skips it");
    server.ask(&request)?;
    output.done(format_args!("registered {what}"), json!({"registered": sns}))
}
