//! A form that a browser sent, read and checked: its token is right before anybody sees its fields.

use std::collections::HashMap;

use model::{Error, Field, Limits, Result};
use wire::form::Form;

/// The fields of a form. Browsers end lines with CR LF in text areas, and leave a box out that is not checked.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    fields: HashMap<String, Vec<String>>,
}

impl Fields {
    /// Reads an urlencoded body.
    pub fn read(body: &[u8], limits: &Limits) -> Result<Fields> {
        Ok(Fields::of(&Form::from_body(body, limits)?))
    }

    /// Reads what stands after a question mark; what cannot be read says nothing.
    pub fn of_query(query: &str, limits: &Limits) -> Fields {
        Form::from_query(Some(query), limits).map_or_else(|_| Fields::default(), |form| Fields::of(&form))
    }

    /// Adds a field.
    pub fn add(&mut self, name: &str, value: String) {
        self.fields.entry(name.to_owned()).or_default().push(value);
    }

    /// The value of a field; empty where it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// The value without the spaces around it.
    pub fn trimmed(&self, name: &str) -> &str {
        self.text(name).trim()
    }

    /// Whether a box is checked.
    pub fn is_checked(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// All values of a field, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.get(name).map_or_else(Vec::new, |values| values.iter().map(String::as_str).collect())
    }

    /// A whole number, if one was typed.
    pub fn number(&self, name: &'static str) -> Result<Option<i64>> {
        match self.trimmed(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Error::Malformed(Field(name))),
        }
    }

    fn of(form: &Form<'_>) -> Fields {
        let mut fields = Fields::default();
        form.iter().for_each(|(name, value)| fields.add(name, value.to_owned()));
        fields
    }
}
