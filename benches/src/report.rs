//! The table: what was asked for, what was reached, and the engine's own limit in the same run.

use std::fmt::Write as _;

/// One line of the table.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What it has to reach.
    pub asked: String,
    /// What it reached.
    pub reached: String,
    /// What the engines reach by themselves, in the same run.
    pub limit: String,
    /// Whether it reached it; None where nothing is asked for.
    pub held: Option<bool>,
}

/// The rows, in the order they were measured.
#[derive(Default)]
pub struct Report(Vec<Row>);

impl Report {
    /// Adds a row and says it at once, so that a long run is worth watching.
    pub fn add(&mut self, row: Row) {
        eprintln!("{}: {}", row.what, row.reached);
        if row.held.is_some() {
            eprintln!("    {}: asked for {}; {}", row.verdict(), row.asked, row.limit);
        }
        self.0.push(row);
    }

    /// A figure that nobody asked for, but that explains another.
    pub fn note(&mut self, what: impl Into<String>, reached: String) {
        self.add(Row { what: what.into(), asked: String::new(), reached, limit: String::new(), held: None });
    }

    /// Whether every row that asks for something has it.
    pub fn all_held(&self) -> bool {
        self.0.iter().all(|row| row.held != Some(false))
    }

    /// The table in Markdown, its columns aligned.
    pub fn table(&self) -> String {
        let heads = ["what", "asked for", "reached", "the engine's own, same run", ""].map(str::to_owned);
        let mut lines = vec![heads.clone()];
        for row in &self.0 {
            let [what, asked, reached, limit] = [&row.what, &row.asked, &row.reached, &row.limit].map(Clone::clone);
            lines.push([what, asked, reached, limit, row.verdict().to_owned()]);
        }
        let mut widths = [0; 5];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        lines.insert(1, widths.map(|width| "-".repeat(width)));
        let mut text = String::new();
        for line in &lines {
            for (cell, width) in line.iter().zip(widths) {
                let _ = write!(text, "| {cell:width$} ");
            }
            text.push_str("|\n");
        }
        text
    }
}

impl Row {
    fn verdict(&self) -> &'static str {
        match self.held {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "",
        }
    }
}

/// A number with its thousands apart.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time as one reads it.
pub fn duration(time: std::time::Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    match us {
        ..1_000.0 => format!("{us:.0} us"),
        ..1_000_000.0 => format!("{:.2} ms", us / 1e3),
        _ => format!("{:.2} s", us / 1e6),
    }
}

/// Bytes in MiB.
pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([0.4, 999.0, 1000.0, 1234567.8].map(thousands), ["0", "999", "1,000", "1,234,568"]);
        let times = [15, 1_500, 2_000_000].map(std::time::Duration::from_micros);
        assert_eq!(times.map(duration), ["15 us", "1.50 ms", "2.00 s"]);
    }

    #[test]
    fn the_table_says_what_was_missed() {
        let mut report = Report::default();
        report.note("fsync", "1 ms".into());
        assert!(report.all_held());
        let row =
            Row { what: "x".into(), asked: "2".into(), reached: "1".into(), limit: "3".into(), held: Some(false) };
        report.add(row);
        assert!(!report.all_held() && report.table().contains("MISSED"));
    }
}
