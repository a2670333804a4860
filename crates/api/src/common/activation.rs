//! Activation as every protocol offers it: the budget of failed tries around the rule.

use std::sync::Arc;

use domain::provision::{self, Activate, Answer};
use model::{Error, Result};

use super::app::App;

/// Gives a device its key, or says why not.
pub async fn activate(app: &Arc<App>, mut request: Activate) -> Result<Answer> {
    let number = number(&request.vendor, &request.model, request.serial_number.as_str());
    let address = request.address;
    let admitted = app.tries.admit(address, &number).map_err(|retry_after_s| Error::TooManyTries { retry_after_s })?;
    request.logged = admitted.logged;
    let named = request.clone();
    let outcome = app.store.write(move |tx| provision::activate(tx, &request)).await;
    match outcome {
        Ok(Ok(answer)) => {
            tracing::info!(
                vendor = named.vendor, model = named.model, sn = %named.serial_number, %address,
                result = answer.verb.result_word(), "activation"
            );
            Ok(answer)
        }
        Ok(Err(provision::Refusal)) => {
            app.tries.failed(address, &number);
            tracing::info!(
                vendor = named.vendor, model = named.model, sn = %named.serial_number, %address,
                result = "refused", "activation"
            );
            Err(if admitted.logged { Error::NotEnabled } else { Error::TooManyTries { retry_after_s: 60 } })
        }
        Err(error) => {
            if matches!(error, Error::Absent(_)) {
                app.tries.failed(address, &number);
            }
            Err(error)
        }
    }
}

/// What stands for one serial number in the budgets.
pub fn number(vendor: &str, model: &str, serial_number: &str) -> (String, String, String) {
    (vendor.to_owned(), model.to_owned(), serial_number.to_owned())
}
