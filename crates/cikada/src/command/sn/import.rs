//! `cikada sn import`: a file of serial numbers, however long, in batches that are each registered whole or not at all.
//!
//! How far a file got is kept beside it (`FILE.import`) until it is done, so that running the same command again goes on
//! there. A batch that is refused is halved until the rows that are to blame stand alone.

mod batch;
mod journal;
mod known;
mod report;
mod rows;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::ProgressBar;
use serde_json::json;

use crate::client::Server;
use crate::failure::{Doing, Failure, Outcome};
use crate::output::{Output, note};
use crate::progress;
use crate::when::span;

use batch::Batch;
use journal::Journal;
use known::Known;
use report::Report;
use rows::{Row, Rows};

/// Register the serial numbers of a CSV file: `sn` or `sn,extra` a line
///
/// Rows that are registered already are skipped and counted; rows that are wrong are reported with their line, and make the
/// command fail at its end, after everything else was registered.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada sn import boiler numbers.csv
  cikada sn import boiler export.csv --header --report wrong.csv
  generate-serials | cikada sn import boiler -            # from a pipe; cannot be resumed")]
pub struct Args {
    /// The model's name
    model: String,
    /// The file, or - for standard input
    file: PathBuf,
    /// Skip the first record: it names the columns
    #[arg(long)]
    header: bool,
    /// Rows in one request
    #[arg(long, value_name = "ROWS", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// Write every row that was not registered, with its line and the reason, to this CSV file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Begin at the start of the file, whatever an earlier run has done
    #[arg(long)]
    restart: bool,
}

/// How many rows went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Registered by this import.
    pub registered: u64,
    /// There before.
    pub already: u64,
    /// Wrong.
    pub refused: u64,
}

pub fn run(server: &Server, output: Output, args: &Args) -> Outcome {
    let begun = Instant::now();
    let is_pipe = args.file.as_os_str() == "-";
    let mut journal =
        if is_pipe { Journal::none() } else { Journal::open(&args.file, server.base(), &args.model, args.restart)? };
    let mut report = Report::new(args.report.as_deref(), journal.is_resumed())?;
    let before = journal.tally();
    if journal.is_resumed() {
        note(format_args!("going on after line {}, where an earlier run stopped", journal.position().line));
    }
    let tally = if is_pipe {
        let bar = progress::count("registering", 0);
        import(server, &args.model, io::stdin().lock(), args, &mut journal, &mut report, &bar)?
    } else {
        let (source, length) = open_at(&args.file, journal.position().offset)?;
        let bar = progress::bytes("registering", length);
        import(server, &args.model, source, args, &mut journal, &mut report, &bar)?
    };
    report.finish()?;
    journal.finish()?;
    say(output, &tally, tally.registered - before.registered, begun)
}

fn open_at(path: &Path, offset: u64) -> Outcome<(BufReader<File>, u64)> {
    let mut file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
    let length = file.metadata().doing(format_args!("read {}", path.display()))?.len();
    file.seek(SeekFrom::Start(offset)).doing(format_args!("read {}", path.display()))?;
    Ok((BufReader::with_capacity(1 << 20, file), length))
}

/// Registers what `source` holds. After each batch the journal is told how far it got.
fn import(
    server: &Server,
    model: &str,
    source: impl BufRead,
    args: &Args,
    journal: &mut Journal,
    report: &mut Report,
    bar: &ProgressBar,
) -> Outcome<Tally> {
    let mut tally = journal.tally();
    let mut rows = Rows::new(source, journal.position());
    let mut skip_header = args.header && !journal.is_resumed();
    let mut batch = Batch::new(args.batch as usize);
    let mut known = Known::default();
    loop {
        let row = rows.next().doing("read the file")?;
        let is_last = row.is_none();
        match row {
            Some(_) if std::mem::take(&mut skip_header) => {}
            Some(Row::Good { line, sn, extra }) => {
                if let Err(reason) = batch.push(line, &sn, extra.as_deref()) {
                    tally.refused += 1;
                    report.add(line, &sn, &reason)?;
                }
            }
            Some(Row::Wrong { line, text, reason }) => {
                tally.refused += 1;
                report.add(line, &text, reason)?;
            }
            None => {}
        }
        if batch.is_full() || is_last {
            batch.send(server, model, &mut known, &mut tally, report)?;
            report.flush()?;
            journal.advance(rows.position(), tally)?;
            bar.set_position(rows.position().offset);
            batch.clear();
        }
        if is_last {
            bar.finish_and_clear();
            return Ok(tally);
        }
    }
}

fn say(output: Output, tally: &Tally, fresh: u64, begun: Instant) -> Outcome {
    let seconds = begun.elapsed().as_secs_f64();
    let mut sentence = format!("registered {} serial numbers in {}", tally.registered, span(begun.elapsed()));
    if fresh >= 1000 {
        sentence += &format!(" ({:.0} a second)", fresh as f64 / seconds.max(0.001));
    }
    if tally.already > 0 {
        sentence += &format!("; {} were there already and are as they were", tally.already);
    }
    let facts = json!({"registered": tally.registered, "already": tally.already, "refused": tally.refused});
    output.done(sentence, facts)?;
    match tally.refused {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} rows were not registered")).advise(
            "mend them and import the file again: what is registered is skipped; --report FILE writes all of them down",
        )),
    }
}
