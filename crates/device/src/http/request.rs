//! Requests, written whole into a buffer so that they leave in one segment.

use crate::buffer::Writer;

/// Whether a text may stand in `Host`: the server's name, with or without a port.
pub(crate) fn is_host(host: &str) -> bool {
    (1..=255).contains(&host.len()) && host.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Writes `<method> <target> HTTP/1.1` and the host; `target` writes what stands between. A host that could not stand there
/// makes the whole request fail.
pub(crate) fn begin<'b>(
    buffer: &'b mut [u8],
    method: &str,
    host: &str,
    target: impl FnOnce(&mut Writer<'b>),
) -> Writer<'b> {
    let mut writer = Writer::new(buffer);
    if !is_host(host) {
        writer.refuse();
    }
    writer.text(method).text(" ");
    target(&mut writer);
    writer.text(" HTTP/1.1\r\nHost: ").text(host).text("\r\n");
    writer
}

/// Announces a form of that length and ends the head.
pub(crate) fn begin_form(writer: &mut Writer<'_>, length: usize) {
    writer
        .text("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ")
        .number(length as u64)
        .text("\r\n\r\n");
}

/// The header that authenticates a device.
pub(crate) fn credential(writer: &mut Writer<'_>, cik: &crate::Cik) {
    writer.text("X-Exosite-CIK: ").bytes(cik.as_bytes()).text("\r\n");
}
