//! Draws a tree: branches to the left, columns to the right.

use std::io::Write as _;

use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr as _;

use super::about::about;
use super::node::{Kind, Node, Tree};
use crate::failure::{Failure, Outcome};
use crate::output::{Cell, visible};
use crate::when::ago;

/// The longest value and the longest words that are shown.
const VALUE_COLUMNS: usize = 32;
const ABOUT_COLUMNS: usize = 60;

const DIM: &str = "2";
const BOLD: &str = "1";

/// One line: the branches that lead to it, and its columns.
struct Line {
    branches: String,
    columns: [Cell; 4],
    label: String,
    is_client: bool,
    rid: String,
}

/// Prints the tree.
pub fn draw(tree: &Tree, rids: bool, colour: bool) -> Outcome {
    let text = text(tree, rids, colour);
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::output)
}

fn text(tree: &Tree, rids: bool, colour: bool) -> String {
    let lines = lines(tree);
    let label_width = lines.iter().map(|line| line.branches.width() + line.label.width()).max().unwrap_or(0);
    let mut widths = [0; 3];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(&line.columns) {
            *width = (*width).max(shown(cell).width());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let mut drawn = paint(DIM, &line.branches, colour);
        drawn.push_str(&if line.is_client { paint(BOLD, &line.label, colour) } else { line.label.clone() });
        let mut owed = label_width - line.branches.width() - line.label.width() + 2;
        let mut columns: Vec<(String, usize)> = line.columns[..3]
            .iter()
            .zip(widths)
            .map(|(cell, width)| (cell.paint(shown(cell), colour), width - shown(cell).width()))
            .collect();
        if rids {
            columns.push((paint(DIM, &line.rid, colour), 0));
        }
        columns.push((shown(&line.columns[3]), 0));
        for (column, padding) in columns {
            // A column that is empty to the end of the line leaves no blanks there.
            if !column.is_empty() {
                drawn.push_str(&" ".repeat(std::mem::take(&mut owed)));
                drawn.push_str(&column);
            }
            owed += padding + 2;
        }
        text.push_str(drawn.trim_end());
        text.push('\n');
    }
    text
}

/// Every node, owners before what they own.
fn lines(tree: &Tree) -> Vec<Line> {
    let labels = tree.labels();
    let mut lines = Vec::with_capacity(tree.nodes.len());
    // Places to be drawn, the next one last; each with the branches before its label and before its children's.
    let mut waiting = vec![(0, String::new(), String::new())];
    while let Some((place, branches, below)) = waiting.pop() {
        let node = &tree.nodes[place];
        for (index, child) in node.children.iter().enumerate().rev() {
            let (arm, trunk) =
                if index + 1 == node.children.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
            waiting.push((*child, format!("{below}{arm}"), format!("{below}{trunk}")));
        }
        let words = cut(&visible(&about(node, &labels)), ABOUT_COLUMNS);
        lines.push(Line {
            branches,
            label: visible(&node.label()),
            columns: [Cell::text(kind(node)), newest(node), age(node, tree.now), Cell::text(&words)],
            is_client: node.kind == Kind::Client,
            rid: node.rid.clone(),
        });
    }
    lines
}

/// What it is; for a dataport its format says it.
fn kind(node: &Node) -> &str {
    match node.kind {
        Kind::Dataport => node.described("format").as_str().unwrap_or("dataport"),
        kind => kind.word(),
    }
}

fn newest(node: &Node) -> Cell {
    if let (Kind::Client, status) | (_, status @ Some("locked" | "notrun")) = (node.kind, node.status()) {
        return status.map_or(Cell::text(""), Cell::status);
    }
    match &node.newest {
        None => Cell::Nothing,
        Some((_, Json::String(text))) if text.is_empty() => Cell::Text("\"\"".to_owned()),
        Some((_, value)) => {
            let text = value.as_str().map_or_else(|| value.to_string(), visible);
            let unit = node.unit().map_or_else(String::new, |unit| format!(" {}", visible(&unit)));
            Cell::Text(cut(&text, VALUE_COLUMNS) + &cut(&unit, VALUE_COLUMNS))
        }
    }
}

fn age(node: &Node, now: i64) -> Cell {
    node.newest.as_ref().map_or(Cell::text(""), |(at, _)| Cell::Text(ago(now.saturating_sub(*at))))
}

/// What of a cell is drawn; texts were made visible before.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        // `Cell::text` of nothing: an empty column, where "-" would say that there should be something.
        Cell::Nothing => String::new(),
        other => other.shown(),
    }
}

/// The beginning of a text that is too long.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if kept.width() + 1 + character.to_string().width() > columns {
            break;
        }
        kept.push(character);
    }
    kept + "…"
}

fn paint(code: &str, text: &str, colour: bool) -> String {
    if colour && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Tree {
        let mut nodes = vec![
            Node::new(&"a".repeat(40), Kind::Client, Vec::new()),
            Node::new(&"b".repeat(40), Kind::Dataport, vec!["temp".to_owned()]),
            Node::new(&"c".repeat(40), Kind::Datarule, vec!["warm".to_owned()]),
            Node::new(&"d".repeat(40), Kind::Client, vec!["gateway".to_owned()]),
            Node::new(&"e".repeat(40), Kind::Dataport, Vec::new()),
        ];
        nodes[0].info = json!({"basic": {"status": "activated"}, "description": {"name": "House"}});
        nodes[0].children = vec![1, 2, 3];
        nodes[1].info = json!({"description": {
            "format": "float", "name": "Temperature", "meta": "{\"datasource\":{\"unit\":\"°C\"}}"
        }});
        nodes[1].newest = Some((990, json!(21.5)));
        nodes[2].info = json!({"description": {
            "rule": {"simple": {"comparison": "gt", "constant": 20}}, "subscribe": "b".repeat(40)
        }});
        nodes[2].newest = Some((400, json!("1")));
        nodes[3].info = json!({"basic": {"status": "notactivated"}, "description": {}});
        nodes[3].children = vec![4];
        nodes[4].info = json!({"description": {"format": "string"}});
        nodes[4].newest = Some((1_060, json!("on\u{1b}[2J and much longer than anybody wants to read")));
        Tree { nodes, now: 1_000 }
    }

    #[test]
    fn a_tree_is_drawn_with_its_columns_in_line() {
        let expected = "\
House              client    activated
├── temp           float     21.5 °C                           10 s ago   Temperature
├── warm           datarule  1                                 10 min ago  > 20  ← temp
└── gateway        client    notactivated
    └── eeeeeeee…  string    on\\u{1b}[2J and much longer tha…  in 60 s
";
        let drawn = text(&tree(), false, false);
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&drawn), squeezed(expected), "{drawn}");
        let starts: Vec<usize> =
            drawn.lines().filter_map(|line| line.find("ago").map(|_| line.find(" ago").unwrap_or(0))).collect();
        assert_eq!(starts.len(), 2, "{drawn}");
        assert!(drawn.lines().all(|line| !line.ends_with(' ')), "{drawn}");
        let columns: Vec<usize> = drawn
            .lines()
            .filter_map(|line| {
                ["client", "float", "datarule", "string"]
                    .iter()
                    .find_map(|kind| line.find(kind).map(|at| line[..at].width()))
            })
            .collect();
        assert_eq!(columns, [columns[0]; 5], "{drawn}");
    }

    #[test]
    fn colours_are_only_drawn_where_they_are_wanted() {
        assert!(!text(&tree(), true, false).contains('\u{1b}'));
        let coloured = text(&tree(), true, true);
        assert!(coloured.contains("\u{1b}[32mactivated\u{1b}[0m") && coloured.contains("\u{1b}[1mHouse\u{1b}[0m"));
    }

    #[test]
    fn json_holds_children_within_their_owner() {
        let json = tree().to_json();
        assert_eq!(json["children"][0]["aliases"], json!(["temp"]));
        assert_eq!((&json["children"][0]["value"], &json["children"][0]["unit"]), (&json!(21.5), &json!("°C")));
        assert_eq!(json["children"][2]["children"][0]["at"], json!(1_060));
    }
}
