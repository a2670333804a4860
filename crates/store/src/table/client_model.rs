//! Table `model`: a vendor's client models.

use model::{ModelName, ModelOptions, Result, Seconds};

use crate::{Row, Tx, params};

/// What a model's devices are cloned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A client in the vendor's own tree, by row id.
    Resource(i64),
    /// A client shared by code, by the code's row id.
    ShareCode(i64),
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Row id.
    pub id: i64,
    /// The vendor's client.
    pub vendor_id: i64,
    /// The name.
    pub name: ModelName,
    /// What is cloned.
    pub template: Template,
    /// What cloning and activation do differently.
    pub options: ModelOptions,
    /// The length of the activation window.
    pub activation_timeout_s: Seconds,
}

const INSERT: &str = "
    INSERT INTO model
        (id, vendor_id, name, template_id, share_code_id, options, activation_timeout_s, created_at, tries)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
    ON CONFLICT (vendor_id, name) DO NOTHING";

/// Adds a model. False when the vendor has one of that name.
pub fn insert(
    tx: &mut Tx<'_>,
    vendor_id: i64,
    name: &ModelName,
    template: Template,
    options: ModelOptions,
    activation_timeout_s: Seconds,
) -> Result<bool> {
    let (id, now) = (tx.next_id()?, tx.now());
    let (resource, code) = template.columns();
    let params = params![id, vendor_id, name.as_str(), resource, code, bits(options), activation_timeout_s, now];
    Ok(tx.execute(INSERT, params)? == 1)
}

const UPDATE: &str = "
    UPDATE model
    SET template_id = $1, share_code_id = $2, options = $3, activation_timeout_s = $4
    WHERE id = $5";

/// Replaces template, options and timeout.
pub fn update(tx: &mut Tx<'_>, model: &Model) -> Result<()> {
    let (resource, code) = model.template.columns();
    tx.execute(UPDATE, params![resource, code, bits(model.options), model.activation_timeout_s, model.id]).map(|_| ())
}

const FIND: &str = "
    SELECT id, vendor_id, name, template_id, share_code_id, options, activation_timeout_s
    FROM model
    WHERE vendor_id = $1 AND name = $2";

/// A vendor's model.
pub fn find(tx: &mut Tx<'_>, vendor_id: i64, name: &str) -> Result<Option<Model>> {
    tx.find(FIND, params![vendor_id, name], value)
}

const FIND_BY_ID: &str = "
    SELECT id, vendor_id, name, template_id, share_code_id, options, activation_timeout_s
    FROM model
    WHERE id = $1";

/// The model with this row id.
pub fn find_by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Model>> {
    tx.find(FIND_BY_ID, params![id], value)
}

const LIST: &str = "SELECT name FROM model WHERE vendor_id = $1 ORDER BY name";

/// The names of a vendor's models.
pub fn list(tx: &mut Tx<'_>, vendor_id: i64) -> Result<Vec<ModelName>> {
    tx.list(LIST, params![vendor_id], |row| Ok(ModelName::from_stored(row.text(0)?)))
}

const DELETE: &str = "DELETE FROM model WHERE id = $1";

/// Removes the row, and nothing that hangs under it.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.execute(DELETE, params![id]).map(|_| ())
}

const COUNT_TRY: &str = "UPDATE model SET tries = tries + 1 WHERE id = $1 RETURNING tries";

/// Counts a refused try on a number that only a range covers; answers how many there were.
pub fn count_try(tx: &mut Tx<'_>, id: i64) -> Result<i64> {
    tx.one(COUNT_TRY, params![id], |row| row.int(0))
}

impl Template {
    fn columns(self) -> (Option<i64>, Option<i64>) {
        match self {
            Template::Resource(id) => (Some(id), None),
            Template::ShareCode(id) => (None, Some(id)),
        }
    }
}

/// Where an option stands in the bits of a row, and in the value.
type Bit = (i64, fn(&mut ModelOptions) -> &mut bool);

const BITS: [Bit; 5] = [
    (1, |options| &mut options.no_aliases),
    (2, |options| &mut options.no_comments),
    (4, |options| &mut options.no_historical),
    (8, |options| &mut options.auto_enable),
    (16, |options| &mut options.grace_retry),
];

/// The options that a row's bits stand for.
pub fn options(bits: i64) -> ModelOptions {
    let mut options = ModelOptions::default();
    for (bit, option) in BITS {
        *option(&mut options) = bits & bit != 0;
    }
    options
}

fn bits(mut options: ModelOptions) -> i64 {
    BITS.into_iter().filter_map(|(bit, option)| option(&mut options).then_some(bit)).sum()
}

fn value(row: &Row<'_>) -> Result<Model> {
    let template = match (row.int_or_null(3)?, row.int_or_null(4)?) {
        (Some(id), _) => Template::Resource(id),
        (None, code) => Template::ShareCode(code.unwrap_or(0)),
    };
    Ok(Model {
        id: row.int(0)?,
        vendor_id: row.int(1)?,
        name: ModelName::from_stored(row.text(2)?),
        template,
        options: options(row.int(5)?),
        activation_timeout_s: row.int(6)?,
    })
}
