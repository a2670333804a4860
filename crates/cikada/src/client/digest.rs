//! The SHA-256 of content, as the `Repr-Digest` field carries it (RFC 9530).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A SHA-256.
pub type Sha256 = [u8; 32];

/// The field's value: `sha-256=:…:`.
pub fn field(digest: &Sha256) -> String {
    format!("sha-256=:{}:", STANDARD.encode(digest))
}

/// The SHA-256 in a field that may name other algorithms beside it.
pub fn parse_field(value: &str) -> Option<Sha256> {
    let member = value.split(',').map(str::trim).find_map(|member| member.strip_prefix("sha-256=:"))?;
    let text = member.split(';').next()?.trim_end().strip_suffix(':')?;
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// As people compare it.
pub fn hex(digest: &Sha256) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_field_among_others() {
        let digest: Sha256 = std::array::from_fn(|i| i as u8);
        assert_eq!(parse_field(&field(&digest)), Some(digest));
        assert_eq!(parse_field(&format!("md5=:xx:, {};q=1", field(&digest))), Some(digest));
        for wrong in ["", "sha-256=abc", "sha-256=::", "sha-256=:AAAA:", "sha-512=:AAAA:"] {
            assert_eq!(parse_field(wrong), None, "{wrong}");
        }
    }
}
