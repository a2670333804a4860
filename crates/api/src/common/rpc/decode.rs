//! From a procedure's name and arguments to a call, in the current and in the older forms (contract, rpc.md).
//!
//! Arguments of another number or shape are malformed, and the call is not tried; arguments of the right shape that say
//! nothing make it `invalid`.

use domain::caller::Right;
use domain::resource::{Copying, GivenUp, Named, Names, Original, Part, Visibility, Which, sought_alias};
use model::{Alias, Cik, Error, Limits, Meta, Rid, Seconds, SecretKey, ShareCode};
use serde_json::{Map, Value as Json};
use store::table::resource::Kind;
use store::table::usage::Metric;
use wire::rpc::{CallError, Invocation, Outcome, Status};

use super::call::{Call, Deactivated, Key, Listed};
use super::options::{ends, number, seconds, wait, window};

/// Why a call is not tried.
pub(super) type Decoded<T> = Result<T, Outcome>;

pub(super) const SHAPE: Outcome = Outcome::Error(CallError::Arguments);
pub(super) const INVALID: Outcome = Outcome::Failed(Status::Invalid);

/// Reads a call.
pub fn decode(invocation: Invocation, limits: &Limits) -> Decoded<Call> {
    let Invocation { procedure, mut arguments } = invocation;
    let reader = Reader { limits };
    let arguments = &mut arguments[..];
    match procedure.as_str() {
        "read" => reader.read(arguments),
        "write" => reader.write(arguments),
        "writegroup" => reader.write_group(arguments),
        "record" => reader.record(arguments),
        "recordbatch" => reader.record_batch(arguments),
        "flush" => reader.flush(arguments),
        "wait" => reader.wait(arguments),
        "create" => reader.create(arguments),
        "update" => reader.update(arguments),
        "info" => reader.info(arguments),
        "listing" => reader.listing(arguments),
        "drop" => reader.drop(arguments),
        "move" => reader.relocate(arguments),
        "usage" => reader.usage(arguments),
        "map" => reader.map(arguments),
        "unmap" => reader.unmap(arguments),
        "lookup" => reader.lookup(arguments),
        "share" => reader.share(arguments),
        "activate" => reader.activate(arguments),
        "deactivate" => reader.deactivate(arguments),
        "revoke" => reader.revoke(arguments),
        "grant" => reader.grant(arguments),
        "comment" => reader.comment(arguments),
        _ => Err(Outcome::Error(CallError::Procedure)),
    }
}

struct Reader<'l> {
    limits: &'l Limits,
}

impl Reader<'_> {
    fn read(&self, arguments: &mut [Json]) -> Decoded<Call> {
        match arguments {
            [resource] => Ok(Call::Read(self.resource(resource)?, window(None)?)),
            [resource, options] => Ok(Call::Read(self.resource(resource)?, window(object(options)?)?)),
            _ => Err(SHAPE),
        }
    }

    fn write(&self, arguments: &mut [Json]) -> Decoded<Call> {
        match arguments {
            [resource, value] | [resource, value, Json::Object(_)] => {
                Ok(Call::Write(self.resource(resource)?, value.take()))
            }
            _ => Err(SHAPE),
        }
    }

    fn write_group(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let ([Json::Array(writes)] | [Json::Array(writes), Json::Object(_)]) = arguments else { return Err(SHAPE) };
        let read = |write: &mut Json| match pair(write)? {
            [resource, value] => Ok((self.resource(resource)?, value.take())),
        };
        writes.iter_mut().map(read).collect::<Decoded<_>>().map(Call::WriteGroup)
    }

    fn record(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (resource, points) = points(arguments)?;
        let read = |point: &mut Json| match pair(point)? {
            [at, value] => Ok((seconds(at)?, value.take())),
        };
        let resource = self.resource(resource)?;
        points.iter_mut().map(read).collect::<Decoded<_>>().map(|points| Call::Record(resource, points))
    }

    fn record_batch(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (resource, points) = points(arguments)?;
        let read = |point: &mut Json| match pair(point)? {
            [at, value] => Ok((at.take(), value.take())),
        };
        let resource = self.resource(resource)?;
        points.iter_mut().map(read).collect::<Decoded<_>>().map(|points| Call::RecordBatch(resource, points))
    }

    fn flush(&self, arguments: &mut [Json]) -> Decoded<Call> {
        match arguments {
            [resource] => Ok(Call::Flush(self.resource(resource)?, ends(None)?)),
            [resource, options] => Ok(Call::Flush(self.resource(resource)?, ends(object(options)?)?)),
            _ => Err(SHAPE),
        }
    }

    fn wait(&self, arguments: &mut [Json]) -> Decoded<Call> {
        match arguments {
            [resource] => Ok(Call::Wait(self.resource(resource)?, wait(None)?)),
            [resource, options] => Ok(Call::Wait(self.resource(resource)?, wait(object(options)?)?)),
            _ => Err(SHAPE),
        }
    }

    fn create(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (owner, kind, given) = match arguments {
            [owner, Json::String(kind), Json::Object(given)] => (self.resource(owner)?, kind, given),
            [Json::String(kind), Json::Object(given)] => (Named::Itself, kind, given),
            _ => return Err(SHAPE),
        };
        let given = std::mem::take(given);
        match kind.as_str() {
            "clone" => self.clone(owner, &given),
            kind => Ok(Call::Create(owner, self::kind(kind)?, given)),
        }
    }

    fn clone(&self, owner: Named, options: &Map<String, Json>) -> Decoded<Call> {
        let original = match (given(options, "rid"), given(options, "code")) {
            (Some(rid), None) => Original::Rid(text(rid).and_then(rid_of)?),
            (None, Some(code)) => Original::Code(text(code).and_then(code_of)?),
            _ => return Err(INVALID),
        };
        let copying = Copying {
            aliases: !flag(options, "noaliases", false)?,
            comments: !flag(options, "nocomments", false)?,
            historical: !flag(options, "nohistorical", false)?,
        };
        Ok(Call::Clone(owner, original, copying))
    }

    fn update(&self, arguments: &mut [Json]) -> Decoded<Call> {
        match arguments {
            [resource, Json::Object(given)] => Ok(Call::Update(self.resource(resource)?, std::mem::take(given))),
            _ => Err(SHAPE),
        }
    }

    /// Nothing asked, or nothing with `true`, asks for everything.
    fn info(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (resource, options) = match arguments {
            [resource] => (resource, None),
            [resource, options] => (resource, object(options)?),
            _ => return Err(SHAPE),
        };
        let mut asked = Vec::new();
        for (part, word) in Part::ALL {
            if options.map_or(Ok(false), |options| flag(options, word, false))? {
                asked.push(part);
            }
        }
        if asked.is_empty() {
            asked.extend(Part::ALL.map(|(part, _)| part));
        }
        Ok(Call::Info(self.resource(resource)?, asked))
    }

    fn listing(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (client, types, options) = match arguments {
            [Json::Array(types)] => (Named::Itself, types, None),
            [Json::Array(types), options] => (Named::Itself, types, object(options)?),
            [client, Json::Array(types)] => (self.resource(client)?, types, None),
            [client, Json::Array(types), options] => (self.resource(client)?, types, object(options)?),
            _ => return Err(SHAPE),
        };
        let kinds = types.iter().map(|word| text(word).and_then(kind)).collect::<Decoded<Vec<_>>>()?;
        let listed = match options {
            Some(options) => Listed::ByKind(which(options)?),
            None => Listed::InOrder,
        };
        // A kind named twice would cost twice.
        match kinds.len() {
            0..=8 => Ok(Call::Listing(client, kinds, listed)),
            _ => Err(INVALID),
        }
    }

    fn drop(&self, arguments: &mut [Json]) -> Decoded<Call> {
        match arguments {
            [resource] => Ok(Call::Drop(self.resource(resource)?)),
            _ => Err(SHAPE),
        }
    }

    fn relocate(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (resource, destination, options) = match arguments {
            [resource, destination] => (resource, destination, None),
            [resource, destination, options] => (resource, destination, object(options)?),
            _ => return Err(SHAPE),
        };
        let names = match options.map_or(Ok(true), |options| flag(options, "aliases", true))? {
            true => Names::Follow,
            false => Names::Lapse,
        };
        Ok(Call::Move(self.resource(resource)?, self.resource(destination)?, names))
    }

    fn usage(&self, arguments: &mut [Json]) -> Decoded<Call> {
        match arguments {
            [client, Json::String(metric), start, end] => {
                let metric = Metric::from_word(metric).ok_or(INVALID)?;
                Ok(Call::Usage(self.resource(client)?, metric, seconds(start)?, seconds(end)?))
            }
            _ => Err(SHAPE),
        }
    }

    fn map(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (client, word, resource, name) = match arguments {
            [client, Json::String(word), resource, Json::String(name)] => {
                (self.resource(client)?, word, resource, name)
            }
            [Json::String(word), resource, Json::String(name)] => (Named::Itself, word, resource, name),
            _ => return Err(SHAPE),
        };
        only_alias(word)?;
        Ok(Call::Map(client, self.resource(resource)?, self.alias(name)?))
    }

    fn unmap(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (client, word, name) = match arguments {
            [client, Json::String(word), Json::String(name)] => (self.resource(client)?, word, name),
            [Json::String(word), Json::String(name)] => (Named::Itself, word, name),
            _ => return Err(SHAPE),
        };
        only_alias(word)?;
        Ok(Call::Unmap(client, self.alias(name)?))
    }

    fn lookup(&self, arguments: &mut [Json]) -> Decoded<Call> {
        use domain::resource::Sought;
        let (client, word, sought) = match arguments {
            [client, Json::String(word), sought] => (self.resource(client)?, word, sought),
            [Json::String(word), sought] => (Named::Itself, word, sought),
            _ => return Err(SHAPE),
        };
        let sought = match word.as_str() {
            "alias" => sought_alias(text(sought)?, self.limits).map_err(|_| INVALID)?,
            "owner" => Sought::Owner(self.resource(sought)?),
            "shared" => Sought::Shared(text(sought).and_then(code_of)?),
            _ => return Err(INVALID),
        };
        Ok(Call::Lookup(client, sought))
    }

    fn share(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (resource, options) = match arguments {
            [resource] => (resource, None),
            [resource, options] => (resource, object(options)?),
            _ => return Err(SHAPE),
        };
        let option = |name: &str| options.and_then(|options| given(options, name));
        let meta = option("meta").map_or(Ok(""), text)?;
        let meta = Meta::parse(meta, self.limits).map_err(|_| INVALID)?;
        let resource = self.resource(resource)?;
        match option("code") {
            Some(code) => Ok(Call::DescribeShare(resource, text(code).and_then(code_of)?, meta)),
            None => Ok(Call::Share(resource, meta)),
        }
    }

    fn activate(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (client, word, code) = self.coded(arguments)?;
        Ok(Call::Activate(client, key(word, code)?))
    }

    fn deactivate(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (client, word, code) = self.coded(arguments)?;
        let deactivated = match word {
            "client" => Deactivated::Client(cik_of(code)?),
            // A code and a RID look alike: which of the two it is shows only when it is looked for.
            "share" => Deactivated::Share(GivenUp { code: code_of(code)?, rid: rid_of(code)? }),
            _ => return Err(INVALID),
        };
        Ok(Call::Deactivate(client, deactivated))
    }

    fn revoke(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (_, word, code) = self.coded(arguments)?;
        Ok(Call::Revoke(key(word, code)?))
    }

    fn grant(&self, arguments: &mut [Json]) -> Decoded<Call> {
        let (client, lent, options) = match arguments {
            [Json::Object(lent), Json::Object(options)] => (Named::Itself, lent, options),
            [client, Json::Object(lent), Json::Object(options)] => (self.resource(client)?, lent, options),
            _ => return Err(SHAPE),
        };
        let ttl: Seconds = number(options.get("ttl").ok_or(INVALID)?)?;
        let mut rights = Vec::with_capacity(lent.len());
        for (rid, words) in lent.iter() {
            let words = words.as_array().ok_or(SHAPE)?;
            let of_one = words.iter().map(|word| Right::from_word(text(word)?).ok_or(INVALID));
            rights.push((rid_of(rid)?, of_one.collect::<Decoded<Vec<_>>>()?));
        }
        Ok(Call::Grant(client, rights, ttl))
    }

    fn comment(&self, arguments: &mut [Json]) -> Decoded<Call> {
        match arguments {
            [resource, Json::String(visibility), Json::String(comment)] => {
                let visibility = Visibility::from_word(visibility).ok_or(INVALID)?;
                Ok(Call::Comment(self.resource(resource)?, visibility, std::mem::take(comment)))
            }
            _ => Err(SHAPE),
        }
    }

    /// A client, which older callers leave out, what the code is of, and the code.
    fn coded<'a>(&self, arguments: &'a mut [Json]) -> Decoded<(Named, &'a str, &'a str)> {
        match arguments {
            [client, Json::String(word), Json::String(code)] => Ok((self.resource(client)?, word, code)),
            [Json::String(word), Json::String(code)] => Ok((Named::Itself, word, code)),
            _ => Err(SHAPE),
        }
    }

    fn resource(&self, json: &Json) -> Decoded<Named> {
        Named::from_json(json, self.limits).ok_or(SHAPE)?.map_err(|_| INVALID)
    }

    fn alias(&self, name: &str) -> Decoded<Alias> {
        Alias::parse(name, self.limits).map_err(|_: Error| INVALID)
    }
}

/// A resource and a list of points.
fn points(arguments: &mut [Json]) -> Decoded<(&mut Json, &mut Vec<Json>)> {
    match arguments {
        [resource, Json::Array(points)] | [resource, Json::Array(points), Json::Object(_)] => Ok((resource, points)),
        _ => Err(SHAPE),
    }
}

fn pair(json: &mut Json) -> Decoded<&mut [Json; 2]> {
    json.as_array_mut().and_then(|list| list.as_mut_slice().try_into().ok()).ok_or(SHAPE)
}

/// Options, which may be left out by `null` as well.
pub(super) fn object(json: &Json) -> Decoded<Option<&Map<String, Json>>> {
    match json {
        Json::Object(object) => Ok(Some(object)),
        Json::Null => Ok(None),
        _ => Err(SHAPE),
    }
}

/// An option, unless it is not there or `null`.
pub(super) fn given<'o>(options: &'o Map<String, Json>, name: &str) -> Option<&'o Json> {
    options.get(name).filter(|value| !value.is_null())
}

fn flag(options: &Map<String, Json>, name: &str, default: bool) -> Decoded<bool> {
    given(options, name).map_or(Ok(default), |flag| flag.as_bool().ok_or(INVALID))
}

fn which(options: &Map<String, Json>) -> Decoded<Which> {
    let which = Which {
        owned: flag(options, "owned", false)?,
        activated: flag(options, "activated", false)?,
        aliased: flag(options, "aliased", false)?,
        public: flag(options, "public", false)?,
    };
    Ok(if which == Which::default() { Which { owned: true, ..which } } else { which })
}

fn kind(word: &str) -> Decoded<Kind> {
    Kind::from_word(word).ok_or(INVALID)
}

fn only_alias(word: &str) -> Decoded<()> {
    if word == "alias" { Ok(()) } else { Err(INVALID) }
}

fn key(word: &str, code: &str) -> Decoded<Key> {
    match word {
        "client" => cik_of(code).map(Key::Client),
        "share" => code_of(code).map(Key::Share),
        _ => Err(INVALID),
    }
}

fn text(json: &Json) -> Decoded<&str> {
    json.as_str().ok_or(INVALID)
}

fn rid_of(text: &str) -> Decoded<Rid> {
    Rid::parse(text).map_err(|_| INVALID)
}

fn cik_of(text: &str) -> Decoded<Cik> {
    Cik::parse(text).ok_or(INVALID)
}

fn code_of(text: &str) -> Decoded<ShareCode> {
    ShareCode::parse(text).ok_or(INVALID)
}
