//! Keys as a keyboard sends them.

use serde_json::{Value, json};

/// The events of pressing and letting go of a key: `Tab`, `Shift+Tab`, `Enter`, `Escape`, `Space`, an arrow.
pub fn press(key: &str) -> [Value; 2] {
    let (shift, key) = match key.strip_prefix("Shift+") {
        Some(key) => (8, key),
        None => (0, key),
    };
    let (name, code, number, text) = match key {
        "Tab" => ("Tab", "Tab", 9, None),
        "Enter" => ("Enter", "Enter", 13, Some("\r")),
        "Escape" => ("Escape", "Escape", 27, None),
        "Space" => (" ", "Space", 32, Some(" ")),
        "ArrowDown" => ("ArrowDown", "ArrowDown", 40, None),
        "ArrowUp" => ("ArrowUp", "ArrowUp", 38, None),
        other => panic!("the kit knows no key {other}"),
    };
    let event = |kind: &str| json!({"type": kind, "key": name, "code": code, "windowsVirtualKeyCode": number, "modifiers": shift});
    let mut down = event(if text.is_some() { "keyDown" } else { "rawKeyDown" });
    if let Some(text) = text {
        down["text"] = text.into();
    }
    [down, event("keyUp")]
}
