//! The options of a client model (contract, manage.md "Models").

use crate::{Error, Field, Result};

/// What cloning and activation do differently for one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelOptions {
    /// The clone gets none of the template's aliases.
    pub no_aliases: bool,
    /// The clone gets none of the template's comments.
    pub no_comments: bool,
    /// The clone gets none of the template's data.
    pub no_historical: bool,
    /// A registered, unused serial number may activate without an owner's enable.
    pub auto_enable: bool,
    /// A repeat without a nonce is answered for a short while, always with a new key.
    pub grace_retry: bool,
}

impl ModelOptions {
    /// Reads the words of `options[]`; an unknown word is malformed, an empty one says nothing.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<ModelOptions> {
        let mut options = ModelOptions::default();
        for word in words {
            match word {
                "" => {}
                "noaliases" => options.no_aliases = true,
                "nocomments" => options.no_comments = true,
                "nohistorical" => options.no_historical = true,
                "autoenable" => options.auto_enable = true,
                "graceretry" => options.grace_retry = true,
                _ => return Err(Error::Malformed(Field("options"))),
            }
        }
        Ok(options)
    }

    /// The words, in the contract's order.
    pub fn words(self) -> Vec<&'static str> {
        [
            (self.no_aliases, "noaliases"),
            (self.no_comments, "nocomments"),
            (self.no_historical, "nohistorical"),
            (self.auto_enable, "autoenable"),
            (self.grace_retry, "graceretry"),
        ]
        .into_iter()
        .filter_map(|(set, word)| set.then_some(word))
        .collect()
    }
}
