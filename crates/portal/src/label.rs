//! The label of a serial number: a QR code of a URL that leads to the page where its owner adds it. A phone's camera opens it, and
//! so does the portal's own scanner.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};
use wire::form;

/// Light modules around the code, which readers ask for.
const QUIET: i32 = 4;

/// The URL on the label: `<base>/portal/add?vendor=…&model=…&sn=…`.
pub fn label_url(base: &str, vendor: &str, model: &str, serial_number: &str) -> String {
    let query = form::encode([("vendor", vendor), ("model", model), ("sn", serial_number)]);
    format!("{}/portal/add?{query}", base.trim_end_matches('/'))
}

/// A text as a QR code, as an SVG without script or style; `None` where the text is too long for one.
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let size = code.size() + 2 * QUIET;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\" role=\"img\" \
         aria-label=\"QR code\"><rect width=\"{size}\" height=\"{size}\" fill=\"#fff\"/><path fill=\"#000\" d=\""
    );
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count() as i32;
            if run > 0 {
                let _ = write!(svg, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    svg.push_str("\"/></svg>");
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_leads_to_the_page_that_adds_the_device() {
        let url = label_url("https://p.example/", "acme", "thermo", "A 1&b");
        assert_eq!(url, "https://p.example/portal/add?vendor=acme&model=thermo&sn=A+1%26b");
        let svg = svg(&url).unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>") && !svg.contains("p.example"));
        assert!(super::svg(&"x".repeat(5000)).is_none());
    }
}
