//! The subject of a certificate (RFC 5280, 4.1.2.6), as far as a device's name is read from it: its `serialNumber`
//! (OID 2.5.4.5, as in IEEE 802.1AR), or else its common name (2.5.4.3). The certificate itself is verified elsewhere.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
/// The kinds of text that are ASCII or UTF-8: UTF8String, PrintableString, IA5String.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SERIAL_NUMBER: &[u8] = &[0x55, 0x04, 0x05];

/// The name of the device that a subject names: the content of its `Name`, without the outer sequence. `None` where it names
/// none, names several, or is no name at all: what could be read in two ways is not read.
pub fn device_name(subject: &[u8]) -> Option<&str> {
    let (mut serial_numbers, mut common_names) = (Vec::new(), Vec::new());
    let mut rest = subject;
    while !rest.is_empty() {
        let mut set = take(&mut rest, SET)?;
        while !set.is_empty() {
            let mut attribute = take(&mut set, SEQUENCE)?;
            let kind = take(&mut attribute, OBJECT_ID)?;
            let (tag, value) = take_any(&mut attribute)?;
            if !attribute.is_empty() {
                return None;
            }
            let names = match kind {
                SERIAL_NUMBER => &mut serial_numbers,
                COMMON_NAME => &mut common_names,
                _ => continue,
            };
            names.push(TEXTS.contains(&tag).then(|| std::str::from_utf8(value).ok()).flatten()?);
        }
    }
    match (&serial_numbers[..], &common_names[..]) {
        ([name], _) | ([], [name]) => Some(name),
        _ => None,
    }
}

fn take<'a>(from: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    take_any(from).filter(|(found, _)| *found == tag).map(|(_, content)| content)
}

/// The next element: its tag and its content. Only what DER allows: the shortest form of a definite length.
fn take_any<'a>(from: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = from.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length).checked_sub(0x80)? + 0x80, rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let length = u16::from_be_bytes(*length);
            (usize::from(length).checked_sub(0x100)? + 0x100, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some((tag, content))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        match content.len() {
            length @ 0..0x80 => bytes.push(length as u8),
            length @ 0x80..0x100 => bytes.extend([0x81, length as u8]),
            length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        bytes.extend(content);
        bytes
    }

    fn attribute(kind: &[u8], tag: u8, value: &str) -> Vec<u8> {
        let content = [element(OBJECT_ID, kind), element(tag, value.as_bytes())].concat();
        element(SET, &element(SEQUENCE, &content))
    }

    #[test]
    fn a_device_is_named_once_or_not_at_all() {
        let organization = attribute(&[0x55, 0x04, 0x0a], 0x0c, "Acme");
        let (serial, common) = (attribute(SERIAL_NUMBER, 0x13, "A-17"), attribute(COMMON_NAME, 0x0c, "thermo A-17"));
        let long = attribute(COMMON_NAME, 0x0c, &"x".repeat(300));
        for (parts, name) in [
            (vec![&organization, &serial, &common], Some("A-17")),
            (vec![&common, &organization], Some("thermo A-17")),
            (vec![&long], Some(&*"x".repeat(300))),
            (vec![&organization], None),
            (vec![&common, &common], None),
            (vec![&serial, &serial, &common], None),
            (vec![], None),
            // A BMPString is UTF-16.
            (vec![&attribute(COMMON_NAME, 0x1e, "\0A")], None),
        ] {
            let subject: Vec<u8> = parts.into_iter().flatten().copied().collect();
            assert_eq!(device_name(&subject), name);
            if name.is_some() {
                assert_eq!(device_name(&subject[..subject.len() - 1]), None, "cut off");
                assert_eq!(device_name(&[&subject[..], &[0]].concat()), None, "and more");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            device_name(&bytes);
        }
    }
}
