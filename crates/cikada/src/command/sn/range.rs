//! `cikada sn range`: serial numbers that count as registered without a row each (contract, manage.md "A range").

use std::fs;
use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use http::Method;
use model::{Format, Limits, Range, Spelling};
use serde_json::json;
use wire::ranges_json;

use super::PATH;
use crate::client::{Request, Server};
use crate::failure::{Doing, Failure, Outcome};
use crate::output::{Cell, Output, line};

#[derive(Subcommand)]
pub enum Action {
    /// Add a range, written as its first and last serial number
    #[command(after_help = "\
Examples:
  cikada sn range add boiler 000000 499999                 # six digits each, zero-padded
  cikada sn range add boiler 00:1B:C5:00:00:00 00:1B:C5:0F:FF:FF
  cikada sn range add boiler 1000 1FFF --casing upper      # hexadecimal: the letters say so
  cikada sn range add boiler --from ranges.json")]
    Add {
        /// The model's name
        model: String,
        /// The first serial number, exactly as a device has it
        #[arg(required_unless_present = "from", requires = "last")]
        first: Option<String>,
        /// The last serial number; it belongs to the range
        last: Option<String>,
        #[command(flatten)]
        reading: Reading,
        /// Add the ranges of this JSON file instead, as `range list --json` prints them
        #[arg(long, value_name = "FILE", conflicts_with_all = ["first", "last"])]
        from: Option<PathBuf>,
    },
    /// List a model's ranges
    List {
        /// The model's name
        model: String,
    },
    /// Remove a range, written as its first and last serial number; numbers that have a row keep it
    Remove {
        /// The model's name
        model: String,
        /// The first serial number
        first: String,
        /// The last serial number
        last: String,
        #[command(flatten)]
        reading: Reading,
    },
}

/// How the two ends are to be read, where that is open.
#[derive(clap::Args)]
pub struct Reading {
    /// What the digits are, where the two ends leave it open
    #[arg(long, value_parser = PossibleValuesParser::new(["base10", "base16", "mac:48", "mac-48", "mac.48"]))]
    format: Option<String>,
    /// The letters of hexadecimal digits, where the two ends have none
    #[arg(long, value_parser = PossibleValuesParser::new(["upper", "lower"]))]
    casing: Option<String>,
}

pub fn run(server: &Server, output: Output, action: Action) -> Outcome {
    match action {
        Action::Add { model, first, last, reading, from } => {
            let ranges = match from {
                Some(file) => read_file(&file)?,
                None => vec![reading.range(&first.unwrap_or_default(), &last.unwrap_or_default())?],
            };
            let request = Request::post(PATH, &[&model])
                .collection()
                .body("application/json", body(&ranges))
                .to(format!("add to the ranges of {model}"))
                .advise(409, format!("it overlaps a range that is there: `cikada sn range list {model}`"));
            server.ask(&request)?;
            say(output, "added", &ranges)
        }
        Action::List { model } => list(server, output, &model),
        Action::Remove { model, first, last, reading } => {
            let has_ends = |range: &Range| {
                range.spell(range.first()).as_deref() == Some(&first)
                    && range.spell(range.last()).as_deref() == Some(&last)
            };
            let is_meant = |range: &Range| {
                reading.format.as_deref().is_none_or(|word| word == range.spelling().format().word())
                    && reading.casing.as_deref().is_none_or(|word| word == range.spelling().casing().word())
            };
            let mut ranges = fetch(server, &model)?;
            ranges.retain(|range| has_ends(range) && is_meant(range));
            if ranges.is_empty() {
                return Err(Failure::new(format!("{model} has no range from {first} to {last}")).advise(format!(
                    "`cikada sn range list {model}` shows what it has; a part of a range cannot be removed"
                )));
            }
            let request = Request::new(Method::DELETE, PATH, &[&model])
                .collection()
                .body("application/json", body(&ranges))
                .to(format!("remove from the ranges of {model}"));
            server.ask(&request)?;
            say(output, "removed", &ranges)
        }
    }
}

impl Reading {
    /// The one range that the two texts can mean.
    fn range(&self, first: &str, last: &str) -> Outcome<Range> {
        let wrong = format!("{first} and {last} are not the ends of a range");
        let lasts = Spelling::readings(last);
        let mut readings: Vec<(Spelling, u128, u128)> = Spelling::readings(first)
            .into_iter()
            .filter_map(|(spelling, first)| {
                lasts.iter().find(|(other, _)| *other == spelling).map(|(_, last)| (spelling, first, *last))
            })
            .filter(|(spelling, _, _)| self.format.as_deref().is_none_or(|word| word == spelling.format().word()))
            .filter(|(spelling, _, _)| self.casing.as_deref().is_none_or(|word| word == spelling.casing().word()))
            .collect();
        let Some(&(spelling, ..)) = readings.first() else {
            return Err(Failure::new(wrong).advise(
                "write both as a device has them, in the same form: decimal, hexadecimal or a MAC address; padded to one length, or not at all",
            ));
        };
        // Decimal is tried before hexadecimal; what is left open then is only the letters.
        readings.retain(|(other, ..)| other.format() == spelling.format() && other.length() == spelling.length());
        if spelling.format() != Format::Base10 && readings.len() > 1 {
            return Err(Failure::new(format!("{wrong} that says which letters the digits above 9 have"))
                .advise("say --casing upper or --casing lower"));
        }
        let (_, first, last) = readings[0];
        Range::new(spelling, first, last)
            .map_err(|_| Failure::new(wrong).advise("the first must not be above the last"))
    }
}

fn list(server: &Server, output: Output, model: &str) -> Outcome {
    let ranges = fetch(server, model)?;
    if output.is_json() {
        // The server's own form, with numbers that no double could hold: what `range add --from` reads.
        return line(ranges_json::encode(&ranges));
    }
    let mut table = output.table(&["first", "last", "count", "format", "length", "casing"]);
    let rows = ranges.iter().map(|range| {
        let spelling = range.spelling();
        vec![
            Cell::text(&range.spell(range.first()).unwrap_or_default()),
            Cell::text(&range.spell(range.last()).unwrap_or_default()),
            Cell::text(&count(range)),
            Cell::text(spelling.format().word()),
            spelling.length().map_or(Cell::Nothing, |length| Cell::Number(length.into())),
            Cell::text(spelling.casing().word()),
        ]
    });
    table.page(rows.collect())?;
    table.end(&format!("{model} has no ranges"))
}

fn fetch(server: &Server, model: &str) -> Outcome<Vec<Range>> {
    let request = Request::get(PATH, &[model]).collection().query("show", "ranges");
    let answer = server.ask(&request.to(format!("list the ranges of {model}")))?;
    ranges_json::decode(answer.body.as_bytes(), &unlimited()).doing("read the server's list of ranges")
}

fn read_file(file: &PathBuf) -> Outcome<Vec<Range>> {
    let text = fs::read(file).map_err(|error| Failure::file("read", file, &error))?;
    ranges_json::decode(&text, &unlimited()).map_err(|_| {
        Failure::new(format!("{} holds no ranges", file.display())).advise(
            "write them as {\"ranges\":[{\"format\":\"base10\",\"length\":6,\"casing\":\"upper\",\"first\":0,\"last\":999}]}",
        )
    })
}

/// How many ranges there may be is the server's business.
fn unlimited() -> Limits {
    Limits { ranges_per_model: usize::MAX, ..Limits::default() }
}

fn body(ranges: &[Range]) -> Vec<u8> {
    format!("{{\"ranges\":{}}}", ranges_json::encode(ranges)).into_bytes()
}

fn say(output: Output, done: &str, ranges: &[Range]) -> Outcome {
    if let [range] = ranges {
        let ends = [range.first(), range.last()].map(|number| range.spell(number).unwrap_or_default());
        let format = range.spelling().format().word();
        return output.done(
            format_args!("{done} {} to {}: {} serial numbers, {format}", ends[0], ends[1], count(range)),
            json!({done: 1, "first": ends[0], "last": ends[1], "format": format}),
        );
    }
    output.done(format_args!("{done} {} ranges", ranges.len()), json!({done: ranges.len()}))
}

/// How many numbers a range has: 2^128 at most.
fn count(range: &Range) -> String {
    match (range.last() - range.first()).checked_add(1) {
        Some(count) => count.to_string(),
        None => "2^128".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str, format: Option<&str>, casing: Option<&str>) -> Outcome<Range> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Reading { format: owned(format), casing: owned(casing) }.range(first, last)
    }

    #[test]
    fn two_serial_numbers_say_what_range_they_end() {
        for (first, last, format, casing, json) in [
            (
                "1000",
                "1999",
                None,
                None,
                r#"[{"format":"base10","length":null,"casing":"upper","first":1000,"last":1999}]"#,
            ),
            ("0001", "0999", None, None, r#"[{"format":"base10","length":4,"casing":"upper","first":1,"last":999}]"#),
            ("a0", "af", None, None, r#"[{"format":"base16","length":null,"casing":"lower","first":160,"last":175}]"#),
            ("0010", "00FF", None, None, r#"[{"format":"base16","length":4,"casing":"upper","first":16,"last":255}]"#),
            (
                "10",
                "99",
                Some("base16"),
                Some("lower"),
                r#"[{"format":"base16","length":null,"casing":"lower","first":16,"last":153}]"#,
            ),
            (
                "00:1B:C5:00:00:00",
                "00:1B:C5:0F:FF:FF",
                None,
                None,
                r#"[{"format":"mac:48","length":null,"casing":"upper","first":119269228544,"last":119270277119}]"#,
            ),
            (
                "0000.0000.0000",
                "0000.0000.0009",
                None,
                Some("lower"),
                r#"[{"format":"mac.48","length":null,"casing":"lower","first":0,"last":9}]"#,
            ),
        ] {
            let range = range(first, last, format, casing).unwrap();
            assert_eq!(ranges_json::encode(&[range]), json, "{first} {last}");
        }
    }

    #[test]
    fn ends_that_do_not_fit_together_are_refused_with_the_reason() {
        for (first, last, format, why) in [
            ("9", "1", None, "9 and 1 are not the ends of a range"),
            ("001", "12345", None, "001 and 12345 are not the ends of a range"),
            ("aF", "AF", None, "aF and AF are not the ends of a range"),
            ("1000", "1FFF", Some("base10"), "1000 and 1FFF are not the ends of a range"),
            (
                "10",
                "99",
                Some("base16"),
                "10 and 99 are not the ends of a range that says which letters the digits above 9 have",
            ),
            ("x", "y", None, "x and y are not the ends of a range"),
            ("", "", None, " and  are not the ends of a range"),
        ] {
            assert_eq!(range(first, last, format, None).unwrap_err().to_string(), why);
        }
    }
}
