//! Bodies in a family's own words.

use serde_json::Value;

use super::Weights;
use super::prompt::json;

/// Members that carry bytes or name a kind of thing.
const NO_TEXT: [&str; 10] = [
    "anthropic_beta",
    "anthropic_version",
    "bytes",
    "data",
    "id",
    "media_type",
    "metadata",
    "role",
    "signature",
    "type",
];

impl Weights {
    /// A native body. One that is no JSON is one text.
    pub(super) fn native(&self, body: &[u8]) -> u64 {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return self.request + self.turn + self.text(&String::from_utf8_lossy(body));
        };
        let length = |name| body.get(name).and_then(Value::as_array).map_or(0, Vec::len);
        let turns = u64::try_from(length("messages").max(1)).unwrap_or(u64::MAX);
        let tools = if length("tools") == 0 { 0 } else { self.tools };
        self.request + self.turn.saturating_mul(turns) + tools + self.value(&body)
    }

    fn value(&self, body: &Value) -> u64 {
        match body {
            Value::String(text) => self.text(text),
            Value::Array(parts) => parts.iter().map(|part| self.value(part)).sum(),
            Value::Object(members) => members
                .iter()
                .filter(|(name, _)| !NO_TEXT.contains(&name.as_str()))
                .map(
                    |(name, value)| {
                        if name == "tools" { self.text(&json(value)) } else { self.value(value) }
                    },
                )
                .sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
}
