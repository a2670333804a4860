//! `cikada backup` and `cikada restore` (threat T39): what was backed up is there again, what ended since then is not.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cikada_tests::{Request, Server, Vendor, fresh_name};
use serde_json::json;

use crate::operator::{back_up, check, fail, files, mode, restoring, run, succeed};

/// Some devices, contents and rights of one server.
struct Scene {
    server: Server,
    model: String,
    keys: Vec<(&'static str, String)>,
    token: String,
    partner: String,
    code: String,
    reader: String,
}

impl Scene {
    fn set() -> Scene {
        let server = Server::start();
        let vendor = server.vendor();
        let model = fresh_name("backup");
        vendor.add_model(&model, &[]);
        let keys = ["kept", "re-enabled", "disabled", "dropped", "remapped"].map(|sn| {
            vendor.add(&model, &[sn]);
            vendor.enable(&model, sn);
            let device = server.device(&model, sn);
            let key = device.activate_ok();
            device.list(&key).expect(200);
            (sn, key)
        });
        vendor.upload(&model, "small", "text/plain", "a few bytes");
        vendor.upload(&model, "large", "application/octet-stream", vec![7; 3 << 20]);
        let token = vendor.post("/admin/auth/", &[("id", "lost")]).expect(200).text().to_owned();
        let partner = client(&server, "partner");
        server
            .call(&Request::post("/provision/register", &[("vendor", "partner")]).header("X-Exosite-CIK", &partner))
            .expect(205);
        vendor.post(&format!("/manage/share/{model}/"), &[("vendor", "partner")]).expect(205);
        let reader = client(&server, "reader");
        let port = call(&server, &server.cast.vendor.cik, json!(["create", ["dataport", {"format": "string"}]]));
        let code = call(&server, &server.cast.vendor.cik, json!(["share", [port, {"meta": ""}]]));
        let code = code.as_str().unwrap().to_owned();
        call(&server, &reader, json!(["activate", [{"alias": ""}, "share", code]]));
        Scene { server, model, keys: keys.to_vec(), token, partner, code, reader }
    }

    fn key(&self, sn: &str) -> &str {
        &self.keys.iter().find(|(name, _)| *name == sn).unwrap().1
    }

    /// Ends one right of every kind.
    fn end_everything(&self) {
        let (vendor, model) = (self.server.vendor(), &self.model);
        vendor.re_enable(model, "re-enabled").expect(205);
        vendor.disable(model, "disabled").expect(205);
        let line = vendor.look(model, "dropped").expect(200).text().to_owned();
        let rid = line.split(',').nth(1).unwrap();
        call(&self.server, &self.server.cast.root.cik, json!(["drop", [rid]]));
        vendor.add(model, &["its-successor"]);
        vendor.remap(model, "remapped", "its-successor").expect(205);
        vendor.post("/admin/auth/", &[("delete", "true"), ("id", "lost")]).expect(205);
        vendor.post(&format!("/manage/share/{model}/"), &[("vendor", "partner"), ("delete", "true")]).expect(205);
        call(&self.server, &self.reader, json!(["deactivate", [{"alias": ""}, "share", self.code]]));
    }

    /// What lives of all that: one word each.
    fn living(&self, server: &Server) -> Vec<&'static str> {
        let mut living = Vec::new();
        for (sn, key) in &self.keys {
            if server.device(&self.model, sn).is_alive(key) {
                living.push(*sn);
            }
        }
        let by_token = Vendor::with_token(server, &server.cast.vendor_name, &self.token);
        if by_token.call("GET", "/manage/model/").status == 200 {
            living.push("token");
        }
        let list = format!("/provision/manage/model/{}/", self.model);
        let shared = Request::get(&list).header("X-Exosite-CIK", &self.partner);
        let shared = shared.header("X-Exosite-Vendor", &server.cast.vendor_name);
        if server.call(&shared).status == 200 {
            living.push("share");
        }
        let listing =
            call(server, &self.reader, json!(["listing", [{"alias": ""}, ["dataport"], {"activated": true}]]));
        if !listing["dataport"].as_array().unwrap().is_empty() {
            living.push("reading");
        }
        living
    }
}

const ALL: &[&str] = &["kept", "re-enabled", "disabled", "dropped", "remapped", "token", "share", "reading"];

/// A client below root; its key.
fn client(server: &Server, name: &str) -> String {
    let root = &server.cast.root.cik;
    let rid = call(server, root, json!(["create", ["client", {"name": name, "limits": {"dataport": 9}}]]));
    call(server, root, json!(["info", [rid, {"key": true}]]))["key"].as_str().unwrap().to_owned()
}

/// One call of the resource API that works; its result.
#[track_caller]
fn call(server: &Server, cik: &str, call: serde_json::Value) -> serde_json::Value {
    let body = json!({"auth": {"cik": cik}, "calls": [{"id": 1, "procedure": call[0], "arguments": call[1]}]});
    let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json");
    let answer = server.call(&request.body(body.to_string())).expect(200);
    let answers: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(answers[0]["status"], "ok", "{call}: {answers}");
    answers[0]["result"].clone()
}

/// A place for backups and restored folders, gone with the test.
fn shelf() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("cikada-backup-").tempdir().unwrap()
}

fn master_key(server: &Server) -> PathBuf {
    server.data().join("master.key")
}

/// Serves what was restored, with its key.
fn serve(data: &Path, master_key: &Path, server: &Server) -> Server {
    fs::copy(master_key, data.join("master.key")).unwrap();
    Server::over(data, server.cast.clone())
}

#[test]
fn a_restored_backup_has_everything_but_what_ended_after_it() {
    for name in ["backup", "backup.tar"] {
        let (scene, shelf) = (Scene::set(), shelf());
        let (backup, data) = (shelf.path().join(name), shelf.path().join("restored"));
        back_up(&scene.server.data(), &backup);
        assert_eq!(scene.living(&scene.server), ALL);
        scene.end_everything();
        assert_eq!(scene.living(&scene.server), ["kept"]);

        let key = master_key(&scene.server);
        succeed(restoring(&backup, &data, &key));
        check(&data, &key);
        let restored = serve(&data, &key, &scene.server);
        assert_eq!(scene.living(&restored), ["kept"], "from {name}");
        let device = restored.device(&scene.model, "kept");
        assert_eq!(device.blob(scene.key("kept"), "small").expect(200).text(), "a few bytes");
        assert!(device.blob(scene.key("kept"), "large").expect(200).body == vec![7; 3 << 20]);
        // What has to be made good: the device gets a new key.
        restored.vendor().re_enable(&scene.model, "re-enabled").expect(205);
        restored.device(&scene.model, "re-enabled").activate_ok();
        drop(restored);

        // The test would notice: without the journal all of it lives again.
        let careless = shelf.path().join("careless");
        let mut args = restoring(&backup, &careless, &key);
        args.push("--without-revocations".into());
        succeed(args);
        assert_eq!(scene.living(&serve(&careless, &key, &scene.server)), ALL);
    }
}

#[test]
fn a_second_backup_copies_only_what_is_new_and_forgets_what_is_gone() {
    let (scene, shelf) = (Scene::set(), shelf());
    let backup = shelf.path().join("backup");
    let first = back_up(&scene.server.data(), &backup);
    let brought = |tally: &serde_json::Value| tally["copied"].as_u64().unwrap() + tally["linked"].as_u64().unwrap();
    assert_eq!((brought(&first), &first["blobs"]), (2, &json!(2)));
    let second = back_up(&scene.server.data(), &backup);
    assert_eq!((brought(&second), &second["blobs"]), (0, &json!(2)));
    let vendor = scene.server.vendor();
    vendor.upload(&scene.model, "small", "text/plain", "other bytes");
    let third = back_up(&scene.server.data(), &backup);
    assert_eq!((brought(&third), &third["blobs"]), (1, &json!(2)));
    let kept = files(&backup.join("blobs"));
    assert_eq!(kept.len(), 2, "{kept:?}");
    let rows = files(&backup).into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "db")).count();
    assert_eq!(rows, 1);
    // What was damaged in the backup since then is brought again.
    for blob in &kept {
        fs::remove_file(blob).unwrap();
        fs::write(blob, "damage").unwrap();
    }
    let large = kept.iter().find(|blob| fs::metadata(blob).unwrap().len() == 6).unwrap();
    fs::write(large, vec![8; 3 << 20]).unwrap();
    back_up(&scene.server.data(), &backup);
    let data = shelf.path().join("restored");
    succeed(restoring(&backup, &data, &master_key(&scene.server)));
}

#[test]
fn a_backup_is_for_its_owner_only_and_opens_with_its_master_key_only() {
    let (scene, shelf) = (Scene::set(), shelf());
    let (backup, archive) = (shelf.path().join("backup"), shelf.path().join("backup.tar"));
    back_up(&scene.server.data(), &backup);
    back_up(&scene.server.data(), &archive);
    assert_eq!(mode(&archive), 0o600);
    assert_eq!(mode(&backup), 0o700);
    let key = master_key(&scene.server);
    let secret = fs::read(&key).unwrap();
    for file in files(shelf.path()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "the master key is in {}", file.display());
    }
    let other = shelf.path().join("other.key");
    fs::write(&other, [9; 32]).unwrap();
    for from in [&backup, &archive] {
        let data = shelf.path().join("new");
        fail(restoring(from, &data, &other), "master key");
        assert!(!data.join("cikada.db").exists());
        fail([Path::new("restore"), "--from".as_ref(), from, "--data".as_ref(), &data], "--master-key");
        // A failed try does not stand in the way of a good one.
        succeed(restoring(from, &data, &key));
        fail(restoring(from, &data, &key), "holds a server");
        fs::remove_dir_all(&data).unwrap();
    }
    fail([Path::new("backup"), "--data".as_ref(), &scene.server.data(), "--to".as_ref(), &archive], "exists");
    let elsewhere = shelf.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("letter"), "dear").unwrap();
    fail([Path::new("backup"), "--data".as_ref(), &scene.server.data(), "--to".as_ref(), &elsewhere], "no backup");
}

#[test]
fn a_damaged_backup_is_refused() {
    let (scene, shelf) = (Scene::set(), shelf());
    let (backup, archive) = (shelf.path().join("backup"), shelf.path().join("backup.tar"));
    back_up(&scene.server.data(), &backup);
    back_up(&scene.server.data(), &archive);
    let (key, data) = (master_key(&scene.server), shelf.path().join("new"));
    let flip = |file: &Path, at: u64| {
        // A file of its own: a link would damage the server's.
        let mut bytes = fs::read(file).unwrap();
        bytes[at as usize] ^= 1;
        fs::remove_file(file).unwrap();
        fs::write(file, bytes).unwrap();
    };
    for file in files(&backup).into_iter().filter(|file| !file.ends_with("manifest.json")) {
        let middle = fs::metadata(&file).unwrap().len() / 2;
        flip(&file, middle);
        let output = run(restoring(&backup, &data, &key));
        assert!(!output.status.success(), "{} was damaged: {output:?}", file.display());
        assert!(!data.join("cikada.db").exists());
        flip(&file, middle);
        let _ = fs::remove_dir_all(&data);
    }
    let whole = fs::read(&archive).unwrap();
    for cut in [1 << 20, 2 << 20, whole.len() - 1] {
        fs::write(&archive, &whole[..whole.len() - cut]).unwrap();
        let output = run(restoring(&archive, &data, &key));
        assert!(!output.status.success(), "{cut} bytes were missing: {output:?}");
        let _ = fs::remove_dir_all(&data);
    }
    fs::write(&archive, &whole).unwrap();
    let file = fs::File::options().write(true).open(&archive).unwrap();
    file.write_all_at(b"x", whole.len() as u64 / 2).unwrap();
    fail(restoring(&archive, &data, &key), "damaged");
}

#[test]
fn a_backup_beside_a_busy_server_is_whole() {
    let (scene, shelf) = (Scene::set(), shelf());
    let (server, model) = (&scene.server, &scene.model);
    let done = AtomicBool::new(false);
    let key = master_key(server);
    let vendor = server.vendor();
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let sn = format!("busy-{round}");
                vendor.add(model, &[&sn]);
                vendor.enable(model, &sn);
                let used = server.device(model, &sn).activate_ok();
                server.device(model, &sn).list(&used).expect(200);
                vendor.upload(model, "changing", "text/plain", format!("{round}"));
                if round % 3 == 0 {
                    vendor.disable(model, &sn).expect(205);
                }
            }
        });
        for round in 0..4 {
            let backup = shelf.path().join("backup");
            back_up(&server.data(), &backup);
            let data = shelf.path().join(format!("restored-{round}"));
            succeed(restoring(&backup, &data, &key));
            check(&data, &key);
        }
        done.store(true, Ordering::Relaxed);
    });
}
