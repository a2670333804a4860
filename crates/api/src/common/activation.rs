//! Activation as every protocol offers it: the budget of failed tries around the rule.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use domain::provision::{self, Activate, Answer};
use model::{Error, Field, Limits, Noun, Result, SerialNumber};

use super::app::App;
use crate::http::tls::Identity;

const NONCE_CHARACTERS: RangeInclusive<usize> = 16..=64;

/// What a device sends, as text, from wherever a protocol has it.
pub struct Fields<'a> {
    /// The vendor's name.
    pub vendor: &'a str,
    /// The model's name.
    pub model: &'a str,
    /// The serial number.
    pub sn: &'a str,
    /// What it chose and keeps.
    pub nonce: Option<&'a str>,
}

impl Fields<'_> {
    /// Reads them; none but the nonce may be empty.
    pub fn read(&self, limits: &Limits, address: IpAddr) -> Result<Activate> {
        let name = |field, text: &str| match text.len() {
            0 => Err(Error::Malformed(Field(field))),
            length if length > limits.name_characters => Err(Error::TooLarge(Field(field))),
            _ => Ok(text.to_owned()),
        };
        let (vendor, model) = (name("vendor", self.vendor)?, name("model", self.model)?);
        if self.sn.is_empty() {
            return Err(Error::Malformed(Field("sn")));
        }
        // A number that could not be registered is an unknown one, unless it is over its limit.
        let serial_number = match SerialNumber::parse(self.sn, limits) {
            Err(Error::Malformed(_)) => return Err(Error::Absent(Noun::SerialNumber)),
            other => other?,
        };
        if self.nonce.is_some_and(|nonce| !NONCE_CHARACTERS.contains(&nonce.chars().count())) {
            return Err(Error::Malformed(Field("nonce")));
        }
        let nonce = self.nonce.map(str::to_owned);
        Ok(Activate { vendor, model, serial_number, nonce, address, logged: true, unproven: false })
    }
}

/// Gives a device its key, or says why not. `identity` is whom its certificate names, on a protocol that has such.
pub async fn activate(app: &Arc<App>, mut request: Activate, identity: Option<&Identity>) -> Result<Answer> {
    let named = (&*request.vendor, &*request.model, request.serial_number.as_str());
    match identity.filter(|identity| identity.is(named.0, named.1, named.2)) {
        // Whoever holds the certificate's key may ask again after a lost answer, as with a nonce. Longer than any nonce that
        // is sent, so that none passes for it.
        Some(identity) if request.nonce.is_none() => {
            request.nonce = Some(format!("certificate {}", hex(&identity.key)))
        }
        Some(_) => {}
        None => {
            request.unproven =
                app.settings.certified.iter().any(|(vendor, model)| (&**vendor, &**model) == (named.0, named.1))
        }
    }
    let number = number(&request.vendor, &request.model, request.serial_number.as_str());
    let address = request.address;
    let admitted = app.tries.admit(address, &number, Instant::now()).map_err(|retry_after_s| {
        app.measures.refused_tries.one();
        Error::TooManyTries { retry_after_s }
    })?;
    request.logged = admitted.logged;
    let named = request.clone();
    let mut order = DefaultHasher::new();
    number.hash(&mut order);
    let outcome = app.store.write_beside(order.finish(), move |tx| provision::activate(tx, &request)).await;
    match outcome {
        Ok(Ok(answer)) => {
            app.measures.activated.one();
            tracing::info!(
                vendor = named.vendor, model = named.model, sn = %named.serial_number, %address,
                result = answer.verb.result_word(), "activation"
            );
            Ok(answer)
        }
        Ok(Err(provision::Refusal)) => {
            app.tries.failed(address, &number, Instant::now());
            app.measures.failed_try(&named.vendor, &named.model, app.store.clock().now());
            tracing::info!(
                vendor = named.vendor, model = named.model, sn = %named.serial_number, %address,
                result = "refused", "activation"
            );
            Err(if admitted.logged { Error::NotEnabled } else { Error::TooManyTries { retry_after_s: 60 } })
        }
        Err(error) => {
            if matches!(error, Error::Absent(_)) {
                app.tries.failed(address, &number, Instant::now());
            }
            Err(error)
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands for one serial number in the budgets.
pub fn number(vendor: &str, model: &str, serial_number: &str) -> (String, String, String) {
    (vendor.to_owned(), model.to_owned(), serial_number.to_owned())
}
