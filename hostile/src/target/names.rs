//! Names, keys, spellings and options.

use model::{
    Alias, Cik, ContentId, Extra, GroupId, Limits, Meta, ModelName, ModelOptions, Range, Rid, SecretKey, SerialNumber,
    ShareCode, Spelling, Token, TokenId, VendorName,
};

use crate::seen::seen;

/// Everything that has a name.
pub fn names(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    let limits = Limits::default();
    let mut ways = Vec::new();
    macro_rules! each {
        ($($name:ident),+) => {$(
            let parsed = $name::parse(text, &limits);
            if let Ok(name) = &parsed {
                assert_eq!(name.as_str(), text, "a name is kept as it came");
                assert!(!text.contains('\0'), "a NUL");
            }
            ways.push(parsed.map(|_| ()).map_err(|error| format!("{error:?}")));
        )+};
    }
    each!(VendorName, ModelName, SerialNumber, ContentId, GroupId, TokenId, Alias, Meta, Extra);
    if ways[2].is_ok() {
        let stands_in_csv = !text.contains([',', '\n', '\r']) && !text.contains('/');
        assert!(stands_in_csv && text.len() <= limits.id_bytes, "{text:?}");
    }
    seen(ways)
}

/// Keys and RIDs.
pub fn keys(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    let is_key = text.len() == 40 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    assert_eq!(Rid::parse(text).is_ok(), is_key);
    assert_eq!(Token::parse(text).is_some(), is_key);
    assert_eq!(ShareCode::parse(text).is_some(), is_key);
    let cik = Cik::parse(text);
    assert_eq!(cik.is_some(), is_key);
    if let (Some(cik), Ok(rid)) = (cik, Rid::parse(text)) {
        assert_eq!((cik.expose_hex().as_str(), rid.to_string().as_str()), (text, text));
        assert_eq!(cik.expose_bytes(), rid.as_bytes());
    }
    seen((is_key, text.len().min(42)))
}

/// Serial numbers as numbers.
pub fn spelling(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    let readings = Spelling::readings(text);
    assert!(readings.len() <= 8, "{} readings", readings.len());
    for (spelling, number) in &readings {
        assert_eq!(spelling.encode(*number).as_deref(), Some(text), "a number fits in its exact spelling only");
        assert_eq!(spelling.decode(text), Some(*number));
        let range = Range::new(*spelling, *number, *number).expect("a range of one");
        assert_eq!((range.contains(text), range.spell(*number).as_deref()), (Some(*number), Some(text)));
        let longer = format!("0{text}");
        assert!(range.contains(&longer).is_none() && range.contains(&text[..text.len() - 1]).is_none());
    }
    let formats: Vec<_> =
        readings.iter().map(|(spelling, _)| (spelling.format().word(), spelling.length().is_some())).collect();
    seen(formats)
}

/// The options of a model.
pub fn model_options(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    match ModelOptions::parse(text.split(',')) {
        Ok(options) => {
            assert_eq!(ModelOptions::parse(options.words()).map(ModelOptions::words), Ok(options.words()));
            seen(options.words())
        }
        Err(error) => seen(format!("{error:?}")),
    }
}
