//! Many labels for a printer: one HTML file that needs nothing else, A4 or letter, cut lines between the labels.

use super::{Label, escaped};

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<style>\n\
@page { margin: 10mm }\n\
body { margin: 0; font-family: sans-serif }\n\
ul { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, 46mm); justify-content: center }\n\
li { border: 0.2mm dashed #999; padding: 3mm; text-align: center; break-inside: avoid }\n\
svg { width: 38mm; height: auto; display: block; margin: auto }\n\
</style>\n";

/// The sheet; `None` when a label's address is longer than any code holds.
pub fn sheet(labels: &[Label<'_>]) -> Option<String> {
    let mut html = String::from(HEAD);
    let model = labels.first().map_or("", |label| label.model);
    html += &format!("<title>Labels: {}</title>\n</head>\n<body>\n<ul>\n", escaped(model));
    for label in labels {
        html += "<li>";
        html += &label.svg()?;
        html += "</li>\n";
    }
    html += "</ul>\n</body>\n</html>\n";
    Some(html)
}
