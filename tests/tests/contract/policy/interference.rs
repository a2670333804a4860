//! Two vendors on one server (promise I4, goal G6): whatever another vendor does, at random and with the names and ids of the
//! first one at hand, no byte of what the first one sees is another, and none of its secrets is told.
//!
//! `CIKADA_SEEDS` and `CIKADA_STEPS` make a campaign of it.

use cikada_tests::{Luck, Request, Server, Vendor, World, rpc_request};
use serde_json::{Value, json};

use crate::authority::{MODEL_ROUTES, request};

#[test]
fn whatever_another_vendor_does_changes_nothing_that_one_sees() {
    let setting = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (seeds, steps): (u64, u64) = (setting("CIKADA_SEEDS", 3), setting("CIKADA_STEPS", 400));
    for seed in 0..seeds {
        let server = Server::start();
        let world = World::furnish(&server);
        let mut stranger = Stranger::on(&server, &world, seed);
        let before = seen(&server, &world);
        for step in 0..steps {
            let (request, what) = stranger.act(step);
            let answer = server.call(&request);
            let told = String::from_utf8_lossy(&answer.body);
            for secret in stranger.secrets() {
                assert!(!told.contains(secret), "seed {seed} step {step}: {what} was told {secret}: {answer:?}");
            }
            if step % 50 == 49 {
                assert_eq!(seen(&server, &world), before, "seed {seed}, at most 50 steps before {step}");
            }
        }
        assert_eq!(seen(&server, &world), before, "seed {seed}");
        cikada_tests::assert_sound(&server.data(), "after all that");
    }
    println!("{} acts", seeds * steps);
}

/// All that the first vendor sees.
fn seen(server: &Server, world: &World) -> (cikada_tests::Snapshot, cikada_tests::Snapshot, Vec<String>) {
    let (cast, vendor) = (&server.cast, server.vendor());
    let info = |rid: &str| {
        let mut info = server.rpc(&cast.vendor.cik, "info", json!([rid]));
        // It grows with time by itself.
        info.as_object_mut().unwrap().remove("usage");
        info.to_string()
    };
    let mut infos: Vec<String> =
        [&cast.owner.rid, &cast.template.rid, &world.limited, &world.inner, &world.port, &world.named_port]
            .map(|rid| info(rid))
            .into();
    let kinds = json!([cast.owner.rid, ["client", "dataport", "datarule", "dispatch"], {}]);
    infos.push(server.rpc(&cast.vendor.cik, "listing", kinds).to_string());
    infos.push(server.rpc(&cast.vendor.cik, "read", json!([world.named_port, {"limit": 100}])).to_string());
    for sn in ["unused", "open", "active", "over", "dead", "mine"] {
        infos.push(vendor.look(&world.model, sn).text().to_owned());
        infos.push(format!("{:?}", vendor.log(&world.model, sn)));
    }
    let firmware = vendor.call("GET", "/manage/content/boiler/firmware?download=true").body;
    infos.push(firmware.len().to_string());
    (vendor.snapshot(&world.model), vendor.snapshot(&world.bare_model), infos)
}

/// A vendor that has models of the same names, and means no good.
struct Stranger<'a> {
    server: &'a Server,
    world: &'a World,
    luck: Luck,
    token: String,
    ids: Vec<String>,
    secrets: Vec<String>,
}

impl<'a> Stranger<'a> {
    fn on(server: &'a Server, world: &'a World, seed: u64) -> Stranger<'a> {
        let vendor = Vendor::with_cik(server, "lone", &world.lone.cik);
        let template = server.rpc_text(&world.lone.cik, "create", json!([{"alias": ""}, "client", {"limits": {}}]));
        for model in [&world.model, &world.bare_model] {
            vendor.post("/manage/model/", &[("model", model), ("rid", &template)]).expect(205);
            vendor.add(model, &["unused", "active", "mine"]);
        }
        let token = vendor.post("/admin/auth/", &[("id", "init")]).expect(200).text().to_owned();
        let cast = &server.cast;
        let device = server.vendor().look(&world.model, "active").text().split(',').nth(1).unwrap().to_owned();
        let ids = [
            &cast.owner.rid,
            &cast.template.rid,
            &cast.vendor.rid,
            &world.limited,
            &world.inner,
            &world.port,
            &world.named_port,
            &device,
        ];
        let secrets = [
            &cast.vendor.cik,
            &cast.vendor_token,
            &cast.owner.cik,
            &cast.root.cik,
            &world.device_cik,
            &world.partner.cik,
        ];
        let own = |texts: &[&String]| texts.iter().map(|text| (*text).clone()).collect::<Vec<_>>();
        Stranger { server, world, luck: Luck::new(seed), token, ids: own(&ids), secrets: own(&secrets) }
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    fn act(&mut self, step: u64) -> (Request, String) {
        match self.luck.below(3) {
            0 | 1 => self.manage(),
            _ => self.call(step),
        }
    }

    fn manage(&mut self) -> (Request, String) {
        let route = self.luck.of(MODEL_ROUTES);
        let model = if self.luck.below(4) == 0 { &self.world.bare_model } else { &self.world.model };
        let what = format!("{route:?} on {model}");
        let request = request(route, model, self.server);
        let request = match self.luck.coin() {
            true => request.header("X-Exosite-CIK", &self.world.lone.cik),
            false => request.header("X-Exosite-Token", &self.token),
        };
        let named = [None, None, Some("acme"), Some("lone"), Some("partner"), Some("nosuch")];
        (request.maybe("X-Exosite-Vendor", *self.luck.of(&named)), what)
    }

    fn call(&mut self, step: u64) -> (Request, String) {
        let id = self.luck.of(&self.ids).clone();
        let other = self.luck.of(&self.ids).clone();
        let here = json!({"alias": ""});
        let calls: Vec<(&str, Value)> = vec![
            ("read", json!([id])),
            ("write", json!([id, step])),
            ("writegroup", json!([[[id, step], [other, step]]])),
            ("record", json!([id, [[step, 1]], {}])),
            ("recordbatch", json!([id, [[step, 1]]])),
            ("flush", json!([id])),
            ("create", json!([id, "dataport", {"format": "integer"}])),
            ("create", json!([here, "clone", {"rid": id}])),
            ("create", json!([here, "dataport", {"format": "float", "subscribe": id}])),
            ("create", json!([here, "dataport", {"format": "float", "preprocess": [["add", id]]}])),
            ("update", json!([id, {"name": "taken over"}])),
            ("info", json!([id])),
            ("info", json!([id, {"key": true, "shares": true, "aliases": true}])),
            ("listing", json!([id, ["client", "dataport"], {}])),
            ("listing", json!([here, ["client", "dataport"], {"public": true, "activated": true, "aliased": true}])),
            ("drop", json!([id])),
            ("move", json!([id, here])),
            ("move", json!([id, other])),
            ("map", json!(["alias", id, "mine-now"])),
            ("map", json!([id, "alias", other, "mine-now"])),
            ("unmap", json!([id, "alias", "temperature"])),
            ("lookup", json!([id, "alias", "temperature"])),
            ("lookup", json!([here, "owner", id])),
            ("share", json!([id, {"meta": "m"}])),
            ("grant", json!([{(&id): ["read", "write"]}, {"ttl": 100}])),
            ("comment", json!([id, "public", "was here"])),
            ("deactivate", json!([here, "share", id])),
            ("revoke", json!(["share", id])),
            ("revoke", json!(["client", id])),
            ("usage", json!([id, "client", 0, 1_000])),
        ];
        let (procedure, arguments) = self.luck.of(&calls).clone();
        let auth = match self.luck.below(4) {
            0 => json!({"cik": self.world.lone.cik, "client_id": id}),
            1 => json!({"cik": self.world.lone.cik, "resource_id": other}),
            _ => json!({"cik": self.world.lone.cik}),
        };
        let what = format!("{procedure} {arguments}");
        (rpc_request(auth, procedure, arguments), what)
    }
}
