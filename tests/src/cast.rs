//! The clients that `cikada init --json` makes and prints (contract, DECISIONS "The binary").

use serde_json::Value;

/// A client: its public name and its key.
#[derive(Clone, Debug)]
pub struct Client {
    /// RID.
    pub rid: String,
    /// CIK.
    pub cik: String,
}

/// Everybody that is there on a fresh server.
#[derive(Clone, Debug)]
pub struct Cast {
    /// The root of the ownership tree.
    pub root: Client,
    /// The vendor's client.
    pub vendor: Client,
    /// The vendor's name.
    pub vendor_name: String,
    /// A vendor token.
    pub vendor_token: String,
    /// An owner for devices, below the vendor's client.
    pub owner: Client,
    /// An empty client to clone, beside the owner.
    pub template: Client,
    /// The link that makes the first administrator of the portal.
    pub administrator_link: String,
}

impl Cast {
    /// Reads what `init` printed.
    pub fn parse(json: &str) -> Cast {
        let value: Value = serde_json::from_str(json).unwrap_or_else(|why| panic!("init printed {json:?}: {why}"));
        let text = |who: &str, what: &str| {
            let found = value[who][what].as_str();
            found.unwrap_or_else(|| panic!("init printed no {who}.{what}: {json}")).to_owned()
        };
        let key = |who: &str, what: &str| {
            let key = text(who, what);
            assert!(crate::is_hex40(&key), "{who}.{what} is not 40 hex digits: {key}");
            key
        };
        let client = |who: &str| Client { rid: key(who, "rid"), cik: key(who, "cik") };
        Cast {
            root: client("root"),
            vendor: client("vendor"),
            vendor_name: text("vendor", "name"),
            vendor_token: key("vendor", "token"),
            owner: client("owner"),
            template: client("template"),
            administrator_link: text("administrator", "link"),
        }
    }
}
