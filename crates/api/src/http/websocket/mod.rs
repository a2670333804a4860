//! The resource API over WebSocket (contract, rpc.md "Over WebSocket"; RFC 6455; threat T25): the handshake. What is said after it
//! is in `session`.

mod outbox;
mod session;
mod subscription;

use std::sync::Arc;

use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, StatusCode};
use model::{Error, Field, Result};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Answer, Head};
use crate::common::app::App;

/// The largest message either way, and what may wait to be sent.
const MESSAGE_BYTES: usize = 1 << 20;
/// What is read at once: a connection that waits keeps no more room than this.
const READ_BYTES: usize = 4 << 10;
const KEY: &str = "sec-websocket-key";
const VERSION: &str = "sec-websocket-version";

/// `GET /ws`. Extensions are not taken up, compression among them.
pub(super) fn upgrade(app: &Arc<App>, head: &Head) -> Result<Answer> {
    let names = |name: &'static str, word: &str| {
        let values = head.headers().get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|named| named.trim().eq_ignore_ascii_case(word))
    };
    if !names("upgrade", "websocket") || !names("connection", "upgrade") {
        return Err(Error::Malformed(Field("upgrade")));
    }
    if head.single_header(VERSION)? != Some("13") {
        let answer = Answer::refusal(StatusCode::BAD_REQUEST, "the version of WebSocket is 13");
        return Ok(answer.with(HeaderName::from_static(VERSION), HeaderValue::from_static("13")));
    }
    let key = head.single_header(KEY)?.filter(|key| is_key(key)).ok_or(Error::Malformed(Field(KEY)))?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(Error::internal)?;
    let (app, last_call) = (Arc::clone(app), head.watch().last_call());
    let answer = Answer::upgraded(move |socket, early| {
        Box::pin(async move {
            let config = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_BYTES))
                .max_frame_size(Some(MESSAGE_BYTES))
                .read_buffer_size(READ_BYTES)
                .write_buffer_size(0)
                .max_write_buffer_size(2 * MESSAGE_BYTES);
            let stream = WebSocketStream::from_partially_read(socket, early, Role::Server, Some(config)).await;
            session::serve(&app, stream, last_call).await;
        })
    });
    Ok(answer
        .with(UPGRADE, HeaderValue::from_static("websocket"))
        .with(CONNECTION, HeaderValue::from_static("Upgrade"))
        .with(SEC_WEBSOCKET_ACCEPT, accept))
}

/// Sixteen bytes in base64.
fn is_key(key: &str) -> bool {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with("==") && key[..22].bytes().all(base64)
}
