//! `application/x-www-form-urlencoded` bodies and query strings (contract, manage.md "Credential", data.md).
//!
//! Decoding is strict: a broken escape, a NUL or text that is not UTF-8 refuses the whole form. Unknown fields are kept
//! and simply not asked for; a field that may stand once and stands twice is refused when it is asked for.

use std::borrow::Cow;

use model::{Error, Field, Limits, Result};

use crate::percent::{self, Plus};

/// Fields that a form may have beside the serial numbers of a batch.
const OTHER_FIELDS: usize = 100;

/// The fields of a form or a query string, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form<'a> {
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Form<'a> {
    /// Reads a body; an empty one is a form without fields.
    pub fn from_body(body: &'a [u8], limits: &Limits) -> Result<Form<'a>> {
        decode(body, Field("body"), limits)
    }

    /// Reads what stands after the question mark, if anything does. A bare name (`?alias1&alias2`) is a field with an
    /// empty value.
    pub fn from_query(query: Option<&'a str>, limits: &Limits) -> Result<Form<'a>> {
        decode(query.unwrap_or("").as_bytes(), Field("query"), limits)
    }

    /// Every field as name and value, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> + Clone {
        self.fields.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether the field stands there, by itself or as a list.
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|(given, _)| given == name || is_list(given, name))
    }

    /// The value of a field that may stand once; twice, or as a list beside it, is malformed.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>> {
        let (alone, listed) = self.find(name);
        match (&alone[..], &listed[..]) {
            ([], _) => Ok(None),
            ([value], []) => Ok(Some(value)),
            _ => Err(Error::Malformed(Field(name))),
        }
    }

    /// The value of a field that must stand once and not be empty.
    pub fn required(&self, name: &'static str) -> Result<&str> {
        self.one(name)?.filter(|value| !value.is_empty()).ok_or(Error::Malformed(Field(name)))
    }

    /// The values of a field that is written once (`sn=`) or as a list (`sn[]=&sn[]=`), never both.
    pub fn list(&self, name: &'static str) -> Result<Vec<&str>> {
        let (alone, listed) = self.find(name);
        match (&alone[..], &listed[..]) {
            ([], _) => Ok(listed),
            ([_], []) => Ok(alone),
            _ => Err(Error::Malformed(Field(name))),
        }
    }

    /// The values of a list that may be written with the brackets or without them (`options=&options=`), never both.
    pub fn words(&self, name: &'static str) -> Result<Vec<&str>> {
        let (alone, listed) = self.find(name);
        match (&alone[..], &listed[..]) {
            ([], _) => Ok(listed),
            (_, []) => Ok(alone),
            _ => Err(Error::Malformed(Field(name))),
        }
    }

    /// Whether a field says `true`. An absent one or `false` says no; any other value is malformed, so that a
    /// misspelled `delete` is never taken for its opposite.
    pub fn flag(&self, name: &'static str) -> Result<bool> {
        match self.one(name)? {
            Some("true") => Ok(true),
            Some("false") | None => Ok(false),
            Some(_) => Err(Error::Malformed(Field(name))),
        }
    }

    /// The values under the bare name, and those under the name with brackets.
    fn find(&self, name: &str) -> (Vec<&str>, Vec<&str>) {
        let mut found = (Vec::new(), Vec::new());
        for (given, value) in self.iter() {
            if given == name {
                found.0.push(value);
            } else if is_list(given, name) {
                found.1.push(value);
            }
        }
        found
    }
}

/// Writes fields as a form. The brackets of a list's name stay as they are.
pub fn encode<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut form = String::new();
    for (name, value) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        let bare = name.strip_suffix("[]");
        percent::encode_onto(&mut form, bare.unwrap_or(name), Plus::Space);
        form.push_str(if bare.is_some() { "[]=" } else { "=" });
        percent::encode_onto(&mut form, value, Plus::Space);
    }
    form
}

fn is_list(given: &str, name: &str) -> bool {
    given.strip_suffix("[]") == Some(name)
}

fn decode<'a>(text: &'a [u8], whole: Field, limits: &Limits) -> Result<Form<'a>> {
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = memchr::memchr(b'&', rest).unwrap_or(rest.len());
        let (field, after) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
        rest = after;
        if field.is_empty() {
            continue;
        }
        if fields.len() == limits.batch_serial_numbers.saturating_add(OTHER_FIELDS) {
            return Err(Error::TooLarge(whole));
        }
        let name_end = memchr::memchr(b'=', field).unwrap_or(field.len());
        let value = field.get(name_end + 1..).unwrap_or_default();
        let decoded = |bytes| percent::decode(bytes, Plus::Space).ok_or(Error::Malformed(whole));
        fields.push((decoded(&field[..name_end])?, decoded(value)?));
    }
    Ok(Form { fields })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(body: &str) -> Form<'_> {
        Form::from_body(body.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_form_is_names_and_values_in_order() {
        for (body, fields) in [
            ("", &[][..]),
            ("&&", &[]),
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("b=2&a=1&b=3", &[("b", "2"), ("a", "1"), ("b", "3")]),
            ("a", &[("a", "")]),
            ("a&b&", &[("a", ""), ("b", "")]),
            ("a=b=c", &[("a", "b=c")]),
            ("=x", &[("", "x")]),
            ("a=", &[("a", "")]),
            ("sn%5B%5D=x+y%2b", &[("sn[]", "x y+")]),
            ("a=%0D%0A", &[("a", "\r\n")]),
            ("a=1;b=2", &[("a", "1;b=2")]),
            ("é=é", &[("é", "é")]),
        ] {
            assert_eq!(form(body).iter().collect::<Vec<_>>(), fields, "{body}");
        }
    }

    #[test]
    fn a_form_that_is_broken_anywhere_is_refused_whole() {
        for body in [&b"a=%"[..], b"a=%4", b"a=1&b=%zz", b"%=1", b"a=\xff", b"a=%C3", b"a=%00", b"a=\0", b"a\0=1"] {
            let refused = Form::from_body(body, &Limits::default());
            assert_eq!(refused, Err(Error::Malformed(Field("body"))), "{body:?}");
        }
        let refused = Form::from_query(Some("a=%"), &Limits::default());
        assert_eq!(refused, Err(Error::Malformed(Field("query"))));
        assert!(Form::from_query(None, &Limits::default()).unwrap().is_empty());
    }

    #[test]
    fn a_form_has_room_for_a_whole_batch_and_not_for_ever_more() {
        let limits = Limits { batch_serial_numbers: 3, ..Limits::default() };
        let body = "sn[]=1&".repeat(103);
        assert_eq!(Form::from_body(body.as_bytes(), &limits).unwrap().list("sn").unwrap().len(), 103);
        let body = "sn[]=1&".repeat(104);
        assert_eq!(Form::from_body(body.as_bytes(), &limits), Err(Error::TooLarge(Field("body"))));
    }

    #[test]
    fn a_field_that_may_stand_once_does_not_stand_twice() {
        assert_eq!(form("sn=1").one("sn"), Ok(Some("1")));
        assert_eq!(form("sn=").one("sn"), Ok(Some("")));
        assert_eq!(form("x=1").one("sn"), Ok(None));
        assert_eq!(form("sn[]=1&sn[]=2").one("sn"), Ok(None));
        for doubled in ["sn=1&sn=1", "sn=1&sn[]=2", "sn[]=2&x=3&sn=1", "sn&sn"] {
            assert_eq!(form(doubled).one("sn"), Err(Error::Malformed(Field("sn"))), "{doubled}");
            assert_eq!(form(doubled).list("sn"), Err(Error::Malformed(Field("sn"))), "{doubled}");
        }
    }

    #[test]
    fn a_required_field_is_there_and_not_empty() {
        assert_eq!(form("sn=1").required("sn"), Ok("1"));
        for missing in ["", "sn", "sn=", "SN=1", "sn[]=1"] {
            assert_eq!(form(missing).required("sn"), Err(Error::Malformed(Field("sn"))), "{missing}");
        }
    }

    #[test]
    fn a_list_is_read_with_its_brackets_and_options_also_without() {
        assert_eq!(form("sn[]=1&x=0&sn[]=2").list("sn"), Ok(vec!["1", "2"]));
        assert_eq!(form("sn=1").list("sn"), Ok(vec!["1"]));
        assert_eq!(form("").list("sn"), Ok(vec![]));
        assert_eq!(form("options=a&options=b").words("options"), Ok(vec!["a", "b"]));
        assert_eq!(form("options[]=a&options[]=b").words("options"), Ok(vec!["a", "b"]));
        assert!(form("options[]=a&options=b").words("options").is_err());
        assert!(form("sn[]=1").has("sn") && form("sn").has("sn") && !form("sn[]x=1").has("sn"));
    }

    #[test]
    fn a_flag_says_true_or_false_and_nothing_else() {
        assert_eq!(form("delete=true&confirm=true").flag("delete"), Ok(true));
        assert_eq!(form("delete=false").flag("delete"), Ok(false));
        assert_eq!(form("confirm=true").flag("delete"), Ok(false));
        for unclear in ["delete", "delete=", "delete=TRUE", "delete=1", "delete=true&delete=true"] {
            assert_eq!(form(unclear).flag("delete"), Err(Error::Malformed(Field("delete"))), "{unclear}");
        }
    }

    #[test]
    fn an_answer_keeps_brackets_and_numbers_readable() {
        let fields = [("rid", "ab12"), ("options[]", "noaliases"), ("temp", "-3.5"), ("a b", "1&2=3 %")];
        assert_eq!(encode(fields), "rid=ab12&options[]=noaliases&temp=-3.5&a+b=1%262%3D3+%25");
        assert_eq!(encode([]), "");
    }

    proptest! {
        #[test]
        fn every_form_comes_back(fields in proptest::collection::vec(("[^\0]*", "[^\0]*"), 0..8)) {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let text = encode(fields.iter().copied());
            let read = Form::from_body(text.as_bytes(), &Limits::default()).unwrap();
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), fields);
        }

        #[test]
        fn no_bytes_make_decoding_panic(body: Vec<u8>) {
            if let Ok(form) = Form::from_body(&body, &Limits::default()) {
                let _ = (form.one("sn"), form.list("sn"), form.words("options"), form.flag("delete"));
            }
        }
    }
}
