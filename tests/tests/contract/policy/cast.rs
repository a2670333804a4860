//! Everybody who may call, and what there is to call for.

use cikada_tests::{Client, Request, Server, UNKNOWN_KEY, Vendor, Witness, World};
use serde_json::json;

/// A server with all of them.
pub(super) struct Cast {
    pub server: Server,
    pub world: World,
    pub witness: Witness,
    /// A vendor whose share of `boiler` has ended.
    pub former: Client,
    /// A token of `lone`, and one that was killed.
    pub lone_token: String,
    pub ended_token: String,
    /// Keys that are known and good for nothing.
    pub dead_key: String,
    pub waiting_key: String,
    /// The token of a grant, and a code.
    pub grant_token: String,
    pub share_code: String,
    /// Key of a client without a vendor name beside the device.
    pub plain_key: String,
}

/// The vendor's model, shared with the partner; its other model; the model of another vendor; and none. The names are of one
/// length, so that answers can be compared.
pub(super) const OWN: &str = "boiler";
pub(super) const UNSHARED: &str = "barely";
pub(super) const FOREIGN: &str = "theirs";
pub(super) const ABSENT: &str = "absent";
pub(super) const MODELS: [&str; 4] = [OWN, UNSHARED, FOREIGN, ABSENT];

/// What a caller is in the management API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its credential is none, or none any more, or none here.
    Nobody,
    /// Its credential is a good one, and it is no vendor.
    NoVendor,
    /// The vendor of `boiler`.
    Maker,
    /// The vendor of `theirs`.
    Other,
    /// A vendor that has neither.
    Stranger,
    /// It asks for the models of a vendor that shares `boiler` with it.
    Partner,
    /// It asks for the models of a vendor that shares nothing with it.
    NoPartner,
}

/// Somebody who calls.
pub(super) struct Caller {
    pub name: String,
    pub standing: Standing,
    pub headers: Vec<(&'static str, String)>,
}

impl Caller {
    pub fn sign(&self, request: Request) -> Request {
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }
}

impl Cast {
    pub fn assemble() -> Cast {
        let server = Server::start();
        let world = World::furnish(&server);
        let root = &server.cast.root.cik;
        let vendor = server.vendor();
        let lone = Vendor::with_cik(&server, "lone", &world.lone.cik);
        let template = json!([{"alias": ""}, "client", {"limits": {}}]);
        let template = server.rpc_text(&world.lone.cik, "create", template);
        lone.post("/manage/model/", &[("model", FOREIGN), ("rid", &template)]).expect(205);
        let lone_token = lone.post("/admin/auth/", &[("id", "t")]).expect(200).text().to_owned();
        let ended_token = vendor.post("/admin/auth/", &[("id", "ended")]).expect(200).text().to_owned();
        vendor.call("DELETE", "/admin/auth/ended").expect(205);

        let rid = server.rpc_text(root, "create", json!([{"alias": ""}, "client", {"limits": {}}]));
        let key = |owner: &str, rid: &str| {
            server.rpc(owner, "info", json!([rid, {"key": true}]))["key"].as_str().unwrap().to_owned()
        };
        let former = Client { cik: key(root, &rid), rid };
        Vendor::with_cik(&server, "former", &former.cik).post("/register", &[("vendor", "former")]).expect(205);
        vendor.post("/manage/share/boiler/", &[("vendor", "former")]).expect(205);
        vendor.call("DELETE", "/manage/share/boiler/former").expect(205);

        let owner = server.cast.owner.cik.clone();
        let client_of = |sn: &str| {
            let line = vendor.look(OWN, sn).expect(200);
            line.text().split(',').nth(1).unwrap().to_owned()
        };
        let (dead_key, waiting_key) = (key(&owner, &client_of("dead")), key(&owner, &client_of("open")));
        let plain_key = key(&owner, &world.plain);
        let here = json!({"alias": ""});
        let grant = json!([here, {(&world.named_port): ["read"]}, {"ttl": 10_000}]);
        let grant_token = server.rpc_text(&owner, "grant", grant);
        let share_code = server.rpc_text(&owner, "share", json!([world.port, {}]));
        // The first use of a key is written down: not in the middle of what must change nothing.
        server.device(OWN, "active").list(&world.device_cik).expect(200);
        let witness = Witness::of(&server.data());
        Cast {
            server,
            world,
            witness,
            former,
            lone_token,
            ended_token,
            dead_key,
            waiting_key,
            grant_token,
            share_code,
            plain_key,
        }
    }

    /// Everybody, in every way that a credential can be shown.
    pub fn callers(&self) -> Vec<Caller> {
        use Standing::{Maker, NoPartner, NoVendor, Nobody, Other, Partner, Stranger};
        let (cast, world) = (&self.server.cast, &self.world);
        let (cik, token, bearer, maker) = ("X-Exosite-CIK", "X-Exosite-Token", "Authorization", "X-Exosite-Vendor");
        let mut all = Vec::new();
        let mut add = |name: &str, standing, headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            all.push(Caller { name: name.to_owned(), standing, headers });
        };
        let as_bearer = |key: &str| format!("Bearer {key}");

        add("nobody", Nobody, &[]);
        add("nobody who names a vendor", Nobody, &[(maker, "acme")]);
        add("an empty key", Nobody, &[(cik, "")]);
        add("a malformed key", Nobody, &[(cik, "zz")]);
        add("a key in capitals", Nobody, &[(cik, &cast.vendor.cik.to_uppercase())]);
        add("a malformed token", Nobody, &[(token, "zz")]);
        add("a malformed bearer", Nobody, &[(bearer, "Bearer zz")]);
        add("another scheme", Nobody, &[(bearer, "Basic eDp5")]);
        add("an unknown key", Nobody, &[(cik, UNKNOWN_KEY)]);
        add("an unknown key that names a vendor", Nobody, &[(cik, UNKNOWN_KEY), (maker, "acme")]);
        add("an unknown token", Nobody, &[(token, UNKNOWN_KEY)]);
        add("an unknown bearer", Nobody, &[(bearer, &as_bearer(UNKNOWN_KEY))]);
        add("a disabled device", Nobody, &[(cik, &self.dead_key)]);
        add("a device that has not activated", Nobody, &[(cik, &self.waiting_key)]);
        add("a token that was killed", Nobody, &[(token, &self.ended_token)]);
        add("a token as a key", Nobody, &[(cik, &cast.vendor_token)]);
        add("a key as a token", Nobody, &[(token, &cast.vendor.cik)]);
        add("a grant as a token", Nobody, &[(token, &self.grant_token)]);
        add("a grant as a key", Nobody, &[(cik, &self.grant_token)]);
        add("a grant as a bearer", Nobody, &[(bearer, &as_bearer(&self.grant_token))]);
        add("a share code as a key", Nobody, &[(cik, &self.share_code)]);
        add("a RID as a key", Nobody, &[(cik, &cast.vendor.rid)]);
        add("a key in a cookie", Nobody, &[("Cookie", &format!("cik={0}; session={0}", cast.vendor.cik))]);

        add("a device", NoVendor, &[(cik, &world.device_cik)]);
        add("a device as a bearer", NoVendor, &[(bearer, &as_bearer(&world.device_cik))]);
        add("a device that names its vendor", NoVendor, &[(cik, &world.device_cik), (maker, "acme")]);
        add("a client beside the device", NoVendor, &[(cik, &self.plain_key)]);
        add("the device's owner", NoVendor, &[(cik, &cast.owner.cik)]);
        add("the device's owner that names a vendor", NoVendor, &[(cik, &cast.owner.cik), (maker, "acme")]);
        add("the client above all", NoVendor, &[(cik, &cast.root.cik)]);
        add("the client above all as a bearer", NoVendor, &[(bearer, &as_bearer(&cast.root.cik))]);

        add("the maker", Maker, &[(cik, &cast.vendor.cik)]);
        add("the maker by token", Maker, &[(token, &cast.vendor_token)]);
        add("the maker as a bearer", Maker, &[(bearer, &as_bearer(&cast.vendor_token))]);
        add("the maker that names itself", Maker, &[(cik, &cast.vendor.cik), (maker, "acme")]);
        add("the maker that names another", NoPartner, &[(cik, &cast.vendor.cik), (maker, "lone")]);
        add("another vendor", Other, &[(cik, &world.lone.cik)]);
        add("another vendor by token", Other, &[(token, &self.lone_token)]);
        add("another vendor that names the maker", NoPartner, &[(cik, &world.lone.cik), (maker, "acme")]);
        add("another vendor that names nobody", NoPartner, &[(token, &self.lone_token), (maker, "nosuch")]);
        add("a partner for itself", Stranger, &[(cik, &world.partner.cik)]);
        add("a partner", Partner, &[(cik, &world.partner.cik), (maker, "acme")]);
        add("a partner that names another", NoPartner, &[(cik, &world.partner.cik), (maker, "lone")]);
        add("a former partner", NoPartner, &[(cik, &self.former.cik), (maker, "acme")]);
        add("a former partner for itself", Stranger, &[(cik, &self.former.cik)]);
        all
    }
}
