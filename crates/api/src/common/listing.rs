//! The lines in which a device learns what content there is, the same over HTTP and CoAP (contract, device.md "Download and
//! list content").

use domain::provision::Shelf;
use store::table::content::Content;
use wire::csv::write_record;

/// The ids of all contents, one a line.
pub fn ids(shelf: &Shelf) -> String {
    let mut lines = String::new();
    for content in &shelf.contents {
        write_record(&mut lines, [content.id.as_str()]);
    }
    lines
}

/// `<content-type>,<byte-size>,<updated unix seconds>,<meta>`
pub fn info(content: &Content) -> String {
    let (length, updated) = (content.length.to_string(), content.updated_at.to_string());
    let mut line = String::new();
    write_record(&mut line, [content.content_type.as_str(), &length, &updated, content.meta.as_str()]);
    line
}
