//! Transcripts: requests and the answers that the contract promises for them, written so that a person can read them.
//!
//! ```text
//! == A device activates once
//! @ enabled A1
//! > POST /provision/activate
//! >
//! > vendor={vendor}&model={model}&sn=A1
//! < 200 text
//! < {cik=hex40}
//!
//! > POST /provision/activate
//! >
//! > vendor={vendor}&model={model}&sn=A1
//! < 409
//! ```
//!
//! - `==` begins a case: it gets a fresh `{model}`, which is made unless the case says `@ nomodel`, and calls from an `{address}` of its own.
//! - `@` prepares: `model NAME [form]`, `numbers SN…`, `enabled SN…` (sets `{SN.rid}`), `activated SN…` (sets `{SN.cik}` too),
//!   `disabled SN…`, `address` (a fresh one from here on), `jump SECONDS` (turns the server's clock).
//! - `>` is a request: request line, headers, an empty `>` and the body. `Host` and `Content-Length` are added.
//! - `<` is its answer: status (or `404|409` where the contract leaves the choice), perhaps a word for the kind of body, then headers and, behind an empty `<` (which may be left out
//!   where there are no headers), the body. Status line, `Date` and `Content-Length` are checked always; a header that is not named must not be there,
//!   one written `?Name: value` may. The kinds: `csv`, `lines` (of text or CSV), `text`, `form`, `json` (compared as values), `jsontext` (compared as text, so that it may hold placeholders). In
//!   the first two every line ends with LF, in the others the last one doesn't. An error with no body written down has any one-line text.
//! - `{name}` stands for a value known so far, `{int}`, `{hex40}`, `{date}`, `{any}` for anything of that form, `{name=hex40}` keeps it.
//! - `> COAP GET /path?query` is a confirmable request over CoAP. Its headers are options: `Accept`, `Content-Format`, `Observe`, `ETag`,
//!   `Block1: number/more/size`, `Block2`, `Size2`; the option 65001 is `Unknown`. Its answer has a code as `2.05`, perhaps `hex`, options, and a
//!   body; an option that is not named must not be there.
//! - `\r`, `\n`, `\t`, `\\` and `\xNN` are escapes.

mod coap;
mod parse;
mod pattern;
mod play;

pub use parse::{Case, Expectation, Line, Step, parse};
pub use play::play;
