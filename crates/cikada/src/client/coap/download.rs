//! Fetching content block by block into a file, and going on where an earlier run was cut (contract, coap.md).

use std::path::Path;

use wire::coap::Block;

use super::{Ask, Coap, Reply};
use crate::client::Downloaded;
use crate::client::part::Part;
use crate::failure::{Failure, Outcome};
use crate::progress;

/// How often the content may be replaced while it is fetched.
const REPLACEMENTS: u32 = 3;

/// Fetches what `ask` names into the file `to`.
pub fn download(coap: &Coap, ask: &Ask<'_>, to: &Path) -> Outcome<Downloaded> {
    let mut part = Part::open(to)?;
    // Never after the last block: where nothing is missing, that one is asked for again.
    let block_bytes = Block::MAX_BYTES as u64;
    let resumed_at = part.length.saturating_sub(1) / block_bytes * block_bytes;
    part.shorten_to(resumed_at)?;
    let bar = progress::bytes(&part.label, part.length);
    let mut replacements = 0;
    let fetched = loop {
        let reply = match fetch(coap, ask, part.length) {
            Ok(reply) => reply,
            Err(failure) => break Err(failure.advise(format!("run it again: it goes on after {} bytes", part.length))),
        };
        let tag = tag_of(&reply);
        if part.length > 0 && tag != part.tag {
            // Other bytes than those that are here: from the beginning.
            replacements += 1;
            if replacements > REPLACEMENTS {
                break Err(Failure::new("the content is replaced again and again while it is fetched"));
            }
            part.begin(None)?;
            continue;
        }
        if part.length == 0 {
            part.begin(tag)?;
        }
        reply.total_bytes.into_iter().for_each(|bytes| bar.set_length(bytes));
        part.append(&reply.payload)?;
        bar.set_position(part.length);
        if !reply.block.is_some_and(|block| block.more) {
            break Ok(());
        }
    };
    bar.finish_and_clear();
    fetched?;
    part.finish(to, if replacements > 0 { 0 } else { resumed_at }, None)
}

fn fetch(coap: &Coap, ask: &Ask<'_>, offset: u64) -> Outcome<Reply> {
    let number = u32::try_from(offset / Block::MAX_BYTES as u64).ok();
    let block = number.and_then(|number| Block::new(number, false, Block::MAX_BYTES));
    let block = block.ok_or_else(|| Failure::new("the content is too large for CoAP"))?;
    let reply = coap.ask(&Ask { block: Some(block), ..*ask })?;
    // A server may send smaller blocks than are asked for, but then it does so from the first one on.
    let fits = reply.block.is_none_or(|given| given.offset() == offset);
    if fits { Ok(reply) } else { Err(Failure::new("the server gave another block than asked for")) }
}

/// The tag as HTTP would write it.
fn tag_of(reply: &Reply) -> Option<String> {
    let tag = reply.etag.as_ref()?;
    Some(format!("\"{}\"", tag.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
