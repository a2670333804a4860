//! An automated look for what shuts people out (axe-core, beside this crate).

use serde_json::Value;

use super::Page;

const AXE: &str = include_str!("../../vendored/axe.min.js");

/// Something that would keep somebody from using a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    pub impact: String,
    /// What it is about.
    pub help: String,
    /// Where.
    pub places: Vec<String>,
}

impl Page<'_> {
    /// What axe finds here, serious or worse.
    pub fn audit(&self) -> Vec<Finding> {
        self.settle();
        if self.evaluate("typeof window.axe") == "undefined" {
            self.call("Runtime.evaluate", serde_json::json!({"expression": AXE}));
        }
        let found = self.evaluate("axe.run(document, {resultTypes: ['violations']}).then((all) => all.violations)");
        let found = found.as_array().expect("axe answers with a list");
        found.iter().map(finding).filter(|one| matches!(one.impact.as_str(), "serious" | "critical")).collect()
    }

    /// Ends the test when axe finds something serious.
    #[track_caller]
    pub fn expect_accessible(&self) {
        let findings = self.audit();
        assert!(findings.is_empty(), "{}: {findings:#?}", self.path());
    }

    /// Lets animations come to their end: half of a colour has no contrast.
    fn settle(&self) {
        self.evaluate(
            "document.getAnimations().forEach((one) => { try { one.finish(); } catch { one.cancel(); } }), new Promise((done) => requestAnimationFrame(done))",
        );
    }
}

fn finding(value: &Value) -> Finding {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let nodes = value["nodes"].as_array().cloned().unwrap_or_default();
    let place = |node: &Value| {
        format!("{} {}", node["html"].as_str().unwrap_or_default(), node["failureSummary"].as_str().unwrap_or_default())
    };
    Finding { rule: text("id"), impact: text("impact"), help: text("help"), places: nodes.iter().map(place).collect() }
}
