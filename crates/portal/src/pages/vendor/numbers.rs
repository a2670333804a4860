//! The serial numbers of a model: search, pages, adding by hand and by range.

use askama::Template;
use domain::provision::{self, NewNumber, Search};
use http::StatusCode;
use model::{Casing, Error, Extra, Field, Format, Range, SerialNumber, Spelling, Status};

use super::model_name;
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::markup::{model_path, status_mark, status_title};
use crate::refusal;
use crate::routes::Answer;
use crate::visit::Guest;

const ON_A_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "vendor/numbers.html")]
struct Page {
    frame: Frame,
    path: String,
    rows: Vec<Row>,
    prefix: String,
    status: String,
    statuses: Vec<(&'static str, &'static str)>,
    next: Option<String>,
    is_first: bool,
    is_search: bool,
    ranges: Vec<ListedRange>,
    exact: Option<String>,
}

struct Row {
    name: String,
    path: String,
    mark: &'static str,
    title: &'static str,
    extra: String,
}

struct ListedRange {
    first: String,
    last: String,
    count: String,
    format: &'static str,
    length: String,
    casing: &'static str,
}

#[derive(Template)]
#[template(path = "vendor/numbers_add.html")]
struct AddPage {
    frame: Frame,
    path: String,
    typed: String,
}

/// A page of the numbers.
pub async fn list(guest: Guest, model: &str) -> Answer {
    let model = model_name(model, guest.limits())?;
    let (prefix, after) = (guest.query.trimmed("q").to_owned(), guest.query.text("after").to_owned());
    let status = Some(guest.query.text("status")).filter(|word| !word.is_empty()).and_then(status_of);
    let sought = SerialNumber::parse(&prefix, guest.limits()).ok();
    let search = Search { prefix: prefix.clone(), status, after: after.clone(), limit: ON_A_PAGE };
    let name = model.clone();
    let (person, (vendor, found, ranges, is_covered)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let view = vendor.model_view(tx, &name)?;
            let found = provision::search(tx, &view.numbers_view(), &search)?;
            let ranges = provision::ranges(tx, &view)?;
            let is_covered = match &sought {
                Some(sn) => provision::dossier(tx, &view, sn).is_ok_and(|dossier| !dossier.is_registered),
                None => false,
            };
            Ok((vendor.name().to_string(), found, ranges, is_covered))
        })
        .await?;
    let path = model_path(model.as_str(), &[]);
    let rows = found.numbers.iter().map(|listed| Row {
        name: listed.serial_number.to_string(),
        path: model_path(model.as_str(), &["numbers", listed.serial_number.as_str()]),
        mark: status_mark(listed.status),
        title: status_title(listed.status),
        extra: listed.extra.as_str().to_owned(),
    });
    let query = |after: &str| {
        let fields = [("q", prefix.as_str()), ("status", guest.query.text("status")), ("after", after)];
        wire::form::encode(fields.into_iter().filter(|(_, value)| !value.is_empty()))
    };
    let page = Page {
        frame: Frame::inside(&guest, &person, "Serial numbers", "/portal/models")
            .of(&vendor)
            .below(&[("/portal/models", "Models"), (&path, model.as_str())]),
        rows: rows.collect(),
        next: found.next.as_deref().map(|next| format!("{path}/numbers?{}", query(next))),
        is_first: after.is_empty(),
        is_search: !prefix.is_empty() || status.is_some(),
        status: guest.query.text("status").to_owned(),
        statuses: Status::ALL.into_iter().map(|status| (status_mark(status), status_title(status))).collect(),
        ranges: ranges.iter().map(self::listed).collect(),
        exact: is_covered.then(|| model_path(model.as_str(), &["numbers", &prefix])),
        prefix: prefix.clone(),
        path: path.clone(),
    };
    Ok(render(StatusCode::OK, &page))
}

/// The ways to add numbers.
pub async fn add_form(guest: Guest, model: &str) -> Answer {
    add_page(&guest, model, StatusCode::OK, String::new(), None).await
}

/// Adds the numbers that were typed, a line each: all or none.
pub async fn add(mut guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let fields = guest.form().await?;
    let typed = fields.text("numbers").to_owned();
    let limits = guest.limits().clone();
    let added = async {
        let numbers = read_lines(&typed, &limits)?;
        guest
            .write(move |tx, person| {
                let model = person.vendor(tx)?.model(tx, &name)?;
                provision::add_numbers(tx, &model, &numbers)
            })
            .await
    }
    .await;
    match added {
        Ok(()) => Ok(Response::see_other(&format!("{}/numbers?said=added", model_path(model, &[])))),
        Err(error @ (Error::Malformed(_) | Error::TooLarge(_) | Error::Exists(..))) => {
            let why = format!("{} Nothing was added.", refusal::sentence(&error));
            add_page(&guest, model, StatusCode::BAD_REQUEST, typed, Some(why)).await
        }
        Err(error) => Err(error),
    }
}

/// Adds or removes a range.
pub async fn change_range(mut guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let fields = guest.form().await?;
    let settings = guest.settings().clone();
    let (format, length, casing) = (fields.text("format"), fields.number("length")?, fields.text("casing"));
    let range = read_range(format, length, casing, fields.trimmed("first"), fields.trimmed("last"));
    let remove = fields.text("do") == "remove";
    let changed = async {
        let range = [range?];
        guest
            .write(move |tx, person| {
                let model = person.vendor(tx)?.model(tx, &name)?;
                match remove {
                    true => provision::remove_ranges(tx, &model, &range),
                    false => provision::add_ranges(tx, &settings, &model, &range),
                }
            })
            .await
    }
    .await;
    match changed {
        Ok(()) => {
            let said = if remove { "removed" } else { "added" };
            Ok(Response::see_other(&format!("{}/numbers?said={said}", model_path(model, &[]))))
        }
        Err(error @ (Error::Malformed(_) | Error::TooLarge(_) | Error::Conflict(_))) => {
            add_page(&guest, model, StatusCode::BAD_REQUEST, String::new(), Some(refusal::sentence(&error))).await
        }
        Err(error) => Err(error),
    }
}

async fn add_page(guest: &Guest, model: &str, status: StatusCode, typed: String, wrong: Option<String>) -> Answer {
    let name = model_name(model, guest.limits())?;
    let sought = name.clone();
    let (person, vendor) = guest
        .read(move |tx, person| {
            let vendor = person.vendor(tx)?;
            vendor.model_view(tx, &sought)?;
            Ok(vendor.name().to_string())
        })
        .await?;
    let path = model_path(name.as_str(), &[]);
    let numbers = format!("{path}/numbers");
    let frame = Frame::inside(guest, &person, "Add serial numbers", "/portal/models").of(&vendor).below(&[
        ("/portal/models", "Models"),
        (&path, name.as_str()),
        (&numbers, "Serial numbers"),
    ]);
    let frame = match wrong {
        Some(why) => frame.with_error(why),
        None => frame,
    };
    Ok(render(status, &AddPage { frame, path, typed }))
}

/// A number a line, and perhaps a comma and a text after it.
fn read_lines(text: &str, limits: &model::Limits) -> model::Result<Vec<NewNumber>> {
    let mut numbers = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (number, extra) = line.split_once(',').unwrap_or((line, ""));
        let serial_number = SerialNumber::parse(number.trim(), limits)?;
        numbers.push(NewNumber { serial_number, extra: Extra::parse(extra.trim(), limits)? });
    }
    if numbers.is_empty() { Err(Error::Malformed(Field("sn"))) } else { Ok(numbers) }
}

/// A range by its first and its last number, written as they stand on the devices.
fn read_range(format: &str, length: Option<i64>, casing: &str, first: &str, last: &str) -> model::Result<Range> {
    const WRONG: Error = Error::Malformed(Field("range"));
    let format = Format::from_word(format).ok_or(WRONG)?;
    let length = length.map(u32::try_from).transpose().map_err(|_| WRONG)?;
    let casing = Casing::from_word(if casing.is_empty() { "upper" } else { casing }).ok_or(WRONG)?;
    let spelling = Spelling::new(format, length, casing)?;
    let read = |text: &str| spelling.decode(text).ok_or(WRONG);
    Range::new(spelling, read(first)?, read(last)?)
}

/// One range for a person, and what has to be said to remove it.
fn listed(range: &Range) -> ListedRange {
    let spelling = range.spelling();
    let spell = |number| spelling.encode(number).unwrap_or_default();
    ListedRange {
        first: spell(range.first()),
        last: spell(range.last()),
        count: range.last().saturating_sub(range.first()).saturating_add(1).to_string(),
        format: spelling.format().word(),
        length: spelling.length().map_or_else(String::new, |length| length.to_string()),
        casing: spelling.casing().word(),
    }
}

fn status_of(word: &str) -> Option<Status> {
    Status::ALL.into_iter().find(|status| status_mark(*status) == word)
}
