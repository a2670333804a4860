//! A list: aligned columns for people, an array of objects (one a line) for scripts. It is printed in pages, so that a list
//! of millions needs the memory of one.

use std::io::Write;

use unicode_width::UnicodeWidthStr;

use super::{Cell, note};
use crate::failure::{Failure, Outcome};

/// A list being printed.
pub struct Table {
    columns: &'static [&'static str],
    widths: Vec<usize>,
    json: bool,
    colour: bool,
    rows: u64,
}

impl Table {
    pub(super) fn new(columns: &'static [&'static str], json: bool, colour: bool) -> Table {
        Table { columns, widths: columns.iter().map(|name| name.len()).collect(), json, colour, rows: 0 }
    }

    /// Prints some rows. A column never gets narrower from page to page.
    pub fn page(&mut self, rows: Vec<Vec<Cell>>) -> Outcome {
        let mut text = Vec::new();
        if self.json {
            self.json_page(&rows, &mut text)
        } else {
            self.text_page(&rows, &mut text)
        }
        self.rows += rows.len() as u64;
        std::io::stdout().lock().write_all(&text).map_err(Failure::output)
    }

    /// How many rows were printed so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the list; `when_empty` is said to a person who got nothing.
    pub fn end(self, when_empty: &str) -> Outcome {
        if self.json {
            let end = if self.rows == 0 { "[]\n" } else { "\n]\n" };
            return std::io::stdout().lock().write_all(end.as_bytes()).map_err(Failure::output);
        }
        if self.rows == 0 {
            note(when_empty);
        }
        Ok(())
    }

    fn json_page(&self, rows: &[Vec<Cell>], text: &mut Vec<u8>) {
        for (index, row) in rows.iter().enumerate() {
            let first = self.rows == 0 && index == 0;
            text.extend_from_slice(if first { b"[\n" } else { b",\n" });
            let fields = self.columns.iter().copied().zip(row);
            text.extend_from_slice(object(fields).as_bytes());
        }
    }

    fn text_page(&mut self, rows: &[Vec<Cell>], text: &mut Vec<u8>) {
        let shown: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(Cell::shown).collect()).collect();
        for row in &shown {
            for (width, text) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(text.width());
            }
        }
        // A list of one column needs no heading: it reads by itself, and in a shell's loop.
        if self.rows == 0 && !rows.is_empty() && self.columns.len() > 1 {
            let heading: Vec<String> = self.columns.iter().map(|name| name.to_uppercase()).collect();
            let plain: Vec<Cell> = heading.iter().map(|name| Cell::Text(name.clone())).collect();
            self.line(&plain, &heading, if self.colour { "\u{1b}[1m" } else { "" }, text);
        }
        for (row, shown) in rows.iter().zip(&shown) {
            self.line(row, shown, "", text);
        }
    }

    fn line(&self, row: &[Cell], shown: &[String], style: &str, text: &mut Vec<u8>) {
        text.extend_from_slice(style.as_bytes());
        for (index, (cell, content)) in row.iter().zip(shown).enumerate() {
            let last = index + 1 == row.len();
            let padding = if last { 0 } else { self.widths[index] + 2 - content.width() };
            let right = matches!(cell, Cell::Number(_) | Cell::Bytes(_)) && !last;
            let painted = cell.paint(content.clone(), self.colour);
            let padding = " ".repeat(padding);
            let padded = if right { format!("{}{painted}  ", &padding[2..]) } else { format!("{painted}{padding}") };
            text.extend_from_slice(padded.as_bytes());
        }
        if !style.is_empty() {
            text.extend_from_slice(b"\x1b[0m");
        }
        text.push(b'\n');
    }
}

/// A JSON object with its fields in this order.
pub fn object<'a>(fields: impl Iterator<Item = (&'static str, &'a Cell)>) -> String {
    let fields =
        fields.map(|(name, cell)| format!("{}:{}", serde_json::Value::from(name.replace(' ', "_")), cell.value()));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![Cell::Text("A1".into()), Cell::Number(7), Cell::Text("x".into())],
            vec![Cell::Text("日本".into()), Cell::Number(12_345), Cell::Nothing],
        ]
    }

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["sn", "size", "extra"], false, false);
        let mut text = Vec::new();
        table.text_page(&rows(), &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), "SN    SIZE   EXTRA\nA1        7  x\n日本  12345  -\n");
    }

    #[test]
    fn pages_of_json_make_one_array() {
        let mut table = Table::new(&["sn", "size", "to whom"], true, false);
        let mut text = Vec::new();
        table.json_page(&rows()[..1], &mut text);
        table.rows = 1;
        table.json_page(&rows()[1..], &mut text);
        text.extend_from_slice(b"\n]\n");
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value[0]["to_whom"], "x");
        assert_eq!(value[1]["size"], 12_345);
        assert!(value[1]["to_whom"].is_null());
    }
}
