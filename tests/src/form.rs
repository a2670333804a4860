//! Forms as a careful client writes them: everything but unreserved characters is percent-escaped.

/// Percent-escapes one name, value or path segment.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Undoes [`encode`], and reads `+` as a space.
pub fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
                let digits = std::str::from_utf8(&digits).expect("two digits");
                out.push(u8::from_str_radix(digits, 16).expect("hex digits"));
            }
            b'+' => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).expect("UTF-8")
}

/// `name=value` pairs joined by `&`; the brackets of `name[]` stay as they are.
pub fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| match name.strip_suffix("[]") {
            Some(stem) => format!("{}[]={}", encode(stem), encode(value)),
            None => format!("{}={}", encode(name), encode(value)),
        })
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        for text in ["", "a b", "01:02", "é\u{1f41b}", "100%&=+", "\0\n"] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(form(&[("sn[]", "a b"), ("x", "")]), "sn[]=a%20b&x=");
    }
}
