//! What a resource is there for, in a few words: its name, its rule, whom it tells, what it listens to.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::node::{Kind, Node};

/// The words of a node; `labels` name what it subscribes to.
pub fn about(node: &Node, labels: &HashMap<&str, String>) -> String {
    let mut said = Vec::new();
    if !node.aliases.is_empty() && !node.name().is_empty() {
        said.push(node.name().to_owned());
    }
    said.extend(match node.kind {
        Kind::Datarule => rule(node.described("rule")),
        Kind::Dispatch => Some(recipient(node)),
        Kind::Dataport | Kind::Client => None,
    });
    if let Some(source) = node.described("subscribe").as_str().filter(|source| !source.is_empty()) {
        let label = labels.get(source).cloned().unwrap_or_else(|| format!("{}…", source.get(..8).unwrap_or(source)));
        said.push(format!("← {label}"));
    }
    if node.described("public") == &Json::Bool(true) {
        said.push("public".to_owned());
    }
    if node.unseen > 0 {
        said.push(format!("({} more below)", node.unseen));
    }
    said.join("  ")
}

/// `> 20.5 for 60 s`.
fn rule(rule: &Json) -> Option<String> {
    let (kind, said) = rule.as_object()?.iter().next()?;
    let compared = || {
        let sign = match said["comparison"].as_str()? {
            "gt" => ">",
            "geq" => "≥",
            "lt" => "<",
            "leq" => "≤",
            "eq" => "=",
            "neq" => "≠",
            _ => return None,
        };
        Some(format!("{sign} {}", said["constant"]))
    };
    let seconds = &said["timeout"];
    Some(match kind.as_str() {
        "simple" => compared()?,
        "timeout" => format!("silent for {seconds} s"),
        "interval" => format!("{}, said every {seconds} s", compared()?),
        "duration" => format!("{} for {seconds} s", compared()?),
        "count" => format!("{}, {} times in {seconds} s", compared()?, said["count"]),
        "script" => "script, kept and not run".to_owned(),
        other => other.to_owned(),
    })
}

fn recipient(node: &Node) -> String {
    let text = |field: &str| node.described(field).as_str().unwrap_or_default().to_owned();
    match (text("method"), text("recipient")) {
        (method, recipient) if recipient.is_empty() => method,
        (method, recipient) => format!("{method} {recipient}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_reads_as_one_says_it() {
        let warm = json!({"comparison": "gt", "constant": 20.5, "timeout": 60, "count": 3});
        for (kind, said) in [
            ("simple", "> 20.5"),
            ("timeout", "silent for 60 s"),
            ("interval", "> 20.5, said every 60 s"),
            ("duration", "> 20.5 for 60 s"),
            ("count", "> 20.5, 3 times in 60 s"),
        ] {
            assert_eq!(rule(&json!({ kind: warm })).as_deref(), Some(said));
        }
        assert_eq!(rule(&json!({"script": "x"})).as_deref(), Some("script, kept and not run"));
        assert_eq!(rule(&Json::Null), None);
    }

    #[test]
    fn what_it_listens_to_goes_by_its_label() {
        let mut node = Node::new("ab", Kind::Dispatch, vec!["alarm".to_owned()]);
        node.info = json!({"description": {
            "name": "Alarm", "method": "email", "recipient": "a@b.example", "subscribe": "0123456789"
        }});
        let labels = HashMap::from([("0123456789", "warm".to_owned())]);
        assert_eq!(about(&node, &labels), "Alarm  email a@b.example  ← warm");
        assert_eq!(about(&node, &HashMap::new()), "Alarm  email a@b.example  ← 01234567…");
    }
}
