//! A request as routes see it: whole, whether it came in one datagram or in blocks.

use std::net::IpAddr;

use bytes::Bytes;
use model::{Error, Field, Result};
use wire::coap::{self, Block, Code};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Code,
    /// The segments of the path.
    pub path: Vec<Bytes>,
    /// The parts of the query; the first one may be a key of 20 raw bytes.
    pub query: Vec<Bytes>,
    /// The body.
    pub body: Bytes,
    /// The content format of the body.
    pub format: Option<u16>,
    /// The only content format that is taken for the answer.
    pub accept: Option<u16>,
    /// The block that is wanted of the answer; the first one in the largest size where none is named.
    pub block: Block,
    /// Whether the resource is to be observed.
    pub observes: bool,
    /// Whose it is.
    pub address: IpAddr,
}

impl Request {
    /// A request with its whole body.
    pub(super) fn new(request: &coap::Request<'_>, body: Bytes, address: IpAddr) -> Request {
        Request {
            method: request.message.code,
            path: request.path().map(Bytes::copy_from_slice).collect(),
            query: request.query().map(Bytes::copy_from_slice).collect(),
            body,
            format: request.content_format,
            accept: request.accept,
            block: request.block2.unwrap_or(Block::FIRST),
            observes: request.observe == Some(0),
            address,
        }
    }

    /// The segments of the path as text.
    pub fn segments(&self) -> Result<Vec<&str>> {
        self.path.iter().map(|segment| text(segment, "path")).collect()
    }
}

/// A part of a request as text: UTF-8 without NUL, as in a form.
pub(super) fn text<'a>(bytes: &'a [u8], field: &'static str) -> Result<&'a str> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.ok_or(Error::Malformed(Field(field)))
}
