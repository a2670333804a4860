//! `cikada init`: an empty data folder with a root client, a vendor, an owner and a template.

use std::path::PathBuf;

use domain::account::Link;
use domain::found::{self, Founded};
use domain::resource::NewClient;
use model::{Limits, SecretKey, VendorName};
use serde_json::{Value, json};
use store::{Clock, MasterKey, Options, Place, Store};

use crate::failure::{Failure, Outcome};
use crate::folder::Folder;
use crate::output::line;
use crate::rows;

/// Make an empty data folder and print its first credentials
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada init --data /var/lib/cikada --vendor acme
  cikada init --data ./data --json > secrets.json
  cikada init --data ./data --store postgres://cikada@db/cikada --master-key /etc/cikada.key

The credentials are shown once. Keep them somewhere safe: the vendor's CIK and token manage everything the vendor owns. The link
makes the first administrator of the portal, once, within seven days; `cikada account invite` makes another.")]
pub struct Args {
    /// The folder to make; one that already holds a server is refused
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The vendor name to register
    #[arg(long, value_name = "NAME", default_value = "acme")]
    pub vendor: String,
    /// Where the rows are, if they are not in the folder: postgres://user:password@host/database
    #[arg(long, value_name = "URL", env = "CIKADA_STORE_URL", hide_env_values = true)]
    pub store: Option<String>,
    /// The file of the master key, if it is to be kept outside the folder
    #[arg(long, value_name = "FILE", env = "CIKADA_MASTER_KEY_FILE")]
    pub master_key: Option<PathBuf>,
    /// Where browsers will find the portal, for the link that makes its first administrator
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub base_url: String,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: Args) -> Outcome {
    let name = VendorName::parse(&args.vendor, &Limits::default())
        .map_err(|_| Failure::new("a vendor name is 1 to 100 of A-Z a-z 0-9 . _ -"))?;
    let folder = Folder::new(&args.data, args.master_key.as_deref());
    let founded = make(&folder, &rows::place(args.store.as_deref(), &folder)?, &name)?;
    if args.json {
        line(secrets(&founded, &args.base_url))?;
    } else {
        line(tell(&founded, &args.base_url))?;
    }
    Ok(())
}

/// Makes a server in a folder that holds none. The database gets its name when everything is in it, so an interrupted call
/// leaves nothing that passes for a server.
pub fn make(folder: &Folder, place: &Place, name: &VendorName) -> Result<Founded, Failure> {
    if rows::hold_a_server(place)? {
        return Err(Failure::new(format!("{} already holds a server", rows::name(place))));
    }
    folder.make()?;
    let _lock = folder.lock()?;
    let master = folder.make_master_key()?;
    match place {
        Place::File(file) => {
            folder.remove_unfinished()?;
            let founded = found_at(Place::File(folder.unfinished_database()), &master, name)?;
            let named = std::fs::rename(folder.unfinished_database(), file);
            named.map_err(|cause| Failure::new(format!("cannot name the database: {cause}")))?;
            folder.sync()?;
            Ok(founded)
        }
        // The first clients are made in one transaction: they are all there, or the next call makes them.
        Place::Postgres(_) => found_at(place.clone(), &master, name),
    }
}

fn found_at(place: Place, master: &MasterKey, name: &VendorName) -> Result<Founded, Failure> {
    let options = Options { place, readers: 1, lanes: 0, ..Options::new("") };
    let failed = |cause: model::Error| Failure::new(format!("cannot make the database: {cause}"));
    Store::create(&options, master).map_err(failed)?;
    let store = Store::open(options, master, Clock::system(), |_| std::process::abort()).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|cause| Failure::new(format!("cannot start: {cause}")))?;
    let name = name.clone();
    let founded = runtime.block_on(store.write(move |tx| found::found(tx, &name))).map_err(failed)?;
    store.close();
    Ok(founded)
}

/// The credentials as one JSON object (contract, DECISIONS "The binary").
fn secrets(founded: &Founded, base: &str) -> Value {
    let client = |client: &NewClient| json!({"rid": client.rid.to_string(), "cik": client.cik.expose_hex()});
    let mut vendor = client(&founded.vendor);
    vendor["name"] = json!(founded.name.as_str());
    vendor["token"] = json!(founded.token.expose_hex());
    json!({
        "root": client(&founded.root),
        "vendor": vendor,
        "owner": client(&founded.owner),
        "template": client(&founded.template),
        "administrator": {"link": join_link(base, &founded.administrator)},
    })
}

/// The address at which a person makes an account.
pub fn join_link(base: &str, link: &Link) -> String {
    format!("{}/portal/join/{}", base.trim_end_matches('/'), link.key.expose_hex())
}

/// The credentials for a person.
pub fn tell(founded: &Founded, base: &str) -> String {
    let mut text = format!("Made a server with the vendor {}. These credentials are shown once:\n", founded.name);
    let clients = [
        ("root", &founded.root),
        ("vendor", &founded.vendor),
        ("owner", &founded.owner),
        ("template", &founded.template),
    ];
    for (what, client) in clients {
        text.push_str(&format!("\n  {what:<8}  rid {}  cik {}", client.rid, client.cik.expose_hex()));
    }
    text.push_str(&format!("\n  token     {}", founded.token.expose_hex()));
    let link = join_link(base, &founded.administrator);
    text.push_str(&format!("\n\nThe portal's first administrator chooses a name and a password here, once:\n  {link}"));
    text
}
