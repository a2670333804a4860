//! What can be called, and what each procedure takes, for help and advice (contract, rpc.md "Procedures").

use crate::failure::Outcome;
use crate::output::{Cell, Output};

/// A procedure.
pub struct Procedure {
    pub name: &'static str,
    /// What follows it on the command line.
    pub takes: &'static str,
    does: &'static str,
}

const fn procedure(name: &'static str, takes: &'static str, does: &'static str) -> Procedure {
    Procedure { name, takes, does }
}

const PROCEDURES: [Procedure; 23] = [
    procedure("read", r#"RESOURCE '{"starttime","endtime","sort","limit","selection"}'"#, "points of a window"),
    procedure("write", "RESOURCE VALUE", "a value, now"),
    procedure("writegroup", "'[[RESOURCE,VALUE],…]'", "several values at one second"),
    procedure("record", "RESOURCE '[[SECOND,VALUE],…]'", "values of the past, all or none"),
    procedure("recordbatch", "RESOURCE '[[SECOND,VALUE],…]'", "values of the past, the good ones"),
    procedure("flush", r#"RESOURCE '{"newerthan","olderthan"}'"#, "remove points"),
    procedure("wait", r#"RESOURCE '{"timeout":MILLISECONDS,"since":SECOND}'"#, "the next value"),
    procedure("create", "[CLIENT] client|dataport|datarule|dispatch|clone '{…}'", "make a resource, or copy one"),
    procedure("update", "RESOURCE '{…}'", "change its description"),
    procedure("info", r#"RESOURCE '{"basic":true,…}'"#, "what is known of it; everything without options"),
    procedure("listing", r#"[CLIENT] '["dataport",…]' '{"owned":true,…}'"#, "RIDs by kind"),
    procedure("drop", "RESOURCE", "remove it and all below it"),
    procedure("move", r#"RESOURCE CLIENT '{"aliases":true}'"#, "give it to another client below"),
    procedure("usage", "CLIENT METRIC START END", "what was used in a time"),
    procedure("map", "[CLIENT] alias RESOURCE NAME", "give it a name"),
    procedure("unmap", "[CLIENT] alias NAME", "take a name away"),
    procedure("lookup", "[CLIENT] alias|owner|shared NAME|RID|CODE", "a RID"),
    procedure("share", r#"RESOURCE '{"meta"[,"code"]}'"#, "a code by which another client reads it"),
    procedure("activate", "[CLIENT] client|share CODE", "use a code, or make a key work"),
    procedure("deactivate", "[CLIENT] client|share CODE", "give a code up, or end a key"),
    procedure("revoke", "client|share CODE", "replace a key, or end a code"),
    procedure("grant", r#"CLIENT '{RID:["read",…]}' '{"ttl":SECONDS}'"#, "a token with some rights for a time"),
    procedure("comment", "RESOURCE public|private TEXT", "keep a text with it"),
];

impl Procedure {
    /// The procedure of that name.
    pub fn named(name: &str) -> Option<&'static Procedure> {
        PROCEDURES.iter().find(|procedure| procedure.name == name)
    }
}

/// Shows all of them.
pub fn tell(output: Output) -> Outcome {
    let mut table = output.table(&["procedure", "takes", "does"]);
    let row = |procedure: &Procedure| {
        [procedure.name, procedure.takes, procedure.does].map(|text| Cell::Text(text.to_owned())).to_vec()
    };
    table.page(PROCEDURES.iter().map(row).collect())?;
    table.end("")
}

/// What to say to somebody who called one that does not exist.
pub fn nearest(name: &str) -> String {
    if matches!(name, "subscribe" | "unsubscribe") {
        return "that is spoken over a WebSocket only; `cikada data watch` and `wait` show new values".to_owned();
    }
    let by_distance = PROCEDURES.iter().map(|procedure| (distance(name, procedure.name), procedure.name));
    match by_distance.min() {
        Some((0..=2, near)) => format!("did you mean `{near}`? `cikada rpc --procedures` shows what there is"),
        _ => "`cikada rpc --procedures` shows what there is".to_owned(),
    }
}

/// How many letters have to be put in, left out or changed to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(32).collect(), to.chars().collect());
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut here = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let changed = above[column] + usize::from(letter != other);
            here.push(changed.min(above[column + 1] + 1).min(here[column] + 1));
        }
        above = here;
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_procedure_is_told_the_right_one() {
        for (typed, meant) in
            [("raed", "`read`"), ("lst", "`--`"), ("recordbath", "`recordbatch`"), ("infos", "`info`")]
        {
            assert_eq!(nearest(typed).contains(meant), meant != "`--`", "{typed}: {}", nearest(typed));
        }
        assert!(nearest("subscribe").contains("WebSocket"));
        assert_eq!((distance("", "read"), distance("read", "read"), distance("red", "read")), (4, 0, 1));
    }
}
