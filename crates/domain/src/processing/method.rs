//! How a dispatch sends (contract, rpc.md "Descriptions").

/// One of the ways to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A mail through the operator's relay.
    Email,
    /// An HTTP request without a body.
    HttpGet,
    /// An HTTP request with the message as its body.
    HttpPost,
    /// The same, with another method.
    HttpPut,
    /// Accepted; nothing here can send it.
    Sms,
    /// Accepted; nothing here can send it.
    Xmpp,
}

impl Method {
    /// The method of that word.
    pub fn from_word(word: &str) -> Option<Method> {
        Some(match word {
            "email" => Method::Email,
            "http_get" => Method::HttpGet,
            "http_post" => Method::HttpPost,
            "http_put" => Method::HttpPut,
            "sms" => Method::Sms,
            "xmpp" => Method::Xmpp,
            _ => return None,
        })
    }
}
