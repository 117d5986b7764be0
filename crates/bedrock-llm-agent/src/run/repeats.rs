//! Finds a model that asks for the same call again and again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ToolCall;

/// The calls of the rounds before, and how often each was asked for in rounds that follow one another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repeats {
    /// By tool and arguments.
    counts: BTreeMap<String, u32>,
    /// The tool of a call that was asked for once more after it had been refused.
    looping: Option<String>,
}

impl Repeats {
    /// Takes the calls of a round; says of each whether it is one too many.
    pub(super) fn take(&mut self, calls: &[ToolCall], most: Option<u32>) -> Vec<bool> {
        let Some(most) = most else { return vec![false; calls.len()] };
        let mut counts = BTreeMap::new();
        let mut refused = Vec::with_capacity(calls.len());
        for call in calls {
            // serde_json writes objects in one order where they are equal
            let key = format!("{}\u{0}{}", call.name(), call.input());
            let count = counts.get(&key).or_else(|| self.counts.get(&key)).copied().unwrap_or(0) + 1;
            if count > most.saturating_add(1) {
                self.looping = Some(call.name().to_owned());
            }
            refused.push(count > most);
            counts.insert(key, count);
        }
        // what was not asked for again is forgotten
        self.counts = counts;
        refused
    }

    pub(super) fn looping(&self) -> Option<&str> {
        self.looping.as_deref()
    }
}
