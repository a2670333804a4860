//! Many calls from a file or standard input: a list of calls, one call a line, or a whole request.

use std::io::{self, Read};
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::client::rpc::Call;
use crate::failure::{Failure, Outcome};

/// A call, and what the file calls it: its place where it says nothing.
#[derive(Debug, PartialEq)]
pub struct Asked {
    pub id: Json,
    pub call: Call,
}

/// Reads the calls of a file; `-` is standard input.
pub fn read(file: &Path) -> Outcome<Vec<Asked>> {
    let mut text = String::new();
    let read = match file.to_str() {
        Some("-") => io::stdin().lock().read_to_string(&mut text).map(|_| ()),
        _ => std::fs::read_to_string(file).map(|read| text = read),
    };
    read.map_err(|error| Failure::file("read", file, &error))?;
    parse(&text).map_err(|why| {
        Failure::new(format!("cannot read the calls of {}: {why}", file.display()))
            .advise("a call is {\"procedure\": \"read\", \"arguments\": [{\"alias\": \"temp\"}, {}]}")
    })
}

fn parse(text: &str) -> Result<Vec<Asked>, String> {
    let values: Result<Vec<Json>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let mut values = values.map_err(|error| error.to_string())?;
    if let [Json::Object(request)] = &mut values[..]
        && let Some(Json::Array(calls)) = request.get_mut("calls")
    {
        values = std::mem::take(calls);
    } else if let [Json::Array(calls)] = &mut values[..] {
        values = std::mem::take(calls);
    }
    values.into_iter().enumerate().map(|(index, call)| asked(index + 1, call)).collect()
}

fn asked(number: usize, mut call: Json) -> Result<Asked, String> {
    let Some(Json::String(procedure)) = call.get_mut("procedure").map(Json::take) else {
        return Err(format!("call {number} names no procedure"));
    };
    let arguments = match call.get_mut("arguments").map(Json::take) {
        Some(arguments @ Json::Array(_)) => arguments,
        None => json!([]),
        Some(_) => return Err(format!("the arguments of call {number} are no list")),
    };
    let id = call.get_mut("id").map_or_else(|| json!(number), Json::take);
    Ok(Asked { id, call: Call { procedure, arguments } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_a_list_or_lines_or_a_request() {
        let first = Asked { id: json!(1), call: Call::new("read", json!([{"alias": "t"}])) };
        let second = Asked { id: json!("b"), call: Call::new("drop", json!([])) };
        let expected = Ok(vec![first, second]);
        let (a, b) = (r#"{"procedure":"read","arguments":[{"alias":"t"}]}"#, r#"{"id":"b","procedure":"drop"}"#);
        assert_eq!(parse(&format!("[{a},{b}]")), expected);
        assert_eq!(parse(&format!("{a}\n\n{b}\n")), expected);
        assert_eq!(parse(&format!("{{\"auth\":{{}},\"calls\":[{a},{b}]}}")), expected);
        assert_eq!(parse(""), Ok(vec![]));
    }

    #[test]
    fn what_is_no_call_is_named_by_its_place() {
        assert_eq!(parse(r#"[{"procedure":"read"},{"arguments":[]}]"#), Err("call 2 names no procedure".to_owned()));
        assert_eq!(
            parse(r#"{"procedure":"read","arguments":{}}"#),
            Err("the arguments of call 1 are no list".to_owned())
        );
        assert!(parse("[1,").unwrap_err().contains("EOF"));
        assert!(parse("5").is_err());
    }
}
