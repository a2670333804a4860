//! The store without anything above it: the rule of activation, its SQL and its commits on one thread, no HTTP.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::Settings;
use domain::caller::{self, Credential};
use domain::found::found;
use domain::provision::{
    Activate, ModelChange, NewNumber, TemplateName, activate, add_numbers, create_model, enable_for_owner,
};
use model::{Cik, Extra, ModelName, ModelOptions, Rid, SerialNumber, VendorName};
use store::{Clock, MasterKey, Options, Place, Store, Tx, Url};
use tokio::runtime::Runtime;

use crate::vendor::{BATCH, scattered, serial_number};
use crate::{Outcome, failed};

const VENDOR: &str = "alone";
const MODEL: &str = "bench-device";
/// What one transaction of the preparation enables.
const ENABLED_AT_ONCE: u64 = 500;

/// A store of its own with registered serial numbers, some of them enabled.
pub struct StoreAlone {
    store: Store,
    runtime: Runtime,
    vendor: Cik,
    owner: Rid,
    of: u64,
}

impl StoreAlone {
    /// Makes it, and registers that many numbers.
    pub fn prepare(folder: &Path, numbers: u64) -> Outcome<StoreAlone> {
        StoreAlone::make(Options::new(folder.join("alone.db")), numbers)
    }

    /// The same in a database of PostgreSQL.
    pub fn prepare_on(url: &str, numbers: u64) -> Outcome<StoreAlone> {
        StoreAlone::make(Options { place: Place::Postgres(Url::parse(url)?), ..Options::new("") }, numbers)
    }

    fn make(options: Options, numbers: u64) -> Outcome<StoreAlone> {
        let master = MasterKey::generate()?;
        Store::create(&options, &master)?;
        let store = Store::open(options, &master, Clock::system(), |why| panic!("the store failed: {why}"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (vendor, owner) = runtime.block_on(store.write(|tx| {
            let founded = found(tx, &VendorName::from_stored(VENDOR.to_owned()))?;
            let vendor = caller::vendor(tx, &Credential::Cik(founded.vendor.cik.clone()))?;
            let template = Some(TemplateName::Rid(founded.template.rid));
            let change = ModelChange { template, options: ModelOptions::default(), activation_timeout_s: None };
            create_model(tx, &Settings::default(), &vendor, &model_name(), &change)?;
            Ok((founded.vendor.cik, founded.owner.rid))
        }))?;
        let alone = StoreAlone { store, runtime, vendor, owner, of: numbers };
        for first in (0..numbers).step_by(BATCH as usize) {
            let last = numbers.min(first + BATCH);
            alone.run(move |tx, vendor, _| {
                let model = vendor.model(tx, &model_name())?;
                let number = |index| NewNumber { serial_number: named(index), extra: Extra::default() };
                add_numbers(tx, &model, &(first..last).map(number).collect::<Vec<_>>())
            })?;
        }
        Ok(alone)
    }

    /// Enables and then activates that many scattered numbers, so many a commit; gives activations a second.
    pub fn activations(&self, places: std::ops::Range<u64>, a_commit: u64) -> Outcome<f64> {
        let of = self.of;
        for first in places.clone().step_by(ENABLED_AT_ONCE as usize) {
            let last = places.end.min(first + ENABLED_AT_ONCE);
            self.run(move |tx, vendor, owner| {
                let numbers = vendor.numbers(tx, &model_name(), None)?;
                for place in first..last {
                    enable_for_owner(tx, &numbers, &named(scattered(place, of)), owner)?;
                }
                Ok(())
            })?;
        }
        let begin = Instant::now();
        for first in places.clone().step_by(a_commit as usize) {
            let last = places.end.min(first + a_commit);
            let activated = self.runtime.block_on(self.store.write(move |tx| {
                (first..last).map(|place| activate_one(tx, scattered(place, of))).sum::<model::Result<u64>>()
            }))?;
            if activated != last - first {
                return failed("the store refused an activation");
            }
        }
        let took: Duration = begin.elapsed();
        Ok((places.end - places.start) as f64 / took.as_secs_f64())
    }

    fn run(
        &self,
        rule: impl Fn(&mut Tx<'_>, &caller::Vendor, Rid) -> model::Result<()> + Send + 'static,
    ) -> Outcome<()> {
        let (vendor, owner) = (self.vendor.clone(), self.owner);
        Ok(self.runtime.block_on(self.store.write(move |tx| {
            let vendor = caller::vendor(tx, &Credential::Cik(vendor.clone()))?;
            rule(tx, &vendor, owner)
        }))?)
    }
}

fn activate_one(tx: &mut Tx<'_>, index: u64) -> model::Result<u64> {
    let request = Activate {
        vendor: VENDOR.to_owned(),
        model: MODEL.to_owned(),
        serial_number: named(index),
        nonce: None,
        address: [127, 0, 0, 1].into(),
        logged: true,
        unproven: false,
    };
    Ok(u64::from(activate(tx, &request)?.is_ok_and(|answer| answer.text().len() == 40)))
}

fn named(index: u64) -> SerialNumber {
    SerialNumber::from_stored(serial_number(index))
}

fn model_name() -> ModelName {
    ModelName::from_stored(MODEL.to_owned())
}
