//! The commands that speak to a server over its public API, one file each.

pub mod completions;
pub mod content;
pub mod data;
pub mod device;
pub mod group;
pub mod model;
pub mod register;
pub mod rpc;
pub mod share;
pub mod sn;
pub mod token;
pub mod tree;

use std::io::{self, IsTerminal, Write};

use crate::client::{Request, Server};
use crate::failure::{Failure, Outcome};
use crate::output::{Cell, Table, note};

/// Asks a person before something that cannot be undone; a script says `--yes`.
fn confirm(question: &str, yes: bool) -> Outcome {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::new("this cannot be undone, and nobody can be asked").advise("say --yes"));
    }
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new("nothing was changed")),
    }
}

/// A page of a list: where it starts, how long it is.
#[derive(clap::Args)]
pub struct Paging {
    /// Skip this many
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Show everything
    #[arg(long, conflicts_with_all = ["offset", "limit"])]
    all: bool,
}

/// The longest page that a server gives, and the shortest.
const PAGE_ROWS: std::ops::RangeInclusive<u64> = 5..=1000;

impl Paging {
    /// Prints page after page of what `request` lists, each record made a row by `row`.
    fn print(
        &self,
        server: &Server,
        request: &Request,
        mut table: Table,
        when_empty: &str,
        row: impl Fn(&[String]) -> Vec<Cell>,
    ) -> Outcome {
        let mut left = if self.all { u64::MAX } else { self.limit };
        let mut offset = self.offset;
        let mut more = true;
        while more && left > 0 {
            let limit = left.clamp(*PAGE_ROWS.start(), *PAGE_ROWS.end());
            let page = request.clone().query("offset", &offset.to_string()).query("limit", &limit.to_string());
            let records = server.ask(&page)?.records()?;
            let count = records.len() as u64;
            let shown = count.min(left);
            table.page(records.iter().take(shown as usize).map(|record| row(record)).collect())?;
            left -= shown;
            offset += shown;
            more = count >= limit;
        }
        let rows = table.rows();
        table.end(when_empty)?;
        if more && rows > 0 && !self.all {
            note(format_args!("there may be more: --offset {offset} goes on, --all shows everything"));
        }
        Ok(())
    }
}

/// The field of a record, or an empty text where it is shorter.
fn field(record: &[String], index: usize) -> &str {
    record.get(index).map_or("", String::as_str)
}
