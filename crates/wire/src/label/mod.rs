//! Labels for devices: a QR code of the address at which an owner adds the device, with its serial number in plain text
//! (docs/src/owner.md "Add a device").
//!
//! A code is drawn as SVG without a style or a script, so that a page with a strict content security policy may hold it.

mod png;
mod sheet;

use qrcodegen::{QrCode, QrCodeEcc};

use crate::percent::{Plus, encode_onto};

pub use sheet::sheet;

/// The light border that readers need, in modules.
const QUIET: usize = 4;
/// Characters of a line under the code, and lines at most.
const LINE_CHARACTERS: usize = 26;
const LINES: usize = 6;

/// What is printed on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// Where the server is: `https://devices.example.com`, without a slash at its end.
    pub base: &'a str,
    /// The vendor's name.
    pub vendor: &'a str,
    /// The model's name.
    pub model: &'a str,
    /// The serial number.
    pub serial_number: &'a str,
}

/// A QR code as a square of dark and light modules.
pub struct Code {
    width: usize,
    dark: Vec<bool>,
}

impl Label<'_> {
    /// The address that the code holds.
    pub fn url(&self) -> String {
        let mut url = format!("{}/portal/add", self.base.trim_end_matches('/'));
        for (place, (name, value)) in
            [("vendor", self.vendor), ("model", self.model), ("sn", self.serial_number)].into_iter().enumerate()
        {
            url.push(if place == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            encode_onto(&mut url, value, Plus::Itself);
        }
        url
    }

    /// The code; `None` when the address is longer than any code holds (2,331 bytes).
    pub fn code(&self) -> Option<Code> {
        Code::of(&self.url())
    }

    /// The code with model and serial number under it.
    pub fn svg(&self) -> Option<String> {
        let code = self.code()?;
        let width = code.width + 2 * QUIET;
        let lines: Vec<String> = std::iter::once(self.model.to_owned()).chain(broken(self.serial_number)).collect();
        // The text is as wide as the code, whatever its version.
        let size = width as f64 / 17.0;
        let height = width as f64 + lines.len() as f64 * size * 1.25 + size * 0.4;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height:.2}\" width=\"38mm\" role=\"img\" aria-label=\"QR code of {} {}\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{}",
            escaped(self.model),
            escaped(self.serial_number),
            code.path()
        );
        for (place, line) in lines.iter().enumerate() {
            let y = width as f64 + (place as f64 + 0.55) * size * 1.25;
            svg += &format!(
                "<text x=\"50%\" y=\"{y:.2}\" font-family=\"monospace\" font-size=\"{size:.2}\" text-anchor=\"middle\" fill=\"#000\">{}</text>",
                escaped(line)
            );
        }
        svg += "</svg>";
        Some(svg)
    }
}

impl Code {
    /// The code of a text, with medium error correction.
    pub fn of(text: &str) -> Option<Code> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let side = code.size();
        let dark = (0..side * side).map(|at| code.get_module(at % side, at / side)).collect();
        Some(Code { width: side.unsigned_abs() as usize, dark })
    }

    /// As an SVG picture.
    pub fn svg(&self) -> String {
        let width = self.width + 2 * QUIET;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {width}\" role=\"img\" aria-label=\"QR code\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{}</svg>",
            self.path()
        )
    }

    /// As a PNG picture of two colours, `scale` pixels a module.
    pub fn png(&self, scale: usize) -> Vec<u8> {
        let side = self.width + 2 * QUIET;
        png::bilevel(side * scale, side * scale, |x, y| !self.is_dark(x / scale, y / scale))
    }

    /// As text for a terminal, two modules a character; it reads on dark and on light ones, for it says its colours.
    pub fn terminal(&self) -> String {
        let side = self.width + 2 * QUIET;
        let mut text = String::new();
        for y in (0..side).step_by(2) {
            text += "\u{1b}[30;107m";
            for x in 0..side {
                text.push(match (self.is_dark(x, y), y + 1 < side && self.is_dark(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text += "\u{1b}[0m\n";
        }
        text
    }

    /// Whether the module is dark; the quiet border counts.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.width);
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if self.dark[y * self.width + x])
    }

    /// Each run of dark modules as one rectangle.
    fn path(&self) -> String {
        let mut path = String::from("<path fill=\"#000\" shape-rendering=\"crispEdges\" d=\"");
        for y in 0..self.width {
            let row = &self.dark[y * self.width..][..self.width];
            let mut x = 0;
            while x < self.width {
                let run = row[x..].iter().take_while(|dark| **dark == row[x]).count();
                if row[x] {
                    path += &format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
                }
                x += run;
            }
        }
        path + "\"/>"
    }
}

/// A serial number in lines that fit under a code.
fn broken(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut lines: Vec<String> =
        characters.chunks(LINE_CHARACTERS).take(LINES).map(|line| line.iter().collect()).collect();
    if characters.len() > LINE_CHARACTERS * LINES
        && let Some(last) = lines.last_mut()
    {
        last.pop();
        last.push('…');
    }
    lines
}

/// Text inside of SVG or HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: Label<'_> =
        Label { base: "https://devices.example.com/", vendor: "acme", model: "boiler", serial_number: "A 1&<ü>" };

    #[test]
    fn the_address_carries_the_three_names_escaped() {
        assert_eq!(
            LABEL.url(),
            "https://devices.example.com/portal/add?vendor=acme&model=boiler&sn=A%201%26%3C%C3%BC%3E"
        );
    }

    #[test]
    fn no_text_of_a_label_becomes_markup() {
        let svg = LABEL.svg().unwrap();
        assert!(svg.contains("A 1&amp;&lt;ü&gt;") && !svg.contains("<ü>"), "{svg}");
        let hostile = Label { serial_number: "\"><script>alert(1)</script>", ..LABEL };
        assert!(!hostile.svg().unwrap().contains("<script"));
        assert!(!sheet(&[hostile]).unwrap().contains("<script"));
    }

    #[test]
    fn the_longest_names_still_fit_a_code() {
        let (name, number) = ("m".repeat(100), "ü".repeat(64));
        let label = Label { vendor: &name, model: &name, serial_number: &number, ..LABEL };
        assert!(label.svg().is_some());
    }

    #[test]
    fn a_code_has_its_finder_patterns_and_a_quiet_border_everywhere() {
        let code = LABEL.code().unwrap();
        let side = code.width + 2 * QUIET;
        for at in 0..side {
            assert!((0..QUIET).all(|edge| !code.is_dark(at, edge) && !code.is_dark(edge, at)));
        }
        let finder: Vec<bool> = (0..7).map(|x| code.is_dark(QUIET + x, QUIET + 2)).collect();
        assert_eq!(finder, [true, false, true, true, true, false, true]);
        let lines = code.terminal();
        assert_eq!(lines.lines().count(), side.div_ceil(2));
    }
}
