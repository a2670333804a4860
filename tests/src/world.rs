//! A server with something of everything on it: what a damage, a crash or a stranger could break.

use serde_json::json;

use crate::{Server, Vendor};

/// A model with all that a model can have, and a partner vendor.
pub struct World {
    /// The model's name.
    pub model: String,
    /// A second model, without anything.
    pub bare_model: String,
    /// The key of the device `active`.
    pub device_cik: String,
    /// RID and key of the client that is the partner vendor.
    pub partner: crate::cast::Client,
    /// RID and key of the client that is the vendor `lone`.
    pub lone: crate::cast::Client,
    /// A client without anything, below the owner.
    pub plain: String,
    /// Another one.
    pub second_plain: String,
    /// A client with limits, below the owner, that holds a client and a dataport.
    pub limited: String,
    /// The client in it.
    pub inner: String,
    /// A dataport of the owner without a name.
    pub port: String,
    /// A dataport of the owner that is called `temperature`, and is shared with the partner.
    pub named_port: String,
}

impl World {
    /// Furnishes a fresh server.
    pub fn furnish(server: &Server) -> World {
        let cast = &server.cast;
        let vendor = server.vendor();
        let here = json!({"alias": ""});
        let make = |cik: &str, owner: serde_json::Value, kind: &str, description: serde_json::Value| {
            server.rpc_text(cik, "create", json!([owner, kind, description]))
        };
        let unlimited = json!({"limits": limits(&json!("inherit")), "name": "a client"});
        let client = |under: &str| make(&cast.root.cik, json!(under), "client", unlimited.clone());
        let newcomer = |name: &str| {
            let rid = make(&cast.root.cik, here.clone(), "client", unlimited.clone());
            let cik =
                server.rpc(&cast.root.cik, "info", json!([rid, {"key": true}]))["key"].as_str().unwrap().to_owned();
            Vendor::with_cik(server, name, &cik).post("/register", &[("vendor", name)]).expect(205);
            crate::cast::Client { rid, cik }
        };
        let (partner, lone) = (newcomer("partner"), newcomer("lone"));
        let (plain, second_plain) = (client(&cast.owner.rid), client(&cast.owner.rid));
        let limited =
            make(&cast.owner.cik, here.clone(), "client", json!({"limits": limits(&json!(20)), "name": "limited"}));
        let inner = make(&cast.owner.cik, json!(limited), "client", json!({"limits": limits(&json!(5))}));
        make(&cast.owner.cik, json!(limited), "dataport", json!({"format": "integer"}));
        let port = make(&cast.owner.cik, here.clone(), "dataport", json!({"format": "string"}));
        let named_port = make(&cast.owner.cik, here.clone(), "dataport", json!({"format": "float"}));
        server.rpc(&cast.owner.cik, "map", json!(["alias", named_port, "temperature"]));
        server.rpc(&cast.owner.cik, "write", json!([named_port, 21.5]));
        server.rpc(&cast.owner.cik, "comment", json!([named_port, "public", "on the roof"]));
        let code = server.rpc_text(&cast.owner.cik, "share", json!([named_port, {"meta": "for the partner"}]));
        server.rpc(&partner.cik, "activate", json!([here, "share", code]));
        server.rpc(&cast.owner.cik, "grant", json!([here, {(&named_port): ["read"]}, {"ttl": 100_000}]));
        let rule = json!({"timeout": {"timeout": 36_000, "repeat": false}});
        let rule = json!({"format": "integer", "rule": rule, "subscribe": named_port});
        let rule = make(&cast.owner.cik, here.clone(), "datarule", rule);
        server.rpc(&cast.owner.cik, "map", json!(["alias", rule, "rule"]));

        let model = "boiler".to_owned();
        let bare_model = "barely".to_owned();
        vendor.add_model(&model, &[]);
        vendor.add_model(&bare_model, &[]);
        vendor.add(&model, &["unused", "open", "active", "over", "dead", "mine"]);
        vendor.add_range(&model, r#"{"format":"base10","length":4,"casing":"upper","first":1,"last":2000}"#);
        vendor.add_range(&model, r#"{"format":"base10","length":4,"casing":"upper","first":3000,"last":4000}"#);
        for number in ["open", "active", "over", "dead"] {
            vendor.enable(&model, number);
        }
        server.device(&model, "unused").activate().expect(409);
        let device_cik = server.device(&model, "active").activate_ok();
        server.device(&model, "active").activate().expect(409);
        server.device(&model, "over").activate_ok();
        vendor.disable(&model, "dead").expect(205);
        vendor.post(&format!("/manage/share/{model}/"), &[("vendor", "partner")]).expect(205);
        let through = Vendor::with_cik(server, "partner", &partner.cik).at(&cast.vendor_name);
        through.enable_under(&model, "mine", &partner.rid).expect(200);
        vendor.upload(&model, "firmware", "application/octet-stream", vec![7; 300_000]);
        vendor.upload_protected(&model, "secret", "only for some");
        vendor.post(&format!("/manage/content/{model}/"), &[("id", "entry"), ("meta", "no blob yet")]).expect(205);
        vendor.add_group(&model, "beta");
        vendor.add_group(&model, "all");
        vendor.add_member(&model, "beta", "sn", "active", "");
        vendor.add_member(&model, "beta", "content", "secret", "");
        vendor.add_member(&model, "beta", "content", "entry", "");
        vendor.add_member(&model, "all", "group", "beta", "");
        server.device(&model, "0007").activate().expect(409);
        assert!(server.device(&model, "active").is_alive(&device_cik));
        World { model, bare_model, device_cik, partner, lone, plain, second_plain, limited, inner, port, named_port }
    }
}

/// The limits of a client, all alike.
pub fn limits(each: &serde_json::Value) -> serde_json::Value {
    let kinds = ["client", "dataport", "datarule", "dispatch", "share", "disk", "io", "email", "http", "sms", "xmpp"];
    kinds.into_iter().map(|kind| (kind.to_owned(), each.clone())).collect::<serde_json::Map<_, _>>().into()
}
