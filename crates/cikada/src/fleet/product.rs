//! The vendor's part before the devices start: a model, its firmware, serial numbers, and an owner who enables them.

use std::fmt::Write as _;

use http::Method;
use sha2::{Digest, Sha256};

use super::Args;
use super::luck::Luck;
use crate::client::{Request, Server, digest};
use crate::crowd::crowd;
use crate::failure::Outcome;
use crate::progress;

const MODELS: &str = "/provision/manage/model/";
const CONTENTS: &str = "/provision/manage/content/";
/// How many enable calls are under way at once.
const AT_ONCE: usize = 16;
/// How many serial numbers go in one request.
const BATCH: usize = 50_000;

/// What devices leave the factory with, and what they shall run.
pub const FACTORY: &str = "firmware_v1";
pub const NEWEST: &str = "firmware_v2";

/// The product that the fleet is made of.
pub struct Product {
    pub model: String,
    /// The bytes of the newest firmware: what every device has to end with.
    pub image: Vec<u8>,
    pub digest: [u8; 32],
}

impl Product {
    pub fn serial_number(&self, number: usize) -> String {
        serial_number(number)
    }
}

fn serial_number(number: usize) -> String {
    format!("fleet-{number:06}")
}

/// Makes everything on the server.
pub fn prepare(server: &Server, args: &Args) -> Outcome<Product> {
    let model = format!("fleet-{}", args.seed);
    let describe = Request::post(MODELS, &[])
        .form([("model", &*model), ("rid", &*args.template), ("activation_timeout", "86400")])
        .to(format!("create the model {model}"))
        .advise(400, "--template is the RID of a client in the vendor's own tree")
        .advise(
            409,
            format!("a fleet of this seed was here before: take another --seed, or `cikada model delete {model}`"),
        );
    server.ask(&describe)?;

    let image = image(args);
    let digest: [u8; 32] = Sha256::digest(&image).into();
    for (id, bytes) in [(FACTORY, FACTORY.as_bytes()), (NEWEST, &image[..])] {
        let sha256: digest::Sha256 = Sha256::digest(bytes).into();
        let meta = format!("sha256={}", digest::hex(&sha256));
        let entry = Request::post(CONTENTS, &[&model]).collection().form([("id", id), ("meta", &*meta)]);
        server.ask(&entry.to(format!("create the content {id}")))?;
        let blob = Request::new(Method::POST, CONTENTS, &[&model, id]).body("application/octet-stream", bytes.to_vec());
        server.ask(&blob.to(format!("upload {id}")))?;
    }

    let count = args.devices as usize;
    for first in (0..count).step_by(BATCH) {
        let mut csv = String::new();
        for number in first..count.min(first + BATCH) {
            let _ = writeln!(csv, "{}", serial_number(number));
        }
        let add = Request::post(MODELS, &[&model]).collection().body("text/csv", csv.into_bytes());
        server.ask(&add.to("register the serial numbers"))?;
    }
    let bar = progress::count("enabling", count as u64);
    crowd(count, AT_ONCE, &bar, |number| {
        let sn = serial_number(number);
        let enable = Request::post(MODELS, &[&model, &sn]).form([("enable", "true"), ("owner", &*args.owner)]);
        server
            .ask(&enable.to(format!("enable {sn}")).advise(403, "--owner is the RID of a client in the vendor's tree"))
    })?;
    Ok(Product { model, image, digest })
}

/// Bytes that the seed decides.
fn image(args: &Args) -> Vec<u8> {
    let mut luck = Luck::of(args.seed, usize::MAX);
    let mut bytes = Vec::with_capacity(args.image as usize + 16);
    while bytes.len() < args.image as usize {
        bytes.extend(luck.bytes());
    }
    bytes.truncate(args.image as usize);
    bytes
}
