//! A client's tree as it was read: nodes that know each other by their places.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

/// All of it; the first node is the client at the top.
pub struct Tree {
    pub nodes: Vec<Node>,
    /// The server's clock when it was read.
    pub now: i64,
}

/// One resource.
pub struct Node {
    pub rid: String,
    pub kind: Kind,
    pub aliases: Vec<String>,
    /// What `info` said.
    pub info: Json,
    pub newest: Option<(i64, Json)>,
    pub children: Vec<usize>,
    /// What a client owns and was not looked at.
    pub unseen: u64,
}

/// What a resource is, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Dataport,
    Datarule,
    Dispatch,
    Client,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Dataport, Kind::Datarule, Kind::Dispatch, Kind::Client];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Dataport => "dataport",
            Kind::Datarule => "datarule",
            Kind::Dispatch => "dispatch",
            Kind::Client => "client",
        }
    }
}

impl Node {
    pub fn new(rid: &str, kind: Kind, aliases: Vec<String>) -> Node {
        Node { rid: rid.to_owned(), kind, aliases, info: Json::Null, newest: None, children: Vec::new(), unseen: 0 }
    }

    /// A field of its description.
    pub fn described(&self, field: &str) -> &Json {
        &self.info["description"][field]
    }

    /// Its name, or an empty text.
    pub fn name(&self) -> &str {
        self.described("name").as_str().unwrap_or_default()
    }

    /// What stands for it: its aliases, else its name, else the beginning of its RID.
    pub fn label(&self) -> String {
        match (&self.aliases[..], self.name()) {
            ([], "") => format!("{}…", self.rid.get(..8).unwrap_or(&self.rid)),
            ([], name) => name.to_owned(),
            (aliases, _) => aliases.join(", "),
        }
    }

    /// The status that `info` tells of clients, dispatches and rules that are not run.
    pub fn status(&self) -> Option<&str> {
        self.info["basic"]["status"].as_str()
    }

    /// The unit of its values, where its meta says one.
    pub fn unit(&self) -> Option<String> {
        let meta: Json = serde_json::from_str(self.described("meta").as_str()?).ok()?;
        let unit = [&meta["datasource"]["unit"], &meta["unit"], &meta["units"]].into_iter().find_map(Json::as_str)?;
        (!unit.is_empty()).then(|| unit.to_owned())
    }
}

impl Tree {
    /// Puts every client's children in the order in which they are shown.
    pub fn sort(&mut self) {
        let keys: Vec<(Kind, String)> = self.nodes.iter().map(|node| (node.kind, by_number(&node.label()))).collect();
        for node in &mut self.nodes {
            node.children.sort_by(|left, right| keys[*left].cmp(&keys[*right]));
        }
    }

    /// What stands for a RID of the tree.
    pub fn labels(&self) -> HashMap<&str, String> {
        self.nodes.iter().map(|node| (node.rid.as_str(), node.label())).collect()
    }

    /// The tree as one object, children within.
    pub fn to_json(&self) -> Json {
        // From the last to the first: children come after their owner.
        let mut done: Vec<Json> = vec![Json::Null; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate().rev() {
            let mut object = json!({
                "rid": node.rid, "kind": node.kind.word(), "aliases": node.aliases,
                "status": node.status(), "description": node.info["description"],
            });
            if node.kind == Kind::Client {
                let children: Vec<Json> = node.children.iter().map(|child| done[*child].take()).collect();
                object["children"] = Json::Array(children);
                object["unseen"] = json!(node.unseen);
            } else {
                object["unit"] = json!(node.unit());
                object["at"] = json!(node.newest.as_ref().map(|(at, _)| at));
                object["value"] = json!(node.newest.as_ref().map(|(_, value)| value));
            }
            done[place] = object;
        }
        done.into_iter().next().unwrap_or_default()
    }
}

/// A text that sorts as people count: runs of digits by their value.
fn by_number(label: &str) -> String {
    let mut key = String::with_capacity(label.len());
    let mut rest = label;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| start + end);
        key.push_str(&rest[..start]);
        key.push_str(&format!("{:0>20}", rest[start..digits].trim_start_matches('0')));
        rest = &rest[digits..];
    }
    key + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(description: Json) -> Node {
        let mut node = Node::new("0123456789abcdef", Kind::Dataport, Vec::new());
        node.info = json!({ "description": description });
        node
    }

    #[test]
    fn a_unit_is_found_in_the_meta_where_dashboards_kept_it() {
        for (meta, unit) in [
            (r#"{"datasource":{"unit":"°C"}}"#, Some("°C")),
            (r#"{"unit":"V"}"#, Some("V")),
            (r#"{"units":"kWh"}"#, Some("kWh")),
            (r#"{"datasource":{"unit":""}}"#, None),
            ("°C", None),
            ("", None),
        ] {
            assert_eq!(described(json!({ "meta": meta })).unit().as_deref(), unit, "{meta}");
        }
    }

    #[test]
    fn a_label_is_an_alias_or_a_name_or_a_piece_of_a_rid() {
        let mut node = described(json!({"name": "Temperature"}));
        assert_eq!(node.label(), "Temperature");
        node.aliases = vec!["temp".to_owned(), "t".to_owned()];
        assert_eq!(node.label(), "temp, t");
        assert_eq!(described(json!({})).label(), "01234567…");
    }

    #[test]
    fn labels_sort_as_people_count() {
        let mut labels = vec!["s10", "s9", "s", "a2b10", "a2b9", "s0009", "é1"];
        labels.sort_by_key(|label| by_number(label));
        assert_eq!(labels, ["a2b9", "a2b10", "s", "s9", "s0009", "s10", "é1"]);
    }
}
