//! `cikada account`: the people of the portal, for the operator, who holds the data folder. It works on the folder itself, so the
//! server is stopped meanwhile.

use std::path::PathBuf;

use domain::account;
use model::{AccountName, Limits};
use serde_json::{Value, json};
use store::table::{account as accounts, resource, vendor};
use store::{Clock, Options, Store};

use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::Folder;
use crate::init::join_link;
use crate::output::line;
use crate::{rows, when};

/// See who may use the portal; invite, let choose a new password, remove
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada account list --data /var/lib/cikada
  cikada account invite --data /var/lib/cikada --administrator
  cikada account invite --data /var/lib/cikada --vendor acme --note 'for Ann'
  cikada account invite --data /var/lib/cikada --vendor acme --owner 'House at the lake'
  cikada account reset --data /var/lib/cikada ann@example.com

Lists while the server runs; stop it for the rest. Vendors invite their own people in the portal, under People.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Args)]
struct Data {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The file of the master key, if it is kept outside the folder
    #[arg(long, value_name = "FILE", env = "CIKADA_MASTER_KEY_FILE")]
    master_key: Option<PathBuf>,
    /// Where browsers find the portal, for the links
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    base_url: String,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List all accounts
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Print a link that makes an account, once, within seven days
    Invite {
        #[command(flatten)]
        data: Data,
        /// An administrator of the server
        #[arg(long, conflicts_with = "vendor", required_unless_present = "vendor")]
        administrator: bool,
        /// An administrator of that vendor
        #[arg(long, value_name = "NAME")]
        vendor: Option<String>,
        /// An owner under that vendor, as a new client of this name
        #[arg(long, value_name = "NAME", requires = "vendor")]
        owner: Option<String>,
        /// For whom it is, in your words
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
    },
    /// Print a link by which a person chooses a new password, once, within a day
    Reset {
        #[command(flatten)]
        data: Data,
        /// The name with which the person signs in
        name: String,
    },
    /// Remove an account and end its sessions; clients and devices stay
    Remove {
        #[command(flatten)]
        data: Data,
        /// The name with which the person signs in
        name: String,
    },
}

pub fn run(args: Args) -> Outcome {
    rows::require_folder("cikada account")?;
    match args.action {
        Action::List { data } => list(&data),
        Action::Invite { data, vendor, owner, note, .. } => {
            let link = change(&data, move |tx| match (&vendor, &owner) {
                (None, _) => account::invite_administrator(tx, &note),
                (Some(vendor), None) => account::invite_vendor_administrator(tx, vendor, &note),
                (Some(vendor), Some(owner)) => account::invite_owner(tx, vendor, owner, &note),
            });
            show_link(&data, &link.doing("invite")?)
        }
        Action::Reset { data, name } => {
            let name = parse(&name)?;
            let link = change(&data, move |tx| {
                let row = account::find_by_name(tx, &name)?;
                account::reset_link(tx, &row, None)
            });
            show_link(&data, &link.doing("make a link")?)
        }
        Action::Remove { data, name } => {
            let name = parse(&name)?;
            let removed = change(&data, move |tx| {
                let row = account::find_by_name(tx, &name)?;
                account::remove_by_operator(tx, &row)
            });
            removed.doing("remove the account")
        }
    }
}

fn list(data: &Data) -> Outcome {
    let folder = open_folder(data)?;
    let listed = Store::inspect(&store::Place::File(folder.database()), &folder.master_key()?, |tx| {
        let (mut listed, mut after) = (Vec::new(), String::new());
        loop {
            let page = accounts::list(tx, &after, 500)?;
            let Some(last) = page.last() else { return Ok(listed) };
            after = last.name.folded();
            for row in page {
                let of = vendor::find(tx, row.client_id)?.map(|vendor| vendor.name.to_string());
                let rid = resource::find(tx, row.client_id)?.map(|client| client.rid.to_string());
                listed.push((row, of, rid));
            }
        }
    });
    let listed = listed.doing("read the accounts")?;
    if data.json {
        let all: Vec<Value> = listed
            .iter()
            .map(|(row, vendor, rid)| {
                json!({"name": row.name.as_str(), "role": row.role.word(), "vendor": vendor, "client": rid,
                    "second_factor": row.has_second_factor, "signed_in": row.signed_in_at})
            })
            .collect();
        return line(Value::Array(all));
    }
    for (row, vendor, rid) in listed {
        let of = vendor.or(rid).unwrap_or_default();
        let seen = row
            .signed_in_at
            .map_or("never signed in".to_owned(), |at| format!("signed in {}", when::utc(at.unsigned_abs())));
        line(format_args!("{}  {}  {of}  {seen}", row.name, row.role.word()))?;
    }
    Ok(())
}

/// Changes the folder, which has to be this process's alone.
fn change<T: Send + 'static>(
    data: &Data,
    rule: impl Fn(&mut store::Tx<'_>) -> model::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let folder = open_folder(data)?;
    let _lock = folder.lock().map_err(|failure| failure.advise("stop the server first, or use the portal"))?;
    let options = Options { readers: 1, ..Options::new(folder.database()) };
    let opened = Store::open(options, &folder.master_key()?, Clock::system(), |_| std::process::abort());
    let store = opened.doing("open the database")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().doing("start")?;
    let changed = runtime.block_on(store.write(rule));
    store.close();
    changed.map_err(|error| match error {
        model::Error::Absent(noun) => Failure::new(format!("no such {}", noun.word())),
        other => Failure::new(other),
    })
}

fn open_folder(data: &Data) -> Outcome<Folder> {
    let folder = Folder::new(&data.data, data.master_key.as_deref());
    if !folder.holds_a_server() {
        return Err(Failure::new(format!("{} holds no server", data.data.display())));
    }
    Ok(folder)
}

fn show_link(data: &Data, link: &account::Link) -> Outcome {
    let link = join_link(&data.base_url, link);
    if data.json { line(json!({ "link": link })) } else { line(link) }
}

fn parse(name: &str) -> Outcome<AccountName> {
    AccountName::parse(name, &Limits::default())
        .map_err(|_| Failure::new(format!("`{name}` cannot be an account's name")))
}
