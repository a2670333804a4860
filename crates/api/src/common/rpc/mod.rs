//! The resource API, whatever carries it (contract, rpc.md): a request's calls, run in order, and their answer.
//!
//! Calls of one kind that follow each other run in one job of the store, each a transaction within it, so that a hundred
//! writes share one commit. A job ends when it has taken its time, so that nobody waits long behind it, and the next
//! goes on where it ended. Nothing is answered before all of it is durable.

mod call;
mod decode;
mod info;
mod options;
mod perform;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Settings;
use domain::caller::{self, Caller, Credential};
use domain::resource::Named;
use model::{Error, Result};
use serde_json::Value as Json;
use store::Tx;
use wire::rpc::{self, ActingAs, Answers, Auth, Encoding, Outcome, RequestError, Status};

use self::call::{Call, Place, Wait};
pub(crate) use self::perform::point;
use super::app::App;
use super::codes;

/// The longest answer to one request.
const ANSWER_BYTES: usize = 16 << 20;
/// How long one job may hold a thread of the store, beyond the call that it is in.
const SLICE: Duration = Duration::from_millis(10);
/// How much the outcomes of one job may hold before they are encoded.
const SLICE_WEIGHT: usize = 4 << 20;

/// A call of a request.
pub struct Asked {
    /// What its entry is matched by; a call without one has no entry.
    pub id: Option<Json>,
    /// What is asked, or what is answered without trying.
    pub call: std::result::Result<Call, Outcome>,
}

/// What came of beginning a request.
pub enum Begun {
    /// Its answer.
    Answered(Vec<u8>),
    /// It has one call, which waits.
    Waits(Alone),
}

/// A call that waits and is the only one of its request.
pub struct Alone {
    auth: Arc<Auth>,
    id: Option<Json>,
    named: Named,
    wait: Wait,
}

/// Answers a request. An error is the store's; all others are answered. `last_call` ends when nobody waits for the answer
/// any more, or the server is to end.
pub async fn answer<L: Future<Output = ()>>(
    app: &Arc<App>,
    body: Json,
    encoding: Encoding,
    last_call: impl Fn() -> L,
) -> Result<Vec<u8>> {
    match Box::pin(begin(app, body, encoding, &last_call)).await? {
        Begun::Answered(answer) => Ok(answer),
        Begun::Waits(alone) => alone.answer(app, encoding, last_call()).await,
    }
}

/// Answers a request, unless all that it does is to wait: that takes little room, and is left to whoever asks.
pub async fn begin<L: Future<Output = ()>>(
    app: &Arc<App>,
    body: Json,
    encoding: Encoding,
    last_call: impl Fn() -> L,
) -> Result<Begun> {
    let auth = match rpc::auth(&body) {
        Ok(auth) => Arc::new(auth),
        Err(error) => return error.encode(encoding).map(Begun::Answered),
    };
    let mut asked = match asked(app, body) {
        Ok(asked) => asked,
        Err(error) => return error.encode(encoding).map(Begun::Answered),
    };
    if let [Asked { id, call: Ok(Call::Wait(named, wait)) }] = &mut asked[..] {
        return Ok(Begun::Waits(Alone { auth, id: id.take(), named: named.clone(), wait: *wait }));
    }
    answered(run(app, &auth, asked, encoding, ANSWER_BYTES, last_call).await, encoding).map(Begun::Answered)
}

impl Alone {
    /// Waits, and gives the answer to the whole request.
    pub async fn answer(
        self,
        app: &Arc<App>,
        encoding: Encoding,
        last_call: impl Future<Output = ()>,
    ) -> Result<Vec<u8>> {
        let outcome = waiting::wait(app, &self.auth, &self.named, self.wait, last_call).await;
        let encoded = outcome.and_then(|outcome| {
            let mut answers = Answers::new(encoding, ANSWER_BYTES);
            answers.push(self.id.as_ref(), &outcome)?;
            Ok(answers.finish())
        });
        answered(encoded, encoding)
    }
}

/// A credential that authenticates nobody is answered, too.
fn answered(answer: Result<Vec<u8>>, encoding: Encoding) -> Result<Vec<u8>> {
    match answer {
        Err(Error::Unauthorized) => RequestError::Unauthorized.encode(encoding),
        other => other,
    }
}

/// Reads the calls of a body.
pub fn asked(app: &App, body: Json) -> std::result::Result<Vec<Asked>, RequestError> {
    let calls = rpc::calls(body, app.limits())?;
    Ok(calls.into_iter().map(|call| asked_one(app, call)).collect())
}

/// Reads one call.
pub fn asked_one(app: &App, call: rpc::Call) -> Asked {
    let invocation = call.invocation.map_err(Outcome::Error);
    Asked { id: call.id, call: invocation.and_then(|invocation| decode::decode(invocation, app.limits())) }
}

/// Runs calls in order and encodes what came of them. The credential is looked up in each job, also when there is no call.
pub async fn run<L: Future<Output = ()>>(
    app: &Arc<App>,
    auth: &Arc<Auth>,
    asked: Vec<Asked>,
    encoding: Encoding,
    max_bytes: usize,
    last_call: impl Fn() -> L,
) -> Result<Vec<u8>> {
    let asked = Arc::new(asked);
    let mut answers = Answers::new(encoding, max_bytes);
    let mut done = 0;
    loop {
        let outcomes = match step(app, auth, &asked, done, &last_call).await {
            // What was done before stays done and is told; the rest was not tried.
            Err(error) if done > 0 => vec![codes::rpc(&error); asked.len() - done],
            outcomes => outcomes?,
        };
        for (asked, outcome) in asked[done..].iter().zip(&outcomes) {
            answers.push(asked.id.as_ref(), outcome)?;
        }
        done += outcomes.len();
        if done >= asked.len() {
            return Ok(answers.finish());
        }
    }
}

/// Runs some of the calls from one on, at least that one.
async fn step<L: Future<Output = ()>>(
    app: &Arc<App>,
    auth: &Arc<Auth>,
    asked: &Arc<Vec<Asked>>,
    from: usize,
    last_call: impl Fn() -> L,
) -> Result<Vec<Outcome>> {
    let place = asked[from..].iter().find_map(Asked::place).unwrap_or(Place::Reader);
    let elsewhere = |asked: &Asked| asked.place().is_some_and(|other| other != place);
    let to = asked[from..].iter().position(elsewhere).map_or(asked.len(), |other| from + other);
    let job = {
        let (asked, auth, settings) = (Arc::clone(asked), Arc::clone(auth), app.settings.clone());
        move |tx: &mut Tx<'_>| run_slice(tx, &settings, &auth, &asked[from..to])
    };
    match (place, asked.get(from).map(|asked| &asked.call)) {
        (Place::Writer, _) => app.store.write(job).await,
        (Place::Nowhere, Some(Ok(Call::Wait(named, wait)))) => {
            waiting::wait(app, auth, named, *wait, last_call()).await.map(|outcome| vec![outcome])
        }
        // One that looks up a few rows is not worth handing over.
        (Place::Reader, Some(Ok(call))) if to - from == 1 && call.is_short() => app.store.peek(job).await,
        // Calls that cannot be tried stand before one that waits.
        (Place::Nowhere | Place::Reader, _) => app.store.read(job).await,
    }
}

/// Runs calls, each wholly or not at all, until they have taken their time.
fn run_slice(tx: &mut Tx<'_>, settings: &Settings, auth: &Auth, asked: &[Asked]) -> Result<Vec<Outcome>> {
    let caller = match authenticate(tx, auth) {
        Err(Error::Locked) => return Ok(vec![Outcome::Failed(Status::Locked); asked.len()]),
        other => other?,
    };
    let began = Instant::now();
    let mut outcomes = Vec::with_capacity(asked.len());
    let mut weighed = 0;
    for Asked { call, .. } in asked {
        let outcome = match call {
            Ok(Call::Wait(..)) => break,
            Ok(call) => match tx.attempt(|tx| perform::perform(tx, settings, &caller, call)) {
                // These are about the whole transaction, not about one call.
                Err(error @ (Error::ReadOnly | Error::Unavailable)) => return Err(error),
                Err(error) => codes::rpc(&error),
                Ok(outcome) => outcome,
            },
            Err(refusal) => refusal.clone(),
        };
        weighed += weight(&outcome);
        outcomes.push(outcome);
        if began.elapsed() >= SLICE || weighed >= SLICE_WEIGHT {
            break;
        }
    }
    Ok(outcomes)
}

/// The caller that a credential stands for, as far as it is alive at this moment.
pub(crate) fn authenticate(tx: &mut Tx<'_>, auth: &Auth) -> Result<Caller> {
    match auth {
        Auth::Token(token) => caller::by_grant(tx, token),
        Auth::Cik { cik, acting_as } => {
            let caller = caller::calling(tx, &Credential::Cik(cik.clone()))?;
            match acting_as {
                None => Ok(caller),
                Some(ActingAs::Client(rid)) => caller.as_client(tx, *rid),
                Some(ActingAs::OwnerOf(rid)) => caller.as_owner_of(tx, *rid),
            }
        }
    }
}

/// About how many bytes an outcome holds.
fn weight(outcome: &Outcome) -> usize {
    fn of(json: &Json) -> usize {
        match json {
            Json::String(text) => 32 + text.len(),
            Json::Array(list) => 32 + list.iter().map(of).sum::<usize>(),
            Json::Object(object) => 32 + object.iter().map(|(key, value)| 64 + key.len() + of(value)).sum::<usize>(),
            _ => 32,
        }
    }
    match outcome {
        Outcome::Result(json) => of(json),
        _ => 0,
    }
}

impl Asked {
    /// Whether it waits for others to write.
    pub fn waits(&self) -> bool {
        self.place() == Some(Place::Nowhere)
    }

    /// Where it has to run; None where that is all the same.
    fn place(&self) -> Option<Place> {
        self.call.as_ref().ok().map(Call::place)
    }
}
