//! Founding a server: the root of the tree, a vendor with its name and a token, an owner, and an empty template, so that a
//! model can be made before any other call (contract, DECISIONS "The binary").

use model::{Error, Limits, Noun, Result, Token, TokenId, VendorName};
use serde_json::{Map, Value, json};
use store::Tx;
use store::table::resource::{self, Kind};
use store::table::vendor;

use crate::account::{self, Link};
use crate::caller::{self, Credential};
use crate::resource::{Description, LIMITED, NewClient, plant_client};
use crate::vendor::{create_token, register};

/// A limit too large to reach, and still exact as a double.
const UNLIMITED: i64 = (1 << 53) - 1;
/// What was made. The keys are shown once.
pub struct Founded {
    /// The client above all.
    pub root: NewClient,
    /// The vendor's client.
    pub vendor: NewClient,
    /// Its name.
    pub name: VendorName,
    /// Its first token.
    pub token: Token,
    /// A client under which devices can be made.
    pub owner: NewClient,
    /// A client without anything in it.
    pub template: NewClient,
    /// The link that makes the first administrator of the portal.
    pub administrator: Link,
}

/// Makes the first clients of an empty server.
pub fn found(tx: &mut Tx<'_>, name: &VendorName) -> Result<Founded> {
    if resource::find_root(tx)?.is_some() {
        return Err(Error::Exists(Noun::Client, None));
    }
    if vendor::find_by_name(tx, name.as_str())?.is_some() {
        return Err(Error::Exists(Noun::Vendor, None));
    }
    let root = plant_client(tx, None, &description("root", &json!(UNLIMITED))?, None)?;
    let inherit = |name: &str| description(name, &json!("inherit"));
    let vendor = plant_client(tx, Some(root.id), &inherit(name.as_str())?, None)?;
    let calling = caller::client(tx, &Credential::Cik(vendor.cik.clone()))?;
    register(tx, &calling, name)?;
    let calling = caller::vendor(tx, &Credential::Cik(vendor.cik.clone()))?;
    let token = create_token(tx, &calling, &TokenId::from_stored("init".to_owned()))?;
    let owner = plant_client(tx, Some(vendor.id), &inherit("owner")?, None)?;
    let template = plant_client(tx, Some(vendor.id), &inherit("template")?, None)?;
    let administrator = account::first_administrator(tx, root.id)?;
    Ok(Founded { root, vendor, name: name.clone(), token, owner, template, administrator })
}

fn description(name: &str, limit: &Value) -> Result<Description> {
    let limits: Map<String, Value> = LIMITED.into_iter().map(|kind| (kind.to_owned(), limit.clone())).collect();
    let given = Map::from_iter([("limits".to_owned(), Value::Object(limits)), ("name".to_owned(), json!(name))]);
    Description::new(Kind::Client, given, &Limits::default())
}
