//! `cikada sn list`: the registered serial numbers of a model, page by page.

use super::{PATH, Partner};
use crate::client::{Request, Server};
use crate::command::{Paging, field};
use crate::failure::Outcome;
use crate::output::{Cell, Output};

/// Prints the list; what only a range covers is not in it.
pub fn list(
    server: &Server,
    output: Output,
    model: &str,
    shared: Option<String>,
    paging: &Paging,
    partner: &Partner,
) -> Outcome {
    let mut request = Request::get(PATH, &[model]).collection().query("status", "true");
    if let Some(vendor) = shared {
        request = request.query("shared", &vendor);
    }
    let request = partner.name(request.to(format!("list the serial numbers of {model}")));
    let table = output.table(&["sn", "status", "client", "extra"]);
    let nothing = format!("{model} has no serial numbers of its own; `cikada sn range list {model}` shows its ranges");
    paging.print(server, &request, table, &nothing, |record| {
        vec![
            Cell::text(field(record, 0)),
            Cell::status(field(record, 1)),
            Cell::text(field(record, 2)),
            Cell::text(field(record, 3)),
        ]
    })
}
