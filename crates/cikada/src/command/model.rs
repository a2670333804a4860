//! `cikada model`: a vendor's product types (contract, manage.md "Models").

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use http::Method;
use model::Limits;
use serde_json::json;
use wire::form::Form;

use super::confirm;
use crate::client::{Flags, Request, Server};
use crate::failure::{Failure, Outcome};
use crate::output::Cell;
use crate::when;

const PATH: &str = "/provision/manage/model/";
const OPTIONS: [&str; 5] = ["noaliases", "nocomments", "nohistorical", "autoenable", "graceretry"];

/// Product types: what a device's client is cloned from, and how long a window stays open
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada model create boiler --template 8f1c…40 hex digits…   # the template client's RID
  cikada model create meter --code 5d07… --window 2h --option nohistorical
  cikada model update boiler --window 7d                      # everything else stays as it is
  cikada model list --json | jq -r '.[].model'")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List your models
    List,
    /// List the models that other vendors share with you
    Shared,
    /// Make a model from a template client, or from a share code of one
    Create {
        /// The model's name: letters, digits, dot, underscore, dash
        model: String,
        #[command(flatten)]
        template: Template,
        #[command(flatten)]
        settings: Settings,
    },
    /// Show a model's template, options and window
    Show {
        /// The model's name
        model: String,
    },
    /// Change a model; what is not given stays as it is
    Update {
        /// The model's name
        model: String,
        #[command(flatten)]
        template: Template,
        #[command(flatten)]
        settings: Settings,
        /// Take all options away
        #[arg(long, conflicts_with = "options")]
        no_options: bool,
    },
    /// Delete a model with its serial numbers, ranges, groups and content
    ///
    /// Devices that are activated keep their client and key, and lose the model's content.
    Delete {
        /// The model's name
        model: String,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct Template {
    /// The template client's RID
    #[arg(long, value_name = "RID")]
    template: Option<String>,
    /// A share code of the template client
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

#[derive(clap::Args)]
struct Settings {
    /// How the clone differs from the template, and who may activate; can be given several times
    ///
    /// noaliases, nocomments, nohistorical: leave these out of the clone. autoenable: a registered serial number may
    /// activate without an owner's enable. graceretry: old firmware that lost the answer may ask again for a short while.
    #[arg(long = "option", value_name = "OPTION", value_parser = PossibleValuesParser::new(OPTIONS))]
    options: Vec<String>,
    /// How long a device may activate after it was enabled: 3600, 90s, 15m, 24h, 7d [default: 24h]
    #[arg(long, value_name = "SPAN", value_parser = when::parse_span)]
    window: Option<u64>,
}

/// What a model is made of, as the server tells it and is told.
#[derive(Default)]
struct Description {
    rid: Option<String>,
    code: Option<String>,
    options: Vec<String>,
    window_s: Option<String>,
}

pub fn run(args: Args) -> Outcome {
    let server = args.flags.vendor()?;
    let output = args.flags.output();
    match args.action {
        Action::List => {
            let mut table = output.table(&["model"]);
            let answer = server.ask(&Request::get(PATH, &[]).to("list the models"))?;
            table.page(answer.lines().map(|name| vec![Cell::text(name)]).collect())?;
            table.end("no models yet; make one with `cikada model create`")
        }
        Action::Shared => {
            let mut table = output.table(&["vendor", "model"]);
            let answer = server.ask(&Request::get(PATH, &[]).query("show", "shared").to("list the shared models"))?;
            table.page(
                answer.records()?.iter().map(|row| row.iter().map(|text| Cell::text(text)).collect()).collect(),
            )?;
            table.end("no vendor shares a model with you")
        }
        Action::Show { model } => {
            let description = describe(&server, &model)?;
            let window = description.window_s.as_deref().map_or(Cell::Nothing, Cell::number);
            output.thing(&[
                ("model", Cell::Text(model)),
                ("template", Cell::text(description.rid.as_deref().unwrap_or_default())),
                ("code", Cell::text(description.code.as_deref().unwrap_or_default())),
                ("options", Cell::text(&description.options.join(" "))),
                ("window_s", window),
            ])
        }
        Action::Create { model, template, settings } => {
            if template.template.is_none() && template.code.is_none() {
                return Err(Failure::new("a model is made from a template")
                    .advise("give --template RID or --code CODE; `cikada init` printed the RID of an empty one"));
            }
            let description = Description {
                rid: template.template,
                code: template.code,
                options: settings.options,
                window_s: settings.window.map(|seconds| seconds.to_string()),
            };
            let request = Request::post(PATH, &[])
                .form(description.fields().into_iter().chain([("model", model.as_str())]))
                .to(format!("create the model {model}"))
                .advise(400, "the template must be a client in your own tree; the window 60 seconds to a year")
                .advise(
                    409,
                    format!("the name is taken: change it with `cikada model update {model}`, or choose another"),
                );
            server.ask(&request)?;
            output.done(format_args!("created model {model}"), json!({"created": model}))
        }
        Action::Update { model, template, settings, no_options } => {
            let was = describe(&server, &model)?;
            let is_replaced = template.template.is_some() || template.code.is_some();
            let description = Description {
                rid: if is_replaced { template.template } else { was.rid },
                code: if is_replaced { template.code } else { was.code },
                options: if no_options || !settings.options.is_empty() { settings.options } else { was.options },
                window_s: settings.window.map(|seconds| seconds.to_string()).or(was.window_s),
            };
            let request = Request::new(Method::PUT, PATH, &[&model])
                .form(description.fields())
                .to(format!("update the model {model}"))
                .advise(400, "the template must be a client in your own tree; the window 60 seconds to a year");
            server.ask(&request)?;
            output.done(format_args!("updated model {model}"), json!({"updated": model}))
        }
        Action::Delete { model, yes } => {
            confirm(&format!("Delete the model {model} with all its serial numbers, groups and content?"), yes)?;
            server.ask(&Request::new(Method::DELETE, PATH, &[&model]).to(format!("delete the model {model}")))?;
            output.done(format_args!("deleted model {model}"), json!({"deleted": model}))
        }
    }
}

fn describe(server: &Server, model: &str) -> Outcome<Description> {
    let answer = server.ask(&Request::get(PATH, &[model]).to(format!("show the model {model}")))?;
    let unclear = |_| Failure::new("the server's answer is not a form");
    let form = Form::from_body(answer.body.trim_end().as_bytes(), &Limits::default()).map_err(unclear)?;
    let mut description = Description::default();
    for (name, value) in form.iter() {
        match name {
            "rid" => description.rid = Some(value.to_owned()),
            "code" => description.code = Some(value.to_owned()),
            "options[]" => description.options.push(value.to_owned()),
            "activation_timeout" => description.window_s = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(description)
}

impl Description {
    fn fields(&self) -> Vec<(&'static str, &str)> {
        let mut fields = Vec::new();
        fields.extend(self.rid.as_deref().map(|rid| ("rid", rid)));
        fields.extend(self.code.as_deref().map(|code| ("code", code)));
        fields.extend(self.options.iter().map(|option| ("options[]", option.as_str())));
        fields.extend(self.window_s.as_deref().map(|seconds| ("activation_timeout", seconds)));
        fields
    }
}
